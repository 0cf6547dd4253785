"""The browser app's files: found without a restart, packed, cached by name; and its stand-in."""

import asyncio
import gzip
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.studio.conftest import Answer, call
from tramontane.studio import webapp
from tramontane.studio.edge import Edge
from tramontane.studio.webapp import BUILDING, WebApp, accepted, preferred

LANGUAGES = ("en", "fr", "de", "es", "it")
SCRIPT = b"export const n = 1;\n" * 40


class Site:
    """The app's folder, and what is served from it; behind it is a teapot."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.app = Edge(WebApp(_teapot, folder))

    def put(self, name: str, body: bytes) -> None:
        """Put a file in its place, as the build does."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_bytes(body)
        draft.replace(path)

    def state(self, **fields: Any) -> None:
        """Let the build say how far it is."""
        self.put("state.json", json.dumps({"pid": os.getpid(), **fields}).encode())

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Return the answer to one request."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        return asyncio.run(call(self.app, method, path, fields, b""))


async def _teapot(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "app")


@pytest.fixture
def built(site: Site) -> Site:
    site.put("assets/main-abc.js", SCRIPT)
    site.put("assets/main-abc.js.gz", gzip.compress(SCRIPT))
    site.put("assets/main-abc.js.br", b"as if packed")
    site.put("built.json", b"{}")
    site.put("index.html", b"<!doctype html>one")
    return site


def test_the_index_is_asked_for_again_and_costs_nothing_then(built: Site) -> None:
    first = built.ask("/")
    assert (first.status, first.body) == (200, b"<!doctype html>one")
    assert first.headers["cache-control"] == "no-cache"
    again = built.ask("/", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_what_is_named_for_its_content_is_kept_for_good(built: Site) -> None:
    found = built.ask("/assets/main-abc.js")
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["content-type"] == "text/javascript; charset=utf-8"
    assert found.body == SCRIPT


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("", None),
    ],
)
def test_the_best_packing_that_the_browser_takes(
    built: Site, header: str, coding: str | None
) -> None:
    found = built.ask("/assets/main-abc.js", accept_encoding=header)
    assert found.headers.get("content-encoding") == coding
    assert found.headers["vary"] == "accept-encoding"
    assert int(found.headers["content-length"]) == len(found.body)


def test_each_packing_has_its_own_tag(built: Site) -> None:
    packings = ("br", "gzip", "identity")
    tags = [built.ask("/assets/main-abc.js", accept_encoding=p).headers["etag"] for p in packings]
    assert len(set(tags)) == 3


def test_a_head_has_no_body(built: Site) -> None:
    found = built.ask("/", "HEAD")
    assert (found.status, found.body, found.headers["content-length"]) == (200, b"", "18")


def test_a_new_build_needs_no_restart(built: Site) -> None:
    before = built.ask("/").headers["etag"]
    built.put("assets/main-def.js", b"new")
    built.put("index.html", b"<!doctype html>two")
    assert built.ask("/").body == b"<!doctype html>two"
    assert built.ask("/", if_none_match=before).status == 200
    assert built.ask("/assets/main-def.js").status == 200
    assert built.ask("/assets/main-abc.js").status == 200  # an open tab may still want it


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/nothing.js",
        "/assets/../built.json",
        "/assets/%2e%2e/built.json",
        "/assets/main-abc.js.br",
        "/assets/main-abc.js/",
    ],
)
def test_nothing_else_is_below_assets(built: Site, path: str) -> None:
    found = built.ask(path)
    assert (found.status, found.error["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/built.json",
        "/state.json",
        "/nothing",
        "/api/v1/status",
        "//",
        "/.index.html.new",
    ],
)
def test_everything_else_is_somebody_elses(built: Site, path: str) -> None:
    assert built.ask(path).status == 418
    assert built.ask("/", "POST").status == 418


def test_all_of_it_has_the_policy(built: Site) -> None:
    for path in ("/", "/assets/main-abc.js", "/assets/nothing.js", "/building"):
        policy = built.ask(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy


# --- until it is built ----------------------------------------------------------------------------


def test_until_then_a_page_says_how_far_it_is(site: Site) -> None:
    site.state(step="packages")
    found = site.ask("/", accept_language="de-AT,de;q=0.9,en;q=0.8")
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert found.headers["cache-control"] == "no-store"
    text = found.body.decode()
    assert '<html lang="de">' in text
    assert "Pakete" in text
    assert "{{" not in text


def test_the_build_is_followed(site: Site) -> None:
    assert site.ask("/building").json["text"] == "Nobody is building it."
    site.state(step="building")
    assert site.ask("/building").json == {
        "is_ready": False,
        "is_failed": False,
        "text": "Putting it together; a few seconds more.",
        "detail": "",
    }
    site.state(step="failed", detail="npm <error> & more", pid=0)
    told = site.ask("/building").json
    assert (told["is_failed"], told["detail"]) == (True, "npm <error> & more")
    assert "npm &lt;error&gt; &amp; more" in site.ask("/").body.decode()
    site.put("index.html", b"there")
    assert site.ask("/building").json["is_ready"] is True
    assert site.ask("/").body == b"there"


def test_a_build_that_was_killed_is_not_waited_for(site: Site) -> None:
    site.state(step="building", pid=2**22 + 1)
    assert site.ask("/building").json["text"] == "The build was interrupted."
    site.put("state.json", b"{")
    assert site.ask("/building").json["is_failed"] is True


def test_a_page_that_is_there_is_shown_while_the_next_is_built(built: Site) -> None:
    built.state(step="building")
    assert built.ask("/").body == b"<!doctype html>one"


class Attributes(HTMLParser):
    """Collects what a page refers to, and what it may not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        assert tag not in ("style", "iframe", "base")
        for name, value in attrs:
            assert name != "style" and not name.startswith("on")
            if name in ("src", "href") and value is not None:
                self.addresses.append(value)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_needs_no_more_than_the_policy_allows(site: Site, language: str) -> None:
    parser = Attributes()
    parser.feed(site.ask("/", accept_language=language).body.decode())
    for address in parser.addresses:
        if address.startswith("/building/"):
            assert site.ask(address).status == 200, address
        else:
            assert address in (f"/docs/{language}", "/api/openapi.json")


def test_every_language_has_every_word() -> None:
    words = json.loads((BUILDING / "words.json").read_text())
    assert set(words) == set(LANGUAGES)
    assert len({tuple(sorted(each)) for each in words.values()}) == 1
    slots = set(re.findall(r"\{\{(\w+)\}\}", (BUILDING / "page.html").read_text()))
    assert slots <= words["en"].keys() | {
        "language", "step", "meaning", "detail", "again_hidden", "detail_hidden",
    }  # fmt: skip


def test_what_a_browser_prefers() -> None:
    known = dict.fromkeys(LANGUAGES)
    assert preferred("fr-CH, fr;q=0.9, en;q=0.8", known) == "fr"
    assert preferred("pt, es;q=0.5", known) == "es"
    assert preferred("", known) == "en"
    assert accepted("GZIP;q=1.0, br;q=0") == {"gzip"}


def test_every_kind_of_file_that_the_build_makes_has_a_type() -> None:
    for suffix in (".html", ".js", ".css", ".svg", ".woff2"):
        assert suffix in webapp._TYPES
