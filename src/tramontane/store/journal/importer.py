"""Moves settled usage out of the journal into the store.

`Importer` follows a journal while its gateway lives; `recover` empties one whose gateway is gone
and bills what that left open. Both may run at the same time, stop anywhere and start again: the
store keeps the first row of each (request, attempt), and a file is removed only after its rows
were kept for good. It does not know the store, only `insert`.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec

from tramontane.money import COST_MOST_NANO, Usage, cost_nano
from tramontane.store.journal.disk import Disk
from tramontane.store.journal.records import (
    HEAD_BYTES,
    CheckpointRecord,
    HoldRecord,
    Record,
    SettleRecord,
    read_frames,
    read_head,
    read_segment,
    salvage,
)
from tramontane.store.records import UsageRecord

Insert = Callable[[Sequence[UsageRecord]], None]
"""Keeps rows, ignoring known ones; a loss of power after it returned does not take them."""

GATEWAY_LOST = "gateway_lost"

_BATCH_ROWS = 2_000  # a write transaction keeps others out only this long
_READ_BYTES = 1 << 18


class Imported(msgspec.Struct, frozen=True):
    """What one step moved. `damaged` names the files that were kept for a look."""

    rows: int = 0
    damaged: tuple[str, ...] = ()


class Recovered(msgspec.Struct, frozen=True):
    """What a start found: settled rows, holds billed as lost, and bytes of no record."""

    settled: int
    lost: int
    damaged_bytes: int


class Importer:
    """Follows one journal, reading each byte once."""

    def __init__(self, disk: Disk, insert: Insert) -> None:
        self._disk = disk
        self._insert = insert
        self._places: dict[str, tuple[int, int]] = {}  # segment: salt, and how far it was read

    def step(self) -> Imported:
        """Move what was settled since the last step; remove segments that are done.

        A done segment with bytes of no record is kept as `.damaged` after all else was taken from
        it. Raises what `insert` does, and OSError; call again later.
        """
        names = sorted(self._disk.names())
        rows = 0
        damaged = []
        for name in names:
            stem, _, state = name.rpartition(".")
            try:
                if state == "open":
                    rows += self._follow(stem, name)
                elif state == "done":
                    moved, whole = self._finish(stem, name)
                    rows += moved
                    if not whole:
                        damaged.append(stem + ".damaged")
            except FileNotFoundError:
                continue  # done meanwhile, or removed by a gateway that starts
        stems = {name.rpartition(".")[0] for name in names}
        self._places = {stem: place for stem, place in self._places.items() if stem in stems}
        return Imported(rows, tuple(damaged))

    def _follow(self, stem: str, name: str) -> int:
        if stem not in self._places:
            salt = read_head(self._disk.read(name, 0, HEAD_BYTES))
            if salt is None:
                return 0  # being created
            self._places[stem] = (salt, HEAD_BYTES)
        salt, at = self._places[stem]
        rows = 0
        while True:
            data = self._disk.read(name, at, _READ_BYTES)
            frames = list(read_frames(data, salt, salvage=False))
            if not frames:
                return rows
            rows += _insert_settles(self._insert, (frame.record for frame in frames))
            at += frames[-1].end
            self._places[stem] = (salt, at)

    def _finish(self, stem: str, name: str) -> tuple[int, bool]:
        if stem in self._places:
            salt, at = self._places[stem]
            contents = salvage(self._disk.read(name, at), salt, 0)
        else:
            contents = read_segment(self._disk.read(name))
        rows = _insert_settles(self._insert, contents.records)
        _give_up(self._disk, name, contents.damaged_bytes)
        return rows, contents.damaged_bytes == 0


def recover(disk: Disk, insert: Insert, now_ms: int) -> Recovered:
    """Move everything into the store and leave the journal empty. Its gateway must be gone.

    A hold without a settle is billed as estimated, at the prompt's estimate and the last
    checkpoint, never above its bound. Raises ConfigError for a journal of another version, what
    `insert` does, and OSError; nothing is lost then.
    """
    names = sorted(n for n in disk.names() if n.endswith((".open", ".done")))
    lost = _open_holds(disk, [name for name in names if name.endswith(".open")])
    settled = 0
    damage: dict[str, int] = {}
    for name in names:
        try:
            contents = read_segment(disk.read(name))
        except FileNotFoundError:
            continue  # the worker removed it, after its rows were kept
        damage[name] = contents.damaged_bytes
        settled += _insert_settles(insert, contents.records)
        for record in contents.records:
            if isinstance(record, SettleRecord):
                lost.pop((record.request_id, record.attempt), None)
    _insert_rows(insert, [_bill_lost(hold, tokens, now_ms) for hold, tokens in lost.values()])
    for name, damaged_bytes in damage.items():
        # Behind a crash an open segment ends anyhow; a done one was whole once.
        _give_up(disk, name, damaged_bytes if name.endswith(".done") else 0)
    disk.sync_folder()
    return Recovered(settled, len(lost), sum(damage.values()))


def _open_holds(disk: Disk, names: Sequence[str]) -> dict[tuple[str, int], tuple[HoldRecord, int]]:
    """Return every hold in the segments `names` with the tokens of its last checkpoint."""
    holds: dict[tuple[str, int], HoldRecord] = {}
    tokens: dict[tuple[str, int], int] = {}
    for name in names:
        try:
            data = disk.read(name)
        except FileNotFoundError:
            continue
        for record in read_segment(data).records:
            identity = (record.request_id, record.attempt)
            if isinstance(record, HoldRecord):
                holds[identity] = record
            elif isinstance(record, CheckpointRecord):
                tokens[identity] = max(record.completion_tokens, tokens.get(identity, 0))
    return {identity: (hold, tokens.get(identity, 0)) for identity, hold in holds.items()}


def _bill_lost(hold: HoldRecord, checkpoint_tokens: int, now_ms: int) -> UsageRecord:
    completion_tokens = min(checkpoint_tokens, hold.output_bound_tokens)
    usage = Usage(hold.prompt_estimate_tokens, completion_tokens)
    cost = cost_nano(hold.price, usage)
    sale = hold.sale
    return UsageRecord(
        request_id=hold.request_id,
        attempt=hold.attempt,
        project_id=hold.project_id,
        key_id=hold.key_id,
        model=hold.model,
        deployment=hold.deployment,
        started_at_ms=hold.started_at_ms,
        settled_at_ms=max(now_ms, hold.started_at_ms),
        prompt_tokens=hold.prompt_estimate_tokens,
        completion_tokens=completion_tokens,
        cached_tokens=0,
        cost_nano=min(cost, hold.bound_nano, COST_MOST_NANO),
        estimated=True,
        status=GATEWAY_LOST,
        provider=hold.provider,
        region=hold.region,
        is_priced=hold.price.is_known,
        publication_id="" if sale is None else sale.publication_id,
        publisher_id="" if sale is None else sale.publisher_id,
        serving_cost_nano=0
        if sale is None
        else min(cost_nano(sale.own_price, usage), COST_MOST_NANO),
        publication_version=0 if sale is None else sale.version,
    )


def _insert_settles(insert: Insert, records: Sequence[Record] | Iterator[Record]) -> int:
    return _insert_rows(insert, [r.usage() for r in records if isinstance(r, SettleRecord)])


def _insert_rows(insert: Insert, rows: Sequence[UsageRecord]) -> int:
    for start in range(0, len(rows), _BATCH_ROWS):
        insert(rows[start : start + _BATCH_ROWS])
    return len(rows)


def _give_up(disk: Disk, name: str, damaged_bytes: int) -> None:
    try:
        if damaged_bytes:
            disk.rename(name, name.rpartition(".")[0] + ".damaged")
        else:
            disk.unlink(name)
    except FileNotFoundError:
        pass  # another reader came first, and has kept the same rows
