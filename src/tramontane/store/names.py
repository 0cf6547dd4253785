"""What things may be called, and the identifiers they are given.

It does not know whether a name is taken.
"""

import difflib
import re
import secrets
from collections.abc import Iterable

from tramontane.errors import InvalidRequest, NotFound

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}", re.ASCII)
_ID_PREFIXES = ("prj_", "key_", "bud_", "tmt_")


def new_id(prefix: str) -> str:
    """Return a fresh identifier such as prj_… (71 random bits)."""
    return f"{prefix}_{random_base62(12)}"


def random_base62(length: int) -> str:
    """Return `length` random letters and digits from the system's source."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def check_name(kind: str, name: str, param: str = "name") -> str:
    """Return `name`; InvalidRequest unless 1 to 64 of a-z 0-9 . _ - and no identifier."""
    if not _NAME.fullmatch(name) or name.startswith(_ID_PREFIXES):
        raise InvalidRequest(
            f"{name!r} cannot name a {kind}: use 1 to 64 of a-z, 0-9, '.', '_' and '-',"
            " beginning with a letter or digit",
            param=param,
        )
    return name


def check_models(
    models: Iterable[str] | None, param: str = "allowed_models"
) -> tuple[str, ...] | None:
    """Return public model names, each once and sorted; InvalidRequest names the wrong one."""
    if models is None:
        return None
    found = sorted(frozenset(models))
    for model in found:
        if not _MODEL.fullmatch(model):
            raise InvalidRequest(f"{model!r} cannot be the name of a model", param=param)
    return tuple(found)


def unknown(kind: str, name: str, known: Iterable[str], param: str | None = None) -> NotFound:
    """Return the error for a `name` that is not there, with the nearest that are."""
    near = difflib.get_close_matches(name, list(known), n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return NotFound(f"there is no {kind} {name!r}{hint}", param=param)
