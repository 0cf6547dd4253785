"""Own cards: what is written is what is shown; an error names file, line and field."""

import json

import pytest

from tramontane.catalog import own
from tramontane.errors import Conflict, InvalidRequest

GOOD = """# ours
id = "acme/contract-reader-8b"
name = "Contract reader 8B"
licence = "Apache 2.0"
weights_open = true
languages = ["it", "fr", "it"]
abilities = ["tools"]
context_tokens = 32768
released_on = "2026-10"
kind = "chat"
aliases = ["contract-reader"]

[[files]]
uri = "hf:acme/contract-reader:contract-reader-Q8_0.gguf"
sha256 = "{hash}"

[[offers]]
provider = "acme"
model = "contract-reader"
input_per_mtok = "0.50"
output_per_mtok = 1
""".replace("{hash}", "a" * 64)


def test_a_card_is_read_with_its_file_as_the_record() -> None:
    (written,) = own.read(GOOD.encode(), "reader.toml", "2026-11-22")
    card = written.card
    assert written.place == "reader.toml, line 2"
    assert card.value("licence") == "Apache-2.0"
    assert card.value("languages") == ["fr", "it"]
    assert card.value("publisher") == "acme"
    assert card.openness == "open_weights"
    claim = card.facts["name"][0]
    assert (claim.source, claim.record, claim.date) == ("own", "reader.toml", "2026-11-22")
    assert card.offers[0].input_per_mtok == "0.50"
    assert card.offers[0].output_per_mtok == "1"
    assert card.files[0].sha256 == "a" * 64


def test_json_holds_the_same_and_several() -> None:
    rows = [{"id": "acme/a", "name": "A"}, {"id": "acme/b", "name": "B"}]
    for document in (rows, {"cards": rows}):
        text = json.dumps(document, indent=1).encode()
        found = own.read(text, "all.json", "2026-11-22")
        assert [written.card.id for written in found] == ["acme/a", "acme/b"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('id = "Contract Reader"', "line 2, field 'id': a card needs an id"),
        ("contxt_tokens = 3", "field 'contxt_tokens': there is no such field"),
        ('context_tokens = "32k"', "line 8, field 'context_tokens': a whole number"),
        ("context_tokens = -1", "line 8, field 'context_tokens'"),
        ('weights_open = "yes"', "line 5, field 'weights_open': true or false"),
        ('languages = ["Italian"]', "line 6, field 'languages': 'Italian' is no BCP 47 tag"),
        ('abilities = ["magic"]', "line 7, field 'abilities': 'magic' is none of"),
        ('released_on = "March"', "line 9, field 'released_on': a date"),
        ('kind = "robot"', "line 10, field 'kind': one of chat"),
        ('name = ""', "line 3, field 'name': a text"),
        ('uri = "ftp://x"', "field 'files': a uri is"),
        ('sha256 = "abc"', "field 'files': a sha256"),
        ('input_per_mtok = "cheap"', "field 'offers': 'cheap' is no price"),
        ("provider = 3", "field 'offers': each needs a provider"),
        ("name = ", "line 3: "),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field(line: str, said: str) -> None:
    field = line.split(" ")[0]
    lines = [line if old.startswith(f"{field} ") else old for old in GOOD.splitlines()]
    if line not in lines:
        lines.insert(2, line)
    with pytest.raises(InvalidRequest) as raised:
        own.read("\n".join(lines).encode(), "reader.toml", "2026-11-22")
    assert raised.value.message.startswith("reader.toml")
    assert said in raised.value.message


def test_the_line_is_that_of_the_wrong_card_among_several() -> None:
    text = b'[[cards]]\nid = "acme/a"\nname = "A"\n\n[[cards]]\nid = "acme/b"\nname = 3\n'
    with pytest.raises(InvalidRequest, match=r"line 7, field 'name'"):
        own.read(text, "two.toml", "2026-11-22")


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"\xff\xfe", "a.toml", "line 1: this is not UTF-8"),
        (b"{}", "a.yaml", "ends in .toml or .json"),
        (b'{"id":\n}', "a.json", "line 2"),
        (b"[]", "a.json", "holds 0 cards"),
        (b"[1]", "a.json", "a table of fields"),
        (b"[" * 100_000, "a.json", "nested too deeply"),
        (b"x" * (own.MAX_BYTES + 1), "a.toml", "is larger than"),
    ],
)
def test_what_is_no_card_file(data: bytes, name: str, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        own.read(data, name, "2026-11-22")


def test_two_files_that_claim_one_id_are_both_named() -> None:
    one = own.read(GOOD.encode(), "one.toml", "2026-11-22")
    other = own.read(b'{"id": "acme/contract-reader-8b", "name": "X"}', "two.json", "2026-11-22")
    with pytest.raises(Conflict, match=r"one\.toml, line 2 and two\.json, line 1 both are"):
        own.together([one, other])
    assert [card.id for card in own.together([one])] == ["acme/contract-reader-8b"]
