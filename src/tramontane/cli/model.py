"""`tramontane model`: the library of model files, and which of them are served."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli import pull
from tramontane.cli.options import (
    Anyway,
    AsJson,
    Capable,
    ConfigFile,
    Context,
    DataDir,
    LocalPriceIn,
    LocalPriceOut,
    MaxOutput,
    ScaleToZero,
    Slots,
    Threads,
    parse_scale_to_zero,
)
from tramontane.cli.output import copying, print_fields, print_json, print_table, view
from tramontane.cli.platform import Platform, opened
from tramontane.config import (
    DeploymentSettings,
    PriceSettings,
    check_sleep,
    is_capable,
    parse_price,
)
from tramontane.errors import Conflict
from tramontane.money import format_nano

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tramontane.engines.deploying import Wanted
    from tramontane.engines.library import ModelLibrary
    from tramontane.engines.plan import LocalModel
    from tramontane.store.records import ModelFile, StoredDeployment

app = typer.Typer(help="Models: the library of files, and which are served.", no_args_is_help=True)
app.command("pull")(pull.pull)
app.command("pulls")(pull.pulls)
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="Its name, or six or more digits of its hash.")
]


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE.gguf", exists=True, dir_okay=False, help="The model file."),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="What to call it. Left out: after the file.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Check a GGUF file and copy it into the library.

    A file that is there already keeps its name and deployments; its copy is made anew.
    """
    from tramontane.store.names import check_name

    chosen = check_name("model", name or _name_of(file))
    with opened(config, data, may_create=True) as platform:
        added = _add(platform, file, chosen)
        with platform.store.read() as c:
            names = _users(c, platform)(added)
    if as_json:
        print_json({**view(added), "deployments": names})
        return
    if added.name != chosen and name is not None:
        print(
            f"note: this file is here already, as {added.name!r}; it keeps that name",
            file=sys.stderr,
        )
    _print_file(added, names)
    if not names:
        print(f"\nnext: tramontane model deploy {added.name}")


@app.command("list")
def list_(as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None) -> None:
    """List the model files and how they are deployed, and the models served elsewhere."""
    from tramontane.store import models

    with opened(config, data) as platform, platform.store.read() as c:
        users = _users(c, platform)
        found = [(file, users(file)) for file in models.list_all(c)]
        remote = _remote(c, platform)
    if as_json:
        files = [{**view(file), "deployments": names} for file, names in found]
        print_json({"data": files, "remote": remote})
        return
    print_table(
        ("name", "parameters", "quantisation", "bytes", "context", "hash", "deployed as"),
        (
            (
                file.name,
                file.parameters,
                file.quantisation,
                file.size_bytes,
                file.context_tokens,
                file.sha256[:12],
                names,
            )
            for file, names in found
        ),
        empty="no model file yet; add one: tramontane model add FILE.gguf",
    )
    if remote:
        print("\nserved elsewhere:")
        print_table(
            ("name", "provider", "address", "asked for as", "set up in"),
            (tuple(deployment.values()) for deployment in remote),
            empty="",
        )


@app.command()
def show(
    model: Model, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Show one model file and its deployments."""
    from tramontane.store import deployments, engines, models

    with opened(config, data) as platform, platform.store.read() as c:
        file = models.get(c, model)
        names = _users(c, platform)(file)
        plan = _plan(platform, deployments.list_all(c), models.list_all(c))
        seen = {instance.deployment: view(instance) for instance in engines.list_instances(c)}
    path = _library(platform).path(file.sha256)
    found = [_deployment(name, plan[name], platform, seen.get(name)) for name in names]
    if as_json:
        print_json({**view(file), "path": str(path), "deployments": found})
        return
    _print_file(file, names)
    print_fields({"file       ": path})
    for deployment in found:
        print()
        print_fields(deployment)


@app.command()
def deploy(
    model: Model,
    name: Annotated[
        str | None,
        typer.Option("--name", help="The name that clients ask for. Left out: the model's."),
    ] = None,
    context: Context = None,
    slots: Slots = None,
    threads: Threads = None,
    max_output: MaxOutput = None,
    price_in: LocalPriceIn = "0",
    price_out: LocalPriceOut = "0",
    price_cached: Annotated[
        str | None,
        typer.Option(
            "--price-cached",
            metavar="AMOUNT",
            help="Per million input tokens from the prompt cache. Left out: as other input.",
        ),
    ] = None,
    price_request: Annotated[
        str, typer.Option("--price-request", metavar="AMOUNT", help="Per request.")
    ] = "0",
    embeddings: Annotated[
        bool | None,
        typer.Option(
            "--embeddings/--no-embeddings",
            help="Serve it for embeddings, and nothing else. Left out: as its architecture is.",
        ),
    ] = None,
    share_prompt_cache: Annotated[
        bool,
        typer.Option("--share-prompt-cache", help="Let projects share the engine's prompt cache."),
    ] = False,
    scale_to_zero: ScaleToZero = None,
    capable: Capable = None,
    anyway: Anyway = False,
    licence_read: Annotated[
        bool,
        typer.Option("--licence-read", help="Serve it although its licence forbids some uses."),
    ] = False,
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="PROJECT", help="Its own. Left out: everybody's."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Serve a model under a name; a deployment of that name is replaced.

    A running platform starts its engine at once, a stopped one when it starts. Prices are in the
    platform's currency.
    """
    price = PriceSettings(
        input_per_mtok=price_in,
        output_per_mtok=price_out,
        cached_input_per_mtok=price_cached,
        request=price_request,
    )
    with opened(config, data) as platform, platform.store.write() as c:
        made, file = _deploy(
            c,
            platform,
            model,
            name,
            DeploymentSettings(
                price=price,
                max_in_flight=slots,
                context_tokens=context,
                max_output_tokens=max_output,
                capable=capable,
                threads=threads,
                embeddings=embeddings,
                share_prompt_cache=share_prompt_cache,
                scale_to_zero_after_s=parse_scale_to_zero(scale_to_zero),
            ),
            anyway=anyway,
            licence_read=licence_read,
            project=project,
        )
    planned = _plan(platform, [made], [file])[made.name]
    found = _deployment(made.name, planned, platform, None)
    if as_json:
        print_json(found)
        return
    print_fields({name: value for name, value in found.items() if name not in ("state", "message")})
    if capable is None and not found["capable"]:
        print(
            f"\nnote: its context of {planned.context_tokens:,} tokens is short for a conversation"
            " with a document, so nobody begins with it unless they choose it; deploy it with"
            " --capable if they should",
            file=sys.stderr,
        )
    print(
        "\na running platform serves it within seconds, a stopped one when it starts;"
        f" how it is: tramontane model show {file.name}"
    )


@app.command()
def undeploy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The deployment's name.")],
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Serve a deployment no more; its model file stays in the library."""
    from tramontane.store import deployments

    with opened(config, data) as platform, platform.store.write() as c:
        if name in platform.settings.deployments:
            raise Conflict(
                f"{name!r} stands in the configuration file; take [deployments.{name}] out there"
            )
        deployments.remove(c, name)
    if as_json:
        print_json({"removed": name})
    else:
        print(f"undeployed: {name}")


@app.command()
def rm(
    model: Model, as_json: AsJson = False, config: ConfigFile = None, data: DataDir = None
) -> None:
    """Remove a model file that no deployment uses."""
    from tramontane.store import models

    with opened(config, data) as platform:
        with platform.store.write() as c:
            file = models.get(c, model)
            if names := _users(c, platform)(file):
                raise Conflict(
                    f"{file.name} is deployed as {', '.join(names)}; undeploy that first"
                )
            models.remove(c, file.sha256)
        _library(platform).remove(file.sha256)
    if as_json:
        print_json({"removed": view(file)})
    else:
        print(f"removed: {file.name}")


def _library(platform: Platform) -> "ModelLibrary":
    from tramontane.engines.library import ModelLibrary

    return ModelLibrary(platform.folder.models)


def _name_of(file: Path) -> str:
    name = re.sub(r"[^a-z0-9._-]+", "-", file.stem.lower()).strip("._-")
    return name[:64] or "model"


def _add(platform: Platform, file: Path, name: str) -> "ModelFile":
    from tramontane.store import models

    library, size_bytes = _library(platform), file.stat().st_size
    with platform.store.read() as c:
        for known in models.list_all(c):
            # Of another size it cannot be the same file: say so before a long copy.
            if known.name == name and known.size_bytes != size_bytes:
                raise Conflict(f"another model is named {name!r}; choose another with --name")
    with copying(size_bytes) as progress:
        added = library.add(file, name, platform.now_ms, progress)
    with platform.store.write() as c:
        known_files = {known.sha256: known for known in models.list_all(c)}
        if added.sha256 in known_files:
            return known_files[added.sha256]
        try:
            models.add(c, added)
        except Conflict:
            library.remove(added.sha256)  # nobody can have deployed it: the store is ours here
            raise
    return added


def _users(c: "Connection", platform: Platform) -> Callable[["ModelFile"], list[str]]:
    """Return which deployments, stored or of the configuration file, serve a model file."""
    from tramontane.store import deployments

    stored = deployments.list_all(c)
    configured = platform.settings.deployments

    def users(file: "ModelFile") -> list[str]:
        names = {
            d.name for d in stored if d.model_sha256 == file.sha256 and d.name not in configured
        }
        names |= {n for n, d in configured.items() if d.model in (file.name, file.sha256)}
        return sorted(names)

    return users


def _remote(c: "Connection", platform: Platform) -> list[dict[str, Any]]:
    """Return the deployments served elsewhere, without their keys."""
    from tramontane.providers.remote import remote_models
    from tramontane.store import deployments, providers

    found = remote_models(platform.settings, deployments.list_all(c), providers.list_all(c))
    return [
        {
            "deployment": name,
            "provider": model.provider,
            "url": None if model.problem else model.url,
            "upstream_model": model.settings.upstream_model or name,
            "source": "store" if model.is_entered else "file",
        }
        for name, model in sorted(found.items())
    ]


def _deploy(
    c: "Connection",
    platform: Platform,
    model: str,
    name: str | None,
    settings: DeploymentSettings,
    *,
    anyway: bool,
    licence_read: bool,
    project: str | None,
) -> "tuple[StoredDeployment, ModelFile]":
    from tramontane.engines import deploying
    from tramontane.engines.deploying import Wanted
    from tramontane.engines.hub import parse_source
    from tramontane.store import deployments, models, projects, pulls

    file = models.get(c, model)
    owner = None if project is None else projects.get(c, project).id
    chosen = name or file.name
    if chosen in platform.settings.deployments:
        raise Conflict(
            f"{chosen!r} is deployed by the configuration file already; choose another --name"
        )
    parse_price(settings.price, platform.settings, f"deployment {chosen}")
    settings = msgspec.structs.replace(settings, model=file.name)
    check_sleep(settings, f"deployment {chosen}")
    came_from = [parse_source(source).repository for source in pulls.sources_of(c, file.sha256)]
    pull.check_licence(c, platform, came_from, sha256=file.sha256, is_read=licence_read)
    wanted = Wanted(name=chosen, settings=settings, anyway=anyway)
    made = deploying.stored(wanted, file, platform.now_ms)
    made = msgspec.structs.replace(made, project_id=owner)
    _check_fits(c, platform, wanted, file)
    deployments.put(c, made)
    return made, file


def _check_fits(c: "Connection", platform: Platform, wanted: "Wanted", file: "ModelFile") -> None:
    """Raise Conflict where memory does not suffice, once an engine that it replaces has gone."""
    from tramontane.engines import deploying, memory
    from tramontane.engines.gguf import read_header
    from tramontane.store import engines

    now = memory.memory_now()
    for instance in engines.list_instances(c):
        if instance.deployment == wanted.name and instance.pid and now.available_bytes:
            freed = memory.engine_bytes(instance.pid)
            now = memory.Memory(now.total_bytes, now.available_bytes + freed)
    shape = memory.shape_of(read_header(_library(platform).path(file.sha256), file.name))
    deploying.check_fits(wanted, shape, file.context_tokens, now)


def _plan(
    platform: Platform, stored: "list[StoredDeployment]", files: "list[ModelFile]"
) -> "dict[str, LocalModel]":
    from tramontane.engines.plan import local_models

    return local_models(platform.settings, stored, files, platform.folder.models)


def _deployment(
    name: str, planned: "LocalModel", platform: Platform, seen: dict[str, Any] | None
) -> dict[str, Any]:
    settings = planned.settings
    price = parse_price(settings.price, platform.settings, f"deployments.{name}")
    return {
        "deployment": name,
        "model": settings.model,
        "state": "not started" if seen is None else seen["state"],
        "message": None if seen is None else seen["message"] or None,
        "context_tokens": planned.context_tokens,
        "slots": planned.slots,
        "threads": planned.threads,
        "capable": is_capable(settings, planned.context_tokens),
        "max_output_tokens": settings.max_output_tokens,
        "input_per_mtok": format_nano(price.input_nano_per_mtok),
        "output_per_mtok": format_nano(price.output_nano_per_mtok),
        "cached_input_per_mtok": format_nano(price.cached_nano_per_mtok),
        "request": format_nano(price.request_nano),
        "currency": platform.settings.currency,
        "share_prompt_cache": settings.share_prompt_cache,
        "scale_to_zero_after_s": settings.scale_to_zero_after_s,
        "embeddings": planned.gives_vectors,
    }


def _print_file(file: "ModelFile", names: list[str]) -> None:
    print_fields(
        {
            "model": file.name,
            "architecture": file.architecture,
            "parameters": file.parameters,
            "quantisation": file.quantisation,
            "context": file.context_tokens,
            "template": file.has_chat_template,
            "bytes": file.size_bytes,
            "sha256": file.sha256,
            "deployed as": names,
        }
    )
