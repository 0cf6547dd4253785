"""`tramontane model pull`: a model file from a hub, and into service where that is wanted.

Where the platform runs, its worker fetches and this only looks on; else it is fetched here. Either
way it goes on where it was, whatever ends.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli.options import (
    Anyway,
    AsJson,
    Capable,
    ConfigFile,
    Context,
    DataDir,
    LocalPriceIn,
    LocalPriceOut,
    ScaleToZero,
    Slots,
    Threads,
    parse_scale_to_zero,
)
from tramontane.cli.output import print_json, print_table, view
from tramontane.cli.platform import Platform, is_served, opened
from tramontane.clock import clock_ms
from tramontane.config import DeploymentSettings, PriceSettings, check_sleep, parse_price
from tramontane.errors import InvalidRequest, TramontaneError, Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tramontane.engines.deploying import Wanted
    from tramontane.store.pulls import Pull

LOOK_S = 0.25
_BAR = "[progress.description]{task.description}"


def pull(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="hf:ORG/REPO, hf:ORG/REPO:FILE.gguf, or a quantisation (Q4_K_M) for FILE.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="What to call the file here.")
    ] = None,
    deploy: Annotated[
        str | None,
        typer.Option("--deploy", metavar="NAME", help="Then serve it, by this name."),
    ] = None,
    context: Context = None,
    slots: Slots = None,
    threads: Threads = None,
    price_in: LocalPriceIn = "0",
    price_out: LocalPriceOut = "0",
    scale_to_zero: ScaleToZero = None,
    capable: Capable = None,
    anyway: Anyway = False,
    licence_read: Annotated[
        bool,
        typer.Option("--licence-read", help="Fetch it although its licence forbids some uses."),
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Fetch a model file from the hub, verify it, and serve it where asked.

    It goes on where it was when it is asked for again, or when the platform starts.
    """
    from tramontane.engines import deploying
    from tramontane.engines.hub import model_name, parse_source
    from tramontane.store import pulls as stored
    from tramontane.store.names import check_name

    given = parse_source(source)
    chosen = check_name("model", name or model_name(given))
    with opened(config, data, may_create=True) as platform:
        with platform.store.read() as c:
            check_licence(c, platform, [given.repository], is_read=licence_read)
        wanted = None
        if deploy is not None:
            price = PriceSettings(input_per_mtok=price_in, output_per_mtok=price_out)
            settings = DeploymentSettings(
                model=chosen,
                price=price,
                max_in_flight=slots,
                context_tokens=context,
                threads=threads,
                capable=capable,
                scale_to_zero_after_s=parse_scale_to_zero(scale_to_zero),
            )
            wanted = _wanted(platform, deploy, settings, anyway=anyway)
        elif any(each is not None for each in (context, slots, threads, scale_to_zero, capable)):
            raise InvalidRequest("these options are for a deployment: name it with --deploy NAME")
        with platform.store.write() as c:
            if wanted is not None:
                deploying.check_free(c, platform.settings, wanted.name)
            asked = stored.add(
                c,
                source=given.text,
                name=chosen,
                wanted=None if wanted is None else msgspec.json.encode(wanted),
                started_by="command line",
                now_ms=platform.now_ms,
            )
            asked = stored.resume(c, asked.id, platform.now_ms)
        try:
            ended = _follow(platform, asked, is_quiet=as_json)
        except KeyboardInterrupt:
            print(f"\n{_hint(platform, asked)}", file=sys.stderr)
            raise typer.Exit(130) from None
        _tell(platform, ended, as_json=as_json)


def pulls(
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="ID", help="Give this one up.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """List the model files that are being fetched, wait or have come of late."""
    from tramontane.engines.library import ModelLibrary
    from tramontane.store import pulls as stored

    with opened(config, data) as platform:
        if cancel is not None:
            with platform.store.write() as c:
                stored.cancel(c, cancel, platform.now_ms)
            ModelLibrary(platform.folder.models).remove_pull(cancel)
        with platform.store.read() as c:
            found = stored.list_all(c)
    if as_json:
        print_json({"data": [_json(pull) for pull in found]})
        return
    print_table(
        ("pull", "source", "name", "status", "bytes", "of", "problem"),
        (
            (
                pull.id,
                pull.resolved or pull.source,
                pull.name,
                pull.status,
                pull.bytes_done,
                pull.bytes_total,
                None if pull.problem is None else pull.problem.message,
            )
            for pull in found
        ),
        empty="nothing was fetched yet; begin with: tramontane model pull hf:ORG/REPO",
    )


def check_licence(
    c: "Connection",
    platform: Platform,
    repositories: Iterable[str],
    *,
    sha256: str | None = None,
    is_read: bool,
) -> None:
    """Say what the catalogue knows of the licence of weights: of those at these repositories, and
    of the file with that SHA-256.

    Raises InvalidRequest where it forbids uses and nobody has said to have read it.
    """
    from tramontane.catalog import packing, restrictions
    from tramontane.catalog.cards import Card
    from tramontane.store import cards

    path = platform.folder.catalogue
    own = (msgspec.json.decode(card.data, type=Card) for card in cards.list_all(c))
    try:
        packed = packing.load(path if path.exists() else None).cards()
    except InvalidRequest as error:
        print(f"note: {error.message}; the package's own is read instead", file=sys.stderr)
        packed = packing.load(None).cards()
    for card in restrictions.cards_of(packed, own, sha256=sha256, repositories=repositories):
        terms = restrictions.terms_of(card)
        if terms is None or terms.is_free is not False:
            continue
        restrictions.require_read(terms, is_read=is_read, how="--licence-read")
        where = f" ({terms.url})" if terms.url else ""
        print(f"note: its licence is {terms.title}{where}: {terms.limits}", file=sys.stderr)


def _wanted(
    platform: Platform, name: str, settings: DeploymentSettings, *, anyway: bool
) -> "Wanted":
    from tramontane.engines.deploying import Wanted
    from tramontane.store.names import check_name

    check_name("deployment", name)
    parse_price(settings.price, platform.settings, f"deployment {name}")
    check_sleep(settings, f"deployment {name}")
    return Wanted(name=name, settings=settings, anyway=anyway)


def _follow(platform: Platform, asked: "Pull", *, is_quiet: bool) -> "Pull":
    """Show how it goes until it ends or waits for better times; return it as it is then."""
    if is_served(platform.folder):
        return _look(platform, asked, lambda: True, is_quiet=is_quiet)
    stop = threading.Event()
    failures: list[BaseException] = []
    thread = threading.Thread(target=_fetch, args=(platform, asked.id, stop, failures))
    thread.start()
    try:
        found = _look(platform, asked, thread.is_alive, is_quiet=is_quiet)
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]
    return found


def _hint(platform: Platform, asked: "Pull") -> str:
    give_up = f"tramontane model pulls --cancel {asked.id}"
    if is_served(platform.folder):
        return f"the platform goes on with it; to give it up: {give_up}"
    return f"it goes on with the same command, or when the platform starts; or: {give_up}"


def _fetch(
    platform: Platform, pull_id: str, stop: threading.Event, failures: list[BaseException]
) -> None:
    from tramontane.engines.library import ModelLibrary
    from tramontane.worker.pulling import Puller

    library = ModelLibrary(platform.folder.models)
    puller = Puller(platform.store, library, platform.settings, clock_ms)
    try:
        if not puller.step(stop, [pull_id]):
            failures.append(Unavailable("another process fetches a model just now; try again"))
    except (TramontaneError, OSError) as error:
        failures.append(error)


def _look(
    platform: Platform, asked: "Pull", goes_on: Callable[[], bool], *, is_quiet: bool
) -> "Pull":
    from tramontane.store import pulls as stored

    with _bar(is_quiet=is_quiet) as show:
        while True:
            is_last = not goes_on()
            with platform.store.read() as c:
                now = stored.get(c, asked.id)
            show(now)
            waits = now.status == "queued" and now.problem is not None
            if is_last or waits or not now.is_unfinished:
                return now
            time.sleep(LOOK_S)


@contextmanager
def _bar(*, is_quiet: bool) -> Iterator[Callable[["Pull"], None]]:
    """Yield what to show a pull with: a bar on a terminal, else a line for each new status."""
    if is_quiet:
        yield lambda _: None
        return
    if not sys.stderr.isatty():
        said = [""]

        def line(now: "Pull") -> None:
            if said[0] != (text := f"{now.status}: {now.resolved or now.source}"):
                said[0] = text
                print(text, file=sys.stderr)

        yield line
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn(_BAR), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("queued", total=None)
        yield lambda now: progress.update(
            task, description=now.status, completed=now.bytes_done, total=now.bytes_total
        )


def _tell(platform: Platform, ended: "Pull", *, as_json: bool) -> None:
    """Print what came of it. Raises the error that it ended with."""
    from tramontane.engines.hub import parse_source
    from tramontane.store import models

    problem = ended.problem
    if ended.status != "done":
        said = "it was given up" if problem is None else problem.message
        if ended.status == "queued":
            said += (
                f" It waits as {ended.id}: a platform that runs tries it again by itself; without"
                " one, go on with the same command."
            )
        raise TramontaneError(said, code="internal_error" if problem is None else problem.code)
    with platform.store.read() as c:
        file = models.get(c, ended.sha256 or ended.name)
    if as_json:
        print_json({**_json(ended), "model": view(file)})
        return
    was, now = parse_source(ended.source), parse_source(ended.resolved or ended.source)
    if was.repository.lower() != now.repository.lower():
        print(f"note: {was.repository} is called {now.repository} now", file=sys.stderr)
    if was.file is None:
        print(f"note: no file was named; {now.file} was chosen", file=sys.stderr)
    print(f"fetched and verified: {file.name} ({file.quantisation}, {file.size_bytes:,} bytes)")
    if problem is not None:
        print(f"not deployed: {problem.message}", file=sys.stderr)
        raise typer.Exit(1)
    if ended.deployment is None:
        print(f"\nnext: tramontane model deploy {file.name}")
    else:
        print(f"deployed: {ended.deployment}; how it is: tramontane model show {file.name}")


def _json(pull: "Pull") -> dict[str, Any]:
    hidden = ("wanted", "lease_until_ms", "attempts", "started_by")
    found = {name: value for name, value in view(pull).items() if name not in hidden}
    return {**found, "problem": None if pull.problem is None else view(pull.problem)}
