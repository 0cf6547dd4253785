"""The OpenAPI document is complete: each operation with its words, right, errors and schemas."""

from collections.abc import Iterator
from typing import Any

from tests.studio.conftest import Studio


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_every_operation_is_described(studio: Studio) -> None:
    document = studio.call("GET", "/api/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in operations(document):
        assert operation["summary"] and not operation["summary"].endswith("."), name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name
        ways = [set(way) for way in operation["security"]]
        assert ways in ([{"key"}, {"session"}], [{"session"}], [set()]), name
        expected = {"400", "403", "500", "503"} | ({"401"} if ways != [set()] else set())
        assert expected <= operation["responses"].keys(), name
        for status, response in operation["responses"].items():
            if status >= "400":
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}, name


def test_identifiers_are_unique_and_references_lead_somewhere(studio: Studio) -> None:
    document = studio.call("GET", "/api/openapi.json").json
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    schemas = document["components"]["schemas"]
    for reference in references(document):
        prefix, _, name = reference.rpartition("/")
        assert (prefix, name in schemas) == ("#/components/schemas", True), reference


def test_the_report_may_be_had_as_csv(studio: Studio) -> None:
    document = studio.call("GET", "/api/openapi.json").json
    answer = document["paths"]["/api/v1/usage"]["get"]["responses"]["200"]["content"]
    assert answer.keys() == {"application/json", "text/csv"}
    assert answer["application/json"]["schema"] == {"$ref": "#/components/schemas/UsageReport"}


def test_it_is_the_same_each_time(studio: Studio) -> None:
    first = studio.call("GET", "/api/openapi.json")
    assert studio.call("GET", "/api/openapi.json").body == first.body
