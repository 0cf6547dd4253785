"""Documents and tables in a conversation, over HTTP, with the worker and a scripted model."""

import http.client
import json
from typing import Any

import msgspec
import pytest

from tests.assistant.lies import Case, cases
from tests.assistant.talking import Refused, Talker, text_of
from tests.assistant.test_lies import wrong
from tests.processes import RunningStandin
from tramontane.providers.standin import Behaviour, Rule, ScriptedCall
from tramontane.store.messages import Check

REPORT = """The office spent 4.2 million euros in 2024, of which rents took 38%.
At the end of the year, 118 people worked at the office.
"""
SALES = "region,year,amount\nNorth,2023,120.5\nNorth,2024,140\nSouth,2023,10\nSouth,2024,98.25\n"
TOTAL = "SELECT region, sum(amount) AS total FROM sales GROUP BY region ORDER BY total DESC"


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    """A model that quotes, lies, and asks a table."""
    lies = (
        'It says "The office spent 4.2 million euros in 2024" [1], "rents took half" [1],'
        " 118 people and 240 rooms [7]."
    )
    call = ScriptedCall(name="query_table", arguments={"sql": TOTAL})
    asks = Behaviour(tool_calls=(call,))
    return (
        Rule(contains="What did it cost?", reply=Behaviour(answer=lies)),
        Rule(contains="What did each", path="/chat/completions", times=1, reply=asks),
        Rule(contains="What did each", reply=Behaviour(answer="North sold 260.5, South 108.25.")),
        *(
            Rule(contains=f"Tell all, {case.language}", reply=Behaviour(answer=case.answer()[0]))
            for case in made_set()
        ),
    )


@pytest.fixture(scope="module")
def has_guide() -> bool:
    """It quotes documents, too."""
    return True


@pytest.fixture(scope="module")
def settings() -> str:
    """Documents are found by meaning, too."""
    return '\n[documents]\nembeddings = "echo"\n'


def made_set() -> list[Case]:
    """The made set as far as it is about documents."""
    return [
        msgspec.structs.replace(
            case,
            results=(),
            statements=tuple(
                s for s in case.statements if not s.how.startswith(("cell", "other row"))
            ),
        )
        for case in cases(1)
    ]


def upload(ada: Talker, conversation_id: str, name: str, text: str) -> dict[str, Any]:
    """Return the document, once it has been read."""
    connection = http.client.HTTPConnection("127.0.0.1", ada.port, timeout=20)
    headers = {"origin": f"http://127.0.0.1:{ada.port}", "x-tramontane": "1", "cookie": ada.cookie}
    path = f"/api/v1/conversations/{conversation_id}/documents?name={name}"
    connection.request("POST", path, text.encode(), headers)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    made = json.loads(answer.read())
    connection.close()
    return dict(made)


def read(ada: Talker, made: dict[str, Any]) -> dict[str, Any]:
    """Return the document, once it has been read."""
    found: dict[str, Any] = ada.until(
        lambda: ada.call("GET", f"/documents/{made['id']}"),
        lambda document: document["status"] not in ("queued", "reading"),
    )
    assert found["status"] == "ready", found
    return found


def part(message: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = [part for part in message["parts"] if part["type"] == kind]
    return dict(found)


def test_an_answer_shows_what_is_proven(ada: Talker, standin: RunningStandin) -> None:
    made = ada.converse("echo")
    document = upload(ada, made["id"], "report.txt", REPORT)
    fields: dict[str, Any] = {"attachments": [document["id"]]}
    with ada.follow(made["id"], made["feed"]) as events:
        question, answer = ada.ask(made["id"], "What did it cost?", **fields)
        told = events.until_ended(answer["id"])[-1].data
    assert question["parts"][0]["files"][0]["document_id"] == document["id"]
    assert [p["type"] for p in told["parts"]] == ["sources", "text", "checks"]
    source = part(told, "sources")["sources"][0]
    assert source["document"] == "report.txt"
    verdicts = [(c["text"], c["verdict"]) for c in part(told, "checks")["checks"]]
    assert verdicts == [
        ("The office spent 4.2 million euros in 2024", "proven"),
        ("[1]", "proven"),
        ("rents took half", "unproven"),
        ("[1]", "proven"),
        ("118", "proven"),
        ("240", "unproven"),
        ("[7]", "unproven"),
    ]
    quote = part(told, "checks")["checks"][0]
    passage = ada.call(
        "GET", f"/documents/{source['document_id']}/passages/{source['passage']}"
        f"?start={quote['at'][0]}&end={quote['at'][1]}"
    )  # fmt: skip
    assert passage["text"][slice(*quote["at"])] == quote["text"]
    assert ada.messages(made["id"])[answer["id"]]["parts"] == told["parts"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, id=case.language, marks=() if case.language == "fr" else pytest.mark.slow
        )
        for case in made_set()
    ],
)
def test_what_a_model_makes_up_is_marked(ada: Talker, case: Case) -> None:
    made = ada.converse("echo")
    ids = [
        upload(ada, made["id"], f"{case.language}{at}.txt", each.text)["id"]
        for at, each in enumerate(case.shown)
    ]
    _, answer = ada.ask(made["id"], f"Tell all, {case.language}", attachments=ids)
    ended = ada.ended(made["id"], answer["id"])
    checks = [msgspec.convert(check, Check) for check in part(ended, "checks")["checks"]]
    assert wrong(case, case.answer()[1], checks) == []
    assert len(case.statements) > 180


def test_passages_and_questions_get_vectors(ada: Talker, standin: RunningStandin) -> None:
    def embedded() -> list[Any]:
        asked = [each for each in standin.requests if each.path == "/v1/embeddings"]
        bodies = [json.loads(each.body or b"{}") for each in asked]
        return [text for body in bodies for text in body["input"]]

    made = ada.converse("echo")
    text = "\n\n".join(f"Paragraph {n} is about the number {n} and more." * 12 for n in range(40))
    document = read(ada, upload(ada, made["id"], "long.txt", text))
    ada.until(embedded, lambda texts: any("Paragraph 39 " in text for text in texts))
    before = len(embedded())
    _, answer = ada.ask(made["id"], "Quel vent ?", attachments=[document["id"]])
    found = part(ada.ended(made["id"], answer["id"]), "sources")["sources"]
    assert embedded()[before:] == ["Quel vent ?"]
    assert found  # no word of it is there: what is near by its vector is shown


def test_a_result_is_changed_by_its_owner(ada: Talker) -> None:
    made = ada.converse("echo")
    read(ada, upload(ada, made["id"], "sales.csv", SALES))
    _, answer = ada.ask(made["id"], "What did each region sell?")
    ended = ada.ended(made["id"], answer["id"])
    assert text_of(ended) == "North sold 260.5, South 108.25."
    found = part(ended, "result")
    assert found["rows"] == [["North", 260.5], ["South", 108.25]]
    assert {c["verdict"] for c in part(ended, "checks")["checks"]} == {"proven"}
    path = f"/conversations/{made['id']}/messages/{answer['id']}/results/{found['id']}"
    only = f"{TOTAL} LIMIT 1"
    changed = ada.call("PUT", path, {"sql": only})
    assert part(changed, "result")["rows"] == [["North", 260.5]]
    assert part(changed, "result")["is_edited"]
    verdicts = [(c["text"], c["verdict"]) for c in part(changed, "checks")["checks"]]
    assert verdicts == [("260.5", "proven"), ("108.25", "unproven")]
    drawn = {"mark": "bar", "encoding": {"x": {"field": "region"}}}
    assert part(ada.call("PUT", path, {"chart": drawn}), "result")["chart"] == drawn
    for body, code in (
        ({"sql": "SELECT * FROM elsewhere"}, "sql_refused"),
        ({"chart": {"data": {"url": "https://example.org"}}}, "invalid_value"),
        ({"chart": {"layer": [{"mark": {"type": "image"}}]}}, "invalid_value"),
        ({}, "invalid_value"),
    ):
        with pytest.raises(Refused) as refused:
            ada.call("PUT", path, body)
        assert refused.value.code == code, body
    assert part(ada.messages(made["id"])[answer["id"]], "result")["sql"] == only


def test_the_guide_quotes_documents_and_asks_tables(ada: Talker) -> None:
    made = ada.converse("guide")
    document = upload(ada, made["id"], "report.txt", REPORT)
    read(ada, upload(ada, made["id"], "sales.csv", SALES))
    _, answer = ada.ask(
        made["id"], "How many people worked at the office?", attachments=[document["id"]]
    )
    ended = ada.ended(made["id"], answer["id"])
    assert "118 people worked at the office" in text_of(ended)
    checks = part(ended, "checks")["checks"]
    assert checks
    assert {check["verdict"] for check in checks} == {"proven"}
    _, answer = ada.ask(made["id"], "What is the total amount by region?", answer["id"])
    ended = ada.ended(made["id"], answer["id"])
    assert part(ended, "result")["rows"] == [["North", 260.5], ["South", 108.25]]
    checks = part(ended, "checks")["checks"]
    assert {check["text"] for check in checks if check["cell"]} >= {"260.5", "108.25"}
    assert {check["verdict"] for check in checks} == {"proven"}, checks
