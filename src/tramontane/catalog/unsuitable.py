"""Which entries of open lists do not belong into a catalogue for work: adult content, models whose
safety training was taken out, roleplay made for either, and private persons' mixtures of others'
weights, of which nobody says what is in them.

By words of the name and tags, for what anybody may enter also of the description; by a few authors
whose models are all of this kind, and what is made of theirs. It judges what an entry says of
itself, not the model.
"""

import re

from tramontane.catalog.publishers import TITLES
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
    r"|not suitable for (?:all|work)|explicit (?:content|sexual)|sexual roleplay|\bunfiltered\b"
    r"|(?:optimi[sz]ed|designed|tuned|made|built) for (?:[^.\n]{0,60}\b)?"
    r"(?:role-?play|companionship)",
    re.IGNORECASE,
)
_AUTHORS_WORDS = (
    "thedrummer readyart undi95 sao10k sicariussicariistuff steelskull huihui-ai lewdiculous "
    "failspy mlabonne-abliterated hauhaucs davidau nitral-ai epiculous darkarray neversleep "
    "anthracite-org nothingiisreal allura-org delta-vector pocketdoc arliai raifle zerofata "
    "marinaraspaghetti tavtav sophosympatheia concedo abliteration-ai abliteration-refusals "
    "xortron gryphe aetherwiing eva-unit-01 inflatebot trappu soob3123 envoid galrionsoftworks "
    "vongolachouko infermatic mancer austism latitudegames"
)
_AUTHORS = frozenset(_AUTHORS_WORDS.split())
_PARTS = re.compile(rf"\b(?:{'|'.join(sorted(_AUTHORS))})[/_]|\bdavid_?au\b", re.IGNORECASE)
"""A model of such an author named as a part, or the author thanked for the recipe."""
_MERGES = re.compile(
    r"merge of (?:pre-?trained language|the following) models|using the [\w ]+ merge method",
    re.IGNORECASE,
)
_CLASSIFIERS = re.compile(r"detect|classif|moderat|guard", re.IGNORECASE)


def reason(reading: Reading) -> str | None:
    """Return in a word why an entry is left out: its "name", "tags", "author", "description" or
    "parts"; None where it stays. A detector of such content stays.
    """
    files = (file.uri for file in reading.files)
    title = str(reading.facts.get("name") or "")
    text = " ".join((reading.name, title, reading.record, *reading.aliases, *files))
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
    if _DESCRIPTIONS.search(reading.text) or _PARTS.search(reading.text):
        return "description"
    return "parts" if _is_merge(reading) else None


def is_of_nobody_known(reading: Reading) -> bool:
    """Return whether a publisher is named who is none of the known ones: a known one's model is
    not judged by what somebody wrote of one packaging.
    """
    return reading.publisher is not None and reading.publisher not in TITLES


def _is_merge(reading: Reading) -> bool:
    """Return whether weights were merged of others' by somebody who publishes nothing else that is
    known: a known publisher's merge is its own work.
    """
    is_merged = bool({"merge", "merged", "mergekit"} & set(reading.tags)) or _MERGES.search(
        reading.text
    )
    return bool(is_merged) and reading.publisher not in TITLES


def _author(reading: Reading) -> str:
    parts = reading.record.lower().split("/")
    return parts[-2] if len(parts) > 1 else ""
