"""Ids of tool calls in a request that goes to Mistral as its client wrote it.

Mistral takes ids of nine letters or digits; a conversation that another provider began has that
one's. Both ends of such a call get the same other id, all else is left byte for byte.
"""

import re

from tramontane.wire.mistral.asking import call_id

_ANSWERED = re.compile(rb'(?<!\\)"tool_call_id"\s*:\s*"([^"\\]*)"')
_CALLED = re.compile(rb'(?<!\\)"(?:tool_call_)?id"\s*:\s*"([^"\\]*)"')
_FITS = re.compile(rb"[a-zA-Z0-9]{9}").fullmatch


def fitting(messages: bytes) -> bytes:
    """Return the JSON `messages` with ids that Mistral takes; the very same bytes where all are.

    >>> fitting(b'[{"tool_calls":[{"id":"call_1"}]},{"tool_call_id":"call_1"}]')
    b'[{"tool_calls":[{"id":"rKSxKBV4V"}]},{"tool_call_id":"rKSxKBV4V"}]'
    """
    if messages.find(b"_") < 0:  # a hundred times faster than what follows
        return messages
    wrong = {given for given in _ANSWERED.findall(messages) if given and not _FITS(given)}
    if not wrong:
        return messages

    def replace(found: re.Match[bytes]) -> bytes:
        given = found[1]
        if given not in wrong:
            return found[0]
        return found[0][: -len(given) - 1] + call_id(given.decode()).encode() + b'"'

    return _CALLED.sub(replace, messages)
