"""Which readings are of one model. Rules only, never likeness: two cards rather than a wrong one.

1. A reading that is certain stands for its publisher and name, and for its own repository at the
   hub: readings that share one of these are one model (`name`, `repository`).
2. An offer for chat under the name of a base model is that name's "-instruct", "-chat" or "-it"
   (`chat`), if that has a repository and no "-thinking" beside it, and the seller neither sells it
   under its own name too nor goes by the hub's names: such sellers do sell base models.
3. An offer whose title says all that its name says, and a version or kind of weights besides, is
   what the title says (`title`; `titles`). Another source's record of the very same offer (provider
   and name there) is what this title, or models.dev's own link to a model, says (`offer`). A link
   is not believed where name and title, or the version in the name, say another model that others
   know.
4. A name without a publisher joins the only model called so of the publisher whose family's name it
   begins with (`family`), or else the only model called so at all, if the name has four parts or
   more and a number among them (`only`).
5. An offer whose title names another version of the family than its name does is put nowhere.
6. What is left and is not certain is put nowhere, and counted.

A date in a name tells models apart where one name has several (`snapshots`).

The result depends on which readings there are, not on their order. It does not know what they say.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from tramontane.catalog import naming, snapshots
from tramontane.catalog.keys import Key, key_of, keys_of, name_key, repository_key, sold_as
from tramontane.catalog.offernames import HUB_SELLERS
from tramontane.catalog.reading import Reading
from tramontane.catalog.titles import CHAT, Told, is_another_version

_VERSION = re.compile(r"\b(llama|gemma|phi|glm) ?(\d(?:[. ]\d(?![\db]))?)(?![\db])")


class Member(msgspec.Struct, frozen=True):
    """A reading in its group: by which `rule` it came there, and the `key` that it shares."""

    reading: Reading
    rule: str
    key: Key


class Matched(msgspec.Struct, frozen=True):
    """Groups of one model each, and the readings that were put nowhere."""

    groups: tuple[tuple[Member, ...], ...]
    unplaced: tuple[Reading, ...]


class _Sets:
    """Keys that stand for one model: union-find, its roots the least key, so order is nothing."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._parent

    def keys(self) -> Iterable[Key]:
        return self._parent.keys()

    def root(self, key: Key) -> Key:
        self._parent.setdefault(key, key)
        while self._parent[key] != key:
            self._parent[key] = self._parent[self._parent[key]]
            key = self._parent[key]
        return key

    def join(self, one: Key, other: Key) -> None:
        first, last = sorted((self.root(one), self.root(other)), key=_order)
        self._parent[last] = first


def _order(key: Key) -> tuple[str, str]:
    return key[0] or "~", key[1]


def match(readings: Iterable[Reading]) -> Matched:
    """Return the groups, each sorted, and in the order of their least key."""
    sure: list[Reading] = []
    unsure: list[Reading] = []
    last: Reading | None = None
    for reading in sorted(readings, key=lambda r: (r.source, r.record)):
        if reading == last:
            continue  # the same record twice says nothing new
        last = reading
        is_named = reading.publisher is not None
        (sure if reading.is_certain and is_named else unsure).append(reading)
    unplaced = [reading for reading in (*sure, *unsure) if _contradicts_itself(reading)]
    sure = [reading for reading in sure if not _contradicts_itself(reading)]
    unsure = [reading for reading in unsure if not _contradicts_itself(reading)]
    sure = list(_linked_rightly(sure))
    dated = snapshots.told_apart([*sure, *unsure])
    sure, unsure = dated[: len(sure)], dated[len(sure) :]
    chat = _Chat([*sure, *unsure])
    sets = _Sets()
    placed: list[tuple[Member, Key]] = []
    told = Told([*sure, *unsure])
    plain = {_sure_key(reading, chat, told)[0] for reading in sure if not reading.names}
    for reading in sure:
        key, rule = _sure_key(reading, chat, told)
        for publisher, name in reading.names:
            other = key_of(reading, publisher, name)
            if rule == "name" and other in plain and key not in plain:
                key, rule = other, "family"
                break
        sets.root(key)
        if reading.repository is not None:
            sets.join(key, repository_key(reading.repository))
        placed.append((Member(reading, rule, key), key))
    by_name: dict[str, set[Key]] = defaultdict(set)
    for key in list(sets.keys()):
        by_name[key[1]].add(sets.root(key))
    for reading in unsure:
        found = _look_up(reading, sets, by_name, chat, told)
        if found is None:
            unplaced.append(reading)
        else:
            placed.append((Member(reading, *found), found[1]))
    groups: dict[Key, list[Member]] = defaultdict(list)
    for member, key in placed:
        groups[sets.root(key)].append(member)
    ordered = sorted(groups.items(), key=lambda item: _order(item[0]))
    return Matched(tuple(tuple(members) for _key, members in ordered), tuple(unplaced))


def _linked_rightly(readings: Sequence[Reading]) -> Iterable[Reading]:
    """Yield the readings, without links to a sibling: where name and title, or the version in the
    name, say another model that others know, and not only by this very offer. A title that says
    what the link does was taken over with it, and so were the facts.
    """
    linked = {sold_as(o) for r in readings if r.called is not None for o in r.offers}
    known = {
        name_key(reading)
        for reading in readings
        if not (reading.offers and reading.same_as is not None)
        and not any(sold_as(offer) in linked for offer in reading.offers)
    }
    for reading in readings:
        if reading.called is not None:
            own = msgspec.structs.replace(reading, name=reading.called, same_as=None, called=None)
            if name_key(own) in known:
                title = naming.named(own.publisher, str(own.facts.get("name"))).key
                is_own_title = (own.publisher, title) == name_key(own)
                yield own if is_own_title else msgspec.structs.replace(own, facts={})
                continue
        yield reading


def _contradicts_itself(reading: Reading) -> bool:
    """Return whether an offer is called Llama 3 and entitled Llama 3.1, say."""
    title = reading.facts.get("name")
    if not reading.offers or reading.same_as is not None or not isinstance(title, str):
        return False
    name = _VERSION.search(_spaced(naming.plain(reading.name)))
    said = _VERSION.search(_spaced(title.lower().rpartition(": ")[2]))
    if name is None or said is None or name[1] != said[1]:
        return False
    return name[2].replace(" ", ".") != said[2].replace(" ", ".")


def _spaced(text: str) -> str:
    return text.replace("-", " ").replace("_", " ")


def _chat_names(readings: Iterable[Reading]) -> Mapping[Key, Key]:
    """Return the chat model that stands at the hub, by the bare name it shares with its base."""
    held = {
        key
        for reading in readings
        if reading.repository is not None
        for key in (name_key(reading), repository_key(reading.repository))
    }
    found: dict[Key, Key] = {}
    for publisher, key in sorted(held, key=_order):
        for word in CHAT:
            bare = key.removesuffix(f"-{word}")
            if bare != key and (publisher, f"{bare}-thinking") not in held:
                found.setdefault((publisher, bare), (publisher, key))
    return found


class _Chat:
    """Which offers under a base model's name are its chat model (rule 2)."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._names = _chat_names(reading for reading in readings if reading.publisher is not None)
        self._sold = {
            (offer.provider, key[1])
            for reading in readings
            for offer in reading.offers
            for key in keys_of(reading)
        }

    def of(self, reading: Reading, key: Key) -> Key | None:
        """Return the chat model that an offer under `key` is; None: it is what it is called."""
        chat = self._names.get(key)
        if chat is None or reading.same_as is not None:
            return None
        if reading.facts.get("kind") not in (None, "chat") or not reading.offers:
            return None
        sellers = {offer.provider for offer in reading.offers}
        if sellers & HUB_SELLERS or any((seller, chat[1]) in self._sold for seller in sellers):
            return None
        return chat


def _sure_key(reading: Reading, chat: _Chat, told: Told) -> tuple[Key, str]:
    said = told.of(reading)
    if said is not None:
        return said
    key = name_key(reading)
    instead = chat.of(reading, key)
    return (key, "name") if instead is None else (instead, "chat")


def _look_up(
    reading: Reading,
    sets: _Sets,
    by_name: Mapping[str, set[Key]],
    chat: _Chat,
    told: Told,
) -> tuple[str, Key] | None:
    """Return the rule and the key by which an uncertain reading joins a model, if one does.

    A community entry (`is_certain` without a publisher) makes a card of its own where none does.
    """
    said = told.of(reading)
    if said is not None and said[0] in sets:
        return said[1], said[0]
    if said is not None and is_another_version(reading):
        return None
    own = name_key(reading)
    tries: list[tuple[str, Key]] = []
    if reading.repository is not None:
        tries.append(("repository", repository_key(reading.repository)))
    if own[0] is not None:
        tries.append(("name", own))
    for publisher, name in reading.names:
        tries.append(("family", key_of(reading, publisher, name)))
    for rule, key in tries:
        instead = chat.of(reading, key)
        if instead is not None:
            return "chat", instead
        if key in sets or _is_snapshot_of_one(reading, key, sets):
            return rule, key
    same = by_name.get(own[1], set())
    if len(same) == 1 and not reading.is_alone and _is_telling(own[1]):
        return "only", next(iter(same))
    return ("name", own) if reading.is_certain else None


def _is_snapshot_of_one(reading: Reading, key: Key, sets: _Sets) -> bool:
    """Return whether `key` is a dated snapshot of a model that is known without the date."""
    dated = f"-{reading.snapshot}"
    return key[1].endswith(dated) and (key[0], key[1].removesuffix(dated)) in sets


def _is_telling(key: str) -> bool:
    """Return whether a name is long and particular enough to be nobody else's by chance."""
    parts = key.split("-")
    return len(parts) >= 4 and any(part.isdigit() for part in parts)
