"""Seals of thoughts at the end of tool calls' ids (see `google.signatures`), and ids without them.

Google's seals are long, and some providers take ids of 40 characters at most: who is not Google
gets the id alone. It is cut off wherever it stands, so that calls and results still meet.
"""

import re

SEPARATOR = "__ts__"
_MARK = SEPARATOR.encode()
# A whole string of JSON that is such an id; one inside a longer text has a backslash before its
# quotes.
_SEALED = re.compile(rb'(?<=[^\\]")([A-Za-z0-9_.:-]{1,64}?)__ts__[A-Za-z0-9_-]*(?=")')


def bare(call_id: str) -> str:
    """Return `call_id` without its seal.

    >>> bare("call_1__ts__c2Vh"), bare("call_1")
    ('call_1', 'call_1')
    """
    return call_id.partition(SEPARATOR)[0] or call_id


def without_seals(json: bytes) -> bytes:
    """Return `json` with the seals cut off whatever string in it is a sealed id; the very same
    bytes where none is.

    >>> without_seals(b'[{"id":"call_1__ts__c2Vh"},"say \\\\"call_1__ts__c2Vh\\\\""]')
    b'[{"id":"call_1"},"say \\\\"call_1__ts__c2Vh\\\\""]'
    """
    if json.find(b"_") < 0 or _MARK not in json:  # the first is a hundred times faster
        return json
    return _SEALED.sub(rb"\1", json)
