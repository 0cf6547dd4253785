"""RE7 on translated streams: whatever a provider does wrong in its dialect, the client gets the
right outcome in its own, in time, and the bill is right.

Each provider's dialect with one client's, each client's with one provider's; all pairs are `slow`.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.gateway.speakers import PROVIDERS, SPEAKERS, Told
from tests.processes import RunningStandin, run_standin
from tests.running import Reply, RunningGateway, run_gateway
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.store.records import UsageRecord

PRICE = {"input_per_mtok": "0.15", "output_per_mtok": "0.60"}
TOKENS = 40


def paced(fault: str) -> Behaviour:
    return Behaviour(fault=fault, tokens=TOKENS, tps=100)


# Before anything of an answer: the next deployment answers, or the client learns why not.
BEFORE: dict[str, tuple[Behaviour, int]] = {
    "reset": (Behaviour(fault="reset"), 502),
    "close": (Behaviour(fault="close"), 502),
    "head_only": (Behaviour(fault="close_after:0"), 502),
    "s500": (Behaviour(status=500), 502),
    "s401": (Behaviour(status=401), 502),
    "s429": (Behaviour(status=429, retry_after_s=7), 429),
    "s503": (Behaviour(status=503), 503),
    "redirect": (Behaviour(fault="redirect"), 502),
    "no_http": (Behaviour(fault="invalid_http"), 502),
}  # fmt: skip
SILENT_BEFORE = {
    "black_hole": Behaviour(fault="black_hole"),
    "silent_after_head": Behaviour(fault="black_hole:0"),
    "slow": Behaviour(ttft_ms=20_000),
}
# After some of a stream: an error in the client's form, and nothing like a good end.
MIDWAY = {
    "reset_midway": paced("reset_after:9"),
    "close_midway": paced("close_after:9"),
    "bad_event_midway": paced("malformed_json:9"),
    "error_midway": paced("error_event:9"),
    "cut_chunk": paced("truncated_chunk"),
    "bad_chunk": paced("bad_chunk:9"),
}
# What goes wrong, or is odd, with some of them only: a field that no event has (one more beside the
# data is no fault, and events with a name keep their data), and a last word left out.
CHUNKS = ("openai", "mistral", "azure", "azure_openai")
OF_CHUNKS = {"bad_field_midway": paced("malformed_sse:9")}
NO_LAST_WORD = {"missing_done": Behaviour(fault="missing_done", tokens=4)}
CRLF = {"crlf": Behaviour(fault="crlf", tokens=3)}
SILENT_MIDWAY = {"black_hole_midway": paced("black_hole:9")}
# Within an answer that is no stream.
WITHIN = {
    "reset_within": Behaviour(fault="reset_after:60"),
    "close_within": Behaviour(fault="close_after:60"),
    "bad_json_body": Behaviour(fault="malformed_json"),
    "too_short_length": Behaviour(fault="wrong_length:-9"),
    "cut_chunk_body": Behaviour(fault="chunked:50,truncated_chunk"),
}
# Odd, but whole.
HARMLESS = {
    "plain": Behaviour(tokens=3),
    "drip": Behaviour(fault="slow_bytes", tokens=3),
    "split": Behaviour(fault="split_utf8", answer="Übergrößenträger 日本語 🌬️"),
    "in_chunks": Behaviour(fault="chunked:7", tokens=5),
    "says_close": Behaviour(fault="connection_close"),
    "double_done": Behaviour(fault="double_done", tokens=4),
}


def rules() -> tuple[Rule, ...]:
    told = {name: what[0] for name, what in BEFORE.items()}
    told |= SILENT_BEFORE | MIDWAY | SILENT_MIDWAY | WITHIN | HARMLESS
    told |= OF_CHUNKS | NO_LAST_WORD | CRLF
    return tuple(Rule(contains=f"<{name}>", reply=reply) for name, reply in told.items())


class Place:
    """A gateway with one deployment for each dialect, and one that is always well."""

    def __init__(self, gateway: RunningGateway, standin: RunningStandin) -> None:
        self.gateway = gateway
        self.standin = standin

    def ask(self, client: str, provider: str, name: str, *, stream: bool) -> Reply:
        """Have `client`'s dialect ask for what `name` stands for."""
        speaker = SPEAKERS[client]
        body = speaker.body(f"<{name}> é", model=provider, stream=stream)
        return self.gateway.request("POST", speaker.path, body, key=self.gateway.key)

    def bill(self, reply: Reply, count: int = 1) -> list[UsageRecord]:
        """What was settled for `reply`."""
        return self.gateway.bills(reply.fields["x-request-id"], count)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("translated")
    with run_standin(StandinOptions(script=rules())) as standin, run_standin() as well:
        settings: dict[str, object] = {
            "upstream.first_byte_timeout_s": 0.7,
            "upstream.idle_timeout_s": 0.7,
            "upstream.circuit_breaker": False,
            "deployments.well.url": well.url,
            "deployments.well.price": PRICE,
        }
        for dialect, base in PROVIDERS.items():
            url = standin.url.removesuffix("/v1") + base
            settings |= {
                f"deployments.{dialect}.url": url,
                f"deployments.{dialect}.dialect": dialect,
                f"deployments.{dialect}.price": PRICE,
                f"routes.{dialect}-or-well.deployments": [dialect, "well"],
            }
        with run_gateway(folder / "data", None, settings) as gateway:
            yield Place(gateway, standin)


def told_of(reply: Reply, client: str) -> Told:
    found: Told = SPEAKERS[client].read_stream(reply.body)
    return found


def is_refusal(reply: Reply, client: str) -> bool:
    """Whether the body is an error in the client's own form."""
    body = reply.json
    if client == "mistral":
        return body.get("object") == "error" or "detail" in body
    if client == "anthropic":
        return body["type"] == "error" and isinstance(body["error"]["message"], str)
    if client == "ollama":
        return isinstance(body["error"], str)
    return isinstance(body["error"]["message"], str)


def check_told(place: Place, client: str, provider: str, name: str) -> None:
    status = BEFORE[name][1] if name in BEFORE else 504
    for stream in (False, True):
        reply = place.ask(client, provider, name, stream=stream)
        assert reply.status == status or (client, status) == ("anthropic", 503), (name, reply.body)
        assert is_refusal(reply, client), (name, reply.body)
        assert place.bill(reply)[0].cost_nano == 0


def check_replaced(place: Place, client: str, provider: str, name: str) -> None:
    for stream in (False, True):
        reply = place.ask(client, f"{provider}-or-well", name, stream=stream)
        assert reply.status == 200, (name, reply.body)
        assert reply.fields["x-tramontane-deployment"] == "well"
        if stream:
            assert told_of(reply, client).is_whole
        failed, answered = place.bill(reply, 2)
        assert (failed.deployment, failed.cost_nano) == (provider, 0)
        assert (answered.deployment, answered.estimated) == ("well", False)


def check_broken_off(place: Place, client: str, provider: str, name: str) -> None:
    reply = place.ask(client, f"{provider}-or-well", name, stream=True)
    assert reply.status == 200
    told = told_of(reply, client)
    # Of what came in one read with a broken chunk nothing is used, and reads may hold much.
    is_framing = name in ("bad_chunk", "cut_chunk")
    if is_framing and reply.fields["x-tramontane-deployment"] == "well":
        assert told.is_whole
        return
    assert told.is_failed, (name, reply.body[-400:])
    assert not told.is_whole
    assert told.text or is_framing
    (bill,) = place.bill(reply)
    assert bill.estimated
    assert bill.prompt_tokens > 0
    assert (0 if is_framing else 1) <= bill.completion_tokens <= 60
    assert bill.cost_nano > 0


def check_none(place: Place, client: str, provider: str, name: str) -> None:
    reply = place.ask(client, provider, name, stream=False)
    assert reply.status == 502, (name, reply.body)
    assert is_refusal(reply, client)
    assert place.bill(reply)[0].cost_nano == 0


def check_whole(place: Place, client: str, provider: str, name: str) -> None:
    for stream in (False, True):
        reply = place.ask(client, provider, name, stream=stream)
        assert reply.status == 200, (name, reply.body)
        if stream:
            told = told_of(reply, client)
            assert told.is_whole, (name, reply.body)
            text = told.text
        else:
            text = SPEAKERS[client].read_text(reply.json)
        wanted = HARMLESS[name].answer if name in HARMLESS else None
        assert text == wanted or (wanted is None and text)
        (bill,) = place.bill(reply)
        asked = {request.request_id: request for request in place.standin.requests}
        counted = asked[reply.fields["x-request-id"]]
        assert (bill.prompt_tokens, bill.completion_tokens, bill.estimated, bill.status) == (
            counted.prompt_tokens,
            counted.planned_tokens,
            False,
            "ok",
        )


def check_loud(place: Place, client: str, provider: str) -> None:
    """All that does not show by silence."""
    for name in BEFORE:
        check_told(place, client, provider, name)
        check_replaced(place, client, provider, name)
    for name in (*MIDWAY, *(OF_CHUNKS if provider in CHUNKS else ())):
        check_broken_off(place, client, provider, name)
    for name in WITHIN:
        check_none(place, client, provider, name)
    odd = [*HARMLESS, *(CRLF if provider != "bedrock" else ())]
    odd += NO_LAST_WORD if provider in (*CHUNKS, "anthropic") else ()
    for name in odd:
        check_whole(place, client, provider, name)


PAIRS = [(client, provider) for client in SPEAKERS for provider in PROVIDERS]
# Each dialect once on either side, as far as they differ; streams of all pairs are cut and broken
# without sockets in test_translated_stream.
FAST = [
    ("openai", "anthropic"),
    ("openai", "google"),
    ("openai", "bedrock"),
    ("anthropic", "openai"),
    ("anthropic", "anthropic"),
    ("mistral", "mistral"),
    ("responses", "mistral"),
    ("ollama", "azure"),
]


@pytest.mark.parametrize(("client", "provider"), FAST)
def test_whatever_goes_wrong_the_client_learns_it_in_its_own_dialect(
    place: Place, client: str, provider: str
) -> None:
    check_loud(place, client, provider)


def test_a_provider_that_falls_silent_is_given_up_in_time(place: Place) -> None:
    """All of them at once: each takes as long as the timeout."""
    checks: list[tuple[Any, str, str, str]] = []
    for client, provider in FAST:
        checks += [(check_told, client, provider, name) for name in SILENT_BEFORE]
        checks += [(check_broken_off, client, provider, name) for name in SILENT_MIDWAY]
    with ThreadPoolExecutor(40) as threads:
        for done in [threads.submit(check, place, *what) for check, *what in checks]:
            done.result()


@pytest.mark.slow
@pytest.mark.parametrize(("client", "provider"), [pair for pair in PAIRS if pair not in FAST])
def test_every_pair_of_dialects(place: Place, client: str, provider: str) -> None:
    check_loud(place, client, provider)


def test_nothing_of_all_this_is_left_behind(place: Place) -> None:
    """Runs last: no hold is open, no place taken, nothing crashed."""
    key = place.gateway.add_key(place.gateway.project, "operator", rights=("infer", "operate"))
    place.gateway.until_seen(key)
    place.gateway.until_idle(key)
    assert "Traceback" not in place.gateway.log()
