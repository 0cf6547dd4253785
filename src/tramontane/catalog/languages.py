"""Names of languages as sources write them, as BCP 47 tags.

What is no language ("multilingual", "89 languages supported") has no tag. It does not guess one
from a text.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_MENDED: Mapping[str, str] = MappingProxyType(
    {
        # Countries that one source writes for the languages spoken there.
        "ph": "tl",
        "mm": "my",
        "kh": "km",
        "iw": "he",
        "jp": "ja",
        "kr": "ko",
        "cn": "zh",
        "english": "en",
        "chinese": "zh",
        "french": "fr",
        "german": "de",
        "spanish": "es",
        "italian": "it",
        "portuguese": "pt",
        "japanese": "ja",
        "korean": "ko",
        "russian": "ru",
        "arabic": "ar",
        "dutch": "nl",
        "polish": "pl",
        "turkish": "tr",
        "hindi": "hi",
        "vietnamese": "vi",
        "thai": "th",
    }
)

_UNCERTAIN = frozenset({"in"})  # Indonesian once, India to others


def tag_of(name: str) -> str | None:
    """Return the BCP 47 tag ("en", "pt-BR") of what a source calls a language; None: none."""
    plain = name.strip().replace("_", "-").lower()
    plain = _MENDED.get(plain, plain)
    head, _, region = plain.partition("-")
    if head in _UNCERTAIN or not (head.isascii() and head.isalpha() and len(head) in (2, 3)):
        return None
    if not region:
        return head
    return f"{head}-{region.upper()}" if len(region) == 2 and region.isalpha() else head


def tags_of(names: Iterable[str]) -> list[str]:
    """Return the tags of `names`, each once, sorted."""
    return sorted({tag for name in names if (tag := tag_of(name)) is not None})
