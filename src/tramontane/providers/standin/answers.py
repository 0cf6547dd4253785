"""What a stand-in answers, and the tokens of the question: pure functions of request and behaviour.

In this order: the calls or the text it was told to give, as many tokens as it was told, a value
of the format asked for, else the last user message again. It does not know how that is written
on the wire.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from tramontane.providers.standin import tokens
from tramontane.providers.standin.behaviour import Behaviour, ScriptedCall
from tramontane.providers.standin.instances import instance
from tramontane.providers.standin.refusals import Refused
from tramontane.providers.standin.requests import (
    AssistantMessage,
    ChatRequest,
    CompletionRequest,
    FunctionTool,
    ImagePart,
    Message,
    ObjectFormat,
    SchemaFormat,
    TextPart,
    UserMessage,
    chosen_function,
)

NOTHING_TO_ECHO_TOKENS = 16
COMPLETION_MAX_TOKENS = 16  # the API's default on /v1/completions


class Call(msgspec.Struct, frozen=True):
    """One call of a function."""

    id: str
    name: str
    arguments: str

    @property
    def tokens(self) -> int:
        """Tokens of the name and of the arguments."""
        return tokens.count(self.name) + tokens.count(self.arguments)


class Answer(msgspec.Struct, frozen=True):
    """One choice of an answer; every choice of a response says the same."""

    text: str | None
    calls: tuple[Call, ...]
    finish: str
    thinking: str = ""

    @property
    def tokens(self) -> int:
        """Tokens of this one choice, thinking included."""
        said = tokens.count(self.text or "") + tokens.count(self.thinking)
        return said + sum(call.tokens for call in self.calls)


def last_user_text(messages: list[Message]) -> str:
    """Return the text of the last user message, its parts joined by line feeds."""
    for message in reversed(messages):
        if isinstance(message, UserMessage):
            return "\n".join(_texts(message.content))
    return ""


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part.text for part in content or () if isinstance(part, TextPart)]


def chat_prompt_tokens(request: ChatRequest) -> int:
    """Return the tokens of the messages, images and tools of `request`."""
    total = tokens.TOKENS_PER_REQUEST + tokens.TOKENS_PER_MESSAGE * len(request.messages)
    for message in request.messages:
        content = message.content
        if type(content) is str:
            total += tokens.count(content)
        else:
            total += sum(tokens.count(text) for text in _texts(content))
            total += tokens.TOKENS_PER_IMAGE * sum(type(p) is ImagePart for p in content or ())
        if isinstance(message, AssistantMessage) and message.tool_calls:
            total += tokens.count(msgspec.json.encode(message.tool_calls).decode())
    if request.tools:
        total += tokens.count(msgspec.json.encode(request.tools).decode())
    return total


def chat_answer(
    request: ChatRequest, behaviour: Behaviour, echo: str, new_id: Callable[[], str]
) -> Answer:
    """Return the answer to `request`, `echo` being the last user message without directives.

    Raises Refused where the request asks for what cannot be given.
    """
    limit = request.max_completion_tokens or request.max_tokens
    calls = _calls(request, behaviour, echo)
    if calls:
        finish = "stop" if chosen_function(request) else "tool_calls"
        made = tuple(Call(new_id(), name, arguments) for name, arguments in calls)
        if limit is not None and sum(call.tokens for call in made) > limit:
            made, finish = _cut_calls(made, limit), "length"
        return Answer(None, made, behaviour.finish or finish)
    text, finish = _limited(_chat_text(request, behaviour, echo), request.stop, limit)
    return Answer(text, (), behaviour.finish or finish)


def _chat_text(request: ChatRequest, behaviour: Behaviour, echo: str) -> str:
    form = request.response_format
    if isinstance(form, ObjectFormat) and not _mentions_json(request):
        raise Refused(
            "'response_format' of type 'json_object' needs the word 'json' in the messages.",
            param="messages",
        )
    if behaviour.answer is not None:
        return behaviour.answer
    if behaviour.tokens is not None:
        return tokens.filler(behaviour.tokens)
    if isinstance(form, ObjectFormat):
        return msgspec.json.encode({"answer": echo}).decode()
    if isinstance(form, SchemaFormat):
        schema = form.json_schema.schema
        place = "response_format.json_schema.schema"
        return _conforming({} if schema is None else schema, echo, "response_format", place)
    return echo or tokens.filler(NOTHING_TO_ECHO_TOKENS)


def _mentions_json(request: ChatRequest) -> bool:
    return any("json" in t.lower() for m in request.messages for t in _texts(m.content))


# What walking through a schema of the wrong shape can end in.
_SCHEMA_ERRORS = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError
)  # fmt: skip


def _conforming(schema: dict[str, Any], text: str, param: str, place: str) -> str:
    try:
        return msgspec.json.encode(instance(schema, text or "text")).decode()
    except _SCHEMA_ERRORS as error:
        raise Refused(
            f"'{place}' is no schema that can be answered: {error}.",
            param=param,
            code="invalid_json_schema",
        ) from None


def _calls(request: ChatRequest, behaviour: Behaviour, echo: str) -> list[tuple[str, str]]:
    known = {
        tool.function.name: tool.function.parameters or {}
        for tool in request.tools or ()
        if isinstance(tool, FunctionTool)
    }
    if not known or request.tool_choice == "none":
        return []
    scripted = behaviour.tool_calls or ()
    if not scripted and behaviour.tool is not None:
        name = next(iter(known)) if behaviour.tool == "auto" else behaviour.tool
        scripted = (ScriptedCall(name),)
    demanded = chosen_function(request)
    if not scripted and (demanded or request.tool_choice == "required"):
        scripted = (ScriptedCall(demanded or next(iter(known))),)
    return [(call.name, _arguments(call, known.get(call.name, {}), echo)) for call in scripted]


def _arguments(call: ScriptedCall, schema: dict[str, Any], echo: str) -> str:
    if isinstance(call.arguments, str):
        return call.arguments
    if call.arguments is not None:
        return msgspec.json.encode(call.arguments).decode()
    return _conforming(schema or {"type": "object"}, echo, "tools", "tools.function.parameters")


def _cut_calls(calls: tuple[Call, ...], limit: int) -> tuple[Call, ...]:
    kept: list[Call] = []
    for call in calls:
        limit -= tokens.count(call.name)
        if limit < 0:
            break
        arguments = tokens.first(call.arguments, limit)
        limit -= tokens.count(arguments)
        kept.append(Call(call.id, call.name, arguments))
    return tuple(kept)


def _limited(text: str, stop: str | list[str] | None, limit: int | None) -> tuple[str, str]:
    if stop is not None:
        places = [text.find(s) for s in ([stop] if isinstance(stop, str) else stop) if s]
        found = [place for place in places if place >= 0]
        if found:
            text = text[: min(found)]
    if limit is not None and tokens.count(text) > limit:
        return tokens.first(text, limit), "length"
    return text, "stop"


def prompts_of(request: CompletionRequest) -> list[str | list[int]]:
    """Return the prompts of `request`, each a text or a list of token numbers."""
    prompt = request.prompt
    if prompt is None:
        return [""]
    if isinstance(prompt, str):
        return [prompt]
    if prompt and isinstance(prompt[0], int):
        return [[item for item in prompt if isinstance(item, int)]]
    return [item for item in prompt if not isinstance(item, int)]


def prompt_tokens(prompts: list[str | list[int]]) -> int:
    """Return the tokens of `prompts`: counted in texts, given in lists."""
    return sum(tokens.count(p) if isinstance(p, str) else len(p) for p in prompts)


def completion_answer(request: CompletionRequest, behaviour: Behaviour, echo: str) -> Answer:
    """Return the answer to one prompt, `echo` being its text without directives."""
    if behaviour.answer is not None:
        text = behaviour.answer
    elif behaviour.tokens is not None:
        text = tokens.filler(behaviour.tokens)
    else:
        text = echo or tokens.filler(NOTHING_TO_ECHO_TOKENS)
    limit = COMPLETION_MAX_TOKENS if request.max_tokens is None else request.max_tokens
    text, finish = _limited(text, request.stop, limit)
    return Answer((echo if request.echo else "") + text, (), behaviour.finish or finish)
