"""The stand-in's own count of tokens, independent of every tokeniser and of the gateway.

A token is three characters (Unicode code points); the last of a text may be shorter. So a count
is exact at any length for the price of a division, and the tokens of a text joined give the text.
Three, because a gateway that guesses usually divides by four: a guess never passes for a count.
It does not know what a real model would count.
"""

CHARACTERS_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 5
TOKENS_PER_REQUEST = 2
TOKENS_PER_IMAGE = 85

FILLER = (
    "mo", "il", "vent", "sol", "mar", "neve", "luz", "rio", "eau", "Tag", "sea", "ciel",
    "alba", "wind", "pico", "port",
)  # fmt: skip


def count(text: str) -> int:
    """Return the number of tokens of `text`."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def filler(tokens: int) -> str:
    """Return a text of exactly `tokens` tokens, made of a few words again and again."""
    period = _PERIOD
    wanted = tokens * CHARACTERS_PER_TOKEN
    return (period * (wanted // len(period) + 1))[:wanted]


def groups(text: str, tokens_per_group: int) -> list[str]:
    """Return `text` cut into pieces of `tokens_per_group` tokens."""
    size = tokens_per_group * CHARACTERS_PER_TOKEN
    return [text[i : i + size] for i in range(0, len(text), size)]


def first(text: str, tokens: int) -> str:
    """Return the first `tokens` tokens of `text`."""
    return text[: tokens * CHARACTERS_PER_TOKEN]


def _period() -> str:
    words = " ".join(FILLER) + " "
    return words + " " * (-len(words) % CHARACTERS_PER_TOKEN)


_PERIOD = _period()
