"""`tramontane key`: what clients authenticate with."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tramontane.cli import policy
from tramontane.cli.options import (
    AsJson,
    ConfigFile,
    DataDir,
    Models,
    RequestsPerMinute,
    TokensPerMinute,
    parse_expiry,
    words,
)
from tramontane.cli.output import models_text, print_fields, print_json, print_table, view
from tramontane.cli.platform import is_served, opened

if TYPE_CHECKING:
    from tramontane.store.records import Key

app = typer.Typer(help="Keys: what clients authenticate with.", no_args_is_help=True)


@app.command()
def create(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Whose key it is.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="1 to 64 of a-z 0-9 . _ -")],
    rights: Annotated[
        list[str],
        typer.Option(
            "--rights",
            metavar="RIGHT,…",
            help="infer asks for tokens, read reads its own project, operate manages everything.",
        ),
    ] = ["infer,read"],  # noqa: B006 - typer's way to give a list's default
    models: Models = None,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="WHEN", help="A date, a moment (UTC) or a duration: 30d, 12h."
        ),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Issue a key and print its secret, which cannot be had again."""
    from tramontane.store import keys

    with opened(config, data) as platform, platform.store.write() as c:
        is_running = is_served(platform.folder)
        now_ms = platform.now_ms
        made, secret = keys.create(
            c,
            platform.folder.pepper(),
            project_id=project,
            name=name,
            rights=words(rights),
            allowed_models=None if models is None else words(models),
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
            expires_at_ms=None if expires is None else parse_expiry(expires, now_ms),
            now_ms=now_ms,
        )
    if as_json:
        print_json({"key": _view(made, now_ms), "secret": secret})
        return
    _print(made, now_ms)
    print(f"\nsecret      {secret}\nIt is shown this once. Keep it as a password.")
    print(
        "It works within two seconds."
        if is_running
        else "It works as soon as the platform runs: tramontane serve"
    )


@app.command("list")
def list_(
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Those of one project.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """List keys, revoked ones too, without their secrets."""
    from tramontane.store import keys, members, projects

    with opened(config, data) as platform, platform.store.read() as c:
        of = None if project is None else (projects.get(c, project).id,)
        found = keys.list_all(c, of)
        names = {p.id: p.name for p in projects.list_all(c)}
        people = {member.id: member.email for member in members.list_all(c)}
    views = [_view(key, platform.now_ms) for key in found]
    if as_json:
        print_json({"data": [{**v, "member": people.get(v["member_id"])} for v in views]})
        return
    print_table(
        ("project", "key", "of", "state", "begins", "rights", "models", "expires", "identifier"),
        (
            (
                names[v["project_id"]],
                v["name"],
                people.get(v["member_id"]),
                v["state"],
                v["prefix"] if v["member_id"] is None else None,
                v["rights"],
                models_text(v["allowed_models"]),
                v["expires_at"],
                v["id"],
            )
            for v in views
        ),
        empty="no key yet; make one: tramontane key create PROJECT NAME",
    )


@app.command()
def revoke(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="Its identifier or beginning (tmt_…); with --project its name."
        ),
    ],
    project: Annotated[
        str | None, typer.Option("--project", metavar="PROJECT", help="Whose key it is.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """End a key for good; streams open with it end within 5 s."""
    from tramontane.store import keys, projects

    with opened(config, data) as platform, platform.store.write() as c:
        of = None if project is None else projects.get(c, project).id
        ended = keys.revoke(c, keys.get(c, key, of).id, platform.now_ms)
    if as_json:
        print_json(_view(ended, platform.now_ms))
        return
    _print(ended, platform.now_ms)


app.command("policy")(policy.of_key)


def _view(key: "Key", now_ms: int) -> dict[str, Any]:
    if key.revoked_at_ms is not None:
        state = "revoked"
    elif key.expires_at_ms is not None and key.expires_at_ms <= now_ms:
        state = "expired"
    else:
        state = "active"
    return {**view(key), "state": state}


def _print(key: "Key", now_ms: int) -> None:
    seen = _view(key, now_ms)
    print_fields(
        {
            "key": key.name,
            "identifier": key.id,
            "begins": key.prefix,
            "state": seen["state"],
            "rights": key.rights,
            "models": models_text(key.allowed_models),
            "requests per minute": key.requests_per_minute,
            "tokens per minute": key.tokens_per_minute,
            "expires": seen["expires_at"],
            "created": seen["created_at"],
        }
    )
