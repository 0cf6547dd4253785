"""`tramontane library`: libraries of documents, filled, searched and deleted."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir
from tramontane.cli.output import print_fields, print_json, print_table, view
from tramontane.cli.platform import Platform, opened
from tramontane.clock import clock_ms
from tramontane.errors import InvalidRequest, NotFound, PayloadTooLarge, TramontaneError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tramontane.documents.files import FileStore
    from tramontane.store.documents import Document
    from tramontane.store.libraries import Library

app = typer.Typer(help="Libraries: documents that belong together.", no_args_is_help=True)
LibraryName = Annotated[str, typer.Argument(metavar="LIBRARY", help="Its name or identifier.")]
ProjectName = Annotated[
    str | None,
    typer.Option("--project", metavar="PROJECT", help="Of this project, by name or identifier."),
]
_PIECE_BYTES = 4 << 20
_LOOK_S = 0.2


@app.command("list")
def list_(
    project: ProjectName = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """List the libraries of projects, not the files that people keep in conversations."""
    from tramontane.store import projects

    with opened(config, data) as platform, platform.store.read() as c:
        found = _all(c, project)
        names = {each.id: each.name for each in projects.list_all(c)}
    if as_json:
        print_json({"data": [view(library) for library in found]})
        return
    print_table(
        ("name", "project", "documents", "bytes", "identifier"),
        ((x.name, names[x.project_id], x.documents, x.size_bytes, x.id) for x in found),
        empty="no library yet; make one: tramontane library create NAME",
    )


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    project: ProjectName = None,
    description: Annotated[str, typer.Option("--description", help="What is in it.")] = "",
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Make a library in a project; left out: the only one, or `default`."""
    from tramontane.store import libraries

    with opened(config, data) as platform, platform.store.write() as c:
        made = libraries.create(
            c,
            project_id=_project(c, project),
            name=name,
            description=description,
            now_ms=platform.now_ms,
        )
    if as_json:
        print_json(view(made))
        return
    _print_library(made)
    print(f"\nnext: tramontane library add {made.id} FILE…")


@app.command()
def add(
    library: LibraryName,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", exists=True, help="Files, or folders with all in them."),
    ],
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Whether to read them now, or leave it to serve."),
    ] = True,
    project: ProjectName = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Copy files into a library and read them. Status 1 where one could not be read.

    Bytes that are there already are not added again; others under a name are its next version.
    """
    with opened(config, data) as platform, _progress(as_json) as show:
        with platform.store.read() as c:
            target = _find(c, library, project)
        added, refused = _copy_all(platform, target, files, show)
        if wait:
            _read(platform, [document.id for document, _ in added], show)
        with platform.store.read() as c:
            found = _again(c, added)
    if as_json:
        shown = [{**_view(d), "is_duplicate": is_there} for d, is_there in found]
        print_json({"data": shown, "refused": refused})
    else:
        _print_added(found)
    if refused or any(document.status == "failed" for document, _ in found):
        raise typer.Exit(1)


@app.command()
def show(
    library: LibraryName,
    project: ProjectName = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Show a library and its documents."""
    from tramontane.store import documents

    with opened(config, data) as platform, platform.store.read() as c:
        found = _find(c, library, project)
        inside = documents.list_of(c, found.id)
    if as_json:
        print_json({**view(found), "documents": [_view(document) for document in inside]})
        return
    _print_library(found)
    print()
    _print_documents(inside)


@app.command()
def search(
    library: LibraryName,
    question: Annotated[list[str], typer.Argument(metavar="QUESTION…", help="What to look for.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="The most hits.")] = 5,
    project: ProjectName = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Find the passages of a library that fit best."""
    from tramontane.documents.search import find
    from tramontane.guide.language import detect

    asked = " ".join(question)
    guess = detect(asked)
    language = guess.language if guess is not None and guess.is_sure else None
    with opened(config, data) as platform, platform.store.read() as c:
        found = find(c, [_find(c, library, project).id], asked, language=language, limit=limit)
    if as_json:
        print_json({"data": found.hits, "searched": found.searched})
        return
    for hit in found.hits:
        heading = f", {hit.heading}" if hit.heading else ""
        print(f"{hit.document}, {_label(hit.document_kind)} {hit.page}{heading}")
        print(f"  {' '.join(hit.text.split())}\n")
    if not found.hits:
        print(f"nothing found in {found.searched:,} passages")


@app.command()
def rm(
    library: LibraryName,
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="DOCUMENT…", help="Names or identifiers of documents in it."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The library itself, with every document.")
    ] = False,
    project: ProjectName = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Delete documents in all their versions, or a whole library, for good."""
    from tramontane.documents import keeping

    if bool(documents) == everything:
        raise typer.BadParameter("name the documents to delete, or give --all for the library")
    with opened(config, data) as platform:
        files = _files(platform)
        with platform.store.read() as c:
            found = _find(c, library, project)
            wanted = [_document(c, found, name) for name in documents or ()]
        for document in wanted:
            keeping.remove_document(platform.store, files, document, platform.now_ms)
        if everything:
            keeping.remove_library(platform.store, files, found.id)
        keeping.tidy(platform.store, files, lambda: None, after_s=0)
    names = [document.name for document in wanted]
    if as_json:
        print_json({"library": found.name, "is_deleted": everything, "documents": names})
        return
    for name in names:
        print(f"deleted {name}")
    if everything:
        print(f"deleted the library {found.name} with {found.documents} documents")


Show = Callable[[list[tuple[str, int, int | None]]], None]


def _copy_all(
    platform: Platform, library: "Library", paths: list[Path], show: Show
) -> tuple[list[tuple["Document", bool]], list[str]]:
    """Return the documents of these files, and why others were refused: said at once, too."""
    added, refused = [], []
    for path, name in _named(paths):
        try:
            added.append(_copy(platform, library, path, name, show))
        except (InvalidRequest, PayloadTooLarge) as error:
            refused.append(f"{path}: {error.message}")
        except OSError as error:
            refused.append(f"{path}: cannot be read ({error.strerror})")
    if not added and not refused:
        refused.append("there is no file to add; what begins with a dot is left out")
    for reason in refused:
        print(f"error: {reason}", file=sys.stderr)
    return added, refused


def _copy(
    platform: Platform, library: "Library", path: Path, name: str, show: Show
) -> tuple["Document", bool]:
    from tramontane.documents import keeping

    most_bytes = platform.settings.documents.file_bytes
    with path.open("rb") as file, _files(platform).incoming(most_bytes) as incoming:
        size_bytes = path.stat().st_size
        while piece := file.read(_PIECE_BYTES):
            incoming.add(piece)
            incoming.flush()
            show([(f"copying {name}", incoming.size_bytes, size_bytes)])
        return keeping.keep(
            platform.store,
            _files(platform),
            incoming,
            find_library=lambda _: library.id,
            member_id=None,
            name=name,
            now_ms=platform.now_ms,
        )


def _read(platform: Platform, ids: list[str], show: Show) -> None:
    """Read what a running platform has not begun to read, and wait for the rest."""
    import threading
    import time

    from tramontane.store import documents
    from tramontane.worker.reading import Reader

    stop = threading.Event()
    reader = Reader(
        platform.store,
        _files(platform),
        platform.settings.documents,
        clock_ms,
    )

    def read() -> None:
        while not stop.is_set():
            try:
                found = reader.step(stop, ids)
            except (TramontaneError, OSError) as error:
                print(f"note: {error}; trying on", file=sys.stderr)
                found = False
            if not found:
                stop.wait(_LOOK_S)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while True:
            with platform.store.read() as c:
                left = [each for each in documents.get_many(c, ids) if _is_unfinished(each)]
            if not left:
                return
            begun = [each for each in left if each.status == "reading"]
            show([(f"reading {each.name}", each.pages_done, each.pages) for each in begun])
            time.sleep(_LOOK_S)
    finally:
        stop.set()
        thread.join()


def _is_unfinished(document: "Document") -> bool:
    return document.status in ("queued", "reading")


def _again(c: "Connection", added: list[tuple["Document", bool]]) -> list[tuple["Document", bool]]:
    """Return what was added as it is now; what was deleted meanwhile is left out."""
    from tramontane.store import documents

    were_there = {document.id: is_there for document, is_there in reversed(added)}
    return [(each, were_there[each.id]) for each in documents.get_many(c, list(were_there))]


def _named(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each file with the name that it gets: with its folders, where a folder was given."""
    for path in paths:
        if path.is_file():
            yield path, path.name
            continue
        base = path.resolve()
        for file in sorted(base.rglob("*")):
            inside = file.relative_to(base)
            is_hidden = any(part.startswith(".") for part in inside.parts)
            if file.is_file() and not is_hidden:
                yield file, f"{base.name}/{inside.as_posix()}"


@contextmanager
def _progress(is_quiet: bool) -> Iterator[Show]:
    """Yield what is told, again and again, all that is under way: what, how far, of how much."""
    if is_quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(stderr=True), transient=True) as bar:

        def show(under_way: list[tuple[str, int, int | None]]) -> None:
            for gone in tasks.keys() - {what for what, _, _ in under_way}:
                bar.remove_task(tasks.pop(gone))
            for what, done, total in under_way:
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done, total=total)

        yield show


def _files(platform: Platform) -> "FileStore":
    from tramontane.documents.files import FileStore

    return FileStore(platform.folder)


def _all(c: "Connection", project: str | None) -> list["Library"]:
    from tramontane.store import libraries, projects

    if project is not None:
        return libraries.list_of_projects(c, [projects.get(c, project).id])
    return libraries.list_of_projects(c, [each.id for each in projects.list_all(c)])


def _find(c: "Connection", name_or_id: str, project: str | None) -> "Library":
    from tramontane.store.names import unknown

    known = _all(c, project)
    found = [each for each in known if name_or_id in (each.id, each.name)]
    if not found:
        raise unknown("library", name_or_id, {each.name for each in known})
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise InvalidRequest(f"several libraries are called {name_or_id!r}; say which: {ids}")
    return found[0]


def _document(c: "Connection", library: "Library", name_or_id: str) -> "Document":
    from tramontane.store import documents
    from tramontane.store.names import unknown

    known = documents.list_of(c, library.id)
    for document in known:
        if name_or_id in (document.id, document.name):
            return document
    raise unknown("document", name_or_id, [each.name for each in known])


def _project(c: "Connection", name_or_id: str | None) -> str:
    from tramontane.store import projects

    if name_or_id is not None:
        return projects.get(c, name_or_id).id
    known = projects.list_all(c)
    if len(known) == 1:
        return known[0].id
    for project in known:
        if project.name == "default":
            return project.id
    raise NotFound("say which project: --project PROJECT", param="project")


def _label(kind: str | None) -> str:
    from tramontane.store.documents import label_of

    return label_of(kind)


def _print_library(library: "Library") -> None:
    print_fields(
        {
            "library": library.name,
            "identifier": library.id,
            "description": library.description or None,
            "documents": library.documents,
            "bytes": library.size_bytes,
        }
    )


def _print_documents(found: list["Document"]) -> None:
    print_table(
        ("document", "kind", "pages", "language", "bytes", "version", "state", "identifier"),
        (
            (d.name, d.kind, d.pages, d.language, d.size_bytes, d.version, _state(d), d.id)
            for d in found
        ),
        empty="no document yet; add one: tramontane library add LIBRARY FILE…",
    )


def _print_added(found: list[tuple["Document", bool]]) -> None:
    _print_documents([document for document, _ in found])
    for document, is_there in found:
        if is_there:
            print(f"note: {document.name} was there already", file=sys.stderr)
        for note in document.notes:
            print(f"note: {document.name}: {note.message}", file=sys.stderr)
        if document.problem is not None:
            print(f"error: {document.name}: {document.problem.message}", file=sys.stderr)


def _view(document: "Document") -> dict[str, Any]:
    fields = view(document)
    for name in ("lease_until_ms", "attempts"):
        del fields[name]
    return fields


def _state(document: "Document") -> Any:
    if document.problem is not None:
        return f"failed: {document.problem.code}"
    return document.status
