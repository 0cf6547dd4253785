"""From the first start to a signed-in member, through the front door, and what is left of secrets.

What is typed here, passwords and links, must be nowhere on disk afterwards.
"""

import http.client
import json
from pathlib import Path
from typing import Any

import pytest

from tests.platform import RunningPlatform, run_command, run_platform

FIRST_PASSWORD = "canary first mistral"
SECOND_PASSWORD = "canary second bora"


class Browser:
    """Keeps a cookie and says where it comes from, as a browser on our own page does."""

    def __init__(self, platform: RunningPlatform) -> None:
        self.platform = platform
        self.cookie: str | None = None

    def call(self, method: str, path: str, body: Any = None, **fields: str) -> tuple[int, Any]:
        """Return status and JSON of one request under /api/v1."""
        sent = {"origin": self.platform.address, "x-tramontane": "1", **fields}
        if self.cookie is not None:
            sent["cookie"] = self.cookie
        connection = http.client.HTTPConnection("127.0.0.1", self.platform.port, timeout=30)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1{path}", data, sent)
            answer = connection.getresponse()
            kept = answer.getheader("set-cookie")
            if kept is not None:
                self.cookie = kept.partition(";")[0]
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()


def token_in(url: str | None) -> str:
    """Return the token of a link."""
    assert url is not None
    return url.partition("/#/welcome/")[2]


def test_from_the_first_start_to_signing_out_everybody(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    data = ["--data", str(folder)]
    with run_platform(folder) as platform:
        first_link = token_in(platform.sign_in)
        assert platform.sign_in == f"{platform.address}/#/welcome/{first_link}"
        admin = Browser(platform)
        status, seen = admin.call("POST", "/links/check", {"token": first_link})
        assert (status, seen["purpose"], seen["project_name"]) == (200, "first_admin", "default")
        account = {
            "token": first_link,
            "name": "Ada",
            "email": "ada@example.org",
            "password": FIRST_PASSWORD,
            "language": "fr",
        }
        status, session = admin.call("POST", "/links/accept", account)
        assert status == 200, session
        assert session["member"]["is_admin"] and session["member"]["language"] == "fr"
        (place,) = session["projects"]
        assert (place["name"], place["role"]) == ("default", "manager")
        assert admin.call("POST", "/links/accept", account)[1]["error"]["code"] == "link_unusable"

        foreign = admin.call("PATCH", "/me", {"name": "Eve"}, origin="http://evil.example")
        assert (foreign[0], foreign[1]["error"]["code"]) == (403, "cross_site")
        assert admin.call("PATCH", "/me", {"name": "Ada L."})[1]["name"] == "Ada L."

        said = run_command("member", "invite", "bob@example.org", "--json", *data)
        url = json.loads(said.stdout)["url"]
        assert url.startswith(platform.address)
        bob = Browser(platform)
        invited = {"token": token_in(url), "name": "Bob", "password": SECOND_PASSWORD}
        assert bob.call("POST", "/links/accept", invited)[0] == 200
        assert bob.call("GET", "/session")[1]["member"]["email"] == "bob@example.org"
        assert bob.call("PATCH", "/members/x", {"is_admin": True})[0] == 403
        wrong = {"email": "bob@example.org", "password": FIRST_PASSWORD}
        assert Browser(platform).call("POST", "/session", wrong)[0] == 401
        assert run_command("member", "disable", "bob@example.org", *data).returncode == 0
        assert bob.call("GET", "/session")[0] == 401
        cookie = admin.cookie or ""
    with run_platform(folder, "--issue-link") as platform:
        assert platform.sign_in is None
        again = Browser(platform)
        again.cookie = cookie
        assert again.call("GET", "/session")[0] == 200
        assert again.call("DELETE", "/me/sessions")[0] == 204
        again.cookie = cookie
        assert again.call("GET", "/session")[0] == 401
    secrets = [FIRST_PASSWORD, SECOND_PASSWORD, first_link, token_in(url), cookie.partition("=")[2]]
    assert_nowhere(folder, secrets)


@pytest.mark.slow
def test_a_link_nobody_used_is_made_anew_when_asked_for(tmp_path: Path) -> None:
    with run_platform(tmp_path / "data") as platform:
        old = token_in(platform.sign_in)
    with run_platform(tmp_path / "data") as platform:
        assert platform.sign_in is None
    with run_platform(tmp_path / "data", "--issue-link") as platform:
        new = token_in(platform.sign_in)
        browser = Browser(platform)
        assert browser.call("POST", "/links/check", {"token": old})[0] == 404
        assert browser.call("POST", "/links/check", {"token": new})[0] == 200


def assert_nowhere(folder: Path, secrets: list[str]) -> None:
    """No file below `folder` holds any of `secrets`."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        for secret in secrets:
            assert len(secret) > 10 and secret.encode() not in content, path
