"""Cards that somebody writes: TOML or JSON files, one card each or a list under `cards`.

What a card says is its own claim, with the file as its record. An error names the line and the
field. It does not know where cards are kept.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from tramontane.catalog import licences
from tramontane.catalog.cards import Ability, Card, Claim, Field, Kind, ModelFileFact, Offer
from tramontane.catalog.openness import graded
from tramontane.errors import Conflict, InvalidRequest

SOURCE = "own"
MAX_BYTES = 4 * 1024 * 1024
MAX_CARDS = 2_000
_TEXT_CHARACTERS = 4_000
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}/[a-z0-9][a-z0-9.+_-]{0,127}", re.ASCII)
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)
_COUNTS = frozenset(
    {
        "parameters", "active_parameters", "context_tokens", "max_output_tokens", "dimensions",
    }
)  # fmt: skip
_NUMBERS = frozenset({"training_compute_flops", "training_energy_kwh"})
_LISTS = frozenset({"input_modalities", "output_modalities", "languages", "abilities"})
_FIELDS = frozenset(get_args(Field))
_BESIDE = frozenset({"id", "aliases", "files", "offers"})


class Written(msgspec.Struct, frozen=True):
    """A card as a file has it; `place` is "FILE, line N"."""

    card: Card
    place: str


class _Wrong(Exception):
    """What is wrong with one field of one card."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def read(data: bytes, name: str, today: str) -> list[Written]:
    """Return the cards of the file `name` (.toml or .json), claimed `today` (ISO).

    Raises InvalidRequest naming file, line and field.
    """
    if len(data) > MAX_BYTES:
        raise InvalidRequest(f"{name} is larger than {MAX_BYTES:,} bytes")
    text = _text(data, name)
    document = _document(text, name)
    rows = document.get("cards") if isinstance(document, Mapping) else document
    if rows is None:
        rows = [document]
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InvalidRequest(f"{name}: a card is a table of fields, several a list under `cards`")
    if not 0 < len(rows) <= MAX_CARDS:
        raise InvalidRequest(
            f"{name} holds {len(rows)} cards; 1 to {MAX_CARDS:,} are taken at once"
        )
    starts = _starts(text, len(rows))
    found = []
    for row, (start, end) in zip(rows, starts, strict=True):
        try:
            card = _card(row, name, today)
        except _Wrong as wrong:
            line = _line_of(text, wrong.field, start, end)
            raise InvalidRequest(
                f"{name}, line {line}, field {wrong.field!r}: {wrong.message}", param=wrong.field
            ) from None
        found.append(Written(card, f"{name}, line {_line_of(text, 'id', start, end)}"))
    return found


def together(files: Iterable[Iterable[Written]]) -> list[Card]:
    """Return the cards of all files by id. Raises Conflict naming both places of a shared id."""
    found: dict[str, Written] = {}
    for written in (written for file in files for written in file):
        before = found.setdefault(written.card.id, written)
        if before is not written:
            raise Conflict(
                f"{before.place} and {written.place} both are the card {written.card.id!r};"
                " give one of them another id",
                param="id",
            )
    return [found[id_].card for id_ in sorted(found)]


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidRequest(f"{name}, line {line}: this is not UTF-8") from None


def _document(text: str, name: str) -> Any:
    try:
        if name.lower().endswith(".json"):
            return json.loads(text)
        if name.lower().endswith(".toml"):
            return tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRequest(f"{name}, line {error.lineno}: {error.msg}") from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        at = int(line[1]) if line else text.count("\n") + 1
        message = re.sub(r"\s*\(at .*\)$", "", str(error))
        raise InvalidRequest(f"{name}, line {at}: {message}") from None
    except RecursionError:
        raise InvalidRequest(f"{name}: nested too deeply") from None
    raise InvalidRequest(f"{name}: a card file ends in .toml or .json")


def _starts(text: str, cards: int) -> list[tuple[int, int]]:
    """Return the lines between which each card stands, as well as its `id` tells."""
    lines = text.splitlines()
    if cards == 1:
        return [(0, len(lines))]
    heads = [
        i for i, line in enumerate(lines) if re.match(r"\s*(\[\[cards\]\]|[{,\s]*\"id\"\s*:)", line)
    ]
    if len(heads) != cards:
        return [(0, len(lines))] * cards
    return list(zip(heads, [*heads[1:], len(lines)], strict=True))


def _line_of(text: str, field: str, start: int, end: int) -> int:
    """Return the line (from 1) that sets `field`; else where its card begins."""
    pattern = re.compile(
        rf"""(^|[{{,\s.])["']?{re.escape(field)}["']?\s*[=:]|\[+{re.escape(field)}\]"""
    )
    for number, line in enumerate(text.splitlines()[start:end], start + 1):
        if pattern.search(line):
            return number
    return start + 1


def _card(row: Mapping[str, Any], name: str, today: str) -> Card:
    id_ = row.get("id")
    if not isinstance(id_, str) or not _ID.fullmatch(id_):
        raise _Wrong("id", 'a card needs an id such as "acme/contract-reader-8b", in lower case')
    unknown = sorted(str(key) for key in row if key not in _FIELDS | _BESIDE)
    if unknown:
        raise _Wrong(unknown[0], f"there is no such field; known are {', '.join(sorted(_FIELDS))}")
    facts: dict[Field, tuple[Claim, ...]] = {}
    for field in get_args(Field):
        if field in row:
            value = _value(field, row[field])
            facts[field] = (Claim(value=value, source=SOURCE, record=name, date=today),)
    if "name" not in facts:
        raise _Wrong("name", "a card needs a name")
    if "publisher" not in facts:
        owner = id_.split("/")[0]
        facts["publisher"] = (Claim(value=owner, source=SOURCE, record=name, date=today),)
    first = {field: claims[0].value for field, claims in facts.items()}
    return Card(
        id=id_,
        facts=facts,
        openness=graded(
            weights=first.get("weights_open"),
            data=first.get("data_open"),
            code=first.get("code_open"),
            licence=first.get("licence"),
        ),
        aliases=tuple(_texts("aliases", row.get("aliases", []))),
        files=tuple(_file(entry) for entry in _tables("files", row.get("files", []))),
        offers=tuple(
            _offer(entry, name, today) for entry in _tables("offers", row.get("offers", []))
        ),
    )


def _value(field: Field, value: Any) -> Any:
    """Return the value as cards hold it. Raises _Wrong."""
    if field.endswith("_open"):
        if not isinstance(value, bool):
            raise _Wrong(field, "true or false, without quotes")
        return value
    if field in _COUNTS:
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise _Wrong(field, "a whole number above 0, written out: 8000000000")
        return value
    if field in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise _Wrong(field, "a number above 0")
        return value
    if field in _LISTS:
        return _list(field, value)
    if field == "benchmarks":
        return [_benchmark(entry) for entry in _tables(field, value)]
    if field.endswith(("_on", "_until")):
        text = str(value)
        if not _DATE.fullmatch(text):
            raise _Wrong(field, 'a date as far as it is known: "2025", "2025-03" or "2025-03-17"')
        return text
    text = _line(field, value)
    if field == "kind" and text not in get_args(Kind):
        raise _Wrong(field, f"one of {', '.join(get_args(Kind))}")
    return (licences.licence_id(text) or text) if field == "licence" else text


def _list(field: Field, value: Any) -> list[str]:
    found = _texts(field, value)
    if field == "languages":
        wrong = [tag for tag in found if not _TAG.fullmatch(tag)]
        if wrong:
            raise _Wrong(field, f"{wrong[0]!r} is no BCP 47 tag; write 'fr' or 'pt-BR'")
    if field == "abilities":
        wrong = [ability for ability in found if ability not in get_args(Ability)]
        if wrong:
            raise _Wrong(field, f"{wrong[0]!r} is none of {', '.join(get_args(Ability))}")
    return sorted(set(found))


def _line(field: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(field, "a text in quotes that is not empty")
    if len(value) > _TEXT_CHARACTERS:
        raise _Wrong(field, f"at most {_TEXT_CHARACTERS:,} characters")
    return value.strip()


def _texts(field: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _Wrong(field, 'a list of texts: ["one", "two"]')
    return [_line(field, entry) for entry in value]


def _tables(field: str, value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise _Wrong(field, "a list of tables")
    return value


def _benchmark(entry: Mapping[str, Any]) -> dict[str, Any]:
    score = entry.get("score")
    if not isinstance(entry.get("name"), str) or isinstance(score, bool):
        raise _Wrong("benchmarks", "each needs a name and a score")
    if not isinstance(score, int | float):
        raise _Wrong("benchmarks", "a score is a number")
    known = ("name", "score", "metric", "date", "url")
    return {key: str(entry[key]) if key != "score" else score for key in known if key in entry}


def _file(entry: Mapping[str, Any]) -> ModelFileFact:
    uri, sha256 = entry.get("uri"), entry.get("sha256")
    if not isinstance(uri, str) or not re.match(r"hf:[\w.-]+/[\w.-]+(:.+)?$|https://", uri):
        raise _Wrong("files", 'a uri is "hf:ORG/REPO:PATH" or https')
    if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", str(sha256)):
        raise _Wrong("files", "a sha256 is 64 digits of 0-9 a-f")
    size = entry.get("size_bytes")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size <= 0):
        raise _Wrong("files", "size_bytes is a whole number above 0")
    packing = entry.get("quantisation")
    return ModelFileFact(
        uri=uri,
        source=SOURCE,
        sha256=sha256,
        size_bytes=size,
        quantisation=None if packing is None else str(packing),
    )


def _offer(entry: Mapping[str, Any], name: str, today: str) -> Offer:
    wanted = {"provider", "model"}
    if not all(isinstance(entry.get(key), str) and entry[key] for key in wanted):
        raise _Wrong("offers", "each needs a provider and the model's name there")
    prices = {key: _price(entry[key]) for key in entry if key.endswith(("_mtok", "per_request"))}
    known = {"provider", "model", "provider_title", "region", "jurisdiction", "currency", "kind"}
    extra = sorted(set(entry) - known - set(prices))
    if extra:
        raise _Wrong("offers", f"there is no {extra[0]!r} in an offer")
    texts = {key: _line("offers", entry[key]) for key in known & set(entry)}
    texts.setdefault("provider_title", texts["provider"])
    try:
        return msgspec.convert(
            {**texts, **prices, "source": SOURCE, "record": name, "date": today}, Offer
        )
    except msgspec.ValidationError as error:
        raise _Wrong("offers", str(error)) from None


def _price(value: Any) -> str:
    text = str(value)
    if not re.fullmatch(r"\d{1,9}(\.\d{1,12})?", text, re.ASCII):
        raise _Wrong("offers", f"{text!r} is no price: write '0.50'")
    return text
