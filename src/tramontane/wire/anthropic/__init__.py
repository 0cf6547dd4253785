"""Anthropic's Messages dialect, both sides: `MESSAGES` towards clients, `PROVIDER` towards
providers. Facts from the published types of Anthropic's own client library.
"""

from tramontane.wire.anthropic.client import COUNT_TOKENS, MESSAGES
from tramontane.wire.anthropic.provider import PROVIDER

__all__ = ["COUNT_TOKENS", "MESSAGES", "PROVIDER"]
