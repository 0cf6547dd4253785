"""The options that several commands share, and how their values are written."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from tramontane.errors import InvalidRequest
from tramontane.money import parse_nano
from tramontane.store.windows import LAST_MS, read_time

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="TRAMONTANE_CONFIG",
        metavar="FILE",
        help="The configuration file (TOML). Left out: the defaults.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data",
        envvar="TRAMONTANE_DATA",
        metavar="DIR",
        help="The data folder; wins over the configuration file's. Left out: data",
    ),
]
RequestsPerMinute = Annotated[
    int | None, typer.Option("--requests-per-minute", min=1, help="Limit of requests per minute.")
]
TokensPerMinute = Annotated[
    int | None, typer.Option("--tokens-per-minute", min=1, help="Limit of tokens per minute.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--models",
        metavar="NAME,…",
        help="The only models that may be asked for. Left out: every one.",
    ),
]
Context = Annotated[
    int | None,
    typer.Option("--context", min=64, metavar="TOKENS", help="Prompt and answer together."),
]
Slots = Annotated[
    int | None, typer.Option("--slots", min=1, help="How many requests are served at once.")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads of the engine.")]
MaxOutput = Annotated[
    int | None,
    typer.Option("--max-output", min=1, metavar="TOKENS", help="The longest answer."),
]
_PRICE_IN = typer.Option("--price-in", metavar="AMOUNT", help="Per million input tokens.")
_PRICE_OUT = typer.Option("--price-out", metavar="AMOUNT", help="Per million output tokens.")
PriceIn = Annotated[str | None, _PRICE_IN]
PriceOut = Annotated[str | None, _PRICE_OUT]
PriceCached = Annotated[
    str | None,
    typer.Option("--price-cached", metavar="AMOUNT", help="Per million tokens read from cache."),
]
PriceCacheWrite = Annotated[
    str | None,
    typer.Option(
        "--price-cache-write", metavar="AMOUNT", help="Per million tokens written to cache."
    ),
]
Currency = Annotated[
    str | None, typer.Option("--currency", help="Of these prices. Left out: the platform's.")
]
LocalPriceIn = Annotated[str, _PRICE_IN]
"""What runs here is free where nothing is said; a provider's model has no known price then."""
LocalPriceOut = Annotated[str, _PRICE_OUT]
ScaleToZero = Annotated[
    str | None,
    typer.Option(
        "--scale-to-zero",
        metavar="TIME",
        help="Stop its engine after so long without a request (10m), until the next one.",
    ),
]
Capable = Annotated[
    bool | None,
    typer.Option(
        "--capable/--not-capable",
        help="Whether it is to be relied on. Left out: with a context of 4,096 tokens or more.",
    ),
]
Anyway = Annotated[
    bool, typer.Option("--anyway", help="Deploy it although it may not fit into memory.")
]

_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_UNIT_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,6})([mhdw])", re.ASCII)


def words(given: Iterable[str]) -> list[str]:
    """Return the words of an option that may be repeated, or hold several with commas."""
    return [word.strip() for text in given for word in text.split(",") if word.strip()]


def parse_expiry(text: str, now_ms: int) -> int:
    """Return Unix ms for a date or moment, or a duration from now such as 30d or 12h.

    Raises InvalidRequest.
    """
    return _moment_ms(text, now_ms, 1, "--expires")


def parse_since(text: str | None, now_ms: int, option: str) -> int | None:
    """Return Unix ms for a date or moment, or a duration before now such as 7d; None for None.

    Raises InvalidRequest naming `option`.
    """
    return None if text is None else _moment_ms(text, now_ms, -1, option)


def parse_scale_to_zero(text: str | None) -> float | None:
    """Return seconds for the value of --scale-to-zero; None for None. Raises InvalidRequest."""
    return None if text is None else parse_seconds(text, "--scale-to-zero")


def parse_seconds(text: str, option: str) -> float:
    """Return seconds for a duration such as 90s, 10m or 1h. Raises InvalidRequest."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNIT_S or not number.isascii() or not number.isdigit() or len(number) > 6:
        raise InvalidRequest(f"{option}: {text!r} is no time such as 90s, 10m or 1h")
    return float(int(number) * _UNIT_S[unit])


def parse_amount(text: str) -> int:
    """Return nano-units for a decimal such as 12.50. Raises InvalidRequest."""
    try:
        return parse_nano(text)
    except ValueError as error:
        raise InvalidRequest(f"{error}; write an amount such as 12.50") from None


def _moment_ms(text: str, now_ms: int, direction: int, option: str) -> int:
    duration = _DURATION.fullmatch(text)
    if duration:
        moment_ms = now_ms + direction * int(duration[1]) * _UNIT_MS[duration[2]]
    else:
        try:
            return read_time(text)
        except ValueError:
            raise InvalidRequest(
                f"{option}: {text!r} is no date such as 2027-01-31, moment such as"
                " 2027-01-31T12:00 (UTC unless it says otherwise) or duration such as 30d or 12h,"
                " between 1970 and 9999"
            ) from None
    if not 0 <= moment_ms <= LAST_MS:
        raise InvalidRequest(f"{option}: {text!r} lies outside the years 1970 to 9999")
    return moment_ms
