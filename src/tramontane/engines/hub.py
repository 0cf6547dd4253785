"""What stands at a Hugging Face-compatible hub, and which file of it is meant.

Pure: sources as people write them, the files of a repository, the one that is proposed where nobody
said which. It does not know how a hub is asked (`hub_client`), nor how files are fetched
(`pull_child`).
"""

import difflib
import re
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from tramontane.errors import InvalidRequest, NotFound

MAIN = "main"
SOURCE_MOST = 1_000
FILE_MOST = 400
ORDER = (
    "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "Q4_K_S", "Q5_K_S", "IQ4_XS", "IQ4_NL", "Q4_0", "Q5_0",
    "Q4_1", "Q5_1", "MXFP4_MOE", "MXFP4", "BF16", "F16", "Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_M",
    "IQ3_S", "F32", "IQ3_XXS", "Q2_K", "IQ2_M",
)  # fmt: skip
"""Quantisations in the order in which one is proposed: the first that fits. Four bits first: most
of the quality at a third of the size, and quick; more bits where these are not there, fewer last.
"""

Fits = Literal["yes", "tight", "no", "unknown"]

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_SOURCE = re.compile(
    rf"hf:(?P<repository>{_PART}/{_PART})(?:@(?P<revision>[^:]*))?(?::(?P<file>.*))?",
    re.ASCII | re.DOTALL,
)
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)
_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
_QUANTISATION = re.compile(
    r"(?<![A-Z0-9])(I?Q[1-8]_(?:K_(?:XXS|XS|XL|S|M|L)|K|[01]|XXS|XS|XL|NL|S|M)"
    r"|TQ[12]_0|MXFP4_MOE|MXFP4|NVFP4|BF16|F16|FP16|F32)(?![A-Z0-9])"
)
_NO_MODELS = ("mmproj", "imatrix")


class Source(msgspec.Struct, frozen=True):
    """A repository, at a revision (a branch, tag or commit), and a file in it.

    `file` is its path, or only its quantisation (`Q4_K_M`); None: the one that is proposed.
    """

    repository: str
    file: str | None = None
    revision: str = MAIN

    @property
    def text(self) -> str:
        """How people write it."""
        at = "" if self.revision == MAIN else f"@{self.revision}"
        return f"hf:{self.repository}{at}" + ("" if self.file is None else f":{self.file}")


class Part(msgspec.Struct, frozen=True):
    """One file as the hub has it. `sha256` None: the hub does not say, so it is not fetched."""

    path: str
    size_bytes: int
    sha256: str | None


class HubFile(msgspec.Struct, frozen=True, kw_only=True):
    """A model: one GGUF file, or the parts of one. `file` is the path of the (first) part."""

    file: str
    parts: tuple[Part, ...]
    quantisation: str | None

    @property
    def size_bytes(self) -> int:
        """All parts together."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def sha256(self) -> str | None:
        """What the hub says it is; None where it does not say, or for several parts."""
        return self.parts[0].sha256 if len(self.parts) == 1 else None


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A repository's models by size. `revision` is the commit; `repository` its name now, which
    is another than was asked for where it has moved.
    """

    repository: str
    revision: str
    is_gated: bool
    files: tuple[HubFile, ...]


def parse_source(text: str) -> Source:
    """Return the source that `text` names. Raises InvalidRequest saying how to write it.

    >>> parse_source("hf:mistralai/Ministral-GGUF@main:Q4_K_M").file
    'Q4_K_M'
    """
    if len(text) > SOURCE_MOST:
        raise _unreadable("it is too long")
    match = _SOURCE.fullmatch(text.strip())
    if match is None:
        if text.startswith(("http:", "https:")):
            raise _unreadable("it is a page's address")
        if not text.startswith("hf:"):
            raise _unreadable("it does not begin with hf:")
        raise _unreadable(
            "ORG and REPO are letters, digits, '.', '_' and '-', with one '/' between"
        )
    repository, revision, file = match.group("repository", "revision", "file")
    if ".." in repository or "--" in repository:
        raise _unreadable("no repository is called so")
    if revision is not None and not (
        _REVISION.fullmatch(revision) and ".." not in revision and len(revision) <= 200
    ):
        raise _unreadable("after @ comes a branch, tag or commit")
    return Source(repository, None if file is None else _checked_file(file), revision or MAIN)


def _checked_file(file: str) -> str:
    steps = file.split("/")
    is_plain = file.isprintable() and "\\" not in file and len(file) <= FILE_MOST
    if not is_plain or any(step in ("", ".", "..") for step in steps):
        raise _unreadable("after : comes a file's path, or a quantisation such as Q4_K_M")
    if not file.lower().endswith(".gguf") and _quantisation_in(file) != file.upper():
        raise _unreadable("only .gguf files can be served here, or name a quantisation: Q4_K_M")
    return file


def _unreadable(why: str) -> InvalidRequest:
    return InvalidRequest(
        f"The source cannot be read: {why}. Write hf:ORG/REPO, hf:ORG/REPO:FILE.gguf or"
        " hf:ORG/REPO@REVISION:FILE.gguf.",
        code="invalid_source",
        param="source",
    )


def quantisation_of(path: str) -> str | None:
    """Return the quantisation that a file's path names; None where it names none.

    >>> quantisation_of("Q5_K_M/Some-7B-Q4_K_M.gguf"), quantisation_of("UD-Q4_K_XL/x.gguf")
    ('Q4_K_M', 'Q4_K_XL')
    """
    for step in reversed(path.split("/")):
        if found := _quantisation_in(step):
            return found
    return None


def _quantisation_in(text: str) -> str | None:
    found: list[str] = _QUANTISATION.findall(text.upper())
    return found[-1].replace("FP16", "F16") if found else None


def models_in(parts: Iterable[Part]) -> tuple[HubFile, ...]:
    """Return the models among a repository's files, the smallest first; split ones are one.

    What is no model by itself (a vision projector), and splits that lack a part, are left out.
    """
    groups: dict[str, list[Part]] = {}
    for part in parts:
        name = part.path.rpartition("/")[2].lower()
        if name.endswith(".gguf") and not any(word in name for word in _NO_MODELS):
            groups.setdefault(_group(part.path), []).append(part)
    found = []
    for group in groups.values():
        group.sort(key=lambda part: part.path)
        if _is_whole(group):
            first = group[0].path
            found.append(
                HubFile(file=first, parts=tuple(group), quantisation=quantisation_of(first))
            )
    return tuple(sorted(found, key=lambda model: (model.size_bytes, model.file)))


def _group(path: str) -> str:
    match = _SPLIT.fullmatch(path)
    return path if match is None else f"{match['stem']}/{match['count']}"


def _is_whole(group: list[Part]) -> bool:
    matches = [_SPLIT.fullmatch(part.path) for part in group]
    if len(group) == 1 and (matches[0] is None or int(matches[0]["count"]) == 1):
        return True
    numbers = [int(match["number"]) for match in matches if match is not None]
    return numbers == list(range(1, int(matches[0]["count"] if matches[0] else 0) + 1))


def find(listing: Listing, file: str) -> HubFile:
    """Return the model of that path or quantisation. Raises NotFound with the nearest names."""
    for model in listing.files:
        if file in [part.path for part in model.parts]:
            return model
    wanted = file.upper()
    by_quantisation = [model for model in listing.files if model.quantisation == wanted]
    if by_quantisation:
        return by_quantisation[0]
    names = [model.file for model in listing.files]
    near = difflib.get_close_matches(file, names, n=3, cutoff=0.4) or names[:3]
    raise NotFound(
        f"{listing.repository} has no file {file!r}; the nearest are {', '.join(near)}."
        if near
        else _no_models(listing),
        code="hub_file_missing",
        param="source",
    )


def propose(listing: Listing, fits: Callable[[HubFile], Fits]) -> HubFile:
    """Return the model to take where nobody said which: the first of `ORDER` that fits well, else
    one that just fits, else the smallest. Raises NotFound where there is none.
    """
    if not listing.files:
        raise NotFound(_no_models(listing), code="hub_file_missing", param="source")
    ranks = {name: rank for rank, name in enumerate(ORDER)}
    ordered = sorted(
        listing.files,
        key=lambda model: (ranks.get(model.quantisation or "", len(ORDER)), model.size_bytes),
    )
    verdicts = [(fits(model), model) for model in ordered]
    for wanted in ("yes", "tight", "unknown"):
        for verdict, model in verdicts:
            if verdict == wanted:
                return model
    return listing.files[0]


def _no_models(listing: Listing) -> str:
    return (
        f"{listing.repository} has no GGUF file that could be served here. Look for a repository"
        " whose name ends in -GGUF, or convert the model and add it: tramontane model add FILE."
    )


def model_name(source: Source) -> str:
    """Return what to call the model file in the library.

    >>> model_name(parse_source("hf:org/Some-7B-GGUF:q/Some-7B.Q4_K_M-00001-of-00002.gguf"))
    'some-7b.q4_k_m'
    """
    file = source.file or ""
    if file.lower().endswith(".gguf"):
        match = _SPLIT.fullmatch(file)
        stem = (match["stem"] if match else file[: -len(".gguf")]).rpartition("/")[2]
    else:
        stem = re.sub(r"(?i)[-_.]gguf$", "", source.repository.partition("/")[2])
        stem += f"-{file}" if file else ""
    name = re.sub(r"[^a-z0-9._-]+", "-", stem.lower())[:64].strip("._-")
    return name or "model"
