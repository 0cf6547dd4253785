"""Each fault as a client sees it, before and after the first byte."""

import asyncio
import re
from collections.abc import Callable

import pytest

from tests.providers.standin.talk import Reply, ask, chat, encoded, read_all, with_standin
from tramontane.providers.standin import Behaviour, Request, Standin, StandinOptions
from tramontane.providers.standin.behaviour import FAULTS

Check = Callable[[Reply, Reply], bool]


def said(reply: Reply) -> list[str]:
    """Return the data of each event without what differs between two responses."""
    return [re.sub(r'"id":"[^"]*"|"created":\d+', "", data) for data in reply.data]


def broken(reply: Reply) -> bool:
    return reply.error is ConnectionResetError


CHECKS: dict[str, tuple[str, str, Check]] = {
    # name: (fault, for "stream" or "plain", what holds of the response and of a whole one)
    "reset": ("reset", "both", lambda bad, good: broken(bad) and not bad.raw),
    "reset_after": (
        "reset_after:3",
        "stream",
        lambda bad, good: broken(bad) and said(bad) == said(good)[:3],
    ),
    "reset_after 0": (
        "reset_after:0",
        "both",
        lambda bad, good: broken(bad) and bad.status == 200 and bad.body == b"",
    ),
    "reset_after plain": (
        "reset_after:20",
        "plain",
        lambda bad, good: broken(bad) and len(bad.body) == 20,
    ),
    "reset_after end": (
        "reset_after:-1",
        "stream",
        lambda bad, good: broken(bad) and said(bad) == said(good)[:-1],
    ),
    "close": ("close", "both", lambda bad, good: not broken(bad) and not bad.raw),
    "close_after": (
        "close_after:2",
        "stream",
        lambda bad, good: not broken(bad) and said(bad) == said(good)[:2],
    ),
    "slow_bytes": (
        "slow_bytes:0",
        "both",
        lambda bad, good: bad.body[:5] == good.body[:5] and len(bad.body) == len(good.body),
    ),
    "slow_bytes 1": (
        "slow_bytes:1",
        "plain",
        lambda bad, good: len(bad.pieces) > 100 and len(bad.body) == len(good.body),
    ),
    "split_utf8": (
        "split_utf8",
        "both",
        lambda bad, good: not all(map(_decodes, bad.pieces)) and len(bad.body) == len(good.body),
    ),
    "malformed_sse": (
        "malformed_sse:2",
        "stream",
        lambda bad, good: bad.data[2].startswith("dat\x00") and said(bad)[3] == said(good)[3],
    ),
    "malformed_json": (
        "malformed_json:2",
        "stream",
        lambda bad, good: said(good)[2][:40] == said(bad)[2][:40] and said(bad)[2] != said(good)[2],
    ),
    "malformed_json plain": (
        "malformed_json",
        "plain",
        lambda bad, good: 0 < len(bad.body) < len(good.body) and not bad.body.endswith(b"}"),
    ),
    "error_event": (
        "error_event:2",
        "stream",
        lambda bad, good: "error" in bad.events[2] and len(bad.data) == 3,
    ),
    "missing_done": (
        "missing_done",
        "stream",
        lambda bad, good: said(bad) == said(good)[:-1] and bad.raw.endswith(b"\r\n0\r\n\r\n"),
    ),
    "double_done": (
        "double_done",
        "stream",
        lambda bad, good: said(bad) == [*said(good), "[DONE]"],
    ),
    "wrong_length": (
        "wrong_length",
        "both",
        lambda bad, good: int(bad.fields["content-length"]) == len(bad.body) + 10,
    ),
    "wrong_length short": (
        "wrong_length:-5",
        "plain",
        lambda bad, good: int(bad.fields["content-length"]) == len(bad.body) - 5,
    ),
    "conflicting_length": (
        "conflicting_length",
        "stream",
        lambda bad, good: {"content-length", "transfer-encoding"} <= bad.fields.keys(),
    ),
    "chunked": (
        "chunked:7",
        "plain",
        lambda bad, good: "transfer-encoding" in bad.fields and len(bad.body) == len(good.body),
    ),
    "truncated_chunk": (
        "truncated_chunk",
        "both",
        lambda bad, good: not bad.raw.endswith(b"0\r\n\r\n") and len(bad.body) < len(good.body),
    ),
    "bad_chunk": ("bad_chunk:2", "stream", lambda bad, good: b"\r\nzz" in bad.raw),
    "no_last_chunk": (
        "no_last_chunk",
        "both",
        lambda bad, good: not bad.raw.endswith(b"0\r\n\r\n") and len(bad.body) == len(good.body),
    ),
    "close_delimited": (
        "close_delimited",
        "both",
        lambda bad, good: (
            not {"content-length", "transfer-encoding"} & bad.fields.keys()
            and len(bad.body) == len(good.body)
        ),
    ),
    "huge_head": ("huge_head:200000", "both", lambda bad, good: len(bad.raw) > 200_000),
    "invalid_http": ("invalid_http", "both", lambda bad, good: bad.raw.startswith(b"HTTZ")),
    "informational": (
        "informational",
        "both",
        lambda bad, good: bad.raw.startswith(b"HTTP/1.1 103 ") and b"200 OK" in bad.raw,
    ),
    "redirect": (
        "redirect:307",
        "both",
        lambda bad, good: bad.status == 307 and "location" in bad.fields,
    ),
    "connection_close": (
        "connection_close",
        "both",
        lambda bad, good: bad.fields["connection"] == "close" and bad.status == 200,
    ),
    "crlf": (
        "crlf",
        "stream",
        lambda bad, good: bad.body.endswith(b"[DONE]\r\n\r\n") and bad.text == good.text,
    ),
}
CASES = [
    (name, fault, is_stream, check)
    for name, (fault, form, check) in CHECKS.items()
    for is_stream in (True, False)
    if form in ("both", "stream" if is_stream else "plain")
]


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "fault", "is_stream", "check"), CASES, ids=lambda v: getattr(v, "__name__", str(v))
)
def test_each_fault(name: str, fault: str, is_stream: bool, check: Check) -> None:
    async def use(standin: Standin) -> tuple[Reply, Reply]:
        prompt = "déjà vu: façade 😀"
        whole = await ask(standin, chat(prompt, stream=is_stream))
        directive = f"[[standin fault={fault}]] {prompt}"
        return await ask(standin, chat(directive, stream=is_stream)), whole

    bad, good = with_standin(StandinOptions(), use)
    assert check(bad, good), bad


def test_every_fault_is_tried() -> None:
    tried = {fault.partition(":")[0] for fault, _, _ in CHECKS.values()}
    assert tried | {"black_hole", "stale"} == FAULTS


@pytest.mark.parametrize("fault", ["black_hole", "black_hole:2"])
def test_a_black_hole_stays_open_and_silent(fault: str) -> None:
    async def use(standin: Standin) -> tuple[bytes, bool, Request]:
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        writer.write(encoded(chat(f"[[standin fault={fault}]] a b c d", stream=True)))
        data = b""
        while fault.endswith("2") and data.count(b"data: ") < 2:
            data += await reader.read(1000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)
        is_open = not reader.at_eof()
        writer.close()
        while standin.open_connections:
            await asyncio.sleep(0.01)
        return data, is_open, standin.requests[0]

    data, is_open, kept = with_standin(StandinOptions(), use)
    assert is_open
    assert data.count(b"data: ") == (2 if fault.endswith("2") else 0)
    assert (kept.ended, kept.client_left) == ("client_left", True)
    assert kept.completion_tokens == (1 if fault.endswith("2") else 0)


def test_a_stale_connection_is_reset_by_its_next_request() -> None:
    async def use(standin: Standin) -> tuple[bytes, bool]:
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        writer.write(encoded(chat("[[standin fault=stale]] hello")))
        first = await reader.readuntil(b'_tokens":0}}}')
        writer.write(encoded(chat("again")))
        try:
            is_gone = not await reader.read(1)
        except ConnectionResetError:
            is_gone = True
        writer.close()
        return first, is_gone

    first, is_gone = with_standin(StandinOptions(), use)
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert is_gone


def test_faults_combine() -> None:
    fault = "crlf,close_delimited,missing_done,split_utf8"
    body = chat(f"[[standin fault={fault}]] é", stream=True)
    reply = with_standin(StandinOptions(), lambda standin: ask(standin, body))
    assert reply.text == "é"
    assert reply.data[-1] != "[DONE]"
    assert b"\n\n" not in reply.body
    assert "transfer-encoding" not in reply.fields


def test_events_share_writes() -> None:
    body = chat("[[standin tokens=30 events_per_write=10 tps=500]]", stream=True)
    reply = with_standin(StandinOptions(), lambda standin: ask(standin, body))
    assert len(reply.events) == 32
    assert reply.raw.count(b"\r\ndata: ") == 33


def test_a_fault_of_the_options_is_everyone_s() -> None:
    async def use(standin: Standin) -> Reply:
        return await read_all(standin, encoded(chat()))

    reply = with_standin(StandinOptions(behaviour=Behaviour(fault="close")), use)
    assert reply.raw == b""
