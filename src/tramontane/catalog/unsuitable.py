"""Which entries of open lists do not belong into a catalogue for work: adult content, models whose
safety training was taken out, and roleplay made for either.

By words of the name and tags, for what anybody may enter also of the description; by a few authors
whose models are all of this kind. It judges what an entry says of itself, not the model.
"""

import re

from tramontane.catalog.reading import Reading

_NAMES = re.compile(
    r"uncensor|abliter|obliter|heretic|decensor|de-?restrict|unfilter|unslop|nsfw|erotic|erotiq"
    r"|lewd|smut|hentai|porn|(?<![a-z])sex(?:y|ual|ting|bot)?(?![a-z])|(?<![a-z])lust|waifu|josiefied|jailbr|(?<![a-z])evil|depraved|kink|fetish"
    r"|horny|naughty|succub|(?<![a-z])rp(?![a-z])|roleplay|dark-?(?:champion|planet|sapling|mistress)"
    r"|cydonia|rocinante|niitama|euryale|(?<![a-z])magnum-|huihui|lumimaid|stheno|lunaris|fimbulvetr|noromaid|mythomax|mythalion|unholy|refuseless",
    re.IGNORECASE,
)
_TAGS_WORDS = (
    "uncensored abliterated nsfw erotic adult roleplay roleplaying rp not-for-all-audiences "
    "heretic decensored"
)
_TAGS = frozenset(_TAGS_WORDS.split())
_DESCRIPTIONS = re.compile(
    r"\buncensored\b|abliterat|\bnsfw\b|\berotic|\bsmut\b|\bhentai\b|\blewd|adult content"
    r"|without (?:any )?(?:refusals|censorship)|\berp\b|de-?censored|unaligned|no refusals"
    r"|not suitable for (?:all|work)|explicit (?:content|sexual)|sexual roleplay|\bunfiltered\b",
    re.IGNORECASE,
)
_AUTHORS_WORDS = (
    "thedrummer readyart undi95 sao10k sicariussicariistuff steelskull huihui-ai lewdiculous "
    "failspy mlabonne-abliterated hauhaucs davidau nitral-ai epiculous darkarray neversleep "
    "anthracite-org nothingiisreal allura-org delta-vector pocketdoc arliai raifle zerofata "
    "marinaraspaghetti tavtav sophosympatheia concedo abliteration-ai abliteration-refusals "
    "xortron gryphe aetherwiing eva-unit-01 inflatebot trappu"
)
_AUTHORS = frozenset(_AUTHORS_WORDS.split())
_CLASSIFIERS = re.compile(r"detect|classif|moderat|guard", re.IGNORECASE)


def reason(reading: Reading) -> str | None:
    """Return in a word why an entry is left out: its "name", "tags", "author" or "description";
    None where it stays. A detector of such content stays.
    """
    files = (file.uri for file in reading.files)
    text = " ".join((reading.name, reading.record, *reading.aliases, *files))
    if _CLASSIFIERS.search(text):
        return None
    if _NAMES.search(text):
        return "name"
    if _AUTHORS & {reading.publisher, _author(reading), *reading.organisations}:
        return "author"
    if not reading.community:
        return None
    if _TAGS & set(reading.tags):
        return "tags"
    if _DESCRIPTIONS.search(reading.text):
        return "description"
    return None


def _author(reading: Reading) -> str:
    parts = reading.record.lower().split("/")
    return parts[-2] if len(parts) > 1 else ""
