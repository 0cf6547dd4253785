"""A stream as clients of OpenAI's Responses know it: named events, numbered, each item's life.

An item is added, grows, and is done before the next one is added, but for calls, which may grow
side by side. The last event holds the whole response. It does not know deployments or prices.
"""

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.errors import TramontaneError
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Began,
    Call,
    CallBegan,
    CallPiece,
    Counted,
    Ended,
    Finished,
    Piece,
    Reason,
    TextPiece,
    Thinking,
    ThinkingPiece,
)
from tramontane.wire.openai import errors
from tramontane.wire.openai.responses.answering import (
    Item,
    Shape,
    call_item,
    message_item,
    reasoning_item,
    response,
    response_id,
    status_of,
    text_part,
    tokens_of,
)


class ResponseWriter:
    """One stream. Only the first choice is told: the dialect has no other."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._id = self._model = ""
        self._created_s = 0
        self._number = 0
        self._out: list[bytes] = []
        self._output: list[Item] = []  # each as it is when done, in the order of their adding
        self._text: list[str] | None = None  # of the message that grows
        self._logprobs: list[Any] = []
        self._thoughts: list[Thinking] | None = None  # of the reasoning that grows
        self._calls: dict[int, tuple[int, Call, list[str]]] = {}  # those that grow
        self._place = 0  # of the message or reasoning that grows
        self._reason: Reason = "stop"
        self._usage: Usage | None = None
        self._thinking_tokens: int | None = None

    def write(self, pieces: Sequence[Piece]) -> bytes:
        """Return the events for `pieces`."""
        for piece in pieces:
            if isinstance(piece, TextPiece):
                if piece.choice == 0:
                    self._say(piece)
            elif isinstance(piece, ThinkingPiece):
                if piece.choice == 0:
                    self._think(piece)
            elif isinstance(piece, CallBegan):
                if piece.choice == 0:
                    self._begin_call(piece)
            elif isinstance(piece, CallPiece):
                if piece.choice == 0:
                    self._go_on_calling(piece)
            else:
                self._note(piece)
        return self._taken()

    def fail(self, error: TramontaneError) -> bytes:
        """Return the events of a response that failed, and the error's own."""
        if self._id:
            self._event("response.failed", response=self._whole("failed", error=error))
        said = msgspec.json.decode(errors.render(error))["error"]
        self._event("error", code=error.code, message=error.message, param=error.param, error=said)
        return self._taken()

    def _taken(self) -> bytes:
        out, self._out = b"".join(self._out), []
        return out

    def _event(self, kind: str, /, **fields: Any) -> None:
        data = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data)))

    def _note(self, piece: Piece) -> None:
        if isinstance(piece, Began):
            self._id, self._model = response_id(piece.id), piece.model
            self._created_s = piece.created_s or int(time.time())
            self._usage = piece.usage
            begun = self._whole("in_progress")
            self._event("response.created", response=begun)
            self._event("response.in_progress", response=begun)
        elif isinstance(piece, Finished):
            if piece.choice == 0:
                self._reason = piece.reason
        elif isinstance(piece, Counted):
            self._usage, self._thinking_tokens = piece.usage, piece.thinking_tokens
        elif isinstance(piece, Ended):
            self._end_all()
            status = status_of(self._reason)
            self._event(f"response.{status}", response=self._whole(status))

    def _whole(self, status: str, error: TramontaneError | None = None) -> dict[str, Any]:
        return response(
            self._shape,
            answer_id=self._id,
            created_s=self._created_s,
            model=self._model,
            status=status,
            output=[item for item in self._output if item],
            usage=self._usage if status in ("completed", "incomplete") else None,
            thinking_tokens=self._thinking_tokens,
            reason=self._reason,
            error=error,
        )

    def _item_id(self, kind: str, place: int) -> str:
        return f"{kind}_{self._id.removeprefix('resp_')}_{place}"

    def _add(self, item: Item) -> int:
        place = len(self._output)
        self._output.append({})  # until it is done
        self._event("response.output_item.added", output_index=place, item=item)
        return place

    def _done(self, place: int, item: Item) -> None:
        self._output[place] = item
        self._event("response.output_item.done", output_index=place, item=item)

    def _end_status(self) -> str:
        return "completed" if self._reason in ("stop", "tool_calls") else "incomplete"

    # --- text ------------------------------------------------------------------------------

    def _say(self, piece: TextPiece) -> None:
        if self._text is None:
            self._end_thoughts()
            self._place = len(self._output)
            item_id = self._item_id("msg", self._place)
            self._add(message_item(item_id, [], "in_progress"))
            self._text, self._logprobs = [], []
            self._in_part("response.content_part.added", part=text_part(""))
        logprobs = tokens_of(piece.logprobs) if piece.logprobs is not None else []
        self._text.append(piece.text)
        self._logprobs += logprobs
        self._in_part("response.output_text.delta", delta=piece.text, logprobs=logprobs)

    def _in_part(self, name: str, **fields: Any) -> None:
        self._event(
            name,
            item_id=self._item_id("msg", self._place),
            output_index=self._place,
            content_index=0,
            **fields,
        )

    def _end_text(self) -> None:
        if self._text is None:
            return
        text, self._text = "".join(self._text), None
        part = text_part(text, self._logprobs)
        self._in_part("response.output_text.done", text=text, logprobs=self._logprobs)
        self._in_part("response.content_part.done", part=part)
        item_id = self._item_id("msg", self._place)
        self._done(self._place, message_item(item_id, [part], self._end_status()))

    # --- thoughts --------------------------------------------------------------------------

    def _think(self, piece: ThinkingPiece) -> None:
        if self._thoughts is None:
            self._end_text()
            self._place = len(self._output)
            item_id = self._item_id("rs", self._place)
            self._add({"type": "reasoning", "id": item_id, "summary": [], "status": "in_progress"})
            self._thoughts = []
            self._in_thought("part.added", part=self._thought_part(""))
        if piece.text and not piece.is_redacted:
            self._in_thought("text.delta", delta=piece.text)
        last = self._thoughts[-1] if self._thoughts else None
        if last is not None and last.signature is None and not piece.is_redacted:
            self._thoughts[-1] = Thinking(last.text + piece.text, piece.signature)
        else:
            self._thoughts.append(Thinking(piece.text, piece.signature, piece.is_redacted))

    def _thought_part(self, text: str) -> dict[str, str]:
        kind = "summary_text" if self._shape.summarizes else "reasoning_text"
        return {"type": kind, "text": text}

    def _in_thought(self, name: str, **fields: Any) -> None:
        if self._shape.summarizes:
            prefix, index = "response.reasoning_summary_", "summary_index"
        elif name.startswith("part"):
            prefix, index = "response.content_", "content_index"
        else:
            prefix, index = "response.reasoning_", "content_index"
        place = self._place
        self._event(
            prefix + name,
            item_id=self._item_id("rs", place),
            output_index=place,
            **{index: 0},
            **fields,
        )

    def _end_thoughts(self) -> None:
        if self._thoughts is None:
            return
        thoughts, self._thoughts = self._thoughts, None
        text = "".join(thought.text for thought in thoughts if not thought.is_redacted)
        self._in_thought("text.done", text=text)
        self._in_thought("part.done", part=self._thought_part(text))
        item_id = self._item_id("rs", self._place)
        self._done(self._place, reasoning_item(item_id, thoughts, self._shape, "completed"))

    # --- calls -----------------------------------------------------------------------------

    def _begin_call(self, piece: CallBegan) -> None:
        self._end_text()
        self._end_thoughts()
        call = Call(piece.id, piece.name, "")
        place = len(self._output)
        self._add(call_item(self._item_id("fc", place), call, "in_progress"))
        self._calls[piece.call] = place, call, []

    def _go_on_calling(self, piece: CallPiece) -> None:
        place, _, arguments = self._calls[piece.call]
        arguments.append(piece.arguments)
        self._event(
            "response.function_call_arguments.delta",
            item_id=self._item_id("fc", place),
            output_index=place,
            delta=piece.arguments,
        )

    def _end_calls(self) -> None:
        for place, call, pieces in self._calls.values():
            arguments = "".join(pieces)
            item_id = self._item_id("fc", place)
            self._event(
                "response.function_call_arguments.done",
                item_id=item_id,
                output_index=place,
                name=call.name,
                arguments=arguments,
            )
            whole = Call(call.id, call.name, arguments)
            self._done(place, call_item(item_id, whole, self._end_status()))
        self._calls.clear()

    def _end_all(self) -> None:
        self._end_text()
        self._end_thoughts()
        self._end_calls()
