"""Every dialect of clients with every dialect of providers: what goes through, as a table.

`python -m tests.gateway.dialect_table` writes docs/dialects.md. Each cell is asked of a gateway
that runs, with a stand-in for the provider that speaks its dialect, and answers `yes` only where
the right thing reached the provider and the right thing came back; `no` is a refusal in the
client's form that names the field, `none` that the client's dialect has no such thing. Anything
else is `WRONG`, which no table may hold.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.gateway.speakers import PROVIDERS, SPEAKERS, events
from tests.processes import RunningStandin, run_standin
from tests.running import RunningGateway, run_gateway
from tramontane.providers.standin import Behaviour, Rule, ScriptedCall, StandinOptions

TARGET = Path(__file__).parents[2] / "docs" / "dialects.md"
PIXEL = (  # of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CALL = ScriptedCall(name="get_weather", arguments={"city": "Sion"})
NAMES = {
    "openai": "OpenAI, chat",
    "responses": "OpenAI, Responses",
    "mistral": "Mistral",
    "azure": "Azure AI",
    "azure_openai": "Azure OpenAI",
    "anthropic": "Anthropic",
    "ollama": "Ollama",
    "google": "Google Gemini",
    "bedrock": "Amazon Bedrock",
}


class Said(NamedTuple):
    """What an answer says, whatever its dialect."""

    text: str
    calls: list[tuple[str, Any]]
    usage: tuple[int, int] | None
    reason: str | None


class Form(NamedTuple):
    """How a dialect asks for more than text, and where its answers say what."""

    tools: dict[str, Any]
    schema: dict[str, Any]
    image: Any
    results: list[Any]
    seed: dict[str, Any] | None
    stop: dict[str, Any] | None
    counted: dict[str, Any]
    reasons: tuple[str, str, str]  # of itself, for a tool, at its limit
    read: Callable[[Any], Said]
    read_stream: Callable[[bytes], Said]


# --- reading ----------------------------------------------------------------------------------


def _chat(body: Any) -> Said:
    choice, usage = body["choices"][0], body.get("usage")
    message = choice["message"]
    calls = [
        (c["function"]["name"], json.loads(c["function"]["arguments"]))
        for c in message.get("tool_calls") or ()
    ]
    counted = (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
    return Said(_text(message.get("content")), calls, counted, choice["finish_reason"])


def _chat_stream(body: bytes) -> Said:
    text, reason, usage = "", None, None
    calls: dict[int, list[str]] = {}
    for event in events(body):
        if event == "[DONE]":
            continue
        if event.get("usage"):
            usage = (event["usage"]["prompt_tokens"], event["usage"]["completion_tokens"])
        for choice in event["choices"]:
            text += _text(choice["delta"].get("content"))
            reason = choice.get("finish_reason") or reason
            for call in choice["delta"].get("tool_calls") or ():
                held = calls.setdefault(call.get("index", 0), ["", ""])
                held[0] += call["function"].get("name") or ""
                held[1] += call["function"].get("arguments") or ""
    made = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    return Said(text, made, usage, reason)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""


def _response(body: Any) -> Said:
    text = "".join(
        part["text"]
        for item in body["output"]
        if item["type"] == "message"
        for part in item["content"]
    )
    calls = [
        (item["name"], json.loads(item["arguments"]))
        for item in body["output"]
        if item["type"] == "function_call"
    ]
    usage = body["usage"]
    why = (body.get("incomplete_details") or {}).get("reason") or body["status"]
    return Said(text, calls, (usage["input_tokens"], usage["output_tokens"]), why)


def _response_stream(body: bytes) -> Said:
    last = events(body)[-1]
    said = _response(last["response"])
    deltas = [e for e in events(body) if e["type"] == "response.output_text.delta"]
    assert said.text == "".join(event["delta"] for event in deltas)
    return said


def _message(body: Any) -> Said:
    text = "".join(part.get("text", "") for part in body["content"])
    calls = [(p["name"], p["input"]) for p in body["content"] if p["type"] == "tool_use"]
    return Said(text, calls, _message_usage(body["usage"]), body["stop_reason"])


def _message_usage(usage: Any) -> tuple[int, int]:
    cached = (usage.get(f"cache_{what}_input_tokens") or 0 for what in ("read", "creation"))
    return usage["input_tokens"] + sum(cached), usage["output_tokens"]


def _message_stream(body: bytes) -> Said:
    text, reason = "", None
    usage: dict[str, Any] = {}
    calls: dict[int, list[str]] = {}
    for event in events(body):
        if event["type"] == "message_start":
            usage |= event["message"]["usage"]
        elif (
            event["type"] == "content_block_start" and event["content_block"]["type"] == "tool_use"
        ):
            calls[event["index"]] = [event["content_block"]["name"], ""]
        elif event["type"] == "content_block_delta":
            text += event["delta"].get("text", "")
            if event["delta"]["type"] == "input_json_delta":
                calls[event["index"]][1] += event["delta"]["partial_json"]
        elif event["type"] == "message_delta":
            usage |= {k: v for k, v in event["usage"].items() if v is not None}
            reason = event["delta"]["stop_reason"]
    made = [(name, json.loads(arguments)) for name, arguments in calls.values()]
    return Said(text, made, _message_usage(usage), reason)


def _ollama(body: Any) -> Said:
    calls = [
        (c["function"]["name"], c["function"]["arguments"])
        for c in body["message"].get("tool_calls") or ()
    ]
    usage = (body["prompt_eval_count"], body["eval_count"])
    return Said(body["message"]["content"], calls, usage, body["done_reason"])


def _ollama_stream(body: bytes) -> Said:
    lines = [json.loads(line) for line in body.splitlines()]
    whole = dict(lines[-1])
    whole["message"] = {
        "content": "".join(line["message"]["content"] for line in lines),
        "tool_calls": [c for line in lines for c in line["message"].get("tool_calls") or ()],
    }
    return _ollama(whole)


# --- asking -----------------------------------------------------------------------------------

_FUNCTION = {"name": "get_weather", "description": "The weather", "parameters": SCHEMA}
_NAMED = {"name": "city", "schema": SCHEMA, "strict": True}
_RAIN = "rain from four on"
_ASKED = {"id": "callabc12", "type": "function"}
_CALLED = {"name": "get_weather", "arguments": '{"city": "Sion"}'}
_TOLD = [
    {"role": "assistant", "content": None, "tool_calls": [{**_ASKED, "function": _CALLED}]},
    {"role": "tool", "tool_call_id": "callabc12", "content": _RAIN},
]
_SEED, _STOP = 90210, ["@@@"]
_DATA = f"data:image/png;base64,{PIXEL}"


def _chat_form(counted: dict[str, Any], seed: str = "seed") -> Form:
    return Form(
        tools={"tools": [{"type": "function", "function": _FUNCTION}]},
        schema={"response_format": {"type": "json_schema", "json_schema": _NAMED}},
        image=[{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": _DATA}}],
        results=_TOLD,
        seed={seed: _SEED},
        stop={"stop": _STOP},
        counted=counted,
        reasons=("stop", "tool_calls", "length"),
        read=_chat,
        read_stream=_chat_stream,
    )


FORMS = {
    "openai": _chat_form({"stream_options": {"include_usage": True}}),
    "mistral": _chat_form({}, "random_seed"),
    "azure": _chat_form({"stream_options": {"include_usage": True}}),
    "responses": Form(
        tools={"tools": [{"type": "function", "strict": False, **_FUNCTION}]},
        schema={"text": {"format": {"type": "json_schema", **_NAMED}}},
        image=[
            {"type": "input_text", "text": "See"},
            {"type": "input_image", "image_url": _DATA, "detail": "auto"},
        ],
        results=[
            {"type": "function_call", "call_id": "callabc12", **_CALLED},
            {"type": "function_call_output", "call_id": "callabc12", "output": _RAIN},
        ],
        seed=None,
        stop=None,
        counted={},
        reasons=("completed", "completed", "max_output_tokens"),
        read=_response,
        read_stream=_response_stream,
    ),
    "anthropic": Form(
        tools={
            "tools": [{"name": "get_weather", "description": "The weather", "input_schema": SCHEMA}]
        },
        schema={"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        image=[
            {"type": "text", "text": "See"},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
            },
        ],
        results=[
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "tool_use",
                        "id": "callabc12",
                        "name": "get_weather",
                        "input": {"city": "Sion"},
                    }
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "callabc12", "content": _RAIN}],
            },
        ],
        seed=None,
        stop={"stop_sequences": _STOP},
        counted={},
        reasons=("end_turn", "tool_use", "max_tokens"),
        read=_message,
        read_stream=_message_stream,
    ),
    "ollama": Form(
        tools={"tools": [{"type": "function", "function": _FUNCTION}]},
        schema={"format": SCHEMA},
        image=None,
        results=[
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"function": {"name": "get_weather", "arguments": {"city": "Sion"}}}
                ],
            },
            {"role": "tool", "tool_name": "get_weather", "content": _RAIN},
        ],
        seed={"options": {"seed": _SEED}},
        stop={"options": {"stop": _STOP}},
        counted={},
        reasons=("stop", "stop", "length"),
        read=_ollama,
        read_stream=_ollama_stream,
    ),
}


# --- the cells --------------------------------------------------------------------------------

FEATURES = {
    "text": "text",
    "tools": "tool calls",
    "results": "tool results",
    "schema": "JSON schema",
    "image": "images",
    "stop": "stop words",
    "seed": "seed",
    "usage": "usage",
    "cut": "cut short",
}


# What the provider's body holds then.
_REACHES = {
    "schema": '"city"',
    "image": PIXEL,
    "results": _RAIN,
    "seed": str(_SEED),
    "stop": _STOP[0],
}


class Bench:
    """A gateway with a deployment for each dialect of providers, all served by one stand-in."""

    def __init__(self, gateway: RunningGateway, standin: RunningStandin) -> None:
        self.gateway = gateway
        self.standin = standin

    def cell(self, client: str, provider: str, feature: str, *, stream: bool) -> str:
        """Return `yes`, `no` or `WRONG` with what was wrong."""
        form = FORMS[client]
        fields: dict[str, Any] = dict(form.counted) if stream else {}
        more = {"seed": form.seed, "stop": form.stop, "schema": form.schema}.get(feature, {})
        if more is None:
            return "none"
        if feature in ("tools", "results"):
            fields |= form.tools
        content = {"tools": "Call it", "cut": "Go on and on"}.get(feature, "Say this back")
        self.standin.reset()
        body = json.loads(SPEAKERS[client].body(content, model=provider, stream=stream, **fields))
        for name, value in more.items():
            body[name] = {**body.get(name, {}), **value} if name == "options" else value
        if feature == "image":
            _add_image(client, body)
        elif feature == "results":
            body[SPEAKERS[client].input] += form.results
        path = SPEAKERS[client].path
        reply = self.gateway.request("POST", path, json.dumps(body).encode(), key=self.gateway.key)
        if reply.status in (400, 422) and b"nothing like" in reply.body:
            return "no"
        if reply.status != 200:
            return f"WRONG: {reply.status} {reply.body[:300]!r}"
        try:
            said = form.read_stream(reply.body) if stream else form.read(reply.json)
        except (KeyError, IndexError, TypeError, ValueError, AssertionError) as error:
            return f"WRONG: {error!r} in {reply.body[-600:]!r}"
        wrong = self._wrong(feature, form, said)
        return f"WRONG: {wrong} {said}" if wrong else "yes"

    def _wrong(self, feature: str, form: Form, said: Said) -> str | None:
        asked = self.standin.requests[-1]
        if feature == "tools":
            is_right = said.calls == [("get_weather", {"city": "Sion"})]
            return None if is_right and said.reason == form.reasons[1] else "calls"
        if feature == "usage":
            used = (asked.prompt_tokens, asked.completion_tokens)
            return None if said.usage == used else f"usage is not {used}"
        if feature == "cut":
            return None if said.reason == form.reasons[2] else "reason"
        if said.reason != form.reasons[0]:
            return "reason"
        reached = _REACHES.get(feature)
        if reached is not None and reached not in _plain(asked.body):
            return "it did not reach the provider"
        return None if said.text else "no text"


def _plain(body: str | None) -> str:
    """Return a body whose JSON within JSON is spelled as the rest."""
    return (body or "").replace("\\/", "/").replace('\\"', '"')


def _add_image(client: str, body: dict[str, Any]) -> None:
    (message,) = body[SPEAKERS[client].input]
    if client == "ollama":
        message["images"] = [PIXEL]
    else:
        message["content"] = FORMS[client].image


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """Yield what the cells are asked of."""
    script = (
        Rule(contains="Call it", reply=Behaviour(tool_calls=(CALL,))),
        Rule(contains="on and on", reply=Behaviour(answer="mo il vent sol mar " * 400)),
    )
    with run_standin(StandinOptions(keep_bodies=True, script=script)) as standin:
        settings: dict[str, object] = {}
        for dialect, base in PROVIDERS.items():
            settings |= {
                f"deployments.{dialect}.url": standin.url.removesuffix("/v1") + base,
                f"deployments.{dialect}.dialect": dialect,
            }
        with run_gateway(folder / "data", None, settings) as gateway:
            key = gateway.add_key(gateway.project, "seen")
            gateway.until_seen(key)
            yield Bench(gateway, standin)


def table(on: Bench) -> str:
    """Return docs/dialects.md."""
    lines = [
        "# Dialects",
        "",
        "What goes through between each dialect that clients speak and each that providers speak.",
        "Written by `python -m tests.gateway.dialect_table`, which asks each cell of a gateway",
        "that runs, with a stand-in for the provider; `make check-slow` compares. The stand-ins",
        "are themselves asked by each provider's own client.",
        "",
        "● goes through: it reaches the provider as its own field, and comes back as the client's.",
        "○ is refused before anything is sent, with the field's name; `x-tramontane-drop: true`",
        "leaves it out instead. – The client's dialect has no such thing. On the left of each cell",
        "a whole answer, on the right a stream. *Usage* is compared with the provider's own count,",
        "why an answer ended (of itself, for a tool, *cut short*) with the client's own word.",
    ]
    for client in FORMS:
        lines += ["", f"## {NAMES[client]}", ""]
        lines.append("| provider | " + " | ".join(FEATURES.values()) + " |")
        lines.append("| --- |" + " :-: |" * len(FEATURES))
        for provider in PROVIDERS:
            cells = [_shown(on, client, provider, feature) for feature in FEATURES]
            lines.append(f"| {NAMES[provider]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(on: Bench, client: str, provider: str, feature: str) -> str:
    marks = {"yes": "●", "no": "○", "none": "–"}
    cells = [on.cell(client, provider, feature, stream=stream) for stream in (False, True)]
    for cell in cells:
        assert cell in marks, f"{client} → {provider}, {feature}: {cell}"
    return " ".join(marks[cell] for cell in cells)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch, bench(Path(scratch)) as made:
        TARGET.write_text(table(made), encoding="utf-8")
