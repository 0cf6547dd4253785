"""`/api/v1/tables`: tables of documents and connections, their rows, and SQL over them."""

import asyncio
import csv
import io
from typing import Annotated, Any, Literal

import msgspec
from litestar import MediaType, Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy import Connection

from tramontane.assistant import access
from tramontane.assistant.scope import scope_of
from tramontane.datafolder import DataFolder
from tramontane.errors import InvalidRequest, NotFound
from tramontane.store import connections, tables
from tramontane.store.messages import ResultColumn
from tramontane.store.tables import Table
from tramontane.studio import library_access
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import CsvOperation, describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.conversations import reader_of
from tramontane.tables.catalogue import columns_of, notes_of, queryable
from tramontane.tables.charts import chart
from tramontane.tables.profile import ColumnProfile, Note, quoted
from tramontane.tables.query import Answer, QueryLimits, QueryTable

TAG = "Tables"
TABLES_MAX = 40
ROWS_MAX = 1_000
CSV_LIMITS = QueryLimits(timeout_s=30.0, rows=500_000, bytes=64 * 1024**2)


class TableView(msgspec.Struct, frozen=True, kw_only=True):
    """A table. `name` is the one in SQL; `row_count` null where it was not counted."""

    id: str
    library_id: str | None
    document_id: str | None
    connection_id: str | None
    name: str
    title: str
    row_count: int | None
    columns: tuple[ColumnProfile, ...]
    notes: tuple[Note, ...]


class TableList(msgspec.Struct, frozen=True):
    """Tables, those of one document in its order."""

    data: list[TableView]


class RowsView(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of a table; `row_count` is that of the whole table."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int | None


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One SELECT in DuckDB's SQL over these tables, by their names; of those with equal names, the
    second is called `NAME_2`.
    """

    table_ids: tuple[str, ...]
    sql: str


class ResultView(msgspec.Struct, frozen=True, kw_only=True):
    """What SQL gave: the first of `row_count` rows. `chart` is Vega-Lite without its data, null
    where no chart would say more.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_count: int
    is_truncated: bool
    took_ms: int
    chart: dict[str, Any] | None


@get(
    "/libraries/{library_id:str}/tables",
    **describe("listLibraryTables", "List a library's tables", TAG, right="read", errors=(404,)),
)
def list_library_tables(
    platform: GivenPlatform, caller: GivenCaller, library_id: FromPath[str]
) -> TableList:
    """Of its documents' latest versions, with their profiles."""
    with platform.store.read() as c:
        library = library_access.seen_library(c, caller, library_id)
        found = tables.list_of_libraries(c, [library.id])
    return TableList([table_view(table) for table in found])


@get(
    "/conversations/{conversation_id:str}/tables",
    **describe(
        "listConversationTables", "List what a conversation may ask", TAG, people=True,
        errors=(404,),
    ),
)  # fmt: skip
def list_conversation_tables(
    platform: GivenPlatform, caller: GivenCaller, conversation_id: FromPath[str]
) -> TableList:
    """Tables of its own documents, of its libraries and of its connections."""
    with platform.store.read() as c:
        conversation = access.readable(c, conversation_id, reader_of(caller))
        scope = scope_of(c, conversation, (), ())
        found = tables.list_of_libraries(c, scope.library_ids)
        found += tables.list_of_connections(c, scope.connection_ids)
    if found:
        platform.queries.warm()
    return TableList([table_view(table) for table in found])


@get(
    "/tables/{table_id:str}",
    **describe("getTable", "Show a table with its profile", TAG, right="read", errors=(404,)),
)
def get_table(platform: GivenPlatform, caller: GivenCaller, table_id: FromPath[str]) -> TableView:
    """Types, empty cells, extremes, mean, median, most frequent values and a histogram."""
    with platform.store.read() as c:
        found = seen_table(c, caller, table_id)
    platform.queries.warm()
    return table_view(found)


@get(
    "/tables/{table_id:str}/rows",
    **describe("listRows", "List rows of a table", TAG, right="read", is_async=True, errors=(404,)),
)
async def list_rows(
    platform: GivenPlatform,
    caller: GivenCaller,
    table_id: FromPath[str],
    offset: Annotated[int, QueryParameter(ge=0, le=10**9)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=ROWS_MAX)] = 100,
) -> RowsView:
    """In the order of the file; cells are JSON, as in a result."""

    def find() -> tuple[Table, list[QueryTable]]:
        with platform.store.read() as c:
            found = seen_table(c, caller, table_id)
            return found, _queryable(c, platform, [found])

    table, asked = await asyncio.to_thread(find)
    sql = f"SELECT * FROM {quoted(asked[0].name)} LIMIT {limit} OFFSET {offset}"
    limits = msgspec.structs.replace(platform.queries.limits, rows=limit)
    answer = await platform.queries.run(sql, asked, limits)
    return RowsView(columns=answer.columns, rows=answer.rows, row_count=table.row_count)


@post(
    "/tables/query",
    status_code=200,
    operation_class=CsvOperation,
    **describe(
        "queryTables", "Ask tables by SQL", TAG, right="read", is_async=True, errors=(404, 413)
    ),
)
async def query_tables(
    platform: GivenPlatform,
    caller: GivenCaller,
    data: JSONBody[Question],
    format: Annotated[  # noqa: A002 - the name in the address
        Literal["json", "csv"] | None, QueryParameter(description="The answer's form.")
    ] = None,
) -> Response[ResultView]:
    """One SELECT, which is checked and then run where it can reach nothing else. The first 1,000
    rows; as `csv` up to 500,000.
    """
    ids = tuple(dict.fromkeys(data.table_ids))
    if not 1 <= len(ids) <= TABLES_MAX:
        raise InvalidRequest(f"table_ids: name 1 to {TABLES_MAX} tables.", param="table_ids")

    def find() -> list[QueryTable]:
        with platform.store.read() as c:
            return _queryable(c, platform, [seen_table(c, caller, id_) for id_ in ids])

    asked = await asyncio.to_thread(find)
    limits = CSV_LIMITS if format == "csv" else platform.queries.limits
    answer = await platform.queries.run(data.sql, asked, limits)
    if format == "csv":
        text: Any = await asyncio.to_thread(_csv, answer)
        headers = {"content-disposition": 'attachment; filename="result.csv"'}
        return Response(text, media_type="text/csv", headers=headers)
    return Response(result_view(answer), media_type=MediaType.JSON)


def result_view(answer: Answer) -> ResultView:
    """Return an answer with the chart that suits it."""
    drawn = chart(answer.columns, answer.rows, is_truncated=answer.is_truncated)
    return ResultView(
        columns=answer.columns,
        rows=answer.rows,
        row_count=answer.row_count,
        is_truncated=answer.is_truncated,
        took_ms=answer.took_ms,
        chart=drawn,
    )


def seen_table(c: Connection, caller: Caller, table_id: str) -> Table:
    """Return that table. Raises NotFound where the caller may not know of it."""
    found = tables.get(c, table_id)
    try:
        if found.library_id is not None:
            library_access.seen_library(c, caller, found.library_id)
        elif found.connection_id is not None:
            connection = connections.get(c, found.connection_id)
            library_access.seen_project(caller, connection.project_id)
    except NotFound:
        raise tables.missing() from None
    return found


def table_view(table: Table) -> TableView:
    """Return a table as the API shows it."""
    return TableView(
        id=table.id,
        library_id=table.library_id,
        document_id=table.document_id,
        connection_id=table.connection_id,
        name=table.name,
        title=table.title,
        row_count=table.row_count,
        columns=columns_of(table.columns),
        notes=notes_of(table.notes),
    )


def _queryable(c: Connection, platform: Platform, found: list[Table]) -> list[QueryTable]:
    ids = {table.connection_id for table in found if table.connection_id is not None}
    known = [connections.get(c, id_) for id_ in ids]
    folder = DataFolder(platform.settings.data_dir).tables
    return queryable(found, folder, known, platform.pepper)


def _csv(answer: Answer) -> str:
    written = io.StringIO(newline="")
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow([column.name for column in answer.columns])
    writer.writerows(answer.rows)
    return written.getvalue()
