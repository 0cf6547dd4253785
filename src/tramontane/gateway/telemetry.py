"""What operators see: counters, histograms and one access line per request, without content.

Recording is a handful of integer additions on the loop; rendering and writing happen elsewhere.
It does not know keys' secrets, prompts or answers.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

FIRST_TOKEN_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
BETWEEN_TOKENS_BOUNDS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
LOG_BYTES_MAX = 64 * 1024 * 1024
_ENCODE = msgspec.json.Encoder().encode


class Histogram:
    """Counts by upper bound, in seconds."""

    __slots__ = ("_bounds", "counts", "sum_s")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum_s = 0.0

    def observe(self, value_s: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self._bounds, value_s)] += 1
        self.sum_s += value_s

    def buckets(self) -> list[tuple[str, float]]:
        """Return Prometheus' cumulative buckets."""
        total = 0
        rows = []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self.counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows


class Series:
    """The counters of one project and model."""

    __slots__ = (
        "between_tokens", "completion_tokens", "cost_nano", "estimated", "first_token",
        "prompt_tokens", "requests",
    )  # fmt: skip

    def __init__(self) -> None:
        self.requests: dict[str, int] = {}
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cost_nano = 0
        self.estimated = 0
        self.first_token = Histogram(FIRST_TOKEN_BOUNDS_S)
        self.between_tokens = Histogram(BETWEEN_TOKENS_BOUNDS_S)

    def count(self, status: str) -> None:
        """Count one request that ended as `status`."""
        self.requests[status] = self.requests.get(status, 0) + 1


class AccessRecord(msgspec.Struct, frozen=True, gc=False):
    """One line of the access log. Times are Unix milliseconds and milliseconds."""

    at_ms: int
    request_id: str
    project: str
    key: str
    model: str
    deployment: str
    status: int
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    cost_nano: int
    estimated: bool
    first_token_ms: int
    total_ms: int
    error: str | None = None


class AccessLog:
    """Lines gathered on the loop and written by a thread; two files of LOG_BYTES_MAX at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: list[AccessRecord] = []
        self._wake = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def add(self, record: AccessRecord) -> None:
        """Queue one line."""
        self._records.append(record)

    def close(self) -> None:
        """Write what is queued and stop."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop:
            self._wake.wait(0.5)
            self._flush()
        self._flush()

    def _flush(self) -> None:
        records, self._records = self._records, []
        if not records:
            return
        lines = b"".join(_ENCODE(record) + b"\n" for record in records)
        try:
            if self._path.exists() and self._path.stat().st_size > LOG_BYTES_MAX:
                self._path.replace(self._path.with_suffix(".1.jsonl"))
            with self._path.open("ab") as file:
                file.write(lines)
        except OSError:
            pass  # a full disk must not stop answers; the ledger decides about that


class Telemetry:
    """All series of this gateway."""

    def __init__(self, access_log: AccessLog | None) -> None:
        self._series: dict[tuple[str, str], Series] = {}
        self.access_log = access_log
        self.refused: dict[tuple[int, str], int] = {}

    def series(self, project: str, model: str) -> Series:
        """Return the counters of `project` (its name) and `model` (a known public name)."""
        series = self._series.get((project, model))
        if series is None:
            series = self._series[(project, model)] = Series()
        return series

    def log(self, record: AccessRecord) -> None:
        """Write one access line, in time."""
        if self.access_log is not None:
            self.access_log.add(record)

    def count_refused(self, status: int, code: str) -> None:
        """Count a request that reached no deployment."""
        self.refused[(status, code)] = self.refused.get((status, code), 0) + 1

    def render(
        self,
        gates: Iterable[tuple[str, int, int]],
        gauges: Iterable[tuple[str, str, float]],
    ) -> bytes:
        """Return the exposition in Prometheus' text format.

        `gates` are (deployment, waiting, in flight); `gauges` (name, help, value).
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(self._metrics(gates, gauges)))
        return generate_latest(registry)

    def _metrics(
        self,
        gates: Iterable[tuple[str, int, int]],
        gauges: Iterable[tuple[str, str, float]],
    ) -> list[Metric]:
        labels = ["project", "model"]
        requests = CounterMetricFamily(
            "tramontane_requests", "Requests by outcome.", labels=[*labels, "outcome"]
        )
        tokens = CounterMetricFamily(
            "tramontane_tokens", "Tokens by kind.", labels=[*labels, "kind"]
        )
        cost = CounterMetricFamily(
            "tramontane_cost_units", "Cost in units of the currency.", labels=labels
        )
        estimated = CounterMetricFamily(
            "tramontane_estimated", "Requests billed by estimate.", labels=labels
        )
        first = HistogramMetricFamily(
            "tramontane_first_token_seconds", "Time to the first token.", labels=labels
        )
        between = HistogramMetricFamily(
            "tramontane_between_tokens_seconds", "Time between stream events.", labels=labels
        )
        for key, series in self._series.items():
            for outcome, count in series.requests.items():
                requests.add_metric([*key, outcome], count)
            tokens.add_metric([*key, "prompt"], series.prompt_tokens)
            tokens.add_metric([*key, "completion"], series.completion_tokens)
            cost.add_metric(list(key), series.cost_nano / 1e9)
            estimated.add_metric(list(key), series.estimated)
            first.add_metric(list(key), series.first_token.buckets(), series.first_token.sum_s)
            between.add_metric(
                list(key), series.between_tokens.buckets(), series.between_tokens.sum_s
            )
        refused = CounterMetricFamily(
            "tramontane_refused", "Requests refused.", labels=["status", "code"]
        )
        for (status, code), count in self.refused.items():
            refused.add_metric([str(status), code], count)
        queue = GaugeMetricFamily("tramontane_waiting", "Waiting requests.", labels=["deployment"])
        busy = GaugeMetricFamily("tramontane_in_flight", "Requests inside.", labels=["deployment"])
        for name, waiting_count, in_flight in gates:
            queue.add_metric([name], waiting_count)
            busy.add_metric([name], in_flight)
        plain = [GaugeMetricFamily(name, text, value=value) for name, text, value in gauges]
        return [requests, tokens, cost, estimated, first, between, refused, queue, busy, *plain]


class _Collector:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield from self._metrics
