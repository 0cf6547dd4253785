"""What a provider's offer costs: in the platform's currency, at one's own mix of tokens.

Prices here are what others publish, exact but never billed by. It does not know which offers there
are, nor whether a price still holds.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from tramontane.catalog.cards import Offer
from tramontane.money import NANO, format_nano, parse_nano


class Mix(msgspec.Struct, frozen=True):
    """How a million tokens are made up, in parts: read anew, written, read from a cache."""

    input: int = 3
    output: int = 1
    cached: int = 0

    @property
    def parts(self) -> int:
        """All parts together."""
        return self.input + self.output + self.cached


class Exchange(msgspec.Struct, frozen=True):
    """The platform's currency, and what one unit of others is worth in it."""

    currency: str = "USD"
    rates: Mapping[str, str] = {}

    def rate(self, currency: str) -> Decimal | None:
        """Return what one unit of `currency` is worth; None where nobody has said so in numbers."""
        if currency == self.currency:
            return Decimal(1)
        try:
            return Decimal(parse_nano(self.rates[currency])) / NANO
        except (KeyError, ValueError):
            return None

    def nano(self, text: str | None, currency: str) -> int | None:
        """Return nano-units of the platform's currency, or of `currency` itself where there is no
        rate for it. None: no price, or none that is a number of zero or more.
        """
        if text is None:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            return None
        if not value.is_finite() or value < 0:
            return None
        return int((value * NANO * (self.rate(currency) or 1)).to_integral_value())

    def shown_currency(self, currency: str) -> str:
        """Return the currency in which a price given in `currency` is shown and compared."""
        return currency if self.rate(currency) is None else self.currency


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """A price per million tokens, as decimal text in `currency`."""

    amount: str
    currency: str


def mixed_nano(
    input_nano: int | None, output_nano: int | None, cached_nano: int | None, mix: Mix
) -> int | None:
    """Return the price of a million tokens at `mix`, rounded half up once.

    None where a part of the mix has no price; tokens from a cache cost as others do where nobody
    has said what they cost.
    """
    total = 0
    for parts, price in (
        (mix.input, input_nano),
        (mix.output, output_nano),
        (mix.cached, input_nano if cached_nano is None else cached_nano),
    ):
        if parts:
            if price is None:
                return None
            total += parts * price
    return (2 * total + mix.parts) // (2 * mix.parts)


def price(offer: Offer, mix: Mix, exchange: Exchange) -> Amount | None:
    """Return what a million tokens of short prompts cost at `mix`; None where nobody has said."""
    found = mixed_nano(
        exchange.nano(offer.input_per_mtok, offer.currency),
        exchange.nano(offer.output_per_mtok, offer.currency),
        exchange.nano(offer.cached_input_per_mtok, offer.currency),
        mix,
    )
    return _amount(found, offer, exchange)


def long_prices(offer: Offer, mix: Mix, exchange: Exchange) -> list[tuple[int, Amount | None]]:
    """Return, for prompts above so many tokens each, what a million tokens cost at `mix`.

    What is read from a cache is taken to cost as other input there: sources do not tell.
    """
    found = []
    for above_tokens, input_text, output_text in offer.long_context:
        nano = mixed_nano(
            exchange.nano(input_text, offer.currency),
            exchange.nano(output_text, offer.currency),
            None,
            mix,
        )
        found.append((above_tokens, _amount(nano, offer, exchange)))
    return found


def _amount(nano: int | None, offer: Offer, exchange: Exchange) -> Amount | None:
    if nano is None:
        return None
    return Amount(amount=format_nano(nano), currency=exchange.shown_currency(offer.currency))
