"""Where the seals of Gemini's thoughts travel: inside the ids of tool calls.

Gemini seals what it thought before a call (`thoughtSignature`) and refuses a conversation that
brings the call back without the seal. No other dialect has a place for one beside a call, but every
client brings an id back as it came; so the seal is the end of the id. Elsewhere the seal stands in
a Thinking, marked as Google's, so that no other provider takes it for its own.
`wire.seals` cuts seals off for whoever is not Google.
"""

import base64
import binascii

from tramontane.wire.seals import SEPARATOR

MARK = "google:"
SKIPPED = "skip_thought_signature_validator"
"""What Google documents for calls that another model made, or whose seal was lost."""


def seal(call_id: str, signature: str | None) -> str:
    """Return an id for clients that holds `signature` (base64); letters, digits, `_`, `-` only."""
    if not signature:
        return call_id
    spelt = signature.rstrip("=").replace("+", "-").replace("/", "_")
    return f"{call_id}{SEPARATOR}{spelt}"


def unseal(call_id: str) -> tuple[str, str | None]:
    """Return the id without its seal, and the seal in base64, None where it has none.

    >>> unseal(seal("call_1", "YWI/YWI+YWI="))
    ('call_1', 'YWI/YWI+YWI=')
    """
    bare, found, spelt = call_id.partition(SEPARATOR)
    if not found:
        return call_id, None
    signature = spelt.replace("-", "+").replace("_", "/") + "=" * (-len(spelt) % 4)
    try:
        base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return bare, None
    return bare, signature
