"""How much Claude is told to think, whoever serves it: by budget, or by effort from 4.6 on.

Facts: platform.claude.com/docs, "Extended thinking", "Adaptive thinking" and "Effort".
"""

import re

THINKING_LEAST = 1_024
NO_ROOM = (
    f"thinking takes {THINKING_LEAST} tokens at least, and the answer's limit leaves no room"
    " for it."
)
BUDGETS = {"low": 1_024, "medium": 4_096, "high": 16_384, "xhigh": 32_768, "max": 32_768}
EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh"}
_VERSION = re.compile(r"claude-(?:[a-z]+-)*?(\d{1,2})(?:[-.](\d{1,2})(?!\d))?(?!\d)")


def is_adaptive(model: str) -> bool:
    """Whether `model` decides by itself how much to think: from version 4.6 on, as do names
    without a version.

    >>> is_adaptive("claude-sonnet-4-5-20250929"), is_adaptive("claude-opus-5")
    (False, True)
    """
    found = _VERSION.search(model)
    if found is None:
        return True
    return (int(found[1]), int(found[2] or 0)) >= (4, 6)
