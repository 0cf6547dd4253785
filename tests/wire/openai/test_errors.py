"""Errors in OpenAI's form, as its clients tell them apart."""

import json

import pytest

from tramontane import errors
from tramontane.errors import TramontaneError
from tramontane.wire.openai.errors import render, render_event


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (errors.InvalidRequest("x"), 400, "invalid_request_error", "invalid_request"),
        (errors.Unauthenticated("x"), 401, "authentication_error", "invalid_api_key"),
        (errors.Forbidden("x"), 403, "permission_error", "forbidden"),
        (errors.NotFound("x", code="model_not_found"), 404, "invalid_request_error",
         "model_not_found"),
        (errors.PayloadTooLarge("x"), 413, "invalid_request_error", "payload_too_large"),
        (errors.RateLimited("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
        (errors.BudgetExhausted("x"), 429, "insufficient_quota", "insufficient_quota"),
        (errors.UpstreamFailed("x"), 502, "server_error", "upstream_error"),
        (errors.Overloaded("x"), 503, "server_error", "overloaded"),
        (errors.UpstreamTimeout("x"), 504, "server_error", "upstream_timeout"),
        (TramontaneError("x"), 500, "server_error", "internal_error"),
    ],
)  # fmt: skip
def test_type_and_code_of_each_error(
    error: TramontaneError, status: int, kind: str, code: str
) -> None:
    assert error.status == status
    said = json.loads(render(error))["error"]
    assert said == {"message": "x", "type": kind, "param": None, "code": code}


def test_the_field_at_fault_is_named_and_any_text_survives() -> None:
    text = 'é "quoted"\n\ndata: [DONE]\u2028\x00'
    said = json.loads(render(errors.InvalidRequest(text, param="messages[0].content")))["error"]
    assert (said["message"], said["param"]) == (text, "messages[0].content")


def test_an_error_event_is_one_event_and_no_end() -> None:
    event = render_event(errors.UpstreamFailed("it broke\n\ndata: [DONE]\n\n"))
    assert event.startswith(b'data: {"error":')
    assert event.count(b"\n") == 2
    assert event.endswith(b"}\n\n")
