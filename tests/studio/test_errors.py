"""Every error has one form; none shows what failed inside, whatever was sent."""

import logging
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.studio.conftest import Studio, Tenant
from tramontane.errors import BudgetExhausted, Unavailable
from tramontane.studio.application import MAX_BODY_BYTES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("name", "project_id", "key_id", "window", "limit", "rights", "allowed_models"),
        *("requests_per_minute", "tokens_per_minute", "expires_at", "closed_reason"),
    ]
)
VALUES = st.sampled_from(["ours", "day", "1", "-1", "infer", "\x00", "'; --", "é", 0, 1e308]) | JSON
BODIES = st.dictionaries(NAMES, VALUES, max_size=6) | JSON
WRITES = st.sampled_from(
    [
        ("POST", "/api/v1/projects"),
        ("PATCH", "/api/v1/projects/ours"),
        ("POST", "/api/v1/keys"),
        ("PUT", "/api/v1/budgets"),
    ]
)
PATHS = st.sampled_from(
    [
        "/api/v1/projects/{}",
        "/api/v1/usage/{}",
        "/api/v1/usage?by={}",
        "/api/v1/usage?since={}",
        "/api/v1/keys?project_id={}",
        "/api/v1/{}",
    ]
)
FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "The body is empty; send a JSON object."),
        (b"nope", 400, "no valid JSON"),
        (b'{"name": "a"', 400, "no valid JSON"),
        (b"\xff\xfe", 400, "no valid JSON"),
        (b"[]", 400, "Expected `object`, got `array`"),
        (b'{"name": "a", "x": 1}', 400, "The field 'x' is unknown."),
        (b'{"name": "' + b"a" * MAX_BODY_BYTES + b'"}', 413, "larger"),
    ],
)
def test_bodies_that_cannot_be_read(
    studio: Studio, ours: Tenant, body: bytes, status: int, words: str
) -> None:
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    answer = studio.call("POST", "/api/v1/projects", ours.operator, body=body, headers=headers)
    assert answer.status == status
    assert words in answer.error["message"]
    assert answer.error["type"] == "invalid_request_error"


def test_no_such_address_or_method(studio: Studio, ours: Tenant) -> None:
    answer = studio.call("GET", "/api/v1/nothing", ours.read)
    assert (answer.status, answer.error["code"]) == (404, "unknown_path")
    answer = studio.call("DELETE", "/api/v1/status", ours.read)
    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
    answer = studio.call("POST", "/", ours.read)
    assert (answer.status, answer.error["code"]) == (404, "unknown_path")


class Broken:
    """A store that fails as it is told to."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @contextmanager
    def read(self) -> Any:
        """Fail."""
        raise self._error
        yield


def test_a_store_that_is_gone_says_when_to_come_back(studio: Studio, ours: Tenant) -> None:
    gone = Unavailable("the store cannot be used", code="store_unavailable", retry_after_s=1)
    broken = Studio(studio.settings, Broken(gone), studio.pepper)  # type: ignore[arg-type]
    answer = broken.call("GET", "/api/v1/status", ours.read)
    assert (answer.status, answer.error["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"


def test_a_budget_says_what_is_left(studio: Studio, ours: Tenant) -> None:
    refused = BudgetExhausted("Too dear.").telling("0.043", "0.0422", "EUR")
    broken = Studio(studio.settings, Broken(refused), studio.pepper)  # type: ignore[arg-type]
    answer = broken.call("GET", "/api/v1/status", ours.read)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (
        429, "insufficient_quota", None,
    )  # fmt: skip
    assert (answer.error["may_cost"], answer.error["left"]) == ("0.043", "0.0422")
    assert answer.error["currency"] == "EUR"


def test_a_fault_of_ours_shows_nothing_of_itself(
    studio: Studio, ours: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    at_the_gate = Studio(
        studio.settings,
        Broken(ZeroDivisionError("a secret place")),  # type: ignore[arg-type]
        studio.pepper,
    )
    in_a_route = Studio(studio.settings, studio.store, studio.pepper)
    in_a_route.now_ms = "a secret place"  # type: ignore[assignment]
    for failing in (at_the_gate, in_a_route):
        caplog.clear()
        answer = failing.call("GET", "/api/v1/status", ours.read)
        assert (answer.status, answer.error["code"]) == (500, "internal_error")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "secret place" not in answer.body.decode()
        assert [record.levelno for record in caplog.records] == [logging.ERROR]


@FEW
@given(write=WRITES, body=BODIES)
def test_no_body_makes_it_fail(
    studio: Studio, ours: Tenant, write: tuple[str, str], body: object
) -> None:
    method, path = write
    try:
        sent = msgspec.json.encode(body)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return
    answer = studio.call(method, path, ours.operator, body=sent)
    assert answer.status < 500, (body, answer.body)


@FEW
@given(path=PATHS, text=st.text(max_size=30))
def test_no_address_makes_it_fail(studio: Studio, ours: Tenant, path: str, text: str) -> None:
    for key in (ours.read, ours.operator):
        answer = studio.call("GET", path.format(text), key)
        assert answer.status < 500, answer.body
