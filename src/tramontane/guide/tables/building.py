"""From what was found in a question to a query; on its own, or going on from the query before."""

from collections.abc import Sequence

from msgspec.structs import replace

from tramontane.guide.conversation import ColumnFacts
from tramontane.guide.tables.conditions import Unsure, merged
from tramontane.guide.tables.parts import Parts
from tramontane.guide.tables.query import Choice, Dimension, Filter, Measure, Operation, Query
from tramontane.guide.tables.reading import TIMES, Reading

_TIME_TESTS = ("within", "outside", "after", "since", "before", "until")


def build(reading: Reading, found: Parts) -> Query | None:
    """Return the query that `found` is; None where it asks nothing. Raises Unsure."""
    query = _build(reading, found)
    return None if query is None else replace(query, ignored=tuple(found.ignored))


def _build(reading: Reading, found: Parts) -> Query | None:
    base = Query(table=reading.table, filters=tuple(found.filters), groups=tuple(found.groups))
    if found.is_compared:
        return _compare(reading, found, base)
    if found.is_share:
        return _share(reading, found, base)
    has_entity = found.entity is not None or found.is_of_rows
    if found.entity is not None and found.entity.column in found.columns:
        return replace(base, measures=_extreme(found, found.entity.column))  # "when was the last"
    if has_entity and (found.order is not None or (found.limit and found.columns)):
        return _top(reading, found, base)
    if has_entity and found.operation is None and not found.columns and not found.is_counting:
        return _list(reading, found, base)
    measures = _measures(reading, found)
    if measures is None:
        if found.names_rows and (found.filters or found.is_listing):
            return replace(base, kind="rows", limit=found.limit)
        return None
    if found.entity is not None and found.entity not in base.groups:
        base = replace(base, groups=(*base.groups, found.entity))
    if found.order is not None and base.groups and found.operation in ("mean", "median", "sum"):
        return replace(
            base, kind="top", measures=measures, is_descending=found.order == "high",
            limit=found.limit or 1,
        )  # fmt: skip
    return replace(base, measures=measures, limit=found.limit)


def _extreme(found: Parts, column: ColumnFacts) -> tuple[Measure, ...]:
    return (Measure("min" if found.order == "low" else "max", column),)


def _measures(reading: Reading, found: Parts) -> tuple[Measure, ...] | None:
    """Return what is calculated; None where nothing says so."""
    if found.operation == "distinct":
        return (Measure("distinct", found.columns[0]),)
    if found.is_counting:
        return (Measure("count"),)
    if found.columns:
        return tuple(
            Measure(_operation(reading, found, column), column) for column in found.columns
        )
    if found.order is not None and not found.is_most:
        dates = [m.column for m in reading.free(*TIMES) if m.column]
        if dates:
            return (Measure("max" if found.order == "high" else "min", dates[0]),)
    if found.operation in ("mean", "median", "sum") or found.order is not None:
        if found.operation == "sum" and found.names_rows:
            return (Measure("count"),)
        column = any_number(reading)
        return (Measure(_operation(reading, found, column), column),)
    if found.groups and found.names_rows:
        return (Measure("count"),)
    return None


def _operation(reading: Reading, found: Parts, column: ColumnFacts) -> Operation:
    if found.operation in ("mean", "median", "sum"):
        return found.operation
    if found.order is not None and found.entity is None and not found.is_of_rows:
        return "max" if found.order == "high" else "min"
    return usual(reading, column, found.filters, is_grouped=bool(found.groups))


def usual(
    reading: Reading, column: ColumnFacts, filters: Sequence[Filter], *, is_grouped: bool = False
) -> Operation:
    """Return what is done with a column where nothing says it: one row's value, a sum, a mean."""
    is_one_row = any(
        f.test == "eq" and len(f.values) == 1 and reading.is_unique(f.column) for f in filters
    )
    if is_one_row and not is_grouped:
        return "value"
    return "sum" if reading.is_added(column) else "mean"


def any_number(reading: Reading) -> ColumnFacts:
    """Return the only column of numbers. Raises Unsure where there are several."""
    columns = reading.numbers
    chosen = [c for c in columns if c.title == reading.choices.get("measure")]
    if len(chosen or columns) == 1:
        return (chosen or columns)[0]
    titles = tuple(c.title for c in columns) or tuple(c.title for c in reading.table.columns)
    raise Unsure(Choice("ask_column", "measure", titles, "", reading.table.title))


# --- kinds ---------------------------------------------------------------------------------------


def _compare(reading: Reading, found: Parts, base: Query) -> Query:
    sides = next(f for f in found.filters if f.test in ("eq", "within") and len(f.values) == 2)
    rest = tuple(f for f in found.filters if f is not sides)
    found.filters = list(rest)
    found.order = None
    measures = _measures(reading, found)
    if measures is None:
        measures = (Measure("count"),) if found.names_rows else None
    if measures is None:
        column = any_number(reading)
        measures = (Measure(usual(reading, column, rest), column),)
    two = tuple(Filter(sides.column, sides.test, (value,)) for value in sides.values)
    return replace(base, kind="compare", measures=measures[:1], filters=rest, sides=two, groups=())


def _share(reading: Reading, found: Parts, base: Query) -> Query | None:
    measure = Measure("count")
    added = [c for c in found.columns if reading.is_added(c)]
    if added and found.operation != "distinct":
        measure = Measure("sum", added[0])
    groups = base.groups
    if found.entity is not None and not groups:
        groups = (found.entity,)
    return share_of(replace(base, measures=(measure,), groups=groups))


def share_of(query: Query) -> Query | None:
    """Return the shares that `query`'s groups, or its last condition, have in all."""
    measure = query.measures[0] if query.measures else Measure("count")
    if measure.column is not None and measure.operation not in ("sum", "distinct"):
        is_number = measure.column.type == "number"
        measure = Measure("sum", measure.column) if is_number else Measure("count")
    query = replace(query, kind="share", measures=(measure,), limit=None)
    if query.groups:
        return query
    conditions = [f for f in query.filters if f.test not in _TIME_TESTS] or list(query.filters)
    if not conditions:
        return None
    part = conditions[-1]
    return replace(query, part=(part,), filters=tuple(f for f in query.filters if f is not part))


def _top(reading: Reading, found: Parts, base: Query) -> Query:
    """Return a query for what comes first in an order."""
    descending = found.order != "low"
    numbers = found.columns
    entity = found.entity
    if found.is_of_rows and entity is None:
        if not numbers and not found.is_most:
            numbers = [any_number(reading)]
        if numbers:
            return replace(
                base, kind="rows", sort=numbers[0], is_descending=descending,
                limit=found.limit or 1, groups=(),
            )  # fmt: skip
        label = reading.label
        entity = Dimension(label) if label is not None else None
    assert entity is not None or found.is_of_rows
    groups = (*((entity,) if entity is not None else ()), *base.groups)
    if not groups:
        return replace(base, kind="rows", limit=found.limit)
    return replace(
        base, kind="top", groups=groups, measures=(_ranked_by(reading, found, descending),),
        is_descending=descending, limit=found.limit or 1,
    )  # fmt: skip


def _ranked_by(reading: Reading, found: Parts, descending: bool) -> Measure:
    if found.columns:
        column = found.columns[0]
        if found.operation in ("mean", "median", "sum"):
            return Measure(found.operation, column)
        if column.type != "number":
            return Measure("max" if descending else "min", column)
        if reading.is_added(column):
            return Measure("sum", column)
        return Measure("max" if descending else "min", column)
    if not found.is_most and not found.is_counting:
        column = any_number(reading)
        return Measure("sum" if reading.is_added(column) else "mean", column)
    for mention in reading.free("text"):  # "the most customers": how many different ones
        column_ = mention.column
        if column_ is not None and not reading.is_unique(column_):
            reading.take(mention)
            return Measure("distinct", column_)
    return Measure("count")


def _list(reading: Reading, found: Parts, base: Query) -> Query:
    if found.is_of_rows or found.entity is None:
        return replace(base, kind="rows", limit=found.limit)
    more = [d for m in reading.free("text", "truth", *TIMES) if (d := reading.dimension(m))]
    reading.take(*reading.free("text", "truth", *TIMES))
    return replace(base, kind="list", groups=(found.entity, *base.groups, *more), limit=found.limit)


# --- going on ------------------------------------------------------------------------------------


def goes_on(reading: Reading, found: Parts) -> bool:
    """Whether a question is understood only from the one before it: where it does not say itself
    what is to be calculated, and of what.
    """
    has_object = bool(found.columns or found.names_rows or found.entity or found.is_of_rows)
    has_object = has_object or (found.is_share and bool(reading.free("text")))  # "of the models"
    has_verb = bool(found.operation or found.is_counting or found.order or found.is_share)
    if found.follows:
        return not (has_object and (has_verb or found.entity))
    says_what = found.is_counting or found.operation is not None
    return not (has_object or (says_what and bool(found.filters or found.groups)))


def stand_alone(reading: Reading, found: Parts, before: Query) -> Query | None:
    """Return the query of a question that stands on its own after `before`. Raises Unsure.

    Nothing goes over to it but the column, where it says a mean or a sum of none and there are
    several: "what was the average in March".
    """
    columns = [m.column for m in before.measures if m.column and m.column.type == "number"]
    says_no_column = found.operation in ("mean", "median", "sum") and not found.columns
    if not says_no_column or found.names_rows or not columns or len(reading.numbers) < 2:
        return build(reading, found)
    found.columns = columns[:1]
    query = build(reading, found)
    kept = Query(table=before.table, measures=(Measure("value", columns[0]),))
    return None if query is None else replace(query, kept=kept)


def go_on(reading: Reading, before: Query, found: Parts) -> Query | None:
    """Return `before` as `found` changes it. Raises Unsure."""
    columns = tuple(found.columns)
    query = _gone_on(reading, before, found)
    if query is None:
        return None
    earlier = (*before.filters, *before.part, *before.sides)
    now = (*query.filters, *query.part, *query.sides)
    measures = []
    for measure in query.measures:
        if measure.column in columns or (measure.column is None and found.is_counting):
            continue  # it says so itself
        is_same = measure in before.measures
        if is_same or measure.column is not None:
            measures.append(measure if is_same else Measure("value", measure.column))
    kept = Query(
        table=before.table,
        kind="share" if before.kind == query.kind and query.kind == "share" else "total",
        measures=tuple(measures),
        groups=tuple(one for one in query.groups if one not in found.groups),
        filters=tuple(one for one in now if one in earlier and one not in found.filters),
    )
    return replace(query, kept=kept)


def _gone_on(reading: Reading, before: Query, found: Parts) -> Query | None:
    earlier = (*before.filters, *before.part)
    query = replace(
        before, filters=merged(earlier, found.filters), part=(), ignored=tuple(found.ignored)
    )
    was_share = before.kind == "share"
    if found.is_compared:
        found.columns = found.columns or [m.column for m in before.measures if m.column]
        return _compare(reading, found, query)
    if before.kind == "compare" and found.filters:
        query = replace(query, kind="total", sides=())
    if found.groups:
        query = _grouped(query, tuple(found.groups))
    query = _measured(reading, query, found)
    if found.limit is not None:
        query = replace(query, limit=found.limit)
        if query.kind == "total" and query.groups:
            query = replace(query, kind="top")
    is_ranked = found.order is not None and bool(query.groups)
    if found.is_share or (was_share and not found.groups and not is_ranked):
        return share_of(query)
    return query


def _grouped(query: Query, groups: tuple[Dimension, ...]) -> Query:
    measures = query.measures or (Measure("count"),)
    if query.kind == "rows" and query.sort is not None and query.sort.type == "number":
        measures = (Measure("sum", query.sort),)
    kind = "share" if query.kind == "share" else "total"
    return replace(
        query, kind=kind, groups=groups, measures=measures, sides=(), limit=None, sort=None
    )


def _measured(reading: Reading, query: Query, found: Parts) -> Query:
    """Return the query with the columns and operations that are asked for now."""
    measures = query.measures
    if found.columns and found.operation != "distinct":
        was = measures[0].operation if measures else "sum"
        measures = tuple(Measure(_kept(reading, was, c), c) for c in found.columns)
        if query.kind in ("rows", "list"):
            query = replace(query, kind="total", sort=None)
    if found.operation == "distinct" or found.is_counting:
        column = found.columns[0] if found.operation == "distinct" else None
        measures = (Measure("distinct" if column else "count", column),)
        if query.kind in ("rows", "list"):
            query = replace(query, kind="total", groups=(), sort=None, limit=None)
    elif found.operation is not None:
        wanted = found.operation
        columns = [m.column for m in measures if m.column and m.column.type == "number"]
        columns = columns or [any_number(reading)]
        measures = tuple(Measure(wanted, column) for column in columns)
    if found.order is not None:
        if query.kind == "share" and query.groups:
            return replace(query, is_descending=found.order == "high", limit=found.limit or 1)
        if query.kind in ("top", "rows"):
            return replace(query, is_descending=found.order == "high", measures=measures)
        if query.kind == "total" and query.groups:
            return replace(
                query, kind="top", is_descending=found.order == "high", measures=measures, limit=1
            )
        wanted = "max" if found.order == "high" else "min"
        columns = [m.column or any_number(reading) for m in measures]
        measures = tuple(Measure(wanted, column) for column in columns)
    return replace(query, measures=measures)


def _kept(reading: Reading, was: Operation, column: ColumnFacts) -> Operation:
    if was in ("count", "distinct", "value"):
        return usual(reading, column, ())
    if was == "sum" and not reading.is_added(column):
        return "mean"
    return was
