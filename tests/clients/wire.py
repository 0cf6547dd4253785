"""Requests without a client library, for what has to be looked at byte by byte."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.clients.flows import Target

JSON = dict[str, Any]


def posted(
    target: Target, body: JSON | bytes, path: str = "chat/completions"
) -> tuple[int, dict[str, str], str]:
    """Return status, header fields (lower case) and body of the answer to `body`."""
    data = body if isinstance(body, bytes) else json.dumps({"model": target.model, **body}).encode()
    headers = {"authorization": f"Bearer {target.api_key}", "content-type": "application/json"}
    request = urllib.request.Request(f"{target.base_url}/{path}", data, headers)
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        fields = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status or 0, fields, answer.read().decode()


def chunks_of(text: str) -> list[Any]:
    """Return the decoded events of a whole stream, which must end as it should."""
    *events, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]
