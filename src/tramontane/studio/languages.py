"""Codes of languages as people enter them. It does not know their names."""

import re

from tramontane.errors import InvalidRequest

_MOST = 100
_is_language = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII).fullmatch


def check_languages(languages: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the codes, each once; None for none. Raises InvalidRequest for what is no code."""
    if languages is None:
        return None
    if len(languages) > _MOST or not all(map(_is_language, languages)):
        raise InvalidRequest(
            "languages: give their codes, such as fr, de or pt-BR.", param="languages"
        )
    return tuple(dict.fromkeys(languages)) or None
