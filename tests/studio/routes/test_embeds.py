"""Embeds: who may make them, what their pages say, what visitors may ask."""

from typing import Any

import pytest

from tests.studio.conftest import NOW_MS, Answer, Studio, Tenant
from tests.studio.people import HOST, Person, person
from tramontane.errors import (
    BudgetExhausted,
    Forbidden,
    InvalidRequest,
    NotFound,
    Overloaded,
    RateLimited,
    TramontaneError,
    UpstreamFailed,
)
from tramontane.store import keys
from tramontane.studio import embedding
from tramontane.studio.visiting import refused

EMBEDS = "/api/v1/embeds"
SITE = "https://www.example.org"
NEW = {"assistant_id": "shipped:form", "title": "Ask the office", "allowed_origins": [SITE]}
PAGE = {"x-forwarded-host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}


@pytest.fixture
def mia(studio: Studio, ours: Tenant) -> Person:
    """Who manages `ours`."""
    return person(studio, "mia", ours.project, role="manager")


def made(by: Person, tenant: Tenant, **fields: Any) -> Any:
    answer = by.call("POST", EMBEDS, json={**NEW, "project_id": tenant.project.id, **fields})
    assert answer.status == 201, answer.body
    return answer.json


def page(studio: Studio, embed_id: str, query: str = "") -> Answer:
    return studio.call("GET", f"/embed/{embed_id}{query}")


def token_in(answer: Answer) -> str:
    return answer.body.decode().partition('data-token="')[2].partition('"')[0]


def ask(studio: Studio, embed_id: str, token: str, *contents: str, **headers: str) -> Answer:
    roles = ("user", "assistant")
    turns = [{"role": roles[n % 2], "content": text} for n, text in enumerate(contents)]
    body = {"token": token, "messages": turns}
    sent = {**PAGE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return studio.call("POST", f"{EMBEDS}/{embed_id}/messages", json=body, headers=sent)


def test_who_manages_a_project_may_embed(studio: Studio, ours: Tenant, mia: Person) -> None:
    embed = made(mia, ours, budget={"window": "month", "limit": "5"})
    assert embed["snippet"] == (
        f'<script src="http://{HOST}/embed.js" data-embed="{embed["id"]}"'
        ' data-label="Ask the office" async></script>'
    )
    assert embed["frame"].startswith(f'<iframe src="http://{HOST}/embed/{embed["id"]}"')
    assert embed["budget"] == {"window": "month", "limit": "5.00"}
    assert (embed["assistant_name"], embed["key"]) == ("Form help", "embed-ask-the-office")
    assert mia.call("GET", EMBEDS).json == {"data": [embed]}
    with studio.store.read() as c:
        key = keys.get(c, embed["key_id"])
    assert (key.rights, key.member_id) == (("infer",), None)
    assert made(mia, ours)["key"] == "embed-ask-the-office-2"
    again = made(mia, ours, title='Été <b> "x"')
    assert again["key"] == "embed-ete-b-x"
    assert "<b>" not in again["snippet"]


def test_others_may_not(studio: Studio, ours: Tenant, theirs: Tenant, mia: Person) -> None:
    ada = person(studio, "ada", ours.project)
    eve = person(studio, "eve", theirs.project, role="manager")
    body = {**NEW, "project_id": ours.project.id}
    embed = made(mia, ours)
    path = f"{EMBEDS}/{embed['id']}"
    assert ada.call("POST", EMBEDS, json=body).status == 403
    assert eve.call("POST", EMBEDS, json=body).status == 404
    for someone in (ada, eve):
        assert someone.call("GET", EMBEDS).json == {"data": []}
        assert someone.call("DELETE", path).status == 404
    assert eve.call("GET", f"{EMBEDS}?project_id={ours.project.id}").status == 404
    admin = person(studio, "kim", is_admin=True)
    assert len(admin.call("GET", EMBEDS).json["data"]) == 1
    assert admin.call("DELETE", path).status == 204
    own = ada.call("POST", "/api/v1/assistants", json={"name": "Mine"}).json["id"]
    hidden = mia.call("POST", EMBEDS, json={**body, "assistant_id": own})
    assert (hidden.status, hidden.error["param"]) == (404, "assistant_id")


@pytest.mark.parametrize(
    "origins",
    [
        [],
        [SITE] * 0,
        ["www.example.org"],
        ["https://www.example.org/path"],
        ["https://*.example.org"],
        ["*"],
        ["'self'"],
        ["https://a.example;script-src *"],
        ["https://a.example https://b.example"],
        ["https://user@a.example"],
        ["javascript:alert(1)"],
        ["data:text/html,x"],
        ["https://exämple.org"],
        ["https://a.example:port"],
        ["https://a..example"],
        ["null"],
        [f"https://{n}.example" for n in range(21)],
    ],
)
def test_origins_are_exact(ours: Tenant, mia: Person, origins: list[str]) -> None:
    body = {**NEW, "project_id": ours.project.id, "allowed_origins": origins}
    answer = mia.call("POST", EMBEDS, json=body)
    assert (answer.status, answer.error["param"]) == (400, "allowed_origins")


def test_bad_input_makes_no_key(studio: Studio, ours: Tenant, mia: Person) -> None:
    for change, param in (
        ({"title": " "}, "title"),
        ({"assistant_id": "shipped:none"}, "assistant_id"),
        ({"budget": {"window": "day", "limit": "-1"}}, "limit"),
    ):
        body = {**NEW, "project_id": ours.project.id, **change}
        assert mia.call("POST", EMBEDS, json=body).error["param"] == param
    with studio.store.read() as c:
        assert not [key for key in keys.list_all(c) if key.name.startswith("embed")]


def test_its_page_may_be_framed_by_its_sites_only(
    studio: Studio, ours: Tenant, mia: Person
) -> None:
    origins = ["https://WWW.Example.org/", "http://intranet:8080", "http://[::1]:80"]
    embed = made(mia, ours, allowed_origins=origins)
    assert embed["allowed_origins"] == [SITE, "http://intranet:8080", "http://[::1]:80"]
    answer = page(studio, embed["id"])
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert f"frame-ancestors {SITE} http://intranet:8080 http://[::1]:80; " in policy
    assert "unsafe" not in policy
    assert "x-frame-options" not in answer.headers
    other = studio.call("GET", "/")
    assert other.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("language", embedding.LANGUAGES)
def test_its_page_speaks_five_languages(
    studio: Studio, ours: Tenant, mia: Person, language: str
) -> None:
    embed = made(mia, ours)
    text = page(studio, embed["id"], f"?language={language}").body.decode()
    assert f'<html lang="{language}">' in text
    words = embedding.words_of(language)
    assert words.page["notice"].replace("'", "&#x27;") in text
    assert text.count("<li>") == 4
    english = embedding.words_of("en")
    assert words.page.keys() == english.page.keys()
    assert words.live.keys() == english.live.keys()
    errors, known = words.live["errors"], english.live["errors"]
    assert isinstance(errors, dict) and isinstance(known, dict)
    assert errors.keys() == known.keys()
    with_header = studio.call(
        "GET", f"/embed/{embed['id']}", headers={"accept-language": f"{language}-CH,en;q=0.5"}
    )
    assert f'<html lang="{language}">'.encode() in with_header.body


def test_titles_are_text(studio: Studio, ours: Tenant, mia: Person) -> None:
    embed = made(mia, ours, title="<script>alert(1)</script>")
    assert b"<script>alert" not in page(studio, embed["id"]).body


def test_its_files_are_small_and_for_every_site(studio: Studio) -> None:
    paths = ("/embed.js", "/embed/widget.js", "/embed/widget.css")
    answers = [studio.call("GET", path) for path in paths]
    assert sum(len(answer.body) for answer in answers) <= 15_000
    for answer in answers:
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        again = {"if-none-match": answer.headers["etag"]}
        path = paths[answers.index(answer)]
        assert studio.call("GET", path, headers=again).status == 304


def test_taking_it_away(studio: Studio, ours: Tenant, mia: Person) -> None:
    embed = made(mia, ours)
    token = token_in(page(studio, embed["id"]))
    assert mia.call("DELETE", f"{EMBEDS}/{embed['id']}").status == 204
    assert page(studio, embed["id"]).status == 404
    assert ask(studio, embed["id"], token, "Hello").status == 404
    assert mia.call("GET", EMBEDS).json == {"data": []}
    with studio.store.read() as c:
        assert keys.get(c, embed["key_id"]).revoked_at_ms == NOW_MS


def test_only_its_own_page_may_ask(studio: Studio, ours: Tenant, mia: Person) -> None:
    one, other = made(mia, ours), made(mia, ours)
    token = token_in(page(studio, one["id"]))
    for headers in ({"sec_fetch_site": "cross-site", "origin": SITE}, {"sec_fetch_site": "none"}):
        assert ask(studio, one["id"], token, "Hello", **headers).error["code"] == "cross_site"
    bare = studio.call(
        "POST",
        f"{EMBEDS}/{one['id']}/messages",
        json={"token": token, "messages": [{"role": "user", "content": "x"}]},
        headers={"x-forwarded-host": HOST, "origin": SITE},
    )
    assert bare.error["code"] == "cross_site"
    visitor, expires, mac = token.split(".")
    bad = ["", "x", "é.1.é", f"{visitor}.{int(expires) + 1}.{mac}", f"other.{expires}.{mac}"]
    for wrong in bad:
        answer = ask(studio, one["id"], wrong, "Hello")
        assert (answer.status, answer.error["code"]) == (401, "visitor_expired")
    assert ask(studio, other["id"], token, "Hello").status == 401
    studio.now_ms += 13 * 3_600_000
    assert ask(studio, one["id"], token, "Hello").status == 401


@pytest.mark.parametrize(
    ("turns", "code"),
    [
        ((), "invalid_request"),
        (("  ",), "invalid_request"),
        (("question", "answer"), "invalid_request"),
        (("x" * 4_001,), "context_length_exceeded"),
        (("x",) * 41, "context_length_exceeded"),
        (("x" * 20_000, "y" * 20_001, "z"), "context_length_exceeded"),
    ],
)
def test_what_may_be_asked(
    studio: Studio, ours: Tenant, mia: Person, turns: tuple[str, ...], code: str
) -> None:
    embed = made(mia, ours)
    answer = ask(studio, embed["id"], token_in(page(studio, embed["id"])), *turns)
    assert (answer.status, answer.error["code"]) == (400, code)


def test_a_visitor_cannot_speak_as_the_system(studio: Studio, ours: Tenant, mia: Person) -> None:
    embed = made(mia, ours)
    body = {
        "token": token_in(page(studio, embed["id"])),
        "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}],
    }
    path = f"{EMBEDS}/{embed['id']}/messages"
    assert studio.call("POST", path, json=body, headers=PAGE).status == 400
    body["messages"] = [{"role": "user", "content": "y", "tool_calls": []}]
    assert studio.call("POST", path, json=body, headers=PAGE).status == 400


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BudgetExhausted("10.00 USD of the project secret are used up"), "insufficient_quota"),
        (RateLimited("key secret", code="tokens_per_minute_exceeded"), "overloaded"),
        (Overloaded("deployment secret", retry_after_s=7), "overloaded"),
        (InvalidRequest("model secret", code="context_length_exceeded"), "context_length_exceeded"),
        (UpstreamFailed("secret"), "unavailable"),
        (NotFound("no model secret", code="model_not_found"), "unavailable"),
        (Forbidden("the project secret is closed", code="project_closed"), "unavailable"),
    ],
)
def test_visitors_learn_nothing_of_what_is_behind(error: TramontaneError, code: str) -> None:
    told = refused(error)
    assert told.code == code
    assert "secret" not in told.message and told.param is None
