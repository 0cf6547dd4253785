"""What a seller's title says of a model beyond the name it sells it under.

Sellers sell under names that say less than they could: "devstral-small" entitled "Devstral Small
1.1", "qwen-3-235b" entitled "Qwen3 235B A22B Instruct 2507". Several models go by such a name, so
the title counts: where it says all that the name says, and a number or the kind of weights besides.
It does not know which models there are.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tramontane.catalog import naming
from tramontane.catalog.keys import Key, keys_of, name_key, repository_key, sold_as
from tramontane.catalog.reading import Reading

CHAT = ("instruct", "chat", "it")
_MOVING_WORDS = frozenset({"chat", "reasoner"})
_KINDS_WORDS = "thinking reasoning vision exp experimental preview terminus speciale"
_KINDS = frozenset({*CHAT, *_KINDS_WORDS.split()})
_UNITS = frozenset("abekmtvx")
_ASIDE = re.compile(r"\((?!\d{4}\))[^)]*\)")
_CONTEXT = re.compile(r"\b\d+k\b", re.IGNORECASE)
_FIRST = re.compile(r"\bv?1\.0\b", re.IGNORECASE)
_MONTH = re.compile(r"\b(2\d)\.(0[1-9]|1[0-2])\b")
_SIZE = re.compile(r"\b[ae]?\d+(?:[.x]\d+)?[bme]\b", re.IGNORECASE)


def title_of(reading: Reading) -> str | None:
    """Return an offer's title without what says nothing of the weights; None: it has none, or the
    source links the offer itself.
    """
    title = reading.facts.get("name")
    if not reading.offers or reading.same_as is not None or not isinstance(title, str):
        return None
    text = _ASIDE.sub(" ", title.rpartition(": ")[2].rpartition("/")[2])
    text = _MONTH.sub(r"\1\2", _FIRST.sub(" ", _CONTEXT.sub(" ", text)))
    if ":" in reading.name:
        text = re.sub(r"[- ](?:thinking|reasoning)\b", "", text, flags=re.IGNORECASE)
    return " ".join(text.split()) or None


def fuller(reading: Reading, publisher: str | None) -> str | None:
    """Return the key of the title, where it says all that the name says and more; None: it does
    not, or what it says besides is neither a number nor a kind of weights.
    """
    title = title_of(reading)
    if title is None or naming.without_date(reading.name.partition(":")[0])[1] is not None:
        return None  # nothing says more than a date
    key = naming.named(publisher, title).key
    own = naming.named(publisher, reading.name).key
    words = Counter(own.removeprefix(f"{publisher}-").split("-"))
    said = Counter(key.removeprefix(f"{publisher}-").split("-"))
    if reading.nearness == 2 and not any(word.isdigit() for word in words):
        words -= Counter(_MOVING_WORDS)  # "deepseek-chat" is whatever the maker has last released
    more = said - words
    if words - said or "latest" in words or key == own:
        return None
    is_dated = any(len(word) == 4 and word.isdigit() for word in words)
    tells = any(word in _KINDS or (word.isdigit() and not is_dated) for word in more)
    knows = all(word.isdigit() or word in _KINDS or word in _UNITS for word in more)
    return key if tells and knows else None


def is_another_version(reading: Reading) -> bool:
    """Return whether the title, fuller than the name, says a version of which the name says none:
    what is sold under that name by others need not be it.
    """
    title = title_of(reading)
    if title is None:
        return False
    own = _versions(_spaced(reading.name))
    more = _versions(title) - own
    if not own:
        return bool(more)
    return any(len(number) == 4 for number in more) and all(len(number) < 4 for number in own)


def is_only_larger(reading: Reading, publisher: str) -> bool:
    """Return whether all that the title, fuller than the name, says besides is the size."""
    title = title_of(reading) or ""
    parts = (naming.key_of(_SIZE.sub(" ", text)) for text in (_spaced(reading.name), title))
    one, other = (Counter(part.removeprefix(f"{publisher}-").split("-")) for part in parts)
    return one == other


def _spaced(name: str) -> str:
    return re.sub(r"[-_:]", " ", naming.plain(name))


def _versions(text: str) -> Counter[str]:
    return Counter(re.findall(r"\d+", _SIZE.sub(" ", text)))


class Told:
    """What offers are told to be: by a title that says more than the name, by a source's own link,
    or by another source of the very same offer.
    """

    def __init__(self, readings: Sequence[Reading]) -> None:
        at_hub = {repository_key(r.repository) for r in readings if r.repository is not None}
        self._known = {key for reading in readings for key in keys_of(reading)} | at_hub
        self._described = {name_key(r) for r in readings if r.nearness == 0} | at_hub
        self._offers = self._of_offers(readings)

    def of(self, reading: Reading) -> tuple[Key, str] | None:
        """Return what the reading is told to be, and by which rule; None: what it is called."""
        if reading.same_as is not None:
            return None
        titled = self._titled(reading)
        if titled is not None:
            return titled, "title"
        for offer in reading.offers:
            key = self._offers.get(sold_as(offer))
            if key is not None and key != name_key(reading):
                return key, "offer"
        return None

    def _titled(self, reading: Reading) -> Key | None:
        """Return what the title says; None: nothing more, or nothing that anybody knows."""
        publishers = (reading.publisher, *(owner for owner, _name in reading.names))
        for publisher in dict.fromkeys(publishers):
            said = None if publisher is None else fuller(reading, publisher)
            if publisher is None or said is None:
                continue
            own = naming.named(publisher, reading.name).key
            if said in {f"{own}-{word}" for word in CHAT}:
                return publisher, said
            if is_only_larger(reading, publisher):
                return self._of_size((publisher, said))
            if (publisher, said) in self._known or is_another_version(reading):
                return publisher, said
        return None

    def _of_size(self, key: Key) -> Key | None:
        """Return the model of that size, if somebody who does not only sell it describes it: or
        its chat model, where that alone is described.
        """
        publisher, said = key
        tries = (key, *((publisher, f"{said}-{word}") for word in CHAT))
        if (publisher, f"{said}-thinking") in self._described:
            tries = (key,)
        return next((each for each in tries if each in self._described), None)

    def _of_offers(self, readings: Sequence[Reading]) -> Mapping[tuple[str, str], Key]:
        """Return what offers (provider, name there) are, where a title or a link says so, and only
        one thing.
        """
        found: dict[tuple[str, str], set[Key]] = defaultdict(set)
        for reading in readings:
            linked = reading.same_as is not None
            key = name_key(reading) if linked else self._titled(reading)
            if key is not None:
                for offer in reading.offers:
                    found[sold_as(offer)].add(key)
        return {offer: next(iter(keys)) for offer, keys in found.items() if len(keys) == 1}
