"""Tables over the API: brought as documents, read, asked by SQL; connections to databases."""

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.studio.conftest import Studio, Tenant
from tramontane.config import DocumentSettings
from tramontane.datafolder import DataFolder
from tramontane.documents.files import FileStore
from tramontane.worker.reading import Reader

SALES = """Region;Umsatz;Tag
Nord;1.234,50 €;12.03.2024
Süd;99,00 €;01.04.2024
Nord;0,50 €;02.04.2024
"""


@pytest.fixture
def library(studio: Studio, ours: Tenant) -> str:
    """A library of the project."""
    made = studio.call("POST", "/api/v1/libraries", ours.read, json={"name": "Figures"})
    assert made.status == 201, made.body
    return str(made.json["id"])


def bring(studio: Studio, key: str, library: str, name: str, content: str) -> Any:
    """Return a document that was brought and read."""
    address = f"/api/v1/libraries/{library}/documents?name={name}"
    made = studio.call("POST", address, key, body=content.encode("utf-8"))
    assert made.status == 201, made.body
    folder = DataFolder(studio.settings.data_dir)
    reader = Reader(
        studio.store, FileStore(folder), DocumentSettings(), lambda: int(time.time() * 1000)
    )
    assert reader.step(threading.Event())
    return studio.call("GET", f"/api/v1/documents/{made.json['id']}", key).json


def test_a_file_becomes_a_table_that_is_asked(studio: Studio, ours: Tenant, library: str) -> None:
    document = bring(studio, ours.read, library, "umsatz.csv", SALES)
    assert document["status"] == "ready", document
    (named,) = document["tables"]
    assert named["name"] == "umsatz"

    (listed,) = studio.call("GET", f"/api/v1/libraries/{library}/tables", ours.read).json["data"]
    table = studio.call("GET", f"/api/v1/tables/{named['id']}", ours.read).json
    assert table == listed
    assert (table["row_count"], table["document_id"]) == (3, document["id"])
    assert [column["type"] for column in table["columns"]] == ["text", "number", "date"]
    assert table["columns"][1]["unit"] == "€"
    assert table["columns"][1]["histogram"][0] == {"from": 0.5, "to": 0.5, "count": 1}

    rows = studio.call("GET", f"/api/v1/tables/{named['id']}/rows?offset=1&limit=1", ours.read).json
    assert (rows["rows"], rows["row_count"]) == ([["Süd", 99, "2024-04-01"]], 3)

    asked = {
        "table_ids": [named["id"]],
        "sql": "SELECT region, sum(umsatz) AS total FROM umsatz GROUP BY 1 ORDER BY 2 DESC",
    }
    answer = studio.call("POST", "/api/v1/tables/query", ours.read, json=asked).json
    assert answer["rows"] == [["Nord", 1235], ["Süd", 99]]
    assert (answer["row_count"], answer["is_truncated"]) == (2, False)
    assert answer["chart"] is not None
    as_csv = studio.call("POST", "/api/v1/tables/query?format=csv", ours.read, json=asked)
    assert as_csv.body.decode() == "region,total\r\nNord,1235\r\nSüd,99\r\n"
    assert as_csv.headers["content-type"].startswith("text/csv")

    for sql, code in (
        ("DROP TABLE umsatz", "sql_refused"),
        ("SELECT * FROM '/etc/passwd'", "sql_refused"),
        ("SELECT nowhere FROM umsatz", "query_failed"),
    ):
        failed = studio.call("POST", "/api/v1/tables/query", ours.read, json={**asked, "sql": sql})
        assert (failed.status, failed.error["code"]) == (400, code)

    assert studio.call("DELETE", f"/api/v1/documents/{document['id']}", ours.read).status == 204
    assert studio.call("GET", f"/api/v1/tables/{named['id']}", ours.read).status == 404
    assert list(DataFolder(studio.settings.data_dir).tables.iterdir()) == []


def test_a_table_that_cannot_be_loaded_says_why(studio: Studio, ours: Tenant, library: str) -> None:
    document = bring(studio, ours.read, library, "wide.csv", ",".join(["x"] * 5000) + "\n1,2\n")
    assert document["status"] == "failed"
    assert document["problem"]["code"] == "table_too_wide"


def test_a_database_is_connected(studio: Studio, ours: Tenant, tmp_path: Path) -> None:
    path = tmp_path.parent / f"{tmp_path.name}-shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE Orders (id INTEGER, City TEXT, amount REAL)")
    connection.execute("INSERT INTO Orders VALUES (1, 'Köln', 2.5), (2, 'Nîmes', 7.25)")
    connection.commit()
    connection.close()
    tried = {"kind": "sqlite", "url": str(path)}
    test = studio.call("POST", "/api/v1/connections/test", ours.operator, json=tried).json
    assert test == {"ok": True, "message": None, "tables": ["Orders"]}
    gone = {"kind": "sqlite", "url": f"{path}.gone"}
    test = studio.call("POST", "/api/v1/connections/test", ours.operator, json=gone).json
    assert test["ok"] is False and test["message"]
    inside = {"kind": "sqlite", "url": str(studio.settings.data_dir / "tramontane.db")}
    refused = studio.call("POST", "/api/v1/connections/test", ours.operator, json=inside)
    assert (refused.status, refused.error["code"]) == (403, "origin_not_allowed")

    new = {"project_id": ours.project.id, "name": "Shop", **tried}
    made = studio.call("POST", "/api/v1/connections", ours.operator, json=new)
    assert made.status == 201, made.body
    assert (made.json["tables"], made.json["url"]) == (1, str(path))
    again = studio.call("POST", "/api/v1/connections", ours.operator, json=new)
    assert again.status == 409

    (seen,) = studio.call("GET", "/api/v1/connections", ours.read).json["data"]
    assert (seen["name"], seen["url"]) == ("Shop", None)
    address = f"/api/v1/connections/{seen['id']}"
    (table,) = studio.call("GET", f"{address}/tables", ours.read).json["data"]
    assert (table["title"], table["name"], table["row_count"]) == ("Orders", "orders", 2)
    rows = studio.call("GET", f"/api/v1/tables/{table['id']}/rows", ours.read).json
    assert rows["rows"] == [[1, "Köln", 2.5], [2, "Nîmes", 7.25]]
    asked = {"table_ids": [table["id"]], "sql": "SELECT max(amount) FROM orders WHERE city <> 'x'"}
    answer = studio.call("POST", "/api/v1/tables/query", ours.read, json=asked).json
    assert answer["rows"] == [[7.25]]

    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE more (id INTEGER)")
    connection.commit()
    connection.close()
    anew = studio.call("POST", f"{address}/refresh", ours.operator).json
    assert anew["tables"] == 2
    kept = studio.call("GET", f"{address}/tables", ours.read).json["data"]
    assert table["id"] in [each["id"] for each in kept]
    assert studio.call("DELETE", address, ours.operator).status == 204
    assert studio.call("GET", f"/api/v1/tables/{table['id']}", ours.read).status == 404
