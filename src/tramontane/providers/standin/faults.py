"""Each way a server goes wrong, as a small change to a response. One function per fault.

Those in `OF_DRAFTS` change the events or the framing before it is made, those in `OF_PLANS` the
framed parts, those in `OF_WRITES` how these go out. Pure; docs/standin.md lists them.
"""

from collections.abc import Callable, Iterable

import msgspec

from tramontane.providers.standin.behaviour import FAULTS, Fault
from tramontane.providers.standin.plan import Draft, Framing, Plan

HUGE_HEAD_BYTES = 1_048_576
WRONG_LENGTH_BYTES = 10
SLOW_BYTE_MS = 1


def change_draft(draft: Draft, faults: Iterable[Fault]) -> None:
    """Do those of `faults` that come before framing, in the order of the table."""
    for fault in _in_order(faults, OF_DRAFTS):
        OF_DRAFTS[fault.name](draft, fault.number)


def change_plan(plan: Plan, faults: Iterable[Fault]) -> None:
    """Do those of `faults` that come after framing, in the order of the table."""
    for fault in _in_order(faults, OF_PLANS):
        OF_PLANS[fault.name](plan, fault.number)


def change_writes(plan: Plan, faults: Iterable[Fault]) -> None:
    """Do those of `faults` that cut up the writes, in the order of the table."""
    for fault in _in_order(faults, OF_WRITES):
        OF_WRITES[fault.name](plan, fault.number)


def _in_order(faults: Iterable[Fault], table: Iterable[str]) -> list[Fault]:
    return [fault for name in table for fault in faults if fault.name == name]


def _place(count: int, number: int | None, usual: int) -> int:
    """Return the index of the part meant: `number`, from the end where negative."""
    number = usual if number is None else number
    return max(0, min(number if number >= 0 else count + number, count - 1))


# -- before framing -------------------------------------------------------------------------------


def _malformed_sse(draft: Draft, number: int | None) -> None:
    place = _place(len(draft.parts), number, 1)
    broken = draft.parts[place].replace(b"data: ", b"dat\x00 ", 1)
    draft.parts[place] = broken.replace(b"\n\n", b"\nno such field\n\n")


def _malformed_json(draft: Draft, number: int | None) -> None:
    place = _place(len(draft.parts), number, 1)
    part = draft.parts[place]
    end = b"\n\n" if draft.is_stream else b""
    draft.parts[place] = part[: len(part) // 2].rstrip(b"\n") + end


def _error_event(draft: Draft, number: int | None) -> None:
    place = _place(len(draft.parts), number, 1)
    failure = draft.error
    if failure is None:
        error = {"message": "The stand-in was told to fail.", "type": "server_error"}
        body = msgspec.json.encode({"error": {**error, "param": None, "code": None}})
        failure = b"data: " + body + b"\n\n" if draft.is_stream else body
    draft.parts[place:] = [failure]
    draft.tokens[place:] = [0]
    if draft.usage_part >= place:
        draft.usage_part = -1


def _missing_done(draft: Draft, _: int | None) -> None:
    if draft.parts[-1] == draft.done:
        del draft.parts[-1], draft.tokens[-1]


def _double_done(draft: Draft, _: int | None) -> None:
    if draft.parts[-1] == draft.done:
        draft.parts.append(draft.done)
        draft.tokens.append(0)


def _crlf(draft: Draft, _: int | None) -> None:
    if draft.is_stream:
        draft.parts = [part.replace(b"\n", b"\r\n") for part in draft.parts]


def _wrong_length(draft: Draft, number: int | None) -> None:
    draft.framing = "length"
    draft.length_error = WRONG_LENGTH_BYTES if number is None else number
    draft.ending = "close"


def _conflicting_length(draft: Draft, number: int | None) -> None:
    wrong = WRONG_LENGTH_BYTES if number is None else number
    draft.fields.append(b"content-length: %d" % wrong)


def _chunked(draft: Draft, number: int | None) -> None:
    draft.framing = "chunked"
    if not draft.is_stream:
        data, size = draft.parts[0], max(1, number or 100)
        draft.parts = [data[i : i + size] for i in range(0, len(data), size)]
        draft.tokens = [0] * (len(draft.parts) - 1) + [sum(draft.tokens)]
        draft.usage_part = len(draft.parts) - 1 if draft.usage_part >= 0 else -1


def _no_last_chunk(draft: Draft, _: int | None) -> None:
    _make_chunked(draft)
    draft.last_chunk = b""
    draft.ending = "close"


def _make_chunked(draft: Draft) -> None:
    if draft.framing != "chunked":
        _chunked(draft, None)


def _framing(framing: Framing) -> Callable[[Draft, int | None], None]:
    def change(draft: Draft, _: int | None) -> None:
        draft.framing = framing

    return change


def _huge_head(draft: Draft, number: int | None) -> None:
    draft.fields.append(b"x-padding: " + b"a" * (number or HUGE_HEAD_BYTES))


def _informational(draft: Draft, _: int | None) -> None:
    draft.preamble = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"


def _redirect(draft: Draft, number: int | None) -> None:
    draft.status = number or 302
    draft.fields.append(b"location: http://127.0.0.1:9/redirected")


def _connection_close(draft: Draft, _: int | None) -> None:
    draft.ending = "close"


# -- after framing --------------------------------------------------------------------------------


def _reset(plan: Plan, _: int | None) -> None:
    plan.writes, plan.tokens = [], []
    plan.spoil("reset")


def _close(plan: Plan, _: int | None) -> None:
    _reset(plan, None)
    plan.ending = "close"


def _reset_after(plan: Plan, number: int | None) -> None:
    plan.cut(number or 0, "reset")


def _close_after(plan: Plan, number: int | None) -> None:
    plan.cut(number or 0, "close")


def _black_hole(plan: Plan, number: int | None) -> None:
    if number is None:
        _reset(plan, None)
        plan.ending = "hang"
    else:
        plan.cut(number, "hang")


def _truncated_chunk(plan: Plan, _: int | None) -> None:
    last = len(plan.writes) // 2
    del plan.writes[last + 1 :], plan.tokens[last + 1 :]
    plan.writes[last] = plan.writes[last][: len(plan.writes[last]) // 2]
    plan.tokens[last] = 0
    plan.spoil("close")


def _bad_chunk(plan: Plan, number: int | None) -> None:
    place = 1 + _place(len(plan.writes) - 1, number, 1)
    plan.writes[place] = b"zz" + plan.writes[place]


def _invalid_http(plan: Plan, _: int | None) -> None:
    plan.writes, plan.tokens = [b"HTTZ/9.9 what\r\n\r\n"], [0]
    plan.usage_write = -1
    plan.spoil("close")


def _stale(plan: Plan, _: int | None) -> None:
    plan.is_stale = True


# -- the writes -----------------------------------------------------------------------------------


def _slow_bytes(plan: Plan, number: int | None) -> None:
    _cut_up(plan, lambda write: [write[i : i + 1] for i in range(len(write))])
    plan.interval_s = (SLOW_BYTE_MS if number is None else number) / 1000


def _split_utf8(plan: Plan, _: int | None) -> None:
    _cut_up(plan, _cut_inside_characters)
    plan.interval_s = plan.interval_s or SLOW_BYTE_MS / 1000


def _cut_inside_characters(write: bytes) -> list[bytes]:
    cuts = [i for i in range(1, len(write)) if write[i] & 0xC0 == 0x80]
    return [write[i:j] for i, j in zip([0, *cuts], [*cuts, len(write)], strict=True)]


def _cut_up(plan: Plan, cut: Callable[[bytes], list[bytes]]) -> None:
    """Cut every write; its tokens and its usage go with its last piece."""
    writes: list[bytes] = []
    counts: list[int] = []
    usage_write = -1
    for place, (write, count) in enumerate(zip(plan.writes, plan.tokens, strict=True)):
        pieces = cut(write)
        writes += pieces
        counts += [0] * (len(pieces) - 1) + [count]
        if place == plan.usage_write:
            usage_write = len(writes) - 1
    plan.writes, plan.tokens, plan.usage_write = writes, counts, usage_write


OF_DRAFTS: dict[str, Callable[[Draft, int | None], None]] = {
    "malformed_sse": _malformed_sse,
    "malformed_json": _malformed_json,
    "error_event": _error_event,
    "missing_done": _missing_done,
    "double_done": _double_done,
    "crlf": _crlf,
    "wrong_length": _wrong_length,
    "conflicting_length": _conflicting_length,
    "chunked": _chunked,
    "truncated_chunk": lambda draft, _: _make_chunked(draft),
    "bad_chunk": lambda draft, _: _make_chunked(draft),
    "no_last_chunk": _no_last_chunk,
    "close_delimited": _framing("close"),
    "huge_head": _huge_head,
    "informational": _informational,
    "redirect": _redirect,
    "connection_close": _connection_close,
}

OF_PLANS: dict[str, Callable[[Plan, int | None], None]] = {
    "reset": _reset,
    "reset_after": _reset_after,
    "close": _close,
    "close_after": _close_after,
    "black_hole": _black_hole,
    "truncated_chunk": _truncated_chunk,
    "bad_chunk": _bad_chunk,
    "invalid_http": _invalid_http,
    "stale": _stale,
}

OF_WRITES: dict[str, Callable[[Plan, int | None], None]] = {
    "slow_bytes": _slow_bytes,
    "split_utf8": _split_utf8,
}

assert OF_DRAFTS.keys() | OF_PLANS.keys() | OF_WRITES.keys() == FAULTS
