"""The load: closed loops, streams at a fixed rate, one client alone, and a prober for stalls.

Run as a module, with one task as JSON in its argument; prints one JSON result. Sockets over
epoll, since a cheap client disturbs least. Every answer is compared with the bytes that were to
be expected; anything else counts as an error, and a run with errors is void. CPU is read here,
at the very edges of the measured window.
"""

import os
import random
import select
import socket
import statistics
import sys
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from rig import payloads, procfs

READ_BYTES = 262_144
PATH = "/v1/chat/completions"
END = "data: [DONE]\n\n"


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests are sent, and whether the answer's bytes must come through untouched.

    `ends` is how a stream ends: a proxy leaves it as the upstream has it.
    """

    port: int
    key: str
    model: str
    exact: bool = True
    ends: str = END


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of load. `watch` names the processes whose CPU is accounted."""

    kind: Literal["closed", "streams", "latency", "probe"]
    lane: Lane
    direct: Lane | None = None
    health_path: str = "/health"
    gateway_core: int
    connections: int = 16
    body_bytes: int = 1_024
    stream_events: int = 200
    interval_s: float = 0.02
    warmup_s: float = 1.0
    window_s: float = 5.0
    watch: dict[str, list[int]] = {}


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What happened within the measured window; CPU in seconds."""

    elapsed_s: float = 0.0
    requests: int = 0
    events: int = 0
    reads: int = 0
    errors: int = 0
    cpu: dict[str, procfs.CpuTime] = {}
    own_cpu_s: float = 0.0
    gateway_core_busy_s: float = 0.0
    latencies_ms: dict[str, float] = {}


class Meter:
    """Reads every account at the beginning and the end of a window."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._before = self._read()

    def _read(self) -> tuple[float, float, float, dict[str, procfs.CpuTime]]:
        cpu = {role: procfs.cpu_time(pids) for role, pids in self._task.watch.items()}
        busy_s = procfs.core_busy_s(self._task.gateway_core)
        return time.perf_counter(), time.process_time(), busy_s, cpu

    def window(self, *, requests: int, events: int = 0, reads: int = 0, errors: int = 0) -> Window:
        """Return the window from construction until now, with these counts."""
        elapsed, own, busy, cpu = self._read()
        began, own_before, busy_before, cpu_before = self._before
        return Window(
            elapsed_s=elapsed - began,
            own_cpu_s=own - own_before,
            gateway_core_busy_s=busy - busy_before,
            cpu={role: used.since(cpu_before[role]) for role, used in cpu.items()},
            requests=requests,
            events=events,
            reads=reads,
            errors=errors,
        )


class _Client:
    """One keep-alive connection: what is left to send, and what came back so far."""

    __slots__ = ("parts", "socket", "unsent")

    def __init__(self, port: int) -> None:
        self.socket = _connect(port)
        self.socket.setblocking(False)
        self.parts: list[bytes] = []
        self.unsent = b""

    def send(self, data: bytes, epoll: select.epoll) -> None:
        """Send `data`; what the kernel does not take now goes out when it can."""
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data) or self.unsent:
            self.unsent = data[sent:]
            events = select.EPOLLIN | (select.EPOLLOUT if self.unsent else 0)
            epoll.modify(self.socket, events)


def _connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _answer_check(exact: bool) -> Callable[[bytes], bool | None]:
    """Return a judge of bytes received so far: True complete and right, False wrong, None more."""
    expected = payloads.answer()

    def judge_exact(data: bytes) -> bool | None:
        if data.endswith(expected):
            return data.startswith(b"HTTP/1.1 200 ")
        return None if len(data) < 8 * len(expected) else False

    def judge_length(data: bytes) -> bool | None:
        head, separator, body = data.partition(b"\r\n\r\n")
        if not separator:
            return None
        if not head.startswith(b"HTTP/1.1 200 "):
            return False
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(body) < length:
            return None
        return len(body) == length and b"a plain sentence of the answer" in body

    return judge_exact if exact else judge_length


def closed_loop(task: Task) -> Window:
    """Return what `connections` keep-alive clients got done, each one request at a time."""
    lane = task.lane
    body = payloads.request_body(lane.model, task.body_bytes, stream=False)
    request = payloads.request(lane.port, PATH, lane.key, body)
    judge = _answer_check(lane.exact)
    epoll = select.epoll()
    clients: dict[int, _Client] = {}
    for _ in range(task.connections):
        client = _Client(lane.port)
        clients[client.socket.fileno()] = client
        epoll.register(client.socket, select.EPOLLIN)
        client.send(request, epoll)
    done = errors = 0
    meter: Meter | None = None
    turn = time.perf_counter() + task.warmup_s
    while True:
        if time.perf_counter() >= turn:
            if meter is not None:
                return meter.window(requests=done, errors=errors)
            done = errors = 0
            turn += task.window_s
            meter = Meter(task)
        for descriptor, event in epoll.poll(0.5):
            client = clients[descriptor]
            if event & select.EPOLLOUT:
                client.send(client.unsent, epoll)
            if not event & ~select.EPOLLOUT:
                continue
            data = client.socket.recv(READ_BYTES)
            if client.parts:
                data = b"".join([*client.parts, data])
            verdict = judge(data)
            if verdict is None and data:
                client.parts = [data]
                continue
            client.parts = []
            done += 1
            if not verdict:
                errors += 1
                raise SystemExit(f"not the expected answer: {data[:600]!r}")
            client.send(request, epoll)


class StreamLoad:
    """Streams held open at a constant number; each is checked to the byte when it ends."""

    def __init__(self, task: Task) -> None:
        self._task = task
        lane = task.lane
        body = payloads.request_body(lane.model, task.body_bytes, stream=True)
        self._request = payloads.request(lane.port, PATH, lane.key, body)
        self._accepted = payloads.accepted_streams(task.stream_events)
        self._epoll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._open = 0
        self._restarting = True
        self.requests = self.events = self.reads = self.errors = 0

    def run(self) -> Window:
        """Return the window; it starts once every stream has begun and ends a whole length later.

        Starts are spread over one stream's length, so that ends and new starts are even.
        """
        task = self._task
        length_s = task.stream_events * task.interval_s
        chance = random.Random(7)
        starts = sorted(chance.uniform(0, length_s) for _ in range(task.connections))
        began = time.perf_counter()
        for start in starts:
            self._poll_until(began + start)
            self._begin(_Client(task.lane.port))
        self._poll_until(time.perf_counter() + task.warmup_s)
        self.requests = self.events = self.reads = 0
        meter = Meter(task)
        self._poll_until(time.perf_counter() + task.window_s)
        window = meter.window(requests=self.requests, events=self.events, reads=self.reads)
        self._restarting = False
        deadline = time.perf_counter() + 3 * length_s + 10
        while self._open and time.perf_counter() < deadline:
            self._poll(0.05)
        for client in self._clients.values():
            if self._restarting is False and client.parts:
                print(f"an unfinished stream: {b''.join(client.parts)[-500:]!r}", flush=True)
                break
        if self._open:
            print(f"{self._open} streams did not end in time", flush=True)
        return msgspec.structs.replace(window, errors=self.errors + self._open)

    def _begin(self, client: _Client) -> None:
        descriptor = client.socket.fileno()
        if descriptor not in self._clients:
            self._clients[descriptor] = client
            self._epoll.register(client.socket, select.EPOLLIN)
        self._open += 1
        client.send(self._request, self._epoll)

    def _poll_until(self, deadline: float) -> None:
        while (left := deadline - time.perf_counter()) > 0:
            self._poll(min(left, 0.05))

    def _poll(self, wait_s: float) -> None:
        for descriptor, event in self._epoll.poll(wait_s):
            client = self._clients[descriptor]
            if event & select.EPOLLOUT:
                client.send(client.unsent, self._epoll)
            if event & ~select.EPOLLOUT:
                self._receive(client)

    def _receive(self, client: _Client) -> None:
        data = client.socket.recv(READ_BYTES)
        self.reads += 1
        self.events += data.count(b"\n\n")
        client.parts.append(data)
        if len(data) < 5 and len(client.parts) > 1:
            data = client.parts[-2] + data
        if data.endswith(payloads.LAST_CHUNK) or not data:
            self._finish(client)

    def _finish(self, client: _Client) -> None:
        head, _, chunks = b"".join(client.parts).partition(b"\r\n\r\n")
        client.parts = []
        self._open -= 1
        self.requests += 1
        if not head.startswith(b"HTTP/1.1 200 ") or not self._is_right(chunks):
            self.errors += 1
            if self.errors == 1:
                print(f"a wrong stream: {head!r} ... {chunks[-700:]!r}", flush=True)
        if chunks.endswith(payloads.LAST_CHUNK) and self._restarting:
            self._begin(client)

    def _is_right(self, chunks: bytes) -> bool:
        try:
            body = payloads.unframed(chunks)
        except ValueError:
            return False
        if self._task.lane.exact:
            return body in self._accepted
        whole = body.count(b" word") == self._task.stream_events - 2
        return whole and body.endswith(self._task.lane.ends.encode())


def latency(task: Task) -> Window:
    """Return p50 and p99 of one client alone: through the gateway and direct, taken in turn."""
    assert task.direct is not None
    lanes = {"gateway": task.lane, "direct": task.direct}
    clients = {name: _connect(lane.port) for name, lane in lanes.items()}
    requests: dict[str, bytes] = {}
    for name, lane in lanes.items():
        body = payloads.request_body(lane.model, task.body_bytes, stream=False)
        requests[name] = payloads.request(lane.port, PATH, lane.key, body)
    judges = {name: _answer_check(lane.exact) for name, lane in lanes.items()}
    taken: dict[str, list[float]] = {name: [] for name in lanes}
    measured_from = time.perf_counter() + task.warmup_s
    meter: Meter | None = None
    while meter is None or time.perf_counter() < measured_from + task.window_s:
        if meter is None and time.perf_counter() >= measured_from:
            meter = Meter(task)
            for values in taken.values():
                values.clear()
        for name, client in clients.items():
            began = time.perf_counter()
            client.sendall(requests[name])
            data = _read(client)
            while judges[name](data) is None:
                data += _read(client)
            taken[name].append((time.perf_counter() - began) * 1e3)
            if not judges[name](data):
                raise SystemExit(f"not the expected answer: {data[:600]!r}")
    window = meter.window(requests=len(taken["gateway"]))
    figures = {f"{name}_p50": statistics.median(values) for name, values in taken.items()}
    figures |= {f"{name}_p99": _quantile(values, 0.99) for name, values in taken.items()}
    return msgspec.structs.replace(window, latencies_ms=figures)


def probe(task: Task) -> Window:
    """Return how long a tiny GET took at worst, one every 2 ms: a stalled loop answers late."""
    client = _connect(task.lane.port)
    request = f"GET {task.health_path} HTTP/1.1\r\nHost: 127.0.0.1:{task.lane.port}\r\n\r\n"
    taken_ms: list[float] = []
    errors = 0
    end = time.perf_counter() + task.window_s
    while (began := time.perf_counter()) < end:
        client.sendall(request.encode())
        data = _read(client)
        while not _is_whole(data):
            data += _read(client)
        taken_ms.append((time.perf_counter() - began) * 1e3)
        errors += not data.startswith(b"HTTP/1.1 200 ")
        time.sleep(0.002)
    figures = {
        "probe_p50": statistics.median(taken_ms),
        "probe_p999": _quantile(taken_ms, 0.999),
        "probe_max": max(taken_ms),
    }
    return Window(requests=len(taken_ms), errors=errors, latencies_ms=figures)


def _read(client: socket.socket) -> bytes:
    data = client.recv(READ_BYTES)
    if not data:
        raise SystemExit("the connection was closed in the middle of an answer")
    return data


def _is_whole(data: bytes) -> bool:
    head, separator, body = data.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    return bool(separator) and len(body) >= int(length)


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    """Run the task given as JSON in the first argument; print its window as JSON."""
    task = msgspec.json.decode(sys.argv[1], type=Task)
    if task.kind == "probe":
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except PermissionError:
            print("the prober runs without priority", file=sys.stderr)
    runners: dict[str, Callable[[Task], Window]] = {
        "closed": closed_loop,
        "streams": lambda task: StreamLoad(task).run(),
        "latency": latency,
        "probe": probe,
    }
    sys.stdout.buffer.write(msgspec.json.encode(runners[task.kind](task)) + b"\n")


if __name__ == "__main__":
    main()
