"""A result of tables that a person changes: asked again with their SQL, or drawn in another way.

The answer's words stay; what they say is compared with the new result. It does not know who asks,
nor how SQL is run.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from tramontane.assistant.checking import checked
from tramontane.assistant.evidence import Shown
from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.guide.language import language_of
from tramontane.store.messages import RUNNING, ChecksPart, Message, Part, ResultPart

CHART_BYTES_MAX = 65_536
_REACHING = frozenset({"data", "datasets", "url", "href", "usermeta", "config", "loader"})
"""What a chart may not have: its rows are the result's, and it loads nothing."""


def result_of(message: Message, part_id: str) -> ResultPart:
    """Return that result of an answer that has ended. Raises NotFound, Conflict."""
    if message.status in RUNNING:
        raise Conflict("Wait for the end of this answer.", code="answer_running")
    for part in message.parts:
        if isinstance(part, ResultPart) and part.id == part_id:
            return part
    raise NotFound("there is no such result in this message", param="part_id")


def language_asked(branch: Sequence[Message], usual: str | None) -> str:
    """Return the language of the question that the last message of `branch` answers."""
    return language_of([m.text for m in branch if m.role == "user"], usual)


def with_result(
    branch: Sequence[Message], part: ResultPart, shown: Sequence[Shown], language: str, now_ms: int
) -> Message:
    """Return the answer at the end of `branch` with `part` in place of the one of that id, and with
    its checks made anew. `shown` are the passages of its sources.
    """
    message = branch[-1]
    parts: list[Part] = [
        part if isinstance(known, ResultPart) and known.id == part.id else known
        for known in message.parts
        if not isinstance(known, ChecksPart)
    ]
    question = next((m.text for m in reversed(branch) if m.role == "user"), "")
    found = checked(parts, shown, question, language)
    if found is not None:
        parts.append(found)
    return msgspec.structs.replace(message, parts=tuple(parts), updated_at_ms=now_ms)


def check_chart(chart: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a Vega-Lite specification as it may be kept. Raises InvalidRequest."""
    if chart is None:
        return None
    if len(msgspec.json.encode(chart)) > CHART_BYTES_MAX:
        raise InvalidRequest(
            f"chart: at most {CHART_BYTES_MAX:,} bytes.", param="chart", code="invalid_value"
        )
    waiting: list[Any] = [chart]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            for name in one:
                if name.lower() in _REACHING or (name == "type" and one[name] == "image"):
                    raise InvalidRequest(
                        f"chart: leave out {name!r}; the rows are the result's, and a chart loads"
                        " nothing.",
                        param="chart",
                        code="invalid_value",
                    )
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
        elif one == "image":
            raise InvalidRequest(
                "chart: a chart draws no images.", param="chart", code="invalid_value"
            )
    return chart
