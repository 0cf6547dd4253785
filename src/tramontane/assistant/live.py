"""One answer while it is being written: its parts as they grow, and what is told of them.

It belongs to the event loop alone. It does not know where text comes from, nor the store.
"""

import asyncio
from typing import Literal

import msgspec

from tramontane.assistant import telling
from tramontane.assistant.brief import Brief
from tramontane.assistant.feed import Feed, Ring
from tramontane.money import Usage
from tramontane.store.messages import (
    Message,
    Part,
    ProgressPart,
    ReasoningPart,
    Receipt,
    SourcesPart,
    TextPart,
    ToolPart,
)

TELL_EVERY_S = 0.03
_KINDS: dict[str, type[TextPart] | type[ReasoningPart]] = {
    "text": TextPart,
    "reasoning": ReasoningPart,
}


class Asked(msgspec.Struct):
    """One request to the gateway for this answer; `usage` None until its end."""

    request_id: str
    deployment: str
    usage: Usage | None = None


class Live:
    """An answer under way. `ended_by` says why it was cancelled, where it was."""

    def __init__(self, message: Message, member_id: str, feed: Feed, started_s: float) -> None:
        self.message = message
        self.member_id = member_id
        self.started_s = started_s
        self.first_token_s: float | None = None
        self.asked: list[Asked] = []
        self.finish: str | None = None
        self.left_out = 0
        self.receipt: Receipt | None = message.receipt
        self.is_changed = False
        self.has_said = False
        self.ended_by: Literal["stopped", "interrupted"] | None = None
        self.brief: Brief | None = None
        self.task: asyncio.Task[None] | None = None
        self._feed = feed
        self._parts: list[Part] = list(message.parts)
        self._texts: list[str] = []  # what was added to the last part, a text, since it was made
        self._untold: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._told_s = 0.0

    @property
    def conversation_id(self) -> str:
        """The conversation that it belongs to."""
        return self.message.conversation_id

    @property
    def call_ids(self) -> list[str]:
        """The ids of the calls that it has already."""
        return [part.id for part in self._parts if isinstance(part, ToolPart)]

    def snapshot(self) -> Message:
        """Return the message as it is now; everything in it has been told."""
        self.tell()
        self._settle()
        return msgspec.structs.replace(self.message, parts=tuple(self._parts), receipt=self.receipt)

    def become(self, **changes: object) -> None:
        """Change the status, and tell."""
        self.message = msgspec.structs.replace(self.message, **changes)
        self.is_changed = True
        telling.message(self._feed, self.snapshot())

    def add_text(self, kind: Literal["text", "reasoning"], text: str) -> None:
        """Take in more of the answer's text, or of what the model thinks."""
        self.is_changed = self.has_said = True
        text = text.replace("\0", "\ufffd")
        if self._parts and type(self._parts[-1]) is _KINDS[kind]:
            self._texts.append(text)
            self._untold.append(text)
            self._tell_soon()
        else:
            self._add_part(_KINDS[kind](text))

    def add_call(self, call: ToolPart) -> None:
        """Take in a call of a tool, or its result."""
        self.is_changed = self.has_said = True
        for at in range(len(self._parts) - 1, -1, -1):
            known = self._parts[at]
            if isinstance(known, ToolPart) and known.id == call.id and known.result is None:
                self._parts[at] = call
                self._tell_part(at)
                return
        self._add_part(call)

    def add(self, part: Part) -> None:
        """Take in a part that comes whole; sources take the place of those before."""
        self.is_changed = True
        for at, known in enumerate(self._parts):
            if isinstance(known, SourcesPart) and isinstance(part, SourcesPart):
                self._parts[at] = part
                self._tell_part(at)
                return
        self._add_part(part)

    def progress(self, part: ProgressPart | None) -> None:
        """Show how far long work has come, in place of what was shown before; None: it is over."""
        self.is_changed = True
        self.tell()
        self._settle()
        known = [at for at, each in enumerate(self._parts) if isinstance(each, ProgressPart)]
        if part is not None and known:
            self._parts[known[0]] = part
            self._tell_part(known[0])
        elif part is not None:
            self._add_part(part)
        elif known:
            del self._parts[known[0]]
            telling.message(self._feed, self.snapshot())

    def wait(self, position: int, eta_s: float) -> None:
        """Tell of the place in line."""
        telling.queued(self._feed, self._ring, self.message.id, position, eta_s)

    def tell(self) -> None:
        """Tell of the text that has come and was not told."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._untold:
            text = "".join(self._untold)
            self._untold.clear()
            self._told_s = asyncio.get_running_loop().time()
            telling.delta(self._feed, self._ring, self.message.id, len(self._parts) - 1, text)

    @property
    def _ring(self) -> Ring:
        return self._feed.ring(self.message.conversation_id)

    def _add_part(self, part: Part) -> None:
        self.tell()
        self._settle()
        self._parts.append(part)
        self._tell_part(len(self._parts) - 1)

    def _tell_part(self, at: int) -> None:
        telling.part(self._feed, self._ring, self.message.id, at, self._parts[at])

    def _tell_soon(self) -> None:
        """Fast models send hundreds of pieces a second, and no eye sees more than thirty."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        wait_s = self._told_s + TELL_EVERY_S - loop.time()
        if wait_s <= 0:
            self.tell()
        else:
            self._timer = loop.call_later(wait_s, self.tell)

    def _settle(self) -> None:
        """Join what was added to the last part."""
        if self._texts:
            last = self._parts[-1]
            assert isinstance(last, TextPart | ReasoningPart)
            self._parts[-1] = type(last)(last.text + "".join(self._texts))
            self._texts.clear()
