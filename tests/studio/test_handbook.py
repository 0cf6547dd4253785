"""The handbook's pages as anyone gets them: no key, no script, nothing from elsewhere."""

import re

import pytest

from tests.studio.conftest import Studio
from tramontane.handbook import LANGUAGES, address, pages

EVERY = [address(page) for language in LANGUAGES for page in pages(language)]


def test_it_leads_to_the_readers_language(studio: Studio) -> None:
    for header, language in (("fr-CH,fr;q=0.9,en;q=0.8", "fr"), ("nl", "en"), ("", "en")):
        answer = studio.call("GET", "/docs", headers={"accept-language": header})
        assert (answer.status, answer.headers["location"]) == (302, f"/docs/{language}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_contents_lead_to_every_page(studio: Studio, language: str) -> None:
    answer = studio.call("GET", f"/docs/{language}")
    assert answer.status == 200
    assert f'<html lang="{language}">' in answer.body.decode()
    found = set(re.findall(rf'href="(/docs/{language}/[^"#]+)"', answer.body.decode()))
    assert found == {address(page) for page in pages(language)}


def test_every_page_is_whole_and_its_links_lead_somewhere(studio: Studio) -> None:
    anchors: dict[str, set[str]] = {}
    links: set[str] = set()
    for path in EVERY:
        answer = studio.call("GET", path)
        text = answer.body.decode()
        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "<script" not in text and "{{language" not in text
        assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
        anchors[path] = set(re.findall(r' id="([^"]+)"', text))
        links.update(re.findall(r'href="(/docs[^"]*)"', text))
        links.update(path + link for link in re.findall(r'href="(#[^"]*)"', text))
    for link in links:
        path, _, anchor = link.partition("#")
        assert not anchor or anchor in anchors[path], link
        assert path in anchors or studio.call("GET", path).status == 200, link


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_search_finds_without_a_script(studio: Studio, language: str) -> None:
    title = next(page.title for page in pages(language) if page.slug == "budgets")
    answer = studio.call("GET", f"/docs/{language}?q=budget+presupuesto")
    assert f"/docs/{language}/budgets#" in answer.body.decode(), title
    nothing = studio.call("GET", f"/docs/{language}?q=xyzzy").body.decode()
    assert 'class="results"' not in nothing
    assert "xyzzy" in nothing


def test_what_is_searched_for_is_text_only(studio: Studio) -> None:
    text = studio.call("GET", '/docs/en?q="><img src=x onerror=a>budget').body.decode()
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_its_policy_allows_no_script_at_all(studio: Studio) -> None:
    policy = studio.call("GET", "/docs/en/ask").headers["content-security-policy"]
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy


def test_an_unchanged_page_is_not_sent_again(studio: Studio) -> None:
    first = studio.call("GET", "/docs/handbook.css")
    assert first.headers["content-type"].startswith("text/css")
    tag = {"if-none-match": first.headers["etag"]}
    assert studio.call("GET", "/docs/handbook.css", headers=tag).status == 304


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/docs/nl", "There is no such page"),
        ("/docs/de/nothing", "Diese Seite gibt es nicht"),
        ("/docs/nl/ask", "There is no such page"),
    ],
)
def test_an_unknown_page_leads_on(studio: Studio, path: str, said: str) -> None:
    answer = studio.call("GET", path)
    assert answer.status == 404
    assert f"<h1>{said}</h1>" in answer.body.decode()
    assert 'class="contents"' in answer.body.decode()


@pytest.mark.parametrize("path", ["/docs/", "/docs/fr/", "/docs/fr/ask/"])
def test_a_slash_at_the_end_does_no_harm(studio: Studio, path: str) -> None:
    assert studio.call("GET", path).status in (200, 302)


@pytest.mark.parametrize("path", ["/docs/en/ask/more", "/docs//fr", "/docs/../api/v1/me"])
def test_nothing_else_is_public(studio: Studio, path: str) -> None:
    assert studio.call("GET", path).status in (401, 404)
