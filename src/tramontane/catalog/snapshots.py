"""Which dated names of a model are weights of their own.

"claude-opus-4-1-20250805" is Claude Opus 4.1, there is no other. Of "gpt-4o-2024-05-13" and
"gpt-4o-2024-11-20" each is a model of its own, and "gpt-4o" whichever its maker serves. So a date
tells models apart where one name has several. Two that are days apart, or weeks where no source
knows both, are one: some write the day on which they took a model in. It does not know what else
makes two models different.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from tramontane.catalog import naming
from tramontane.catalog.reading import Reading

_Key = tuple[str | None, str]
_MONTH = timedelta(days=30)
_DAYS = timedelta(days=3)


def told_apart(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings, in their order, with the `snapshot` that each is of, where its model
    has several.
    """
    starts = _several(readings)
    return [
        reading if not found else msgspec.structs.replace(reading, snapshot=found)
        for reading in readings
        for found in [_snapshot(reading, starts)]
    ]


def _several(readings: Iterable[Reading]) -> Mapping[_Key, Mapping[date, date]]:
    """Return, of each model that has more than one snapshot, the days and the snapshots' own."""
    days: dict[_Key, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    released: dict[_Key, date] = {}
    for reading in readings:
        for key in _keys(reading):
            day = _day_of(reading.name)
            if day is not None:
                days[key][day].add(reading.source)
            said = _day(reading.facts.get("released_on")) if reading.nearness == 0 else None
            if said is not None:
                released[key] = min(said, released.get(key, said))
    found = {}
    for key, sources in days.items():
        least = released.get(key, date.min + _MONTH) - _MONTH  # none is older than the model
        starts = _starts({day: sources[day] for day in sorted(sources) if day >= least})
        if len(set(starts.values())) > 1:
            found[key] = starts
    return found


def _starts(sources: Mapping[date, set[str]]) -> dict[date, date]:
    """Return the first day of the snapshot that each day, in order, belongs to. Days of one month
    are one snapshot's where no source knows both, else such as are next to each other.
    """
    starts: dict[date, date] = {}
    start = date.min
    seen: set[str] = set()
    for day, named_by in sources.items():
        apart = day - start
        if not starts or apart > _MONTH or (apart > _DAYS and named_by & seen):
            start, seen = day, set()
        starts[day] = start
        seen |= named_by
    return starts


def _snapshot(reading: Reading, starts: Mapping[_Key, Mapping[date, date]]) -> str | None:
    day = _day_of(reading.name)
    found = (starts[key].get(day) for key in _keys(reading) if day and key in starts)
    return next((start.isoformat() for start in found if start is not None), None)


def _keys(reading: Reading) -> Iterable[_Key]:
    for publisher, name in ((reading.publisher, reading.name), *reading.names):
        if publisher is not None:
            yield publisher, naming.named(publisher, name).key


def _day_of(name: str) -> date | None:
    return _day(naming.without_date(name.lower().partition(":")[0])[1])


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
