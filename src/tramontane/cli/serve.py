"""`tramontane serve`: starts the platform."""

from typing import Annotated

import typer

from tramontane.cli.options import ConfigFile, DataDir
from tramontane.cli.platform import read_settings


def serve(
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="The port; 0 takes a free one. Left out: 8080"
        ),
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="The address to listen on. Left out: 127.0.0.1")
    ] = None,
    issue_key: Annotated[
        bool, typer.Option("--issue-key", help="Issue and print a key, as the first start does.")
    ] = False,
    issue_link: Annotated[
        bool,
        typer.Option(
            "--issue-link",
            help="Make and print the first administrator's link anew, while nobody has signed in.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON once ready, for scripts.")
    ] = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Start the platform over one data folder; stop it with SIGTERM or Ctrl-C."""
    from tramontane.app import serve as run

    settings = read_settings(config, data, server__port=port, server__host=host)
    raise typer.Exit(run(settings, json_output=as_json, issue_key=issue_key, issue_link=issue_link))
