"""The cells measured: what load, on which lane, counted in what.

Adding a measure is adding a line here. It starts nothing.
"""

from typing import Literal

import msgspec

Kind = Literal["closed", "streams", "latency", "stall"]


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One measure. `light` is the connections for a contender too slow for the full number."""

    name: str
    title: str
    kind: Kind
    lane: str
    connections: int = 16
    light: int = 16
    body_bytes: int = 1_024
    window_s: float = 5.0


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long things take: `scale` stretches the windows."""

    scale: float = 1.0
    warmup_s: float = 1.0
    stream_events: int = 200
    interval_s: float = 0.02

    def window_s(self, cell: Cell) -> float:
        """Return the measured window; whole stream lengths, so that starts and ends are even."""
        window_s = cell.window_s * self.scale
        if cell.kind != "streams":
            return window_s
        length_s = self.stream_events * self.interval_s
        return max(1, round(window_s / length_s)) * length_s


FULL = Pace()
QUICK = Pace(scale=0.5, warmup_s=0.5, stream_events=150)

CELLS: dict[str, Cell] = {
    cell.name: cell
    for cell in (
        Cell(name="plain1k", title="CPU µs / request, 1 kB", kind="closed", lane="plain"),
        Cell(
            name="plain100k",
            title="CPU µs / request, 100 kB",
            kind="closed",
            lane="plain",
            body_bytes=102_400,
        ),
        Cell(name="tls1k", title="CPU µs / request, 1 kB, TLS", kind="closed", lane="tls"),
        Cell(
            name="tls100k",
            title="CPU µs / request, 100 kB, TLS",
            kind="closed",
            lane="tls",
            body_bytes=102_400,
        ),
        Cell(
            name="stream100",
            title="CPU µs / event, 100 streams",
            kind="streams",
            lane="stream",
            connections=100,
            light=10,
            window_s=12.0,
        ),
        Cell(
            name="stream400",
            title="CPU µs / event, 400 streams",
            kind="streams",
            lane="stream",
            connections=400,
            light=10,
            window_s=8.0,
        ),
        Cell(
            name="translate1k",
            title="CPU µs / request, 1 kB, to Anthropic's dialect",
            kind="closed",
            lane="translated",
        ),
        Cell(
            name="translate100",
            title="CPU µs / event, 100 streams, from Anthropic's dialect",
            kind="streams",
            lane="translated_stream",
            connections=100,
            light=10,
            window_s=12.0,
        ),
        Cell(
            name="translate400",
            title="CPU µs / event, 400 streams, from Anthropic's dialect",
            kind="streams",
            lane="translated_stream",
            connections=400,
            light=10,
            window_s=8.0,
        ),
        Cell(name="latency", title="added p50 ms, one client", kind="latency", lane="plain"),
        Cell(
            name="stall16",
            title="longest wait ms, 16 clients",
            kind="stall",
            lane="plain",
        ),
        Cell(
            name="stall400",
            title="longest wait ms, 400 streams",
            kind="stall",
            lane="stream",
            connections=400,
            light=10,
            window_s=10.0,
        ),
    )
}
