"""The playground over the API: what is asked in whose name, and what is refused before."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import msgspec
import pytest

from tests.assistant.desk import ScriptedTokens, Step, spoken
from tests.studio.conftest import Studio, Tenant
from tests.studio.people import person
from tramontane.assistant.tokenstream import Event
from tramontane.store import memberships

PATH = "/api/v1/playground/answers"


class Noting(ScriptedTokens):
    """Says its script, and knows in whose name it was asked."""

    def __init__(self, *scripts: list[Step]) -> None:
        super().__init__(*scripts)
        self.keys: list[str] = []

    def stream(self, key_id: str, body: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
        """Yield the next script."""
        self.keys.append(key_id)
        return super().stream(key_id, body)


def prompt(project_id: str, **changes: Any) -> dict[str, Any]:
    """A prompt that is right, but for `changes`."""
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
    return {"project_id": project_id, "model": "large", "messages": messages, **changes}


def test_a_prompt_is_asked_as_the_members_own(studio: Studio, ours: Tenant) -> None:
    nina = person(studio, "nina", ours.project)
    tokens = Noting(spoken("Good day"))
    studio.platform = msgspec.structs.replace(studio.platform, tokens=tokens)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    body = prompt(
        ours.project.id,
        parameters={"temperature": 0.5, "seed": 7, "stop": ["\n"]},
        response_format=form,
    )
    answer = nina.call("POST", PATH, json=body)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    (asked,) = tokens.bodies
    assert msgspec.json.decode(msgspec.json.encode(asked)) == {
        "model": "large",
        "messages": body["messages"],
        "temperature": 0.5,
        "seed": 7,
        "stop": ["\n"],
        "response_format": form,
    }
    with studio.store.read() as c:
        place = memberships.get(c, nina.member.id, ours.project.id)
    assert tokens.keys == [place.key_id]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": " "}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a"}] * 65}, "messages"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"parameters": {"temperature": 3}}, "parameters.temperature"),
        ({"parameters": {"top_p": -1}}, "parameters.top_p"),
        ({"parameters": {"max_tokens": 0}}, "parameters.max_tokens"),
        ({"parameters": {"seed": -1}}, "parameters.seed"),
        ({"parameters": {"heat": 1}}, "heat"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools.0.function.name"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"models": ["a"]}, "models"),
    ],
)
def test_what_is_wrong_is_named(
    studio: Studio, ours: Tenant, changes: dict[str, Any], param: str
) -> None:
    nina = person(studio, "nina", ours.project)
    answer = nina.call("POST", PATH, json=prompt(ours.project.id, **changes))
    assert answer.status == 400, answer.body
    assert answer.error["param"] == param


def test_a_key_has_addresses_of_its_own(studio: Studio, ours: Tenant) -> None:
    answer = studio.call("POST", PATH, ours.read, json=prompt(ours.project.id))
    assert answer.status == 403
    assert answer.error["code"] == "people_only"
