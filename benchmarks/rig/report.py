"""From samples to figures and tables. Pure but for `machine` and `merged`, which read files."""

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rig.cells import CELLS
from rig.load import Window

BASE = "nginx"
OURS = "tramontane"
FOREIGN_LIMIT = 0.05
CLOCKS_LIMIT = 0.03
COUNT_LEAST = 100


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One cell on one gateway in one round. Memory in MB: the process on the path, and the rest."""

    round: int
    cell: str
    gateway: str
    connections: int
    window: Window
    probe: Window | None
    errors: int
    memory_mb: float
    peak_mb: float
    rest_mb: float

    @property
    def figure(self) -> float:
        """The cell's figure in the unit that its title names."""
        kind = CELLS[self.cell].kind
        if kind == "latency":
            figures = self.window.latencies_ms
            return figures["gateway_p50"] - figures["direct_p50"]
        if kind == "stall":
            assert self.probe is not None
            return self.probe.latencies_ms["probe_max"]
        return self.window.cpu["gateway"].sched_s * 1e6 / max(1, self.count)

    @property
    def count(self) -> int:
        """Requests or events within the window, whichever the cell counts."""
        return self.window.events or self.window.requests

    @property
    def foreign(self) -> float:
        """Share of the gateway's core that was used by others in the window."""
        used_s = self.window.cpu["gateway"].sched_s
        return max(0.0, self.window.gateway_core_busy_s - used_s) / self.window.elapsed_s


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """One start: seconds until `/health` answered, memory in MB one second later."""

    round: int
    gateway: str
    ready_s: float
    memory_mb: float
    rest_mb: float


class Results(msgspec.Struct, kw_only=True):
    """Everything measured in one or more runs."""

    machine: str
    quick: bool
    versions: dict[str, str] = {}
    samples: list[Sample] = []
    starts: list[Start] = []


class Goal(msgspec.Struct, frozen=True):
    """A figure to reach: ours over another gateway's (or absolute) at most `limit`."""

    text: str
    cell: str
    against: str | None
    limit: float


GOALS = (
    Goal("≤ 2.0 × nginx CPU per request", "plain1k", BASE, 2.0),
    Goal("≤ 1.0 × nginx CPU per event, 400 streams", "stream400", BASE, 1.0),
    Goal("≥ 300 × less CPU per request than LiteLLM", "plain1k", "litellm", 1 / 300),
    Goal("added p50 ≤ nginx's", "latency", BASE, 1.0),
    Goal("translated: ≤ 6.0 × nginx CPU per request", "translate1k", BASE, 6.0),
)
MEMORY_GOAL_MB = 60.0


def machine() -> str:
    """Return this machine in a line: processor, cores, kernel, Python."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    system = platform.uname()
    return (
        f"{model}, {os.cpu_count()} cores, {system.system} {system.release.partition('-')[0]},"
        f" Python {platform.python_version()}"
    )


def merged(paths: Sequence[Path]) -> Results:
    """Return the results saved at `paths` as one; rounds are counted on."""
    first, *others = (msgspec.json.decode(path.read_bytes(), type=Results) for path in paths)
    for other in others:
        offset = max((sample.round for sample in first.samples), default=0)
        shift = msgspec.structs.replace
        first.samples += [shift(each, round=each.round + offset) for each in other.samples]
        first.starts += [shift(each, round=each.round + offset) for each in other.starts]
        first.versions |= other.versions
    return first


def line(sample: Sample) -> str:
    """Return one sample as a line, with what may cast doubt on it."""
    window = sample.window
    per_s = sample.count / window.elapsed_s
    parts = [
        f"round {sample.round}  {sample.cell:10} {sample.gateway:11}{sample.figure:10.2f}",
        f"{per_s:9.0f}/s",
        f"core0 {window.cpu['gateway'].sched_s / window.elapsed_s:4.0%}",
        f"load {window.own_cpu_s / window.elapsed_s:4.0%}",
        f"rest {window.cpu['rest'].sched_s / window.elapsed_s:4.1%}",
        f"{sample.memory_mb:5.0f} MB",
    ]
    if window.events:
        parts.append(f"{window.events / max(1, window.reads):.2f} events/read")
    if sample.probe is not None:
        figures = sample.probe.latencies_ms
        parts.append(f"p50 {figures['probe_p50']:.2f} p99.9 {figures['probe_p999']:.2f} ms")
    elif "gateway_p99" in window.latencies_ms:
        figures = window.latencies_ms
        parts.append(f"p50 {figures['gateway_p50']:.3f} direct {figures['direct_p50']:.3f} ms")
    return "  ".join(parts + doubts(sample))


def doubts(sample: Sample) -> list[str]:
    """Return what makes a sample doubtful: errors, foreign load, clocks that disagree."""
    found: list[str] = []
    if sample.errors:
        found.append(f"VOID: {sample.errors} errors")
    if sample.foreign > FOREIGN_LIMIT:
        found.append(f"others used {sample.foreign:.0%} of core 0")
    if sample.probe is None and sample.count < COUNT_LEAST:
        found.append(f"only {sample.count} counted")
    used = sample.window.cpu["gateway"]
    if used.ticks_s > 1 and abs(used.sched_s / used.ticks_s - 1) > CLOCKS_LIMIT:
        found.append(f"clocks disagree: {used.sched_s:.2f} s and {used.ticks_s:.2f} s")
    return found


def tables(results: Results) -> str:
    """Return every table as Markdown: figures, ratios, memory and start, goals."""
    names = [name for name in (OURS, "nginx", "haproxy", "litellm") if name in results.versions]
    heads = [f"{name} {results.versions[name]}" for name in names]
    parts = [
        f"\n{results.machine}; {_rounds(results)} round(s); median (lowest to highest)",
        _table(["", *heads], [_figure_row(results, cell, names) for cell in _cells(results)]),
        _table(["requests or events per s", *heads], _rate_rows(results, names)),
        _table(["", *heads], _memory_rows(results, names)),
    ]
    if BASE in names and len(names) > 1:
        others = [name for name in names if name != BASE]
        rows = [_ratio_row(results, cell, others) for cell in _cells(results)]
        parts.append(_table([f"ratio to {BASE}", *others], rows))
    if OURS in names:
        parts.append(_table(["goal", "reached", ""], _goal_rows(results)))
        parts.append(_table(["CPU of ours off the path, share of a core", ""], _rest_rows(results)))
    return "\n\n".join(parts)


def _cells(results: Results) -> list[str]:
    present = {sample.cell for sample in results.samples}
    return [name for name in CELLS if name in present]


def _rounds(results: Results) -> int:
    return len({sample.round for sample in results.samples})


def _samples(results: Results, cell: str, gateway: str) -> list[Sample]:
    wanted = (cell, gateway)
    return [each for each in results.samples if (each.cell, each.gateway) == wanted]


def _figure_row(results: Results, cell: str, names: list[str]) -> list[str]:
    row = [CELLS[cell].title]
    for name in names:
        samples = _samples(results, cell, name)
        text = _spread([sample.figure for sample in samples])
        if samples and samples[0].connections < CELLS[cell].connections:
            text += f" [{samples[0].connections}]"
        if any(sample.errors for sample in samples):
            text += " VOID"
        row.append(text)
    return row


def _rate_rows(results: Results, names: list[str]) -> list[list[str]]:
    rows: list[list[str]] = []
    for cell in _cells(results):
        if CELLS[cell].kind not in ("closed", "streams"):
            continue
        rates = [
            [each.count / each.window.elapsed_s for each in _samples(results, cell, name)]
            for name in names
        ]
        rows.append([cell, *(_spread(values, 0) for values in rates)])
    return rows


def _memory_rows(results: Results, names: list[str]) -> list[list[str]]:
    starts = {name: [each for each in results.starts if each.gateway == name] for name in names}
    after = {name: [each for each in results.samples if each.gateway == name] for name in names}
    return [
        ["s, start to ready", *(_spread([s.ready_s for s in starts[n]], 2) for n in names)],
        ["MB at start", *(_spread([s.memory_mb for s in starts[n]], 0) for n in names)],
        ["MB under load, peak", *(_spread([s.peak_mb for s in after[n]][-1:], 0) for n in names)],
        ["MB of its other processes", *(_spread([s.rest_mb for s in starts[n]], 0) for n in names)],
    ]


def _ratios(results: Results, cell: str, name: str, base: str) -> list[float]:
    bases = {each.round: each.figure for each in _samples(results, cell, base)}
    return [
        each.figure / bases[each.round]
        for each in _samples(results, cell, name)
        if bases.get(each.round)
    ]


def _ratio_row(results: Results, cell: str, others: list[str]) -> list[str]:
    return [cell, *(_spread(_ratios(results, cell, name, BASE), 2) for name in others)]


def _goal_rows(results: Results) -> list[list[str]]:
    rows: list[list[str]] = []
    for goal in GOALS:
        ratios = _ratios(results, goal.cell, OURS, goal.against or BASE)
        if ratios:
            reached = statistics.median(ratios)
            shown = f"{reached:.2f} ×" if goal.limit >= 1 else f"{1 / reached:.0f} × less"
            rows.append([goal.text, shown, "yes" if reached <= goal.limit else "no"])
    peaks = [each.peak_mb for each in results.samples if each.gateway == OURS]
    if peaks:
        met = "yes" if max(peaks) <= MEMORY_GOAL_MB else "no"
        rows.append([f"≤ {MEMORY_GOAL_MB:.0f} MB, peak", f"{max(peaks):.0f} MB", met])
    return rows


def _rest_rows(results: Results) -> list[list[str]]:
    rows: list[list[str]] = []
    for cell in _cells(results):
        samples = _samples(results, cell, OURS)
        shares = [100 * each.window.cpu["rest"].sched_s / each.window.elapsed_s for each in samples]
        rows.append([cell, _spread(shares, 2) + " %"])
    return rows


def _spread(values: Sequence[float], digits: int = 2) -> str:
    if not values:
        return "-"
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
