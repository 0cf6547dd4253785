"""What an engine here is asked beside chat, and what of other dialects reaches it in chat."""

import json
from typing import Any

import msgspec
import pytest

from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
    Began,
    Choice,
    Counted,
    Ended,
    Finished,
    Request,
    Text,
    TextPiece,
)
from tramontane.wire.collecting import Collector
from tramontane.wire.ollama.asking import read_chat as read_ollama
from tramontane.wire.openai.chat import ENGINE
from tramontane.wire.openai.engine import COMPLETIONS, EMBEDDINGS
from tramontane.wire.openai.infill import INFILL
from tramontane.wire.openai.intent import read_chat
from tramontane.wire.openai.local import read_local


def completion(**fields: Any) -> Request:
    given: dict[str, Any] = {"model": "m", "operation": "completions", "inputs": ("a",), **fields}
    return Request(**given)


def test_one_prompt_goes_on_as_a_stream() -> None:
    extra = {"repeat_penalty": msgspec.Raw(b"1.1")}
    request = completion(max_tokens=3, temperature=0, top_k=4, user="me", extra=extra)
    written = COMPLETIONS.write(request, model="file", drops=False)
    assert written.path == "/completions"
    assert json.loads(written.body) == {
        "model": "file",
        "prompt": "a",
        "max_tokens": 3,
        "temperature": 0,
        "top_k": 4,
        "repeat_penalty": 1.1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"inputs": ("a", "b")}, "prompt"),
        ({"choices": 2}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"suffix": "z"}, "suffix"),
        ({"logprobs": 1}, "logprobs"),
        ({"extra": {"echo": msgspec.Raw(b"true")}}, "echo"),
        ({"extra": {"mirostat": msgspec.Raw(b"9")}}, "mirostat"),
    ],
)
def test_what_an_engine_does_not_take_is_named(fields: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        COMPLETIONS.write(completion(**fields), model="m", drops=False)
    assert caught.value.param == param


def test_what_may_be_dropped_is() -> None:
    request = completion(suffix="z", extra={"echo": msgspec.Raw(b"true")})
    assert COMPLETIONS.write(request, model="m", drops=True).dropped == ("echo", "suffix")


def test_vectors_have_the_dimensions_of_the_model() -> None:
    request = Request(model="m", operation="embeddings", inputs=("a",), user="me")
    body = EMBEDDINGS.write(request, model="file", drops=False).body
    assert json.loads(body) == {"model": "file", "input": "a"}
    for fields in ({"dimensions": 3}, {"inputs": ("",)}):
        with pytest.raises(InvalidRequest):
            EMBEDDINGS.write(msgspec.structs.replace(request, **fields), model="m", drops=False)


def test_ollama_s_ways_of_sampling_reach_an_engine() -> None:
    options = {"repeat_penalty": 1.1, "typical_p": 0.9, "mirostat": 2, "top_k": 3, "num_ctx": 9}
    asked = read_ollama(
        json.dumps(
            {"model": "m", "messages": [{"role": "user", "content": "x"}], "options": options}
        ).encode(),
        0,
    )
    intent = read_chat(ENGINE.write(asked.request, model="m", drops=False).body)
    kept = read_local(intent, max_tokens=5, supports_tools=False).fields
    del options["num_ctx"]
    assert {name: json.loads(bytes(kept[name])) for name in options} == options
    with pytest.raises(InvalidRequest, match="repeat_penalty"):
        intent.fields["repeat_penalty"] = msgspec.Raw(b"0")
        read_local(intent, max_tokens=5, supports_tools=False)


def test_pieces_are_put_together_again() -> None:
    collector = Collector()
    assert collector.write([Began("1", "m", created_s=3), TextPiece("a"), TextPiece("b")]) == b""
    assert collector.write([Finished("length"), Counted(Usage(1, 2)), Ended()]) == b""
    assert collector.answer() == Answer(
        id="1",
        model="m",
        choices=(Choice((Text("ab"),), "length"),),
        usage=Usage(1, 2),
        created_s=3,
    )


def test_the_middle_is_filled_in_by_the_engine_s_own_words() -> None:
    extra = {"repeat_penalty": msgspec.Raw(b"1.1")}
    fields = {"suffix": "z", "max_tokens": 3, "stop": ("x",), "seed": -1, "extra": extra}
    written = INFILL.write(completion(**fields), model="file", drops=False)
    assert json.loads(written.body) == {
        "model": "file",
        "input_prefix": "a",
        "input_suffix": "z",
        "n_predict": 3,
        "stop": ["x"],
        "seed": 2**32 - 2,
        "repeat_penalty": 1.1,
        "stream": True,
    }
    with pytest.raises(InvalidRequest):
        INFILL.write(completion(inputs=((1,),)), model="m", drops=False)


INFILLED = (
    'data: {"content":"é","stop":false}\n\ndata: {"content":"","stop":true,"stop_type":"limit",'
    '"tokens_evaluated":7,"tokens_predicted":2,"timings":{"cache_n":3}}\n\n'
).encode()


@pytest.mark.parametrize("cut", range(0, len(INFILLED) - 2, 3))
def test_its_stream_is_read_however_it_is_cut(cut: int) -> None:
    reader = INFILL.reader()
    pieces = reader.feed(INFILLED[:cut]) + reader.feed(INFILLED[cut:]) + reader.end()
    assert pieces == [
        Began("", ""),
        TextPiece("é"),
        Finished("length"),
        Counted(Usage(7, 2, 3)),
        Ended(),
    ]
    broken = INFILL.reader()
    broken.feed(INFILLED[:cut])
    with pytest.raises(TramontaneError):
        broken.end()
