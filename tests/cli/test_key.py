"""`tramontane key`: a secret is shown once, and nowhere else."""

import os
import re
from pathlib import Path

from tests.cli.ran import Run
from tramontane.datafolder import DataFolder

SECRET = re.compile(r"tmt_[0-9A-Za-z]{8}_[0-9A-Za-z]{33}")


def test_a_key_is_made_listed_and_revoked(run: Run) -> None:
    project = run("project", "create", "one", "--models", "a,b", "--json").json
    issued = run(
        "key", "create", "one", "laptop", "--rights", "read", "--models", "a",
        "--expires", "2d", "--requests-per-minute", 5, "--json",
    ).json  # fmt: skip
    key = issued["key"]
    assert SECRET.fullmatch(issued["secret"])
    assert issued["secret"].startswith(key["prefix"])
    assert key["project_id"] == project["id"]
    assert (key["state"], key["rights"], key["allowed_models"]) == ("active", ["read"], ["a"])
    assert (key["requests_per_minute"], key["tokens_per_minute"]) == (5, None)
    assert "digest" not in key
    listed = {"data": [{**key, "member": None}]}
    assert run("key", "list", "--project", "one", "--json").json == listed
    revoked = run("key", "revoke", "laptop", "--project", "one", "--json").json
    assert (revoked["state"], revoked["id"]) == ("revoked", key["id"])
    again = run("key", "create", "one", "laptop", "--json").json["key"]
    assert again["rights"] == ["infer", "read"]
    assert run("key", "revoke", again["prefix"], "--json").json["state"] == "revoked"
    assert [k["state"] for k in run("key", "list", "--json").json["data"]] == ["revoked"] * 2


def test_the_secret_is_printed_once_and_kept_nowhere(run: Run, data_dir: Path) -> None:
    run("project", "create", "one")
    out = run("key", "create", "one", "laptop").out
    (secret,) = SECRET.findall(out)
    for shown in (run("key", "list"), run("key", "list", "--json"), run("key", "revoke", secret)):
        assert shown.status == 0
        assert secret[13:] not in shown.out + shown.err
    for path in data_dir.rglob("*"):
        assert not path.is_file() or secret[13:].encode() not in path.read_bytes()


def test_it_says_from_when_on_the_key_works(run: Run, data_dir: Path) -> None:
    run("project", "create", "one")
    assert "It works as soon as the platform runs" in run("key", "create", "one", "early").out
    folder = DataFolder(data_dir)
    (folder.run / "serve.lock").write_text(str(os.getpid()))  # as a platform that runs leaves it
    folder.address_file.write_text("http://127.0.0.1:8080")
    assert "It works within two seconds." in run("key", "create", "one", "late").out


def test_mistakes_say_what_to_change(run: Run) -> None:
    run("project", "create", "one", "--models", "a")
    said = {
        ("key", "create", "two", "k"): "there is no project 'two'",
        ("key", "create", "one", "k", "--models", "b"): "allow it there first",
        ("key", "create", "one", "k", "--rights", "root"): "there are infer, read, operate",
        ("key", "create", "one", "k", "--expires", "soon"): "duration such as 30d",
        ("key", "create", "one", "k", "--expires", "2001-01-01"): "expired already",
        ("key", "create", "one", "k", "--expires", "999999w"): "1970 to 9999",
        ("key", "revoke", "k"): "there is no key 'k'",
        ("key", "revoke", "k", "--project", "one"): "there is no key 'k'",
    }
    for arguments, words in said.items():
        refused = run(*arguments)
        assert refused.status == 1
        assert refused.err.startswith("error: ")
        assert words in refused.err
