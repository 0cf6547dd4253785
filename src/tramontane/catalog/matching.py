"""Which readings are of one model. Rules only, never likeness: two cards rather than a wrong one.

1. A reading that is certain stands for its publisher and name, and for its own repository at the
   hub: readings that share one of these are one model (`name`, `repository`).
2. An offer for chat under the name of a base model, where the hub has that name with "-instruct",
   "-chat" or "-it" and a repository, and no "-thinking" beside it, is that one (`chat`).
3. A name without a publisher joins the only model called so of the publisher whose family's name it
   begins with (`family`), or else the only model called so at all, if the name has four parts or
   more and a number among them (`only`).
4. What is left and is not certain is put nowhere, and counted.

The result depends on which readings there are, not on their order. It does not know what they say.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from tramontane.catalog import naming
from tramontane.catalog.reading import Reading

Key = tuple[str | None, str]
"""A publisher's word (None: unknown) and the key of a name."""

_CHAT = ("instruct", "chat", "it")


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


def name_key(reading: Reading) -> Key:
    """Return what the reading's own name stands for."""
    named = naming.named(reading.publisher, reading.name)
    return named.publisher, named.key


def repository_key(repository: str) -> Key:
    """Return what ORG/REPO at the hub stands for."""
    org, _, name = repository.partition("/")
    named = naming.named(naming.publisher_of(org), name)
    return named.publisher, named.key


def match(readings: Iterable[Reading]) -> Matched:
    """Return the groups, each sorted, and in the order of their least key."""
    sure: list[Reading] = []
    unsure: list[Reading] = []
    for reading in sorted(readings, key=lambda r: (r.source, r.record)):
        is_named = reading.publisher is not None
        (sure if reading.is_certain and is_named else unsure).append(reading)
    chat = _chat_names(sure)
    sets = _Sets()
    placed: list[tuple[Member, Key]] = []
    plain = {_sure_key(reading, chat)[0] for reading in sure if not reading.names}
    for reading in sure:
        key, rule = _sure_key(reading, chat)
        for publisher, name in reading.names:
            named = naming.named(publisher, name)
            if (named.publisher, named.key) in plain and key not in plain:
                key, rule = (named.publisher, named.key), "family"
                break
        sets.root(key)
        if reading.repository is not None:
            sets.join(key, repository_key(reading.repository))
        placed.append((Member(reading, rule, key), key))
    by_name: dict[str, set[Key]] = defaultdict(set)
    for key in list(sets.keys()):
        by_name[key[1]].add(sets.root(key))
    unplaced = []
    for reading in unsure:
        found = _look_up(reading, sets, by_name, chat)
        if found is None:
            unplaced.append(reading)
        else:
            placed.append((Member(reading, *found), found[1]))
    groups: dict[Key, list[Member]] = defaultdict(list)
    for member, key in placed:
        groups[sets.root(key)].append(member)
    ordered = sorted(groups.items(), key=lambda item: _order(item[0]))
    return Matched(tuple(tuple(members) for _key, members in ordered), tuple(unplaced))


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
        for word in _CHAT:
            bare = key.removesuffix(f"-{word}")
            if bare != key and (publisher, f"{bare}-thinking") not in held:
                found.setdefault((publisher, bare), (publisher, key))
    return found


def _is_chat_offer(reading: Reading) -> bool:
    return bool(reading.offers) and reading.facts.get("kind") in (None, "chat")


def _sure_key(reading: Reading, chat: Mapping[Key, Key]) -> tuple[Key, str]:
    key = name_key(reading)
    if _is_chat_offer(reading) and reading.same_as is None and key in chat:
        return chat[key], "chat"
    return key, "name"


def _look_up(
    reading: Reading, sets: _Sets, by_name: Mapping[str, set[Key]], chat: Mapping[Key, Key]
) -> tuple[str, Key] | None:
    """Return the rule and the key by which an uncertain reading joins a model, if one does.

    A community entry (`is_certain` without a publisher) makes a card of its own where none does.
    """
    own = name_key(reading)
    tries: list[tuple[str, Key]] = []
    if reading.repository is not None:
        tries.append(("repository", repository_key(reading.repository)))
    if own[0] is not None:
        tries.append(("name", own))
    for publisher, name in reading.names:
        named = naming.named(publisher, name)
        tries.append(("family", (named.publisher, named.key)))
    for rule, key in tries:
        if _is_chat_offer(reading) and key in chat:
            return "chat", chat[key]
        if key in sets:
            return rule, key
    same = by_name.get(own[1], set())
    if len(same) == 1 and _is_telling(own[1]):
        return "only", next(iter(same))
    return ("name", own) if reading.is_certain else None


def _is_telling(key: str) -> bool:
    """Return whether a name is long and particular enough to be nobody else's by chance."""
    parts = key.split("-")
    return len(parts) >= 4 and any(part.isdigit() for part in parts)
