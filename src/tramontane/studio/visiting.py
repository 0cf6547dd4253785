"""One question of a visitor of an embedded assistant, from its checks to its events.

What a visitor is told of an error never names projects, budgets or models. It does not know embeds
nor who the visitor is; nothing is kept.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Literal

import msgspec

from tramontane.assistant.choosing import best_model
from tramontane.assistant.served import Served
from tramontane.assistant.tokenstream import Queued, TextDelta
from tramontane.assistant.turn import Piece, Tokens, turn
from tramontane.errors import (
    BudgetExhausted,
    Forbidden,
    InvalidRequest,
    Overloaded,
    RateLimited,
    TramontaneError,
    Unavailable,
)
from tramontane.store.assistants import AssistantSettings
from tramontane.studio.following import Following
from tramontane.tools import ALL, Tool

TURNS_MAX = 40
QUESTION_CHARACTERS_MAX = 4_000
CHARACTERS_MAX = 40_000
OUTPUT_TOKENS = 1_024
FIRST_S = 5.0
KEEP_S = 15.0
AGAIN_AFTER_S = (0.3, 0.6, 1.0, 2.0)
_KEEP = b": keep\n\n"


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One turn of the conversation, as the visitor's browser has kept it."""

    role: Literal["user", "assistant"]
    content: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked beside the turns: in whose name, of which model, as what, with which tools."""

    key_id: str
    body: dict[str, Any]
    system: str
    tools: Mapping[str, Tool]


def question(turns: tuple[Turn, ...]) -> list[dict[str, str]]:
    """Return the turns as they are sent to a model. Raises InvalidRequest."""
    if not turns or turns[-1].role != "user" or not turns[-1].content.strip():
        raise InvalidRequest("messages: the last one must be a question.", param="messages")
    if len(turns) > TURNS_MAX or sum(len(each.content) for each in turns) > CHARACTERS_MAX:
        raise InvalidRequest(
            "messages: the conversation is too long; send its last turns only.",
            param="messages",
            code="context_length_exceeded",
        )
    if len(turns[-1].content) > QUESTION_CHARACTERS_MAX:
        raise InvalidRequest(
            f"messages: a question is at most {QUESTION_CHARACTERS_MAX:,} characters.",
            param="messages",
            code="context_length_exceeded",
        )
    return [{"role": each.role, "content": each.content} for each in turns]


def asked_of(
    key_id: str, settings: AssistantSettings, models: Mapping[str, Served], rules: str
) -> Asked:
    """Return what an embed's assistant is asked with. Raises Unavailable where no model serves.

    `models` are those that its key may use, `rules` what every embed's model is told.
    """
    model = settings.model if settings.model in models else best_model(models)
    if not model:
        raise Unavailable("No model serves this embed.")
    parameters = msgspec.to_builtins(settings.parameters)
    parameters.pop("tools", None)
    limit = min(parameters.get("max_tokens") or OUTPUT_TOKENS, OUTPUT_TOKENS)
    knows_tools = models[model].supports_tools
    return Asked(
        key_id=key_id,
        body={**parameters, "model": model, "max_tokens": limit},
        system=f"{settings.instructions}\n\n{rules}".strip(),
        tools={name: ALL[name] for name in settings.tools if knows_tools and name in ALL},
    )


async def answer(
    tokens: Tokens,
    asked: Asked,
    turns: list[dict[str, str]],
    *,
    token: Callable[[], str],
    end: Callable[[], None],
) -> AsyncIterator[bytes]:
    """Return the events of an answer, once it has begun or waits. Raises what refuses it before.

    `end` is called when it has ended, however it does; `token` gives the visitor's next token.
    """
    messages = [{"role": "system", "content": asked.system}, *turns]
    body = {**asked.body, "messages": messages}
    for wait_s in (*AGAIN_AFTER_S, None):
        source = Following(turn(tokens, asked.key_id, body, asked.tools))
        try:
            return _events(source, await source.next(FIRST_S), token, end)
        except (Unavailable, Forbidden) as error:
            # A new key reaches the gateway within a second or two; so does one that has restarted.
            if error.code not in ("unavailable", "access_ended") or wait_s is None:
                raise
        except asyncio.CancelledError:
            await source.close()
            raise
        await asyncio.sleep(wait_s)
    raise AssertionError  # the last try returns or raises


async def _events(
    source: Following[Piece], first: Piece | None, token: Callable[[], str], end: Callable[[], None]
) -> AsyncGenerator[bytes, None]:
    try:
        piece = first
        while not source.is_over:
            yield _event_of(piece)
            piece = await source.next(KEEP_S)
        yield _event("done", {"token": token()})
    except TramontaneError as error:
        shown = refused(error)
        yield _event("error", {"code": shown.code, "retry_after_s": shown.retry_after_s})
    finally:
        end()
        await source.close()


def _event_of(piece: Piece | None) -> bytes:
    match piece:
        case TextDelta(text):
            return _event("delta", {"text": text})
        case Queued(position, eta_s):
            return _event("queued", {"position": position, "eta_s": eta_s})
    return _KEEP


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))


def refused(error: TramontaneError) -> TramontaneError:
    """Return what a visitor is told of `error`: what to do, and nothing of what is behind."""
    wait_s = error.retry_after_s
    if error.code == "insufficient_quota":
        return BudgetExhausted("This assistant has used up what it may spend for now.")
    if error.code == "context_length_exceeded":
        return InvalidRequest(
            "The conversation is too long for the model; begin a new one.", code=error.code
        )
    if isinstance(error, RateLimited | Overloaded) or error.status in (429, 503):
        return Overloaded("Too many people are asking just now.", retry_after_s=wait_s or 5.0)
    return Unavailable("This assistant cannot answer just now.", retry_after_s=wait_s)
