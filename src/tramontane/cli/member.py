"""`tramontane member`: the people who sign in."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir, words
from tramontane.cli.output import print_fields, print_json, print_table, view
from tramontane.cli.platform import Platform, opened

if TYPE_CHECKING:
    from tramontane.store.records import Member

app = typer.Typer(help="Members: the people who sign in.", no_args_is_help=True)
Who = Annotated[str, typer.Argument(metavar="MEMBER", help="An e-mail address or an identifier.")]


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None) -> None:
    """List members, disabled ones too, with their projects."""
    from tramontane.store import members, memberships

    with opened(config, data) as platform, platform.store.read() as c:
        found = members.list_all(c)
        places = memberships.list_all(c)
    views = [
        {
            **_view(member),
            "projects": [
                {"id": p.project_id, "name": p.project_name, "role": p.role, "key_id": p.key_id}
                for p in places
                if p.member_id == member.id
            ],
        }
        for member in found
    ]
    if as_json:
        print_json({"data": views})
        return
    print_table(
        ("name", "e-mail", "state", "projects", "identifier"),
        (
            (
                v["name"],
                v["email"],
                _state(v),
                [f"{p['name']} ({p['role']})" for p in v["projects"]],
                v["id"],
            )
            for v in views
        ),
        empty="nobody has an account yet; invite somebody: tramontane member invite",
    )


@app.command()
def invite(
    email: Annotated[
        str | None,
        typer.Argument(metavar="EMAIL", help="Whom it is for. Left out: who has the link."),
    ] = None,
    project: Annotated[
        str, typer.Option("--project", metavar="PROJECT", help="Into which project.")
    ] = "default",
    role: Annotated[str, typer.Option("--role", help="member or manager.")] = "member",
    admin: Annotated[
        bool, typer.Option("--admin", help="Make them an administrator of the platform.")
    ] = False,
    new_project: Annotated[
        str | None,
        typer.Option(
            "--new-project", metavar="NAME", help="They make this project, and manage it."
        ),
    ] = None,
    prepaid: Annotated[
        str | None,
        typer.Option("--prepaid", metavar="AMOUNT", help="What the new project can spend in all."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models", metavar="NAME,…", help="What the new project may use. Left out: all."
        ),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Print a link by which somebody comes into a project, once, within seven days.

    With --new-project it makes that project, with a total budget of the prepaid amount.
    """
    from tramontane.store import links, memberships, prepayments, projects

    if new_project is None and prepaid is not None:
        raise typer.BadParameter("--prepaid goes with --new-project")
    if new_project is None and models is not None:
        raise typer.BadParameter("--models goes with --new-project")
    if models is not None and not words(models):
        raise typer.BadParameter("--models names none; leave it out to allow every model")
    if new_project is not None and admin:
        raise typer.BadParameter("--admin does not go with --new-project")
    with opened(config, data, may_create=True) as platform, platform.store.write() as c:
        link, token = links.create(
            c,
            platform.folder.pepper(),
            purpose="invitation",
            email=email,
            is_admin=admin,
            project_id=None if new_project is not None else projects.get(c, project).id,
            role=memberships.check_role("manager" if new_project is not None else role),
            new_project=new_project,
            prepaid_nano=None if prepaid is None else prepayments.read_amount(prepaid, "--prepaid"),
            allowed_models=None if models is None else words(models),
            now_ms=platform.now_ms,
        )
    _print_link(platform, link, token, as_json)


@app.command()
def reset(
    member: Who, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Print a link by which a member chooses a new password, once, within a day."""
    from tramontane.store import links, members

    with opened(config, data) as platform, platform.store.write() as c:
        link, token = links.create(
            c,
            platform.folder.pepper(),
            purpose="password_reset",
            member_id=members.get_enabled(c, member).id,
            now_ms=platform.now_ms,
        )
    _print_link(platform, link, token, as_json)


@app.command()
def disable(
    member: Who, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Sign somebody out everywhere and let them in no more; their streams end within 5 s."""
    from tramontane.store import members

    with opened(config, data) as platform, platform.store.write() as c:
        changed = members.disable(c, members.get(c, member).id, platform.now_ms)
    _print(changed, as_json)


@app.command()
def enable(
    member: Who, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Let a disabled member in again."""
    from tramontane.store import members

    with opened(config, data) as platform, platform.store.write() as c:
        changed = members.enable(c, members.get(c, member).id, platform.now_ms)
    _print(changed, as_json)


def _view(member: "Member") -> dict[str, Any]:
    seen = view(member)
    del seen["preferences"]  # theirs alone
    return seen


def _state(seen: dict[str, Any]) -> str:
    if seen["disabled_at"] is not None:
        return "disabled"
    return "administrator" if seen["is_admin"] else "member"


def _print(member: "Member", as_json: bool) -> None:
    seen = _view(member)
    if as_json:
        print_json(seen)
        return
    print_fields(
        {
            "member": member.name,
            "e-mail": member.email,
            "identifier": member.id,
            "state": _state(seen),
            "created": seen["created_at"],
        }
    )


def _print_link(platform: Platform, link: Any, token: str, as_json: bool) -> None:
    from tramontane.store import links

    url = links.url(_origin(platform), token)
    seen = view(link)
    if as_json:
        print_json({"id": link.id, "url": url, "expires_at": seen["expires_at"]})
        return
    print(url)
    print(f"\nIt works once, until {seen['expires_at']}, and is shown this once.")


def _origin(platform: Platform) -> str:
    """Return where people reach the platform: as configured, or where it runs now or would."""
    server = platform.settings.server
    if server.public_url is not None:
        return server.public_url
    try:
        return platform.folder.address_file.read_text()
    except OSError:
        scheme = "https" if server.tls_cert_file else "http"
        host = "127.0.0.1" if server.host in ("0.0.0.0", "::", "localhost") else server.host
        host = f"[{host}]" if ":" in host else host
        return f"{scheme}://{host}:{server.port}"
