"""`tramontane member`: links are printed once, people are listed, disabled and let in again."""

from pathlib import Path

import pytest

from tests.cli.ran import Run
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.errors import NotFound
from tramontane.store import keys, links, members, memberships, projects
from tramontane.store.database import open_store


def add(data_dir: Path, name: str, project: str, *, is_admin: bool = False) -> str:
    """Make a member of a project; return their identifier."""
    store = open_store(Settings(data=str(data_dir)).store_url)
    try:
        with store.write() as c:
            member = members.create(
                c,
                email=f"{name}@example.org",
                name=name.title(),
                password_hash="a-hash-of-theirs",
                is_admin=is_admin,
                now_ms=1,
            )
            place = projects.get(c, project)
            memberships.put(c, member=member, project_id=place.id, role="member", now_ms=1)
    finally:
        store.close()
    return member.id


def test_an_invitation_is_a_link_that_works_once(run: Run, data_dir: Path) -> None:
    run("project", "create", "research")
    made = run(
        "member", "invite", "Ada@Example.org", "--project", "research",
        "--role", "manager", "--json",
    ).json  # fmt: skip
    origin, _, token = made["url"].partition("/#/welcome/")
    assert origin == "http://127.0.0.1:8080" and len(token) == 43
    folder = DataFolder(data_dir)
    store = open_store(Settings(data=str(data_dir)).store_url)
    with store.write() as c:
        created_at_ms = links.get(c, made["id"]).created_at_ms
        link = links.find(c, folder.pepper(), token, created_at_ms)
        assert (link.email, link.role, link.is_admin) == ("ada@example.org", "manager", False)
        links.use(c, link, created_at_ms)
        with pytest.raises(NotFound):
            links.find(c, folder.pepper(), token, created_at_ms)
    store.close()
    assert token.encode() not in folder.database.read_bytes()


def test_a_link_leads_where_the_platform_is(run: Run, data_dir: Path, tmp_path: Path) -> None:
    run("project", "create", "default")
    DataFolder(data_dir).address_file.write_text("http://127.0.0.1:4711")
    assert run("member", "invite").out.startswith("http://127.0.0.1:4711/#/welcome/")
    config = tmp_path / "tramontane.toml"
    config.write_text('[server]\npublic_url = "https://ai.example.org"\n')
    said = run("member", "invite", "--config", config).out
    assert said.startswith("https://ai.example.org/#/welcome/")
    assert "It works once" in said


def test_members_are_listed_disabled_and_let_in_again(run: Run, data_dir: Path) -> None:
    assert "nobody has an account yet" in run("member", "list").out
    run("project", "create", "research")
    ada = add(data_dir, "ada", "research")
    add(data_dir, "root", "research", is_admin=True)
    first, second = run("member", "list", "--json").json["data"]
    assert (first["id"], first["email"], first["is_admin"]) == (ada, "ada@example.org", False)
    assert [place["role"] for place in first["projects"]] == ["member"]
    assert second["is_admin"]
    shown = run("member", "list").out
    assert "research (member)" in shown and "administrator" in shown
    assert "hash" not in shown + run("member", "list", "--json").out
    (listed, _) = run("key", "list", "--json").json["data"]
    assert listed["member"] in ("ada@example.org", "root@example.org")
    assert "ada@example.org" in run("key", "list").out

    disabled = run("member", "disable", "Ada@example.org", "--json").json
    assert disabled["disabled_at"] is not None
    states = {k["name"]: k["state"] for k in run("key", "list", "--json").json["data"]}
    assert states == {"ada": "revoked", "root": "active"}
    refused = run("member", "reset", "ada@example.org")
    assert refused.status == 1 and "is disabled" in refused.err
    run("member", "enable", ada)
    assert "/#/welcome/" in run("member", "reset", "ada@example.org").out
    of_ada = [k["state"] for k in run("key", "list", "--json").json["data"] if k["name"] == "ada"]
    assert sorted(of_ada) == ["active", "revoked"]


def test_mistakes(run: Run, data_dir: Path) -> None:
    run("project", "create", "default")
    add(data_dir, "root", "default", is_admin=True)
    last = run("member", "disable", "root@example.org")
    assert last.status == 1 and "last administrator" in last.err
    assert "there is no member" in run("member", "reset", "nobody@example.org").err
    assert "there is no project" in run("member", "invite", "--project", "nowhere").err
    assert "role: must be one of" in run("member", "invite", "--role", "king").err
    assert "email: write an address" in run("member", "invite", "ada").err
    (key,) = run("key", "list", "--json").json["data"]
    assert "disable the member" in run("key", "revoke", key["id"]).err


def test_a_key_of_a_member_is_no_secret(run: Run, data_dir: Path) -> None:
    run("project", "create", "default")
    add(data_dir, "ada", "default")
    store = open_store(Settings(data=str(data_dir)).store_url)
    with store.read() as c:
        (key,) = keys.list_all(c)
        assert len(key.digest) == 32 and key.rights == ("infer", "read")
    store.close()
