"""Filling in the middle, by an engine here: its own words for it, since OpenAI has none.

llama.cpp puts prompt and suffix between the model's own tokens for that; a model without them is
refused by it. Facts from its server's README (POST /infill). It does not know slots or keys.
"""

from typing import Any

import msgspec

from tramontane.errors import InvalidRequest, UpstreamFailed
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    Counted,
    Ended,
    Finished,
    Piece,
    Request,
    Said,
    TextPiece,
)
from tramontane.wire.dialect import EVENT_STREAM, Written
from tramontane.wire.openai.engine import RANGES, check_sampling
from tramontane.wire.openai.local import SEEDS
from tramontane.wire.openai.provider import bearer, read_said
from tramontane.wire.reading import EventReader

PATH = "//infill"  # behind the host: it is none of OpenAI's


class _Timings(msgspec.Struct):
    cache_n: int = 0


class _Event(msgspec.Struct):
    content: str = ""
    stop: bool = False
    stop_type: str = ""
    tokens_evaluated: int = 0
    tokens_predicted: int = 0
    timings: _Timings = msgspec.field(default_factory=_Timings)
    error: Any = None


_DECODE = msgspec.json.Decoder(_Event).decode


class Infill:
    """POST /infill of an engine, which is always asked for a stream."""

    dialect = "openai"
    stream_type = EVENT_STREAM

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the key's line."""
        return bearer(secret)

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for the engine. Raises InvalidRequest for what it does not take."""
        more, unsaid = check_sampling(request, drops=drops)
        unsaid.leave_set(request, "safe_prompt")
        prompt = request.inputs[0]
        if not isinstance(prompt, str):
            raise InvalidRequest(
                "With 'suffix', a model that runs here takes text, not token numbers.",
                code="invalid_type",
                param="prompt",
            )
        body: dict[str, Any] = {
            "model": model,
            "input_prefix": prompt,
            "input_suffix": request.suffix or "",
            "stream": True,
        }
        said = {name: getattr(request, name) for name in RANGES}
        said["seed"] = None if request.seed is None else request.seed % SEEDS
        said["n_predict"] = request.max_tokens
        said["stop"] = request.stop or None
        body.update((name, value) for name, value in said.items() if value is not None)
        return Written(path=PATH, body=msgspec.json.encode(body | more), dropped=unsaid.names)

    def read(self, body: bytes) -> Answer:
        """There is no whole answer: it is always a stream. Raises Broken."""
        raise Broken("The engine answered without a stream.")

    def reader(self) -> "InfillReader":
        """Return the reader of one stream."""
        return InfillReader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says."""
        return read_said(body)


class InfillReader(EventReader):
    """One stream; the event that says `stop` is its last."""

    def __init__(self) -> None:
        super().__init__()
        self._has_begun = False

    def take(self, data: bytes, event: bytes, out: list[Piece]) -> None:
        """Add what one event says. Raises Broken, UpstreamFailed."""
        try:
            said = _DECODE(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Broken(f"The engine sent a malformed event: {error}.") from None
        if said.error is not None:
            raise UpstreamFailed("The engine ended its stream with an error.")
        if not self._has_begun:
            self._has_begun = True
            out.append(Began("", ""))
        if said.content:
            out.append(TextPiece(said.content))
        if said.stop:
            self.is_done = True
            cached = max(0, min(said.timings.cache_n, said.tokens_evaluated))
            usage = Usage(said.tokens_evaluated, said.tokens_predicted, cached)
            reason = "length" if said.stop_type == "limit" else "stop"
            out += (Finished(reason), Counted(usage), Ended())  # type: ignore[arg-type]


INFILL = Infill()
