"""`/api/v1/playground`: a prompt put to one model, as its member's own request, and nothing kept.

Several models side by side are several requests at once. What each took is told at its end.
"""

import asyncio
import time
from typing import Annotated, Any, Literal

import msgspec
from litestar import post
from litestar.params import JSONBody
from litestar.response import Stream

from tramontane.assistant.served import Served
from tramontane.errors import InvalidRequest
from tramontane.studio import facts
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.playground import Sheet, ask
from tramontane.studio.routes.status import usable_in
from tramontane.studio.tool_schemas import check_format, check_tools

TAG = "Playground"
BODY_BYTES = 2_097_152
MESSAGES_MAX = 64
CHARACTERS_MAX = 1_000_000
MODEL_CHARACTERS_MAX = 200

Number = Annotated[float, msgspec.Meta(ge=-2, le=2)]


class PlaygroundMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class PlaygroundParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the model is asked; what is left out is left to it."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] | None = None
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    frequency_penalty: Number | None = None
    presence_penalty: Number | None = None
    stop: Annotated[tuple[str, ...], msgspec.Meta(max_length=4)] | None = None


class PlaygroundPrompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A prompt for one model. `tools` and `response_format` are as OpenAI writes them; a tool is
    only offered, and a call to it shown: nothing is run.
    """

    project_id: str
    model: str
    messages: tuple[PlaygroundMessage, ...]
    parameters: PlaygroundParameters = PlaygroundParameters()
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None


@post(
    "/playground/answers",
    status_code=200,
    request_max_body_size=BODY_BYTES,
    **describe(
        "askPlayground", "Put a prompt to a model", TAG,
        people=True, is_async=True, errors=(404, 413, 429),
    ),
)  # fmt: skip
async def ask_playground(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[PlaygroundPrompt]
) -> Stream:
    """Events: `queued`, `opened` (a model has taken it), `delta`, then `end` with times, tokens and
    cost, or `error`. It is admitted, limited and billed as the member's own; leaving ends it.
    """
    place = caller.membership(data.project_id)
    body = body_of(data)
    served = await asyncio.to_thread(_served, platform, place.project_id)
    sheet = Sheet(served=served, model=data.model, currency=platform.settings.currency)
    events = await ask(platform.tokens, place.key_id, body, sheet, time.monotonic)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return Stream(events, media_type="text/event-stream", headers=headers)


def body_of(data: PlaygroundPrompt) -> dict[str, Any]:
    """Return the chat request that the prompt makes. Raises InvalidRequest, naming the field."""
    if not data.model.strip() or len(data.model) > MODEL_CHARACTERS_MAX:
        raise InvalidRequest("model: name a model.", param="model", code="invalid_value")
    messages = data.messages
    if not messages or messages[-1].role != "user" or not messages[-1].content.strip():
        raise InvalidRequest(
            "messages: the last one must be a question of the user's.",
            param="messages",
            code="invalid_value",
        )
    characters = sum(len(each.content) for each in messages)
    if len(messages) > MESSAGES_MAX or characters > CHARACTERS_MAX:
        raise InvalidRequest(
            f"messages: at most {MESSAGES_MAX}, of {CHARACTERS_MAX:,} characters together.",
            param="messages",
            code="invalid_value",
        )
    given = msgspec.to_builtins(data.parameters)
    body = {name: value for name, value in given.items() if value is not None}
    body |= {"model": data.model, "messages": msgspec.to_builtins(messages)}
    if data.tools:
        check_tools(data.tools)
        body["tools"] = data.tools
    if data.response_format is not None:
        check_format(data.response_format)
        body["response_format"] = data.response_format
    return body


def _served(platform: Platform, project_id: str) -> dict[str, Served]:
    """Return what the project is served, by deployment; what it buys by the publication's name."""
    return {each.name: facts.served(each) for each in usable_in(platform, project_id, None)}
