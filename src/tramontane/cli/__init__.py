"""The command line: one module per noun, and `main`, where errors become words and a status.

It does not decide anything: commands open the data folder, call the store and print. What is slow
to import (the store, tables, the platform itself) is imported inside the command that needs it, so
that `--help` stays quick.
"""

import atexit
import gc
import sys

import typer

from tramontane.cli import (
    budget,
    catalog,
    drill,
    engines,
    independence,
    key,
    library,
    member,
    model,
    project,
    provider,
    publication,
    route,
    serve,
    standin,
    statement,
    usage,
    verify,
)
from tramontane.errors import TramontaneError

app = typer.Typer(
    name="tramontane",
    help="A self-hosted Models-as-a-Service: one address for every model, and exact bills.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.add_typer(project.app, name="project")
app.add_typer(key.app, name="key")
app.add_typer(member.app, name="member")
app.add_typer(budget.app, name="budget")
app.add_typer(model.app, name="model")
app.add_typer(provider.app, name="provider")
app.add_typer(route.app, name="route")
app.add_typer(publication.app, name="publication")
app.add_typer(catalog.app, name="catalog")
app.add_typer(library.app, name="library")
app.command("usage")(usage.usage)
app.command("statement")(statement.statement)
app.command("independence")(independence.independence)
app.command("drill")(drill.drill)
app.command("engines")(engines.engines)
app.command("verify")(verify.verify)
app.add_typer(standin.app, name="standin")


@app.callback(invoke_without_command=True)
def about(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    """A self-hosted Models-as-a-Service: one address for every model, and exact bills."""
    if version:
        from tramontane import __version__

        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: status 0, 1 for an error (said on stderr), 2 for wrong usage."""
    # Most of what a command makes is code that it loads: hardly any of it is rubbish.
    gc.set_threshold(50_000, 20, 20)
    atexit.register(gc.freeze)
    try:
        app(prog_name="tramontane")
    except TramontaneError as error:
        print(f"error: {error.message}", file=sys.stderr)
        sys.exit(1)
