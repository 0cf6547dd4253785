"""An embedded assistant on other sites, in a real Chromium before a real platform.

`embed.mjs` has the flows, one browser runs them all; the stand-in answers in a model's place.
"""

import http.client
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from tests.platform import RunningPlatform, run_platform
from tests.processes import run_standin
from tests.test_sign_in_flow import Browser, token_in
from tramontane.providers.standin import Behaviour, Rule, StandinOptions

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HERE = Path(__file__).parent
SCRIPT = HERE / "embed.mjs"
FLOWS = re.findall(r'^  "([^"]+)": async', SCRIPT.read_text(), re.MULTILINE)
STRICT = (
    "default-src 'none'; script-src {platform}; frame-src {platform}; style-src 'none';"
    " img-src data:; require-trusted-types-for 'script'; trusted-types 'none'"
)
MARKUP = (
    "**bold** <img src=http://evil.example/x onerror=alert(1)> ![i](http://evil.example/y)"
    " [good](https://good.example/) [bad](javascript:alert(1))"
    " [ours](/docs/en/embed)"
)
CONFIGURATION = """
demo = false
guide = false

[deployments.large]
url = "{standin}"
price = {{ input_per_mtok = "1000", output_per_mtok = "1000" }}
max_in_flight = 1
"""

SCRIPTED = (Rule(contains="markup", reply=Behaviour(answer=MARKUP)),)


class Site(BaseHTTPRequestHandler):
    """Somebody else's page with our line in it, as its query asks for."""

    policy = ""

    def do_GET(self) -> None:
        """Answer every path with the page, but the icon."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = b"" if parts.path != "/" else self.page(query).encode()
        self.send_response(200 if body else 404)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        if self.policy:
            policy = self.policy.replace("{platform}", query.get("platform", ""))
            self.send_header("content-security-policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def page(self, query: dict[str, str]) -> str:
        """Return the page."""
        return _page(query)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class StrictSite(Site):
    """The same, with a policy that allows nothing but what the handbook asks for."""

    policy = STRICT


def _page(query: dict[str, str]) -> str:
    target = ' data-target="#place"' if "target" in query else ""
    label = f' data-label="{query["label"]}"' if "label" in query else ""
    return (
        f'<!doctype html><html lang="{query.get("lang", "en")}"><title>Town</title>'
        '<link rel="icon" href="data:,"><h1>Town</h1><div id="place"></div>'
        f'<script src="{query["platform"]}/embed.js" data-embed="{query["embed"]}"{label}{target}'
        " async></script></html>"
    )


@contextmanager
def site(handler: type[Site]) -> Iterator[str]:
    """Yield the origin of a site on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Stage(NamedTuple):
    """A platform with its first administrator, sites around it, and two embeds."""

    platform: RunningPlatform
    admin: Browser
    sites: dict[str, str]
    embeds: dict[str, str]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Set the stage once for all tests here."""
    folder = tmp_path_factory.mktemp("embed")
    with ExitStack() as stack:
        standin = stack.enter_context(run_standin(StandinOptions(script=SCRIPTED)))
        file = folder / "tramontane.toml"
        file.write_text(CONFIGURATION.format(standin=standin.url))
        platform = stack.enter_context(run_platform(folder / "data", "--config", str(file)))
        names = {"allowed": Site, "refused": Site, "strict": StrictSite}
        sites = {name: stack.enter_context(site(handler)) for name, handler in names.items()}
        admin = Browser(platform)
        embeds = made_embeds(admin, [sites["allowed"], sites["strict"]])
        yield Stage(platform, admin, sites, embeds)


@pytest.fixture(scope="module")
def results(stage: Stage, node_path: str, browser_path: str) -> dict[str, str | None]:
    """What came of each flow: None, or what went wrong."""
    assert (HERE / "node_modules").exists(), "`make test` installs what drives the browser"
    told = {
        "browser": browser_path,
        "platform": stage.platform.address,
        "sites": stage.sites,
        "embeds": stage.embeds,
    }
    return _run(node_path, told)


def made_embeds(
    admin: Browser, origins: list[str], title: str = "Ask <the> office"
) -> dict[str, str]:
    """Return two embeds by name: `good`, and `poor`, whose budget is spent at once.

    `admin` becomes the first administrator.
    """
    account = {
        "token": token_in(admin.platform.sign_in),
        "name": "Ada",
        "email": "ada@example.org",
        "password": "canary tramontane wind",
        "language": "en",
    }
    status, session = admin.call("POST", "/links/accept", account)
    assert status == 200, session
    project_id = session["projects"][0]["id"]
    found = {}
    for name, limit in (("good", "1000"), ("poor", "0.0001")):
        body = {
            "assistant_id": "shipped:form",
            "project_id": project_id,
            "title": title,
            "allowed_origins": origins,
            "budget": {"window": "day", "limit": limit},
        }
        status, made = admin.call("POST", "/embeds", body)
        assert status == 201, made
        found[name] = made["id"]
    return found


def _run(node_path: str, told: dict[str, Any]) -> dict[str, str | None]:
    run = subprocess.run(
        [node_path, str(SCRIPT)],
        input=msgspec.json.encode(told) + b"\n",
        capture_output=True,
        check=False,
        timeout=240,
    )
    lines = [msgspec.json.decode(line) for line in run.stdout.splitlines()]
    found = {line["flow"]: line["error"] for line in lines}
    assert found, run.stderr.decode()
    return found


@pytest.mark.parametrize("flow", FLOWS)
def test_flow(results: dict[str, str | None], flow: str) -> None:
    assert flow in results, "the script ended before it"
    assert results[flow] is None, results[flow]


def test_taking_it_away_ends_answers_under_way(stage: Stage) -> None:
    sessions = stage.admin.call("GET", "/session")[1]
    body = {
        "assistant_id": "shipped:tutor",
        "project_id": sessions["projects"][0]["id"],
        "title": "For a while",
        "allowed_origins": ["https://a.example"],
    }
    embed_id = stage.admin.call("POST", "/embeds", body)[1]["id"]
    with _asked(stage, "GET", f"/embed/{embed_id}") as answer:
        page = answer.read().decode()
    question = {"role": "user", "content": "[[standin tokens=1000 tps=20]] long"}
    asked = {"token": page.partition('data-token="')[2].partition('"')[0], "messages": [question]}
    with _asked(stage, "POST", f"/api/v1/embeds/{embed_id}/messages", asked) as answer:
        assert answer.status == 200
        while not answer.readline().startswith(b"event: delta"):
            pass
        assert stage.admin.call("DELETE", f"/embeds/{embed_id}")[0] == 204
        rest = answer.read()  # far less than the fifty seconds that it would have taken
    assert b"event: error" in rest and b"event: done" not in rest
    assert rest.count(b"event: delta") < 200
    with _asked(stage, "GET", f"/embed/{embed_id}") as answer:
        assert answer.status == 404


@contextmanager
def _asked(
    stage: Stage, method: str, path: str, body: object = None
) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", stage.platform.port, timeout=60)
    fields = {"origin": stage.platform.address, "sec-fetch-site": "same-origin"}
    try:
        sent = None if body is None else msgspec.json.encode(body)
        connection.request(method, path, sent, fields)
        yield connection.getresponse()
    finally:
        connection.close()
