"""Questions are read, and what is wrong with them is said with what to write instead."""

import pytest

from tramontane.catalog.language_names import code_of, names, title
from tramontane.catalog.prices import Exchange, Mix
from tramontane.catalog.queries import Asked, Query, read
from tramontane.errors import InvalidRequest

EXCHANGE = Exchange("EUR", {"USD": "0.92"})


def test_a_question_in_plain_words() -> None:
    asked = Asked(
        text="qwen",
        values={
            "openness": ["open"],
            "language": ["Italiano", "de-AT"],
            "ability": ["JSON schema"],
        },
        min_context="32k",
        max_price="1 $",
        offered=["Local", "local"],
        price_cached="6",
    )
    assert read(asked, EXCHANGE) == Query(
        text="qwen",
        values={
            "openness": ("open_source", "open_weights"),
            "language": ("it", "de"),
            "ability": ("json_schema",),
        },
        min_context=32_000,
        max_price_nano=920_000_000,
        mix=Mix(3, 1, 6),
        offered=("local",),
    )
    assert read(Asked(values={"licence": [" "]}, min_context=""), EXCHANGE) == Query()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(text="x" * 201), "q: at most 200"),
        (Asked(sort="prize"), "sort: 'prize' is none of .*Did you mean price"),
        (Asked(values={"openness": ["opened"]}), "openness: 'opened' is none of open_source"),
        (Asked(values={"kind": ["chatty"]}), "kind: .*Did you mean chat"),
        (Asked(values={"language": ["klingonisch"]}), "language: .*or its name in English"),
        (Asked(values={"provider": ["p"] * 51}), "provider: at most 50"),
        (Asked(min_context="64k", max_context="32k"), "min_context: is above max_context"),
        (Asked(min_parameters="8B", max_parameters="7B"), "min_parameters: is above"),
        (Asked(limit=0), "limit: from 1 to 200"),
        (Asked(offset=-1), "offset"),
        (Asked(offered=["there"]), "offered: 'there' is none of local, provider, here"),
        (Asked(price_in="0", price_out="0"), "price_in"),
    ],
)
def test_what_is_wrong_is_said(asked: Asked, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        read(asked, EXCHANGE)
    assert caught.value.param


def test_languages_by_their_names() -> None:
    for name in ("it", "Italian", "italiano", "italien", "Italienisch", "it-IT"):
        assert code_of(name) == "it"
    assert code_of("FRANÇAIS") == code_of("francais") == "fr"
    assert code_of("中文") == "zh"
    assert code_of("xyz") == "xyz"  # a code that is not named here is still a code
    assert code_of("nonsense") is None
    assert title("pt") == "Portuguese"
    assert all(len(code) in (2, 3) and known for code, known in names().items())
