"""RE8 and RE7 on every pair of dialects, without sockets: real bytes of a stand-in, cut anywhere.

However a provider's stream is cut, a client gets the same; wherever it ends too early, a client
gets all that had come whole and an error, and never anything like a good end.
"""

import http.client
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.speakers import PROVIDERS, SPEAKERS
from tests.processes import RunningStandin, run_standin
from tramontane.errors import TramontaneError, Unavailable, UpstreamFailed
from tramontane.gateway.endpoints import TOKENS, Endpoint
from tramontane.gateway.relay import Progress
from tramontane.gateway.translated_stream import PassedStream, TranslatedStream
from tramontane.gateway.translation import Translation, without_prompt
from tramontane.providers.standin import Behaviour, Rule, ScriptedCall, StandinOptions
from tramontane.wire import upstreams
from tramontane.wire.canonical import Ended, Finished, Message, Piece, Request, Text, Tool
from tramontane.wire.dialect import Asked, Client, Forwarding, Upstream

RULES = (
    Rule(contains="<text>", reply=Behaviour(answer="Übergröße 日本 🌬️", usage="always")),
    Rule(contains="<thinking>", reply=Behaviour(answer="So.", thinking="hm, hm", usage="always")),
    Rule(
        contains="<calls>",
        reply=Behaviour(
            tool_calls=(
                ScriptedCall(name="look", arguments={"at": "ü", "n": 1}),
                ScriptedCall(name="look", arguments={"at": "b"}),
            ),
            usage="always",
        ),
    ),
)
KINDS = ("text", "thinking", "calls")
HEARD: dict[tuple[str, str], bytes] = {}


def upstream_of(provider: str) -> Upstream:
    found = upstreams.find(provider)
    assert found is not None
    return found


def hear(standin: RunningStandin, provider: str, kind: str) -> bytes:
    """Return the body of a stream as the stand-in sends it in that dialect."""
    upstream = upstream_of(provider)
    request = Request(
        model="m",
        messages=(Message("user", (Text(f"<{kind}> Hello"),)),),
        tools=(Tool("look"),) if kind == "calls" else (),
        max_tokens=2_000,
        thinking_tokens=1_024
        if kind == "thinking" and provider in ("anthropic", "google")
        else None,
        stream=True,
        include_usage=True,
    )
    written = upstream.write(request, model="m", drops=True)
    path = PROVIDERS[provider] + written.path
    proof = upstream.authorize("key:s", host="x", path=path, body=written.body, now_s=1e9)
    lines = (proof + written.fields).decode().split("\r\n")[:-1]
    fields = dict(line.split(": ", 1) for line in lines)
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=30)
    fields["content-type"] = "application/json"
    connection.request("POST", path, written.body, fields)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    return body


@pytest.fixture(scope="module", autouse=True)
def heard() -> Iterator[dict[tuple[str, str], bytes]]:
    with run_standin(StandinOptions(script=RULES, allow_unknown_fields=True)) as standin:
        for provider in PROVIDERS:
            for kind in KINDS:
                HEARD[provider, kind] = hear(standin, provider, kind)
    yield HEARD
    HEARD.clear()


def read(provider: str, parts: list[bytes]) -> list[Piece]:
    reader = upstream_of(provider).reader()
    pieces = [piece for part in parts for piece in reader.feed(part)]
    return pieces + reader.end()


def split(payload: bytes, cuts: list[int]) -> list[bytes]:
    return [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_any_cut_gives_the_same_pieces(provider: str, kind: str) -> None:
    payload = HEARD[provider, kind]
    whole = read(provider, [payload])
    assert isinstance(whole[-1], Ended)
    assert any(isinstance(piece, Finished) for piece in whole)
    chance = random.Random(provider + kind)
    assert read(provider, [payload[i : i + 1] for i in range(len(payload))]) == whole
    for _ in range(60):
        cuts = sorted(chance.sample(range(len(payload)), chance.randint(1, 9)))
        assert read(provider, split(payload, cuts)) == whole


def whole_from(provider: str, payload: bytes) -> int:
    """Return how much of a stream has to come for it to count as whole.

    An event that only lacks its blank line has come.
    """
    reader = upstream_of(provider).reader()
    at = 0
    while not any(isinstance(p, Finished) for p in reader.feed(payload[at : at + 1])):
        at += 1
    try:
        while read(provider, [payload[:at]]):
            at -= 1
    except TramontaneError:
        return at
    raise AssertionError("nothing was whole")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stream_that_ends_too_early_is_no_answer(provider: str, kind: str) -> None:
    """Wherever that is; to read it anew at each byte would be quadratic."""
    payload = HEARD[provider, kind]
    end = whole_from(provider, payload)
    for at in (*range(1, end, 7), *range(end - 9, end + 1)):
        with pytest.raises(TramontaneError):
            read(provider, [payload[:at]])


class Sink:
    """What a client has been sent, and that it was billed before its last byte."""

    def __init__(self) -> None:
        self.body = b""
        self.settled_at: int | None = None

    def write_payload(self, payload: bytes) -> None:
        self.body += payload

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        self.write_payload(payload)

    def settle(self, progress: Progress) -> None:
        assert self.settled_at is None
        assert progress.usage is not None
        self.settled_at = len(self.body)


def asked_of(endpoint: Endpoint, client: str) -> Asked:
    speaker = SPEAKERS[client]
    body = speaker.body("Hello", model="m", stream=True)
    return endpoint.client.read(body, None, speaker.path.partition("?")[2].encode())


def way(client: str, provider: str, sink: Sink) -> tuple[Any, Client, Asked]:
    endpoint = TOKENS[SPEAKERS[client].path.partition("?")[0]]
    asked = without_prompt(asked_of(endpoint, client))
    upstream = upstream_of(provider)
    translation = Translation(endpoint.client, asked, upstream, "req_1", drops=False)
    writer = translation.writer()
    stream = translation.relay(
        lambda: sink, writer, choices=1, checkpoint=lambda tokens: None, settle=sink.settle
    )
    assert isinstance(stream, TranslatedStream)
    return stream, endpoint.client, asked


PAIRS = [(client, provider) for client in SPEAKERS for provider in PROVIDERS]


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_a_stream_that_dies_anywhere_ends_with_an_error_in_the_clients_dialect(
    client: str, provider: str
) -> None:
    chance = random.Random(client + provider)
    for kind in KINDS:
        payload = HEARD[provider, kind]
        for at in sorted(chance.sample(range(1, whole_from(provider, payload)), 12)):
            sink = Sink()
            stream, dialect, asked = way(client, provider, sink)
            with pytest.raises(UpstreamFailed):
                stream.feed(payload[:at], None)
                stream.end()
            assert sink.settled_at is None
            writer = stream._writer if sink.body else dialect.writer(asked)
            sink.body += writer.fail(UpstreamFailed("It has broken off."))
            told = SPEAKERS[client].read_stream(sink.body)
            assert told.is_failed, sink.body
            assert not told.is_whole, sink.body


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_a_whole_stream_is_settled_before_its_end_goes_out(client: str, provider: str) -> None:
    for kind in KINDS:
        payload = HEARD[provider, kind]
        said: set[str] = set()
        for size in (len(payload), 7):
            sink = Sink()
            stream, _, _ = way(client, provider, sink)
            for at in range(0, len(payload), size):
                stream.feed(payload[at : at + size], None)
            stream.end()
            assert stream.progress.is_done
            assert sink.settled_at is not None
            assert sink.settled_at < len(sink.body)
            told = SPEAKERS[client].read_stream(sink.body)
            assert told.is_whole, sink.body
            assert not told.is_failed
            said.add(told.text)
        assert len(said) == 1


def test_what_passes_on_passes_byte_for_byte_but_settled_first() -> None:
    upstream = upstream_of("anthropic")
    assert isinstance(upstream, Forwarding)
    for kind in KINDS:
        payload = HEARD["anthropic", kind]
        for size in (1, 13, len(payload)):
            sink = Sink()
            stream = PassedStream(
                lambda sink=sink: sink,  # type: ignore[misc]
                upstream.reader(),
                upstream.stream_end,
                choices=1,
                checkpoint=lambda tokens: None,
                settle=sink.settle,
            )
            for at in range(0, len(payload), size):
                stream.feed(payload[at : at + size], None)
            stream.end()
            assert sink.body == payload
            assert sink.settled_at is not None
            assert sink.settled_at < len(payload)


def test_what_cannot_be_settled_does_not_end() -> None:
    """The journal is full: whoever got the end would have an answer that nobody is billed for."""
    upstream = upstream_of("anthropic")
    assert isinstance(upstream, Forwarding)
    payload = HEARD["anthropic", KINDS[0]]

    def refuse(progress: object) -> None:
        raise Unavailable("The disk is full.")

    for size in (1, 13, len(payload)):
        sink = Sink()
        stream = PassedStream(
            lambda sink=sink: sink,  # type: ignore[misc]
            upstream.reader(),
            upstream.stream_end,
            choices=1,
            checkpoint=lambda tokens: None,
            settle=refuse,
        )
        with pytest.raises(Unavailable):
            for at in range(0, len(payload), size):
                stream.feed(payload[at : at + size], None)
        assert b"message_delta" in sink.body
        assert b"message_stop" not in sink.body
