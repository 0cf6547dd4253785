"""The stand-in's own record of what it sent, for the other side of a bill."""

import asyncio
import socket
from pathlib import Path

from tests.providers.standin.talk import ask, chat, encoded, with_standin
from tramontane.providers.standin import Request, Standin, StandinOptions, read_file
from tramontane.providers.standin.tally import Tally


def test_only_so_many_are_kept() -> None:
    tally = Tally(2, clock_ms=lambda: 5)
    for name in "abc":
        tally.begin(Request(id=name, path="/"))
    assert [request.id for request in tally.requests] == ["b", "c"]
    assert tally.dropped == 1
    tally.reset()
    assert (tally.requests, tally.dropped) == ([], 0)


def test_a_client_that_leaves_is_charged_what_it_was_sent(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"

    async def use(standin: Standin) -> Request:
        reader, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        writer.write(encoded(chat("[[standin tokens=9999 tps=200]]", stream=True)))
        data = b""
        while data.count(b"data: ") < 6:
            data += await reader.read(1 << 16)
        writer.close()
        while standin.open_connections:
            await asyncio.sleep(0.005)
        (request,) = standin.requests
        return request

    kept = with_standin(StandinOptions(requests_file=str(file)), use)
    assert (kept.ended, kept.client_left, kept.usage_sent) == ("client_left", True, False)
    assert 5 <= kept.completion_tokens < kept.planned_tokens == 9999
    assert read_file(str(file)) == {kept.id: kept}
    assert file.read_bytes().count(b"\n") == 2


def test_a_client_that_leaves_before_an_answer_was_sent_nothing() -> None:
    async def use(standin: Standin) -> Request:
        _, writer = await asyncio.open_connection("127.0.0.1", standin.port)
        writer.write(encoded(chat("[[standin ttft_ms=60000]]")))
        while not standin.requests:
            await asyncio.sleep(0.005)
        writer.close()
        while standin.open_connections:
            await asyncio.sleep(0.005)
        return standin.requests[0]

    kept = with_standin(StandinOptions(), use)
    assert (kept.ended, kept.completion_tokens, kept.response_bytes) == ("client_left", 0, 0)


def test_a_stop_is_told_from_a_client_that_leaves(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"

    with socket.socket() as client:

        async def use(standin: Standin) -> None:
            client.connect(("127.0.0.1", standin.port))
            client.sendall(encoded(chat("[[standin ttft_ms=60000]]")))
            while not standin.requests:
                await asyncio.sleep(0.005)

        with_standin(StandinOptions(requests_file=str(file)), use)
    (kept,) = read_file(str(file)).values()
    assert (kept.ended, kept.client_left) == ("stopped", False)


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    options = StandinOptions(requests_file=str(file))
    with_standin(options, lambda standin: ask(standin, chat()))
    whole = read_file(str(file))
    with file.open("ab") as torn:
        torn.write(b'{"id": "chatc')
    assert read_file(str(file)) == whole
    assert next(iter(whole.values())).ended == "complete"
