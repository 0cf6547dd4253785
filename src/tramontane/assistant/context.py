"""What a model is shown of a conversation: which messages fit its window, and how much too long.

Pure. It has no tokenizer: lengths are estimated from bytes, calibrated by what the same model
counted before in the same conversation, so "about" stands in every figure. The upstream's own
count has the last word.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.assistant.results import EARLIER_ROWS_MAX, SEARCH_DOCUMENTS, as_text
from tramontane.documents.quotations import without_marks
from tramontane.errors import InvalidRequest
from tramontane.store.messages import (
    Message,
    Part,
    ResultPart,
    SourcesPart,
    TextPart,
    ToolPart,
)

BYTES_PER_TOKEN = (
    4.0  # of an ordinary text; an estimate on the low side, so as not to refuse wrongly
)
MESSAGE_TOKENS = 5
ANSWER_TOKENS = 256  # room that is kept for an answer whose length nobody limited
CONTINUE = (
    "Your last answer broke off. Go on exactly where it stopped, in the same language and form."
    " Repeat nothing of it, and begin with the very next character."
)

Chat = list[dict[str, Any]]
_OBJECT = msgspec.json.Decoder(dict[str, Any]).decode


class Fit(msgspec.Struct, frozen=True):
    """What is to be sent, and how many of the oldest messages were left out of it."""

    chat: Chat
    left_out: int = 0


def system_message(*instructions: str | None) -> Chat:
    """Return what was set as instructions as one message; none where nothing was."""
    said = [text.strip() for text in instructions if text and text.strip()]
    return [{"role": "system", "content": "\n\n".join(said)}] if said else []


def chat(branch: Sequence[Message], *, is_continuing: bool = False) -> Chat:
    """Return the messages of a branch as OpenAI's dialect has them.

    Answers without text or tool results are left out, and questions that then follow one another
    are joined: many templates want the roles to alternate. Passages are shown for the last question
    only, so earlier answers lose their marks and searches, and keep the beginning of each result.
    """
    found: Chat = []
    for at, message in enumerate(branch):
        if message.role == "assistant":
            is_same = is_continuing and at == len(branch) - 1
            found += _answer(message if is_same else _earlier(message))
            continue
        text = message.text
        if found and found[-1]["role"] == "user":
            found[-1] = {"role": "user", "content": found[-1]["content"] + "\n\n" + text}
        else:
            found.append({"role": "user", "content": text})
    if is_continuing and found and found[-1]["role"] != "user":
        found.append({"role": "user", "content": CONTINUE})
    return found


def _earlier(message: Message) -> Message:
    """Return an answer as later ones are shown it."""
    results = {part.id: part for part in message.parts if isinstance(part, ResultPart)}
    has_sources = any(isinstance(part, SourcesPart) for part in message.parts)
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, TextPart) and has_sources:
            part = TextPart(without_marks(part.text))
        elif isinstance(part, ToolPart):
            if part.name == SEARCH_DOCUMENTS:
                continue
            if part.id in results:
                part = _as_now(part, results[part.id])
        parts.append(part)
    return msgspec.structs.replace(message, parts=tuple(parts))


def _as_now(call: ToolPart, result: ResultPart) -> ToolPart:
    """Return a call of a table with what its result is now, somebody having changed it perhaps."""
    sql = msgspec.json.encode({"sql": result.sql}).decode()
    said = as_text(result, EARLIER_ROWS_MAX)
    return msgspec.structs.replace(call, arguments=sql, result=said, is_error=False)


def _answer(message: Message) -> Chat:
    """Return an answer, which is several messages where tools were called in it."""
    found: Chat = []
    text: list[str] = []
    calls: list[ToolPart] = []

    def end_round() -> None:
        if calls:
            found.append(assistant_message("".join(text), calls))
            found.extend(tool_message(call) for call in calls)
        elif "".join(text).strip():
            found.append(assistant_message("".join(text), ()))
        text.clear()
        calls.clear()

    for part in message.parts:
        if isinstance(part, TextPart):
            if calls:
                end_round()
            text.append(part.text)
        elif isinstance(part, ToolPart) and part.result is not None:
            calls.append(part)
    end_round()
    return found


def assistant_message(text: str, calls: Sequence[ToolPart]) -> dict[str, Any]:
    """Return an answer of a model with the calls that it made."""
    if not calls:
        return {"role": "assistant", "content": text}
    return {
        "role": "assistant",
        "content": text or None,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _arguments(call.arguments)},
            }
            for call in calls
        ],
    }


def tool_message(call: ToolPart) -> dict[str, Any]:
    """Return the result of a call."""
    return {"role": "tool", "tool_call_id": call.id, "content": call.result or ""}


def _arguments(text: str) -> str:
    """Return arguments that a server takes back, whatever a model had written."""
    try:
        _OBJECT(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return "{}"
    return text


def tokens(messages: Chat, bytes_per_token: float = BYTES_PER_TOKEN) -> int:
    """Return about how many tokens `messages` are."""
    return sum(int(_bytes(m) / bytes_per_token) + MESSAGE_TOKENS for m in messages)


def measured(system: Chat, branch: Sequence[Message], model: str) -> float:
    """Return the bytes of a token, as `model` last counted the beginning of this branch."""
    for at in range(len(branch) - 1, 0, -1):
        receipt = branch[at].receipt
        if receipt is None or receipt.model != model or receipt.estimated or receipt.left_out:
            continue
        if len(receipt.request_ids) != 1 or receipt.prompt_tokens < 50:
            continue
        if any(isinstance(part, SourcesPart) for part in branch[at].parts):
            continue  # it was shown passages too
        sent = system + chat(branch[:at])
        counted = receipt.prompt_tokens - MESSAGE_TOKENS * len(sent)
        size = sum(_bytes(message) for message in sent)
        return min(max(size / max(counted, 1), 1.0), 8.0)
    return BYTES_PER_TOKEN


def fit(
    system: Chat,
    messages: Chat,
    context_tokens: int | None,
    answer_tokens: int | None,
    bytes_per_token: float = BYTES_PER_TOKEN,
    *,
    is_trimming: bool = False,
    least: int = 1,
    model: str = "",
) -> Fit:
    """Return what fits into a window of that size, without the oldest where `is_trimming`.

    The last `least` messages are never left out.

    Raises InvalidRequest `context_length_exceeded`; its `param` is "text" where the last message
    alone is too long, and "trim" where leaving out the oldest would help.
    """
    whole = system + messages
    if context_tokens is None:
        return Fit(whole)
    room = context_tokens - min(answer_tokens or ANSWER_TOKENS, max(1, context_tokens // 4))
    excess = tokens(whole, bytes_per_token) - room
    if excess <= 0:
        return Fit(whole)
    beyond = tokens(system + messages[-least:], bytes_per_token) - room
    if beyond > 0:
        raise _too_long(beyond, context_tokens, bytes_per_token, model, can_trim=False)
    if not is_trimming:
        raise _too_long(excess, context_tokens, bytes_per_token, model, can_trim=True)
    left = room - tokens(system, bytes_per_token)
    kept = trimmed(messages, left, bytes_per_token, least=least)
    return Fit(system + kept, len(messages) - len(kept))


def room(
    sent: Chat,
    context_tokens: int | None,
    answer_tokens: int | None,
    bytes_per_token: float = BYTES_PER_TOKEN,
) -> int | None:
    """Return about how many tokens may be added to `sent`; None where the window is not known."""
    if context_tokens is None:
        return None
    kept = min(answer_tokens or ANSWER_TOKENS, max(1, context_tokens // 4))
    return context_tokens - kept - tokens(sent, bytes_per_token)


def trimmed(
    messages: Chat, room: int, bytes_per_token: float = BYTES_PER_TOKEN, *, least: int = 1
) -> Chat:
    """Return the newest of `messages` that fit into `room` tokens, from a question on.

    The last `least` are there in any case.
    """
    used = 0
    first = max(0, len(messages) - least)
    for at in range(len(messages) - 1, -1, -1):
        used += tokens(messages[at : at + 1], bytes_per_token)
        if at >= first:
            continue
        if used > room:
            break
        if messages[at]["role"] == "user":
            first = at
    return messages[first:]


def _too_long(
    excess: int, context_tokens: int, bytes_per_token: float, model: str, *, can_trim: bool
) -> InvalidRequest:
    characters = int(excess * bytes_per_token)
    what = "The conversation" if can_trim else "The message"
    advice = (
        'Leave out its oldest messages ("trim": true), or begin a new conversation.'
        if can_trim
        else f"Shorten it by about {characters:,} characters, or choose a model that takes more."
    )
    return InvalidRequest(
        f"{what} is about {excess:,} tokens too long for {model}, whose context holds"
        f" {context_tokens:,} tokens, question and answer together. {advice}",
        code="context_length_exceeded",
        param="trim" if can_trim else "text",
    )


def _bytes(message: dict[str, Any]) -> int:
    size = len((message["content"] or "").encode("utf-8", "replace"))
    for call in message.get("tool_calls", ()):
        size += len(call["function"]["name"]) + len(call["function"]["arguments"].encode())
    return size
