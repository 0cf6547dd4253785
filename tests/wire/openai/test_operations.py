"""What completions, embeddings and moderations ask for, as the gateway must know it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tramontane.errors import InvalidRequest
from tramontane.wire.openai.intent import Intent
from tramontane.wire.openai.operations import (
    COMPLETION_TOKENS,
    INPUTS_MAX,
    MODERATION_MODEL,
    read_completions,
    read_embeddings,
    read_moderations,
)

Reader = Callable[[bytes], Intent]
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def read(reader: Reader, **fields: Any) -> Intent:
    return reader(json.dumps({"model": "m", **fields}).encode())


def refused(reader: Reader, **fields: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        read(reader, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "choices"),
    [
        ({"prompt": "a"}, 1),
        ({"prompt": ["a", "b"]}, 2),
        ({"prompt": ["a", "b"], "n": 3}, 6),
        ({"prompt": "a", "n": 2, "best_of": 5}, 5),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1], [2, 3]]}, 2),
    ],
)
def test_all_that_may_be_generated_is_counted(fields: Any, choices: int) -> None:
    assert read(read_completions, **fields).choices == choices


def test_a_limit_that_was_left_out_is_said_aloud() -> None:
    intent = read(read_completions, prompt="a")
    assert intent.max_tokens == COMPLETION_TOKENS
    assert bytes(intent.fields["max_tokens"]) == b"16"
    assert read(read_completions, prompt="a", max_tokens=3).max_tokens == 3


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": ["a"] * (INPUTS_MAX + 1)}, "prompt"),
        ({"prompt": "a", "n": 3, "best_of": 2}, "best_of"),
        ({"prompt": "a", "best_of": 2, "stream": True}, "best_of"),
        ({"prompt": "a", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "a", "Prompt": "b"}, "Prompt"),
        ({"prompt": "a", "callback": "http://elsewhere"}, "callback"),
    ],
)
def test_completions_name_the_field_at_fault(fields: Any, param: str) -> None:
    assert refused(read_completions, **fields).param == param


def test_text_that_looks_like_an_address_is_text() -> None:
    assert read(read_embeddings, input="http://example.org").model == "m"
    assert read(read_embeddings, input=["file:///etc/passwd"]).operation == "embeddings"
    assert read(read_completions, prompt="/etc/passwd").operation == "completions"
    assert read(read_moderations, input="http://example.org").operation == "moderations"


def test_embeddings_give_no_text() -> None:
    intent = read(read_embeddings, input=["a", "b"], dimensions=3)
    assert not intent.gives_text and intent.choices == 1 and intent.max_tokens is None
    assert refused(read_embeddings, input="a", stream=True).param == "stream"
    assert refused(read_embeddings).param == "input"


def test_moderations_take_pictures_as_data_only() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    intent = read(read_moderations, input=parts)
    assert intent.images == 1
    assert intent.prompt_bytes == len(json.dumps({"model": "m", "input": parts})) - len(PICTURE)
    parts[1] = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    error = refused(read_moderations, input=parts)
    assert (error.code, error.param) == ("address_not_allowed", "input[1].image_url.url")


def test_moderations_have_a_model_of_their_own() -> None:
    intent = read_moderations(b'{"input": "a"}')
    assert intent.model == MODERATION_MODEL
    assert json.loads(bytes(intent.fields["model"])) == MODERATION_MODEL


def test_a_model_that_the_path_names_counts() -> None:
    assert read_embeddings(b'{"model": "other", "input": "a"}', "named").model == "named"
    assert read_completions(b'{"prompt": "a"}', "named").model == "named"
