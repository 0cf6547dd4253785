"""The catalogue, ready to be asked: the cards of the package or of an update, own cards beside
them, and the index over both.

It is made anew when any of them has changed. It does not know who asks: it is told which projects'
cards they may see, and what is deployed here.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol, get_args

import msgspec

from tramontane.catalog.cards import Card, Field, Source
from tramontane.catalog.index import Index
from tramontane.catalog.machine import Memory
from tramontane.catalog.prices import Exchange, Mix
from tramontane.catalog.providers import Provider
from tramontane.catalog.queries import RULE, Query
from tramontane.catalog.restrictions import places
from tramontane.catalog.rows import Row, row, without_words
from tramontane.catalog.views import FoundModels, Looking, MixView, summary
from tramontane.catalog.words import folded
from tramontane.errors import NotFound

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Row)


class Cards(Protocol):
    """Cards that can be had one by one, as `catalog.packing.Catalogue` has them."""

    @property
    def sources(self) -> Mapping[str, Source]:
        """Where their facts were read."""
        ...

    @property
    def providers(self) -> Mapping[str, Provider]:
        """Who sells, by our word for them."""
        ...

    @property
    def built_on(self) -> str:
        """The day they were put together (ISO)."""
        ...

    def card(self, card_id: str, /) -> Card | None:
        """Return that card; None where there is none."""
        ...

    def cards(self) -> Iterator[Card]:
        """Yield every card."""
        ...


class OwnCard(msgspec.Struct, frozen=True):
    """A card that was added here; without a project it is everybody's."""

    card: Card
    project_id: str | None = None


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many cards a field is `known`, and of how many of these sources disagree; `share` is
    of all cards, from 0 to 1.
    """

    field: Field
    known: int
    conflicting: int
    share: float


class Finder:
    """All cards with their index."""

    def __init__(self, packed: Cards, own: Sequence[OwnCard], exchange: Exchange) -> None:
        self._packed = packed
        self._own = tuple(own)
        self._packed_count = 0
        self._listed: list[bytes] = []  # a tenth of what they would take as objects
        self._known: Counter[Field] = Counter()
        self._conflicting: Counter[Field] = Counter()
        self._currencies: set[str] = set()
        self._by_file: dict[str, str] = {}
        self._by_model: dict[str, str | None] = {}  # None: of several cards
        self._by_repository: dict[str, str | None] = {}
        self.exchange = exchange
        self.sources = packed.sources
        self.built_on = packed.built_on
        self.cards = self.offers = 0  # of those that everybody sees
        self._index = Index(self._rows())

    def __len__(self) -> int:
        return len(self._index)

    def search(
        self,
        query: Query,
        *,
        memory: Memory | None = None,
        here: Mapping[str, Collection[str]] | None = None,
        seen_by: Collection[str] | None = None,
    ) -> FoundModels:
        """Return what `query` finds, `took_ms` zero.

        `here` are the deployments of each card that is deployed on this platform, `seen_by` the
        projects whose own cards are seen beside everybody's; None: all.
        """
        here = here or {}
        found = self._index.search(query, memory=memory, here=here, seen_by=seen_by)
        looking = self.looking(query.mix, memory)
        data = [
            summary(
                row,
                looking,
                cheapest,
                here.get(row.id, ()),
                own=number >= self._packed_count,
            )
            for number, cheapest in zip(found.rows, found.cheapest, strict=True)
            for row in [_decoder.decode(self._listed[number])]
        ]
        return FoundModels(
            total=found.total,
            took_ms=0.0,
            rule=RULE,
            currency=self.exchange.currency,
            unconverted=sorted(
                currency for currency in self._currencies if self.exchange.rate(currency) is None
            ),
            mix=mix_view(query.mix),
            data=data,
            facets=found.facets,
            unknown=found.unknown,
            unmatched=found.unmatched,
        )

    def card(
        self, card_id: str, seen_by: Collection[str] | None = None
    ) -> tuple[Card, OwnCard | None]:
        """Return that card, with how it was added where it is an own one.

        Raises NotFound, alike for what is not there and what is another project's.
        """
        for own in self._own:
            if own.card.id == card_id and _is_seen(own, seen_by):
                return own.card, own
        found = self._packed.card(card_id)
        if found is None:
            raise NotFound(
                f"There is no model {card_id[:120]!r} in the catalogue; search for it by a part of"
                " its name.",
                param="id",
            )
        return found, None

    def is_packed(self, card_id: str) -> bool:
        """Return whether that card is the catalogue's, and not an own one."""
        return self._packed.card(card_id) is not None

    def card_of(self, *, sha256: str | None = None, model: str | None = None) -> str | None:
        """Return the id of the card that a file belongs to, or that goes by that name with its
        publisher or a provider; None where none does, or several do.
        """
        if sha256 is not None and sha256 in self._by_file:
            return self._by_file[sha256]
        return None if model is None else self._by_model.get(folded(model))

    def card_at(self, repository: str | None) -> str | None:
        """Return the id of the card whose weights lie at ORG/REPO of the hub; None: none, or
        several.
        """
        return None if repository is None else self._by_repository.get(repository.lower())

    def looking(self, mix: Mix, memory: Memory | None) -> Looking:
        """Return from where cards are looked at."""
        return Looking(
            mix=mix,
            exchange=self.exchange,
            memory=memory,
            sources=self.sources,
            providers=self._packed.providers,
        )

    def completeness(self) -> list[Completeness]:
        """Return how well each field is known, over the cards that everybody sees."""
        return [
            Completeness(
                field=field,
                known=self._known[field],
                conflicting=self._conflicting[field],
                share=round(self._known[field] / self.cards, 4) if self.cards else 0.0,
            )
            for field in get_args(Field)
        ]

    def _rows(self) -> Iterator[Row]:
        for card in self._packed.cards():
            self._packed_count += 1
            self._note(card)
            yield self._kept(row(card, self.exchange))
        for own in self._own:
            if own.project_id is None:
                self._note(own.card)
            yield self._kept(row(own.card, self.exchange, own.project_id))

    def _kept(self, found: Row) -> Row:
        self._listed.append(_encoder.encode(without_words(found)))
        return found

    def _note(self, card: Card) -> None:
        self.cards += 1
        self.offers += len(card.offers)
        for file in card.files:
            if file.sha256 is not None:
                self._by_file.setdefault(file.sha256, card.id)
        for place in places(card):
            kept = self._by_repository.get(place, card.id)
            self._by_repository[place] = card.id if kept == card.id else None
        for name in {card.id, *card.aliases, *(offer.model for offer in card.offers)}:
            word = folded(name)
            self._by_model[word] = card.id if self._by_model.get(word, card.id) == card.id else None
        self._currencies.update(offer.currency for offer in card.offers)
        for field, claims in card.facts.items():
            self._known[field] += bool(claims)
            self._conflicting[field] += len(claims) > 1 and bool(card.conflicts(field))


def mix_view(mix: Mix) -> MixView:
    """Return the mix as it is shown."""
    return MixView(input=mix.input, output=mix.output, cached=mix.cached)


def _is_seen(own: OwnCard, seen_by: Collection[str] | None) -> bool:
    return seen_by is None or own.project_id is None or own.project_id in seen_by
