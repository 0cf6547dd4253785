"""Thoughts that a client carries for us, as the `encrypted_content` of reasoning items.

A maker's seal on what its model thought has to come back with the next request; nothing is kept
here, so the client has it. It is opaque, not secret: the client may read its own answer's thoughts.
"""

import base64
import binascii
from collections.abc import Iterable

import msgspec

from tramontane.wire.canonical import Thinking

_MARK = "tramontane.1."
_DECODE = msgspec.json.Decoder(list[tuple[str, str | None, bool]]).decode


def sealed(thoughts: Iterable[Thinking]) -> str:
    """Return `thoughts` as one opaque text."""
    rows = [(thought.text, thought.signature, thought.is_redacted) for thought in thoughts]
    return _MARK + base64.urlsafe_b64encode(msgspec.json.encode(rows)).decode()


def opened(text: str) -> tuple[Thinking, ...] | None:
    """Return what `sealed` was given; None where `text` is not from here."""
    if not text.startswith(_MARK):
        return None
    try:
        rows = _DECODE(base64.urlsafe_b64decode(text[len(_MARK) :]))
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return None
    return tuple(Thinking(*row) for row in rows)
