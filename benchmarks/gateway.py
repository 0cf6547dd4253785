"""What a request costs: Tramontane, nginx, haproxy and LiteLLM doing the same work in one run.

    python benchmarks/gateway.py                      everything, three rounds, about 20 minutes
    python benchmarks/gateway.py --quick --only tramontane,nginx --cells plain1k,stream400
    python benchmarks/gateway.py --profile --cells plain1k        where our CPU goes
    python benchmarks/gateway.py --rounds 1 --json r1.json        (repeat, then)
    python benchmarks/gateway.py --from r1.json r2.json r3.json   one table from several runs

The process on the path of a request runs alone on core 0; load, upstream and everything else
run on core 1; all at nice -15 where that is permitted, so that a busy machine disturbs less.
Rounds are interleaved: each cell is measured on every gateway before the next. Figures are the
median of the rounds with the lowest and the highest; ratios are formed within a round. A gateway
that is not installed is skipped with a word. Linux, two cores or more, openssl; results and how
to read them: docs/benchmarks.md.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rig import contenders, procfs, profile, report, upstream
from rig.cells import CELLS, FULL, QUICK, Cell, Pace
from rig.contenders import CONTENDERS, Launch, Skipped, Upstreams
from rig.load import Lane, Task, Window
from rig.report import Results, Sample, Start
from rig.running import GATEWAY_CORE, LOAD_CORE, Child, Gateway


def main() -> None:
    """Run what the command line asks for; exit status 1 where a run was void."""
    options = _arguments()
    if options.saved:
        results = report.merged([Path(name) for name in options.saved])
        print(report.tables(results))
        return
    if not Path("/proc/self/schedstat").exists() or (os.cpu_count() or 1) < 2:
        sys.exit("this benchmark reads /proc and pins to two cores: Linux with two cores or more")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    names = _names(options.only, list(CONTENDERS), "gateway")
    cells = [CELLS[name] for name in _names(options.cells, list(CELLS), "cell")]
    pace = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory(prefix="tramontane-bench-") as text:
        rig = Rig(Path(text), pace, options.verbose)
        if options.profile:
            rig.profile(names[0] if options.only else "tramontane", cells[0])
            return
        results = Results(machine=report.machine(), quick=options.quick)
        for number in range(1, (1 if options.quick else options.rounds) + 1):
            rig.round(number, names, cells, results)
    print(report.tables(results))
    if options.json:
        Path(options.json).write_bytes(msgspec.json.encode(results))
    if any(sample.errors for sample in results.samples):
        sys.exit("VOID: there were errors")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--only", help=f"some of {','.join(CONTENDERS)}")
    parser.add_argument("--cells", help=f"some of {','.join(CELLS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="also write every sample to this file")
    parser.add_argument("--from", dest="saved", nargs="+", help="only print saved runs' tables")
    parser.add_argument("--profile", action="store_true", help="profile one gateway in one cell")
    parser.add_argument("--verbose", action="store_true", help="print each sample in full")
    return parser.parse_args()


def _names(text: str | None, known: list[str], what: str) -> list[str]:
    names = known if text is None else text.split(",")
    for name in names:
        if name not in known:
            sys.exit(f"no {what} '{name}': choose from {', '.join(known)}")
    return names


class Rig:
    """One folder, one set of upstreams and gateways per round, and the load put on them."""

    def __init__(self, folder: Path, pace: Pace, verbose: bool) -> None:
        self._folder = folder
        self._pace = pace
        self._verbose = verbose
        self._printed: set[str] = set()

    def round(self, number: int, names: list[str], cells: list[Cell], results: Results) -> None:
        """Start everything, measure each cell on every gateway in turn, stop everything."""
        with contextlib.ExitStack() as stack:
            upstreams = stack.enter_context(self._upstreams())
            gateways: list[Gateway] = []
            for name in names:
                gateway = self._start(name, upstreams, stack)
                if gateway is not None:
                    gateways.append(gateway)
                    results.starts.append(self._start_figures(number, gateway))
                    results.versions[name] = gateway.launch.version
            for gateway in gateways:
                gateway.pin()
            for cell in cells:
                for gateway in gateways:
                    if cell.lane not in gateway.launch.lanes:
                        continue
                    sample = self._measure(number, cell, gateway, upstreams)
                    results.samples.append(sample)
                    print(report.line(sample), flush=True)
                    if self._verbose:
                        print("   ", sample, flush=True)

    def profile(self, name: str, cell: Cell) -> None:
        """Print where the CPU of one gateway goes under one cell's load."""
        with contextlib.ExitStack() as stack:
            upstreams = stack.enter_context(self._upstreams())
            gateway = self._start(name, upstreams, stack)
            if gateway is None:
                sys.exit(f"{name} cannot be started here")
            gateway.pin()
            time.sleep(0.5)
            seconds = 8
            task = self._task(cell, gateway, upstreams)
            length_s = task.stream_events * task.interval_s if cell.kind == "streams" else 0.0
            task = msgspec.structs.replace(task, window_s=2.0 * seconds + 8)
            with self._load(task) as load:
                time.sleep(task.warmup_s + length_s + 0.5)
                profile.print_profile(gateway.serving, seconds, self._folder)
                load.stop()

    def _start(
        self, name: str, upstreams: Upstreams, stack: contextlib.ExitStack
    ) -> Gateway | None:
        folder = Path(tempfile.mkdtemp(dir=self._folder, prefix=f"{name}-"))
        try:
            launch = CONTENDERS[name](folder, upstreams)
        except Skipped as reason:
            print(f"{name}: skipped, {reason}")
            return None
        if name not in self._printed:
            self._printed.add(name)
            print(_described(launch), flush=True)
        return stack.enter_context(Gateway(launch, folder))

    def _start_figures(self, number: int, gateway: Gateway) -> Start:
        time.sleep(1.0)
        watch = gateway.watch()
        return Start(
            round=number,
            gateway=gateway.launch.name,
            ready_s=gateway.ready_s,
            memory_mb=procfs.memory_mb(watch["gateway"]),
            rest_mb=procfs.memory_mb(watch["rest"]),
        )

    def _measure(self, number: int, cell: Cell, gateway: Gateway, upstreams: Upstreams) -> Sample:
        gateway.check_alive()
        gateway.pin()
        task = self._task(cell, gateway, upstreams)
        probed: Window | None = None
        with self._load(task) as load:
            if cell.kind == "stall":
                time.sleep(_lead_s(task))
                probe = msgspec.structs.replace(task, kind="probe", window_s=task.window_s - 0.5)
                with self._load(probe) as prober:
                    probed = _result(prober)
            window = _result(load)
        watch = gateway.watch()
        return Sample(
            round=number,
            cell=cell.name,
            gateway=gateway.launch.name,
            connections=task.connections,
            window=window,
            probe=probed,
            errors=window.errors + (probed.errors if probed else 0),
            memory_mb=procfs.memory_mb(watch["gateway"]),
            peak_mb=procfs.memory_mb(watch["gateway"], "VmHWM"),
            rest_mb=procfs.memory_mb(watch["rest"]),
        )

    def _task(self, cell: Cell, gateway: Gateway, upstreams: Upstreams) -> Task:
        launch = gateway.launch
        kind = {"latency": "latency", "streams": "streams"}.get(cell.kind, "closed")
        if cell.kind == "stall" and cell.lane == "stream":
            kind = "streams"
        direct = Lane(port=upstreams.plain_port, key="none", model="bench")
        return Task(
            kind=kind,  # type: ignore[arg-type]
            lane=launch.lanes[cell.lane],
            direct=direct if kind == "latency" else None,
            health_path=launch.health_path,
            gateway_core=GATEWAY_CORE,
            connections=cell.connections if launch.name != "litellm" else cell.light,
            body_bytes=cell.body_bytes,
            stream_events=self._pace.stream_events,
            interval_s=self._pace.interval_s,
            warmup_s=self._pace.warmup_s,
            window_s=self._pace.window_s(cell),
            watch=gateway.watch(),
        )

    def _load(self, task: Task) -> Child:
        return _module("rig.load", task, self._folder / f"load-{task.kind}.log")

    @contextlib.contextmanager
    def _upstreams(self) -> Iterator[Upstreams]:
        folder = Path(tempfile.mkdtemp(dir=self._folder, prefix="upstream-"))
        stream_port = contenders.free_port()
        options = upstream.StreamOptions(
            port=stream_port, events=self._pace.stream_events, interval_s=self._pace.interval_s
        )
        with contextlib.ExitStack() as stack:
            stack.enter_context(_module("rig.upstream", options, folder / "stream.log"))
            try:
                program = contenders.find("nginx")
            except Skipped:
                print("nginx is not installed: the stream server gives the answers, without TLS")
                plain_port, tls_port = stream_port, None
                ca_file = folder / "none"
            else:
                ca_file, certificate = upstream.certificates(folder)
                plain_port, tls_port = contenders.free_port(), contenders.free_port()
                path = folder / "upstream.conf"
                config = upstream.nginx_upstream(folder, plain_port, tls_port, certificate)
                path.write_text(config)
                command = [program, "-c", str(path)]
                stack.enter_context(Child(command, folder / "nginx.log", core=LOAD_CORE))
            for port in {plain_port, stream_port}:
                upstream.wait_open(port)
            yield Upstreams(
                plain_port=plain_port, tls_port=tls_port, stream_port=stream_port, ca_file=ca_file
            )


def _lead_s(task: Task) -> float:
    length_s = task.stream_events * task.interval_s if task.kind == "streams" else 0.0
    return length_s + task.warmup_s + 0.2


def _module(name: str, options: msgspec.Struct, log: Path) -> Child:
    return Child(
        [sys.executable, "-m", name, msgspec.json.encode(options).decode()],
        log,
        core=LOAD_CORE,
        cwd=Path(__file__).parent,
    )


def _result(load: Child) -> Window:
    status = load.process.wait()
    text = load.log.read_bytes()
    if status != 0:
        raise RuntimeError(f"the load failed:\n{text.decode(errors='replace')[-2_000:]}")
    *said, result = text.splitlines()
    window = msgspec.json.decode(result, type=Window)
    if window.errors:
        print(b"\n".join(said).decode(errors="replace")[-2_000:])
    return window


def _described(launch: Launch) -> str:
    command = " ".join(launch.command)
    note = f" ({launch.note})" if launch.note else ""
    text = f"== {launch.name} {launch.version}{note}\n$ {command}\n{launch.config}"
    return contenders.redacted(text)


if __name__ == "__main__":
    main()
