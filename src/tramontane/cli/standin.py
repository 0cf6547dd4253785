"""`tramontane standin`: servers that speak a provider's wire form, for tests and benchmarks."""

from pathlib import Path
from typing import Annotated

import typer

from tramontane.cli.options import words
from tramontane.errors import InvalidRequest

app = typer.Typer(help="Stand-ins for providers, for tests and benchmarks.", no_args_is_help=True)


@app.callback()
def about() -> None:
    """Stand-ins for providers, for tests and benchmarks."""


@app.command()
def openai(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 0,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    key: Annotated[
        str | None,
        typer.Option("--key", envvar="STANDIN_KEY", help="The key to ask for. Left out: none."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--models", metavar="NAME,…", help="The models it has. Left out: any."),
    ] = None,
    reply: Annotated[
        str,
        typer.Option(
            "--reply",
            metavar="SETTINGS",
            help="How to answer, such as 'tokens=50 ttft_ms=200 tps=20 fault=reset_after:10'.",
        ),
    ] = "",
    script: Annotated[
        Path | None,
        typer.Option("--script", metavar="FILE", help="Replies by rule (TOML or JSON)."),
    ] = None,
    fixed_answer_bytes: Annotated[
        int | None,
        typer.Option(
            "--fixed-answer-bytes",
            min=1,
            metavar="N",
            help="For benchmarks: one answer of this size, made once.",
        ),
    ] = None,
    requests_file: Annotated[
        Path | None,
        typer.Option(
            "--requests-file", metavar="FILE", help="Keep what was asked, one JSON a line."
        ),
    ] = None,
    tls_cert_file: Annotated[
        Path | None, typer.Option("--tls-cert-file", metavar="FILE", help="Serve TLS (PEM).")
    ] = None,
    tls_key_file: Annotated[
        Path | None, typer.Option("--tls-key-file", metavar="FILE", help="The key of that (PEM).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON once it listens, for scripts.")
    ] = False,
) -> None:
    """Serve OpenAI's API without a model: by script or echo, with its own count of tokens."""
    from tramontane.providers.standin import StandinOptions, load_script, main
    from tramontane.providers.standin.behaviour import parse_settings

    try:
        behaviour = parse_settings(reply.strip())
    except ValueError as error:
        raise InvalidRequest(f"--reply: {error}") from None
    main(
        StandinOptions(
            host=host,
            port=port,
            api_key=key,
            models=tuple(words(models or ())),
            behaviour=behaviour,
            script=() if script is None else load_script(script),
            fixed_answer_bytes=fixed_answer_bytes,
            requests_file=None if requests_file is None else str(requests_file),
            tls_cert_file=None if tls_cert_file is None else str(tls_cert_file),
            tls_key_file=None if tls_key_file is None else str(tls_key_file),
        ),
        as_json=as_json,
    )
