"""Google and Bedrock behind the gateway: signatures, seals, bills, and whose mistake an error is.

Their own clients judge the stand-in elsewhere (`tests/clients`); what goes wrong in a stream is in
`test_translated_faults`.
"""

import base64
import datetime
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.processes import RunningStandin, run_standin
from tests.running import Reply, RunningGateway, run_gateway
from tests.wire.bedrock.test_signing import of_botocore
from tramontane.money import Price, Usage, cost_nano
from tramontane.providers.standin import Request, StandinOptions
from tramontane.wire.bedrock.signing import Credentials

GOOGLE_KEY, AWS_KEY = "goog-key", "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG:token=="
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
PRICES = {
    "input_per_mtok": "3",
    "output_per_mtok": "15",
    "cached_input_per_mtok": "0.3",
    "cache_write_per_mtok": "3.75",
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
ELSEWHERE = ("google", "bedrock")
# Where the stand-in speaks the other dialects.
OTHERS = {
    "openai": "/v1",
    "mistral": "/mistral/v1",
    "anthropic": "/v1",
    "azure": "/azure",
    "azure_openai": "/azure/openai",
}


class Place:
    """A gateway before two stand-ins."""

    def __init__(
        self, gateway: RunningGateway, google: RunningStandin, amazon: RunningStandin
    ) -> None:
        self.gateway = gateway
        self.standins = {"google": google, "bedrock": amazon}

    def ask(self, path: str, body: Any, **fields: str) -> Reply:
        """Post `body`; whatever comes back."""
        data = json.dumps(body).encode()
        return self.gateway.request("POST", path, data, key=self.gateway.key, fields=fields)

    def chat(self, model: str, content: Any, **more: Any) -> Reply:
        """Ask in OpenAI's dialect."""
        messages = content if isinstance(content, list) else [said("user", content)]
        return self.ask("/v1/chat/completions", {"model": model, "messages": messages, **more})

    def kept(self, reply: Reply, model: str) -> Request:
        """What the stand-in has seen of it."""
        wanted = reply.fields["x-request-id"]
        (found,) = [r for r in self.standins[model].requests if r.request_id == wanted]
        return found


def said(role: str, content: Any, **more: Any) -> Any:
    return {"role": role, "content": content, **more}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("elsewhere")
    asked_of_google = StandinOptions(api_key=GOOGLE_KEY, keep_bodies=True)
    asked_of_amazon = StandinOptions(api_key="AKIDEXAMPLE", keep_bodies=True)
    with run_standin(asked_of_google) as google, run_standin(asked_of_amazon) as amazon:
        at_google = {
            "url": f"http://127.0.0.1:{google.port}/v1beta",
            "dialect": "google",
            "upstream_model": "gemini-3-pro",
            "price": PRICES,
        }
        at_amazon = {
            "url": f"http://127.0.0.1:{amazon.port}",
            "dialect": "bedrock",
            "upstream_model": CLAUDE,
            "price": PRICES,
        }
        (folder / "plain").write_text("AKIDEXAMPLE")
        settings: dict[str, object] = {}
        for name, serving, key in (
            ("google", at_google, GOOGLE_KEY),
            ("bedrock", at_amazon, AWS_KEY),
            ("stranger", at_google, "x"),
            ("misspelt", at_amazon, "a:b:c:d"),
        ):
            (folder / name).write_text(key)
            settings[f"deployments.{name}"] = {**serving, "key_file": str(folder / name)}
        for name, base in OTHERS.items():
            url = f"http://127.0.0.1:{amazon.port}{base}"
            settings[f"deployments.{name}"] = {
                "url": url,
                "dialect": name,
                "key_file": str(folder / "plain"),
                "price": PRICES,
            }
        for name in ("stranger", "misspelt"):
            settings[f"routes.{name}-or-bedrock.deployments"] = [name, "bedrock"]
        with run_gateway(folder / "data", None, settings) as gateway:
            yield Place(gateway, google, amazon)


@pytest.mark.parametrize("stream", [False, True])
def test_what_arrives_is_signed_as_botocore_signs_it(place: Place, stream: bool) -> None:
    """Of the request as it arrived: its own host, path and body."""
    reply = place.chat("bedrock", "[[standin tokens=3]] Héllo", stream=stream)
    assert reply.status == 200
    kept = place.kept(reply, "bedrock")
    assert kept.headers is not None
    assert kept.body is not None
    then = datetime.datetime.strptime(kept.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    expected = of_botocore(
        Credentials(*AWS_KEY.split(":")),
        host=kept.headers["host"],
        path=kept.path,
        body=kept.body.encode(),
        now_s=then.replace(tzinfo=datetime.UTC).timestamp(),
        region="us-east-1",
    )
    for name in ("authorization", "x-amz-date", "x-amz-security-token"):
        assert kept.headers[name] == expected[name]
    assert kept.path.endswith("/converse-stream" if stream else "/converse")


# --- calls of tools, in each client's dialect -----------------------------------------------------


def through_openai(place: Place, model: str, then: str | None = None) -> str:
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    asked = said("user", "[[standin tool=f]] Rome")
    answer = place.chat(model, [asked], tools=tools).json["choices"][0]
    assert answer["finish_reason"] == "tool_calls"
    (call,) = answer["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"city": "Rome"}
    result = said("tool", "sunny", tool_call_id=call["id"])
    history = [asked, answer["message"], result, said("user", "So?")]
    reply = place.chat(then or model, history, tools=tools)
    assert reply.status == 200, reply.body
    return str(reply.json["choices"][0]["message"]["content"])


def through_mistral(place: Place, model: str, then: str | None = None) -> str:
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    asked = said("user", "[[standin tool=f]] Rome")
    body = {"model": model, "messages": [asked], "tools": tools}
    answer = place.ask("/mistral/v1/chat/completions", body).json["choices"][0]
    (call,) = answer["message"]["tool_calls"]
    result = said("tool", "sunny", tool_call_id=call["id"], name="f")
    history = [asked, answer["message"], result, said("user", "So?")]
    again = {**body, "model": then or model, "messages": history}
    reply = place.ask("/mistral/v1/chat/completions", again)
    assert reply.status == 200, reply.body
    return str(reply.json["choices"][0]["message"]["content"])


def through_anthropic(place: Place, model: str, then: str | None = None) -> str:
    asked = said("user", '[[standin tool=f thinking="hm"]] Rome')
    body = {
        "model": model,
        "max_tokens": 2000,
        "messages": [asked],
        "tools": [{"name": "f", "input_schema": SCHEMA}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    answer = place.ask("/anthropic/v1/messages", body).json
    assert answer["stop_reason"] == "tool_use"
    (call,) = [block for block in answer["content"] if block["type"] == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "sunny"}
    told = said("user", [result, {"type": "text", "text": "So?"}])
    history = [asked, said("assistant", answer["content"]), told]
    again = {**body, "model": then or model, "messages": history}
    reply = place.ask("/anthropic/v1/messages", again)
    assert reply.status == 200, reply.body
    return "".join(block.get("text", "") for block in reply.json["content"])


def through_ollama(place: Place, model: str, then: str | None = None) -> str:
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    asked = said("user", "[[standin tool=f]] Rome")
    body = {"model": model, "messages": [asked], "tools": tools, "stream": False}
    answer = place.ask("/api/chat", body).json["message"]
    assert answer["tool_calls"][0]["function"]["arguments"] == {"city": "Rome"}
    history = [asked, answer, said("tool", "sunny", tool_name="f"), said("user", "So?")]
    again = {**body, "model": then or model, "messages": history}
    return str(place.ask("/api/chat", again).json["message"]["content"])


@pytest.mark.parametrize("model", ELSEWHERE)
@pytest.mark.parametrize(
    "ask", [through_openai, through_mistral, through_anthropic, through_ollama]
)
def test_a_call_of_a_tool_comes_and_its_result_goes_back(
    place: Place, model: str, ask: Callable[[Place, str], str]
) -> None:
    """The stand-in refuses a conversation whose seals or ids are not as it made them."""
    assert ask(place, model) == "So?"


@pytest.mark.parametrize("other", ["openai", "mistral", "anthropic", "azure_openai", "bedrock"])
@pytest.mark.parametrize("speak", ["openai", "mistral", "anthropic"])
def test_a_conversation_that_google_began_goes_on_elsewhere(
    place: Place, speak: str, other: str
) -> None:
    """With its ids, seals and thoughts; and comes back. Who takes ids of 40 letters gets these."""
    ask = {"openai": through_openai, "mistral": through_mistral, "anthropic": through_anthropic}
    assert ask[speak](place, "google", other) == "So?"
    assert ask[speak](place, other, "google") == "So?"


@pytest.mark.slow
@pytest.mark.parametrize("then", [*OTHERS, *ELSEWHERE])
@pytest.mark.parametrize("first", [*OTHERS, *ELSEWHERE])
@pytest.mark.parametrize(
    "ask", [through_openai, through_mistral, through_anthropic, through_ollama]
)
def test_a_conversation_goes_on_wherever_it_began(
    place: Place, ask: Callable[[Place, str, str], str], first: str, then: str
) -> None:
    assert ask(place, first, then) == "So?"


# --- bills ----------------------------------------------------------------------------------------

PRICE = Price(3_000_000_000, 15_000_000_000, 300_000_000, cache_write_nano_per_mtok=3_750_000_000)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ELSEWHERE)
def test_the_bill_is_the_providers_count(place: Place, model: str, stream: bool) -> None:
    told = '[[standin tokens=9 thinking="hmhmhm" cached_tokens=4 cache_write_tokens=3]] Hello'
    reply = place.chat(model, told, stream=stream)
    kept = place.kept(reply, model)
    written = 3 if model == "bedrock" else 0  # Google counts none
    usage = Usage(kept.prompt_tokens, 11, 4, written)
    (bill,) = place.gateway.bills(reply.fields["x-request-id"])
    assert (bill.prompt_tokens, bill.completion_tokens) == (kept.prompt_tokens, 11)
    assert (bill.cached_tokens, bill.cache_write_tokens) == (4, written)
    assert (bill.estimated, bill.cost_nano) == (False, cost_nano(PRICE, usage))


def test_usage_that_a_provider_does_not_tell_is_estimated(place: Place) -> None:
    for model in ELSEWHERE:
        reply = place.chat(model, "[[standin tokens=9 usage=never]] Hello", stream=True)
        (bill,) = place.gateway.bills(reply.fields["x-request-id"])
        assert bill.estimated
        assert bill.completion_tokens > 0


# --- forms, pictures, ends ------------------------------------------------------------------------


@pytest.mark.parametrize("model", ELSEWHERE)
def test_a_schema_a_picture_and_other_ends(place: Place, model: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}
    reply = place.chat(model, "Rome", response_format=form)
    assert json.loads(reply.json["choices"][0]["message"]["content"]) == {"city": "Rome"}
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    reply = place.chat(model, [said("user", [{"type": "text", "text": "What?"}, picture])])
    assert place.kept(reply, model).prompt_tokens > 85
    reply = place.chat(model, "Hello there, and more", max_tokens=2)
    assert reply.json["choices"][0]["finish_reason"] == "length"
    reply = place.chat(model, "[[standin finish=content_filter]] x")
    assert reply.json["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("model", "finish"),
    [("google", "MALFORMED_FUNCTION_CALL"), ("bedrock", "malformed_tool_use")],
)
def test_an_answer_that_the_model_broke_off_is_no_good_end(
    place: Place, model: str, finish: str
) -> None:
    reply = place.chat(model, f"[[standin tokens=3 finish={finish}]] x", stream=True)
    assert b"[DONE]" not in reply.body
    assert b"broke its answer off" in reply.body
    reply = place.chat(model, f"[[standin tokens=3 finish={finish}]] x")
    assert (reply.status, reply.code) == (502, "upstream_error")


# --- whose mistake it is --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["stranger", "misspelt"])
def test_a_wrong_key_is_the_operators(place: Place, name: str) -> None:
    """Google answers 400 to it, as to a caller's mistake; AWS never sees one of no known form."""
    reply = place.chat(name, "x")
    assert (reply.status, reply.code) == (502, "upstream_refused")
    assert b"API key" not in reply.body
    reply = place.chat(f"{name}-or-bedrock", "x")
    assert (reply.status, reply.fields["x-tramontane-deployment"]) == (200, "bedrock")


@pytest.mark.parametrize(
    ("model", "wrong"), [("google", {"top_p": 7}), ("bedrock", {"temperature": 1.5})]
)
def test_a_request_that_the_provider_refuses_is_the_callers(
    place: Place, model: str, wrong: Any
) -> None:
    reply = place.chat(model, "x", **wrong)
    assert reply.status == 400
    (bill,) = place.gateway.bills(reply.fields["x-request-id"])
    assert (bill.status, bill.cost_nano) == ("refused", 0)


@pytest.mark.parametrize("model", ELSEWHERE)
def test_when_to_come_again_reaches_the_client(place: Place, model: str) -> None:
    """Google says so in the error's details, AWS in the head."""
    reply = place.chat(model, "[[standin status=429 retry_after_s=7]] x")
    assert (reply.status, reply.fields["retry-after"]) == (429, "7")


@pytest.mark.parametrize("model", ELSEWHERE)
def test_what_cannot_be_said_is_refused_or_dropped_and_named(place: Place, model: str) -> None:
    reply = place.chat(model, "x", logit_bias={"1": 1})
    assert (reply.status, reply.code) == (400, "unsupported_parameter")
    assert reply.json["error"]["param"] == "logit_bias"
    body = {"model": model, "messages": [said("user", "x")], "logit_bias": {"1": 1}}
    reply = place.ask("/v1/chat/completions", body, **{"x-tramontane-drop": "true"})
    assert (reply.status, reply.fields["x-tramontane-dropped"]) == (200, "logit_bias")


def test_embeddings_of_google(place: Place) -> None:
    reply = place.ask("/v1/embeddings", {"model": "google", "input": ["a", "b"], "dimensions": 4})
    assert [len(one["embedding"]) for one in reply.json["data"]] == [4, 4]
    assert reply.json["usage"]["prompt_tokens"] == 2
    reply = place.ask("/v1/embeddings", {"model": "bedrock", "input": "a"})
    assert reply.status == 400
