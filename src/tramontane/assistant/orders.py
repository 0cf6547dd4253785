"""What is to be answered: a question or an older answer's place, checked and kept in the store.

All in one transaction: what it returns is committed, or nothing was. It does not ask any model.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection

from tramontane.assistant import context, scope, titles
from tramontane.assistant.scope import NOTHING, Scope
from tramontane.assistant.served import Served
from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.guide.conversation import Context, context_message
from tramontane.store import conversations, messages
from tramontane.store.conversations import Conversation, Parameters
from tramontane.store.messages import RUNNING, ChecksPart, Message, ProgressPart, TextPart
from tramontane.store.names import unknown

TEXT_CHARACTERS_MAX = 1_000_000
CLIENT_ID_CHARACTERS_MAX = 100


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """What an assistant adds to a conversation; `tools` None allows every tool."""

    instructions: str | None = None
    parameters: Parameters = Parameters()
    tools: tuple[str, ...] | None = None
    library_ids: tuple[str, ...] = ()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to be written: what to ask, of which model, in whose name."""

    conversation: Conversation
    answer: Message
    key_id: str
    model: str
    parameters: Parameters
    system: context.Chat
    messages: context.Chat
    sent: context.Fit
    least: int
    tools: tuple[str, ...] | None
    is_trimming: bool
    questions: tuple[str, ...]
    scope: Scope = NOTHING
    branch: tuple[Message, ...] = ()
    context_tokens: int | None = None
    language: str | None = None
    guide: Context | None = None
    is_first: bool = False
    reads_whole: bool = False

    @property
    def question(self) -> str:
        """What is to be answered."""
        return self.questions[-1] if self.questions else ""

    def body(self, chat: context.Chat) -> dict[str, Any]:
        """Return the request for `chat`."""
        asked = msgspec.to_builtins(self.parameters)
        asked.pop("tools", None)
        return {"model": self.model, "messages": chat, **asked}

    def shorter(self, sent: context.Fit, *, is_least: bool) -> context.Fit | None:
        """Return half of what was sent, or the least there can be; None where that was sent."""
        kept = len(self.messages) - sent.left_out
        if kept <= self.least:
            return None
        room = 0 if is_least else context.tokens(self.messages[sent.left_out :]) // 2
        rest = context.trimmed(self.messages, room, least=self.least)
        return context.Fit(self.system + rest, len(self.messages) - len(rest))


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What every order needs to know: in whose name, of which models, and as whom."""

    key_id: str
    language: str = "en"
    is_admin: bool = False
    served: Mapping[str, Served]
    persona: Persona
    now_ms: int
    is_trimming: bool = False
    reads_whole: bool = False


def send(
    c: Connection,
    conversation: Conversation,
    asking: Asking,
    *,
    parent_id: str | None,
    text: str,
    client_id: str,
    attachments: Sequence[str] = (),
) -> tuple[Message, Message, Order | None]:
    """Keep a question; return it, its answer to be, and the order, None where it was sent before.

    Raises InvalidRequest, NotFound, Conflict.
    """
    before = messages.sent(c, conversation.id, _check_client_id(client_id))
    if before is not None:
        return (*before, None)
    if not text.strip():
        raise InvalidRequest("text: write something.", param="text", code="invalid_value")
    if len(text) > TEXT_CHARACTERS_MAX or "\0" in text:
        raise InvalidRequest(
            f"text: at most {TEXT_CHARACTERS_MAX:,} characters, and none of them NUL.",
            param="text",
            code="invalid_value",
        )
    branch = _branch(c, conversation.id, parent_id, "parent_id")
    files = scope.files(c, conversation.id, attachments)
    user = messages.new(
        conversation.id,
        "user",
        parent_id,
        asking.now_ms,
        parts=(*((files,) if files else ()), TextPart(text)),
        client_id=client_id,
    )
    answer = messages.new(
        conversation.id, "assistant", user.id, asking.now_ms + 1, status="queued",
        model=conversation.model,
    )  # fmt: skip
    order = _order(c, conversation, answer, asking, [*branch, user], is_first=not branch)
    messages.add(c, (user, answer))
    changes: dict[str, Any] = {"updated_at_ms": asking.now_ms, "shown_message_id": answer.id}
    if conversation.title_source == "none":
        changes |= {"title": titles.from_question(text), "title_source": "question"}
    changed = conversations.change(c, conversation.id, **changes)
    return user, answer, msgspec.structs.replace(order, conversation=changed)


def again(
    c: Connection,
    conversation: Conversation,
    asking: Asking,
    *,
    parent_id: str,
    model: str | None,
) -> Order:
    """Keep another answer to the question `parent_id` to be, beside those that it has.

    Raises InvalidRequest, NotFound, Conflict.
    """
    branch = _branch(c, conversation.id, parent_id, "parent_id")
    if branch[-1].role != "user":
        raise InvalidRequest(
            "parent_id: must be a question; an answer is answered by writing.",
            param="parent_id",
            code="invalid_value",
        )
    answer = messages.new(
        conversation.id, "assistant", parent_id, asking.now_ms, status="queued",
        model=model or conversation.model,
    )  # fmt: skip
    order = _order(c, conversation, answer, asking, branch)
    messages.add(c, (answer,))
    changed = conversations.change(
        c, conversation.id, updated_at_ms=asking.now_ms, shown_message_id=answer.id
    )
    return msgspec.structs.replace(order, conversation=changed)


def go_on(c: Connection, conversation: Conversation, asking: Asking, *, message_id: str) -> Order:
    """Have an answer that ended early continued in its place. Raises as the others do."""
    branch = _branch(c, conversation.id, message_id, "message_id")
    if branch[-1].role != "assistant":
        raise InvalidRequest(
            "Only an answer can be continued.", param="message_id", code="invalid_value"
        )
    parts = (p for p in branch[-1].parts if not isinstance(p, ChecksPart | ProgressPart))
    answer = msgspec.structs.replace(
        branch[-1], status="queued", error=None, updated_at_ms=asking.now_ms, parts=tuple(parts)
    )
    order = _order(c, conversation, answer, asking, branch, is_continuing=True)
    messages.put(c, answer)
    changed = conversations.change(
        c, conversation.id, updated_at_ms=asking.now_ms, shown_message_id=answer.id
    )
    return msgspec.structs.replace(order, conversation=changed)


def check_model(model: str, served: Mapping[str, Served]) -> str:
    """Return `model`. Raises NotFound with the nearest names where nothing serves it."""
    if model not in served:
        near = unknown("model", model, served, "model")
        raise NotFound(near.message, param="model", code="model_not_found")
    return model


def _branch(c: Connection, conversation_id: str, end_id: str | None, param: str) -> list[Message]:
    try:
        branch = messages.branch(c, conversation_id, end_id)
    except NotFound as error:
        raise NotFound(error.message, param=param) from None
    if branch and branch[-1].status in RUNNING:
        raise Conflict(
            "That answer is still being written: wait for its end, or stop it.",
            code="answer_running",
            param=param,
        )
    return branch


def _order(
    c: Connection,
    conversation: Conversation,
    answer: Message,
    asking: Asking,
    branch: Sequence[Message],
    *,
    is_continuing: bool = False,
    is_first: bool = False,
) -> Order:
    model = check_model(answer.model or conversation.model, asking.served)
    served = asking.served[model]
    parameters = _merged(asking.persona.parameters, conversation.parameters)
    system = context.system_message(asking.persona.instructions, conversation.instructions)
    guide = _for_guide(asking) if served.kind == "guide" else None
    if guide is not None:
        system = [*system, {"role": "system", "content": context_message(guide)}]
    chat = context.chat(branch, is_continuing=is_continuing)
    bytes_per_token = context.measured(system, branch, model)
    # A request to go on means nothing without the answer that it is about, and its question.
    least = 3 if is_continuing and len(chat) >= 3 else 1
    sent = context.fit(
        system,
        chat,
        served.context_tokens,
        parameters.max_tokens,
        bytes_per_token,
        is_trimming=asking.is_trimming,
        least=least,
        model=model,
    )
    questions = tuple(message.text for message in branch if message.role == "user")
    return Order(
        conversation=conversation,
        answer=answer,
        key_id=asking.key_id,
        model=model,
        parameters=parameters,
        system=system,
        messages=chat,
        sent=sent,
        least=least,
        tools=_allowed(asking.persona.tools, conversation.parameters.tools),
        is_trimming=asking.is_trimming,
        questions=questions,
        scope=scope.scope_of(c, conversation, asking.persona.library_ids, branch),
        branch=tuple(branch),
        context_tokens=served.context_tokens,
        language=asking.language,
        guide=guide,
        is_first=is_first,
        reads_whole=asking.reads_whole and guide is None,
    )


def _for_guide(asking: Asking) -> Context:
    """The one thing said that nobody wrote: the guide is told whom it has before it."""
    capable = tuple(
        name
        for name, served in asking.served.items()
        if served.is_capable and not served.is_demonstration
    )
    return Context(
        today=date.fromtimestamp(asking.now_ms / 1000),
        language=asking.language,
        is_admin=asking.is_admin,
        models=capable,
    )


def _merged(default: Parameters, own: Parameters) -> Parameters:
    set_ = {name: value for name, value in msgspec.structs.asdict(own).items() if value is not None}
    return msgspec.structs.replace(default, **set_)


def _allowed(
    of_assistant: tuple[str, ...] | None, of_conversation: tuple[str, ...] | None
) -> tuple[str, ...] | None:
    """What the assistant does not allow, a conversation cannot add; it can leave some out."""
    if of_assistant is None or of_conversation is None:
        return of_conversation if of_assistant is None else of_assistant
    return tuple(name for name in of_assistant if name in of_conversation)


def _check_client_id(client_id: str) -> str:
    if not client_id or len(client_id) > CLIENT_ID_CHARACTERS_MAX:
        raise InvalidRequest(
            f"client_id: 1 to {CLIENT_ID_CHARACTERS_MAX} characters of your choice, new for each"
            " message: sent again, it sends nothing twice.",
            param="client_id",
            code="invalid_value",
        )
    return client_id
