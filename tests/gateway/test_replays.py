"""RE4, by itself: any order of asking, ending, leaving and waiting, against a plain dictionary."""

import os
import queue
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import TramontaneError
from tramontane.gateway import replays as module
from tramontane.gateway.desk import Client
from tramontane.gateway.endpoints import OPENAI_CHAT, Endpoint
from tramontane.gateway.keyed import KeyedExchange
from tramontane.gateway.replays import KEPT_MS, Kept, Replays
from tramontane.wire.dialect import EVENT_STREAM

PEPPER = b"p" * 32
HOUR_MS = 3_600_000


class Door:
    """A client's connection that keeps what it is given."""

    def __init__(self) -> None:
        self.is_open = True
        self.write_blocked_s: float | None = None
        self.got: tuple[int, bytes] | None = None
        self.code = ""
        self.is_replayed = False
        self._stream = b""

    def respond(self, status: int, fields: bytes, body: bytes) -> None:
        assert self.got is None
        self.got = (status, body)
        self.is_replayed = b"x-tramontane-replayed" in fields

    def refuse(self, error: TramontaneError) -> None:
        self.code = error.code
        self.respond(error.status, b"", b"")

    def start_stream(
        self, fields: bytes, *, keeps_body: bool = False, media_type: bytes = EVENT_STREAM
    ) -> None:
        self.is_replayed = b"x-tramontane-replayed" in fields

    def release_body(self) -> None: ...

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        self._stream += payload

    def write_payload(self, payload: bytes) -> None:
        self._stream += payload

    def end_stream(self) -> None:
        self.got = (200, self._stream)

    def break_stream(self) -> None:
        self.got = (0, self._stream)


class Work:
    """An exchange that ends when it is told how."""

    def __init__(self, client: Client, is_stream: bool) -> None:
        self.client = client
        self.is_stream = is_stream
        self.is_over = False

    def start(
        self, body: bytes, endpoint: Endpoint, *, model: str | None, query: bytes, drops: bool
    ) -> None:
        if self.is_stream:
            self.client.start_stream(b"x-request-id: r\r\n")
            self.client.write_payload(b": queued position=1 eta_s=1\n\n")

    def end(self, answer: bytes, *, is_good: bool) -> None:
        self.is_over = True
        if self.is_stream:
            self.client.write_payload(answer)
            (self.client.end_stream if is_good else self.client.break_stream)()
        else:
            self.client.respond(200 if is_good else 502, b"x-request-id: r\r\n", answer)

    def client_left(self) -> None:
        if self.is_stream:
            self.is_over = True

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class World:
    """One folder of answers, and the loop that its thread calls back into."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = 1_000 * HOUR_MS
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.replays = Replays(folder / "replays", PEPPER, lambda: self.now_ms, self._calls.put)

    def settle(self) -> None:
        """Let the thread, and then the loop, do what is to be done."""
        while True:
            if self.replays._thread is not None:
                self.replays._thread.submit(lambda: None).result()
            if self._calls.empty():
                return
            self.settle_calls()

    def settle_calls(self) -> None:
        """Let the loop do what is to be done."""
        while not self._calls.empty():
            self._calls.get()()

    def ask(
        self, key: str, body: bytes, *, is_stream: bool, works: list[Work]
    ) -> tuple[Door, KeyedExchange]:
        door = Door()

        def make(client: Client) -> Work:
            works.append(Work(client, is_stream))
            return works[-1]

        asking = KeyedExchange(
            self.replays, door, make, lambda: self.now_ms,
            key_id="key_a", path=b"/v1/chat/completions", key=key.encode(),
        )  # fmt: skip
        asking.start(body, OPENAI_CHAT, model=None, query=b"", drops=False)
        self.settle()
        return door, asking


Step = tuple[str, str, bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("ask", "other", "good", "bad", "leave", "wait")),
        st.sampled_from(("k1", "k2")),
        st.booleans(),
    ),
    max_size=14,
)


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_every_order_of_events_is_as_one_would_expect(steps: list[Step]) -> None:
    told(steps)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(STEPS)
def test_ten_thousand_orders_of_events(steps: list[Step]) -> None:
    told(steps)


def told(steps: list[Step]) -> None:
    """Have it happen, and compare each answer."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        try:
            Story(world).tell(steps)
        finally:
            world.replays.close()


class Story:
    """What each key stands for by now: under way, or an answer and since when."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._under_way: dict[str, tuple[Work, Door, KeyedExchange, bytes]] = {}
        self._kept: dict[str, tuple[bytes, bytes, int]] = {}
        self._number = 0

    def tell(self, steps: list[Step]) -> None:
        for what, key, is_stream in steps:
            if what in ("ask", "other"):
                self._ask(key, what.encode(), is_stream)
            elif what == "wait":
                self._world.now_ms += 9 * HOUR_MS
            elif key in self._under_way:
                self._end(what, key)

    def _ask(self, key: str, body: bytes, is_stream: bool) -> None:
        works: list[Work] = []
        door, asking = self._world.ask(key, body, is_stream=is_stream, works=works)
        kept = self._kept.get(key)
        if key in self._under_way:
            assert not works and door.code == "idempotency_in_progress"
        elif kept is None or self._world.now_ms - kept[2] >= KEPT_MS:
            assert len(works) == 1 and door.got is None
            self._under_way[key] = (works[0], door, asking, body)
        elif kept[0] != body:
            assert not works and door.code == "idempotency_key_reused"
        else:
            assert not works and door.is_replayed and door.got == (200, kept[1])

    def _end(self, what: str, key: str) -> None:
        work, door, asking, body = self._under_way.pop(key)
        self._number += 1
        answer = b"answer %d" % self._number
        if what == "leave":
            door.is_open = False
            asking.client_left()
            if work.is_over:
                self._world.settle()
                return
        work.end(answer, is_good=what != "bad")
        self._world.settle()
        if what == "bad":
            assert door.got is not None and door.got[0] != 200
            return
        self._kept[key] = (body, answer, self._world.now_ms)
        if what == "good":
            assert door.got is not None and door.got[0] == 200 and not door.is_replayed
            assert door.got[1].endswith(answer)


def nothing() -> None: ...


def kept(body: bytes, at_ms: int) -> Kept:
    return Kept(b"asked", at_ms, 200, b"", b"", body)


def test_what_is_too_old_goes_from_the_folder_and_the_oldest_where_it_is_full(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    folder = tmp_path / "replays"
    for hours in (0, 5, 20, 30):
        world.replays.keep(
            b"%d" % hours, kept(b"x" * 1_000, world.now_ms - hours * HOUR_MS), nothing
        )
    world.replays.sweep(100.0 - module.TIDY_EVERY_S)
    world.replays.sweep(100.0)
    world.settle()
    assert {bytes.fromhex(name) for name in os.listdir(folder)} == {b"0", b"5", b"20"}
    world.now_ms += 10 * HOUR_MS
    world.replays.sweep(200.0)  # too soon
    world.settle()
    assert len(os.listdir(folder)) == 3
    world.replays.sweep(100.0 + module.TIDY_EVERY_S)
    world.settle()
    assert {bytes.fromhex(name) for name in os.listdir(folder)} == {b"0", b"5"}
    small = Replays(folder, PEPPER, lambda: world.now_ms, lambda call: call(), bytes_most=1_500)
    small.sweep(1.0)
    small.sweep(1.0 + module.TIDY_EVERY_S)
    small.close()
    assert [bytes.fromhex(name) for name in os.listdir(folder)] == [b"0"]
    world.replays.close()


def test_what_is_cut_short_or_of_another_pepper_or_name_is_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = tmp_path / "replays"
    world.replays.keep(b"a", kept(b"body", world.now_ms), nothing)
    world.settle()
    world.replays.close()

    def found(name: bytes, pepper: bytes = PEPPER) -> Kept | None:
        seen: list[Kept | None] = []
        replays = Replays(folder, pepper, lambda: world.now_ms, world._calls.put)
        replays.look_up(name, (b"asked",), lambda kept, _: seen.append(kept))
        replays.close()
        world.settle_calls()
        return seen[0]

    assert found(b"a") == kept(b"body", world.now_ms)
    assert found(b"b") is None
    assert found(b"a", b"q" * 32) is None
    (folder / b"b".hex()).write_bytes((folder / b"a".hex()).read_bytes())
    assert found(b"b") is None  # another request's answer
    sealed = (folder / b"a".hex()).read_bytes()
    for size in (0, 5, len(sealed) - 1):
        (folder / b"a".hex()).write_bytes(sealed[:size])
        assert found(b"a") is None


def test_a_disk_that_takes_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "replays").write_text("a file where the folder should be")
    world = World(tmp_path)
    works: list[Work] = []
    door, _ = world.ask("k", b"body", is_stream=False, works=works)
    works[0].end(b"answer", is_good=True)
    world.settle()
    assert door.got == (200, b"answer")
    world.replays.close()
