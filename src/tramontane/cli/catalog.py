"""`tramontane catalog`: where the catalogue's cards come from, and cards of one's own.

Finding and comparing is in `catalog_search`.
"""

import datetime
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli import catalog_search
from tramontane.cli.options import AsJson, ConfigFile, DataDir
from tramontane.cli.output import print_fields, print_json, print_table
from tramontane.cli.platform import opened
from tramontane.datafolder import DataFolder
from tramontane.errors import Conflict, InvalidRequest, NotFound

if TYPE_CHECKING:
    from tramontane.catalog.changes import Changes
    from tramontane.catalog.checking import Checked, Pair
    from tramontane.catalog.packing import Catalogue

app = typer.Typer(
    help="The catalogue of models: find, compare, update, own cards.", no_args_is_help=True
)
app.command("search")(catalog_search.search)
app.command("show")(catalog_search.show)
app.command("compare")(catalog_search.compare)
app.command("sources")(catalog_search.sources)

SHOWN = 20


@app.command()
def update(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FOLDER|FILE|URL",
            help="A folder of the sources' files, a packed catalogue, or where one lies (https)."
            " Left out: back to the package's own.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write it there, and change nothing else."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Take over another catalogue, whole or not at all, and say what changed.

    A folder is read, matched and merged anew; a packed file is checked card by card first. Own
    cards stay.
    """
    from tramontane.catalog import changes, packing

    if to is not None:
        if source is None:
            raise InvalidRequest("--to needs what to write: a folder, a file or an address")
        packing.replace(to, _packed(source, None))
        _print_written(to, packing.load(to), as_json)
        return
    with opened(config, data) as platform:
        path = platform.folder.catalogue
        before = packing.load(path if path.exists() else None)
        if source is None:
            path.unlink(missing_ok=True)
            after = packing.load()
        else:
            packing.replace(path, _packed(source, platform.settings.upstream.ca_file))
            after = packing.load(path)
    _print_changes(changes.between(before, after), after, as_json)


@app.command()
def add(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", exists=True, dir_okay=False, help="TOML or JSON."),
    ],
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="NAME", help="Whose they are. Left out: everybody's."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Add cards of one's own, all or none; one of the same id and project is replaced."""
    from tramontane.catalog import own, packing
    from tramontane.store import cards, projects

    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    found = own.together(own.read(file.read_bytes(), file.name, today) for file in files)
    with opened(config, data) as platform:
        known = packing.load(_path(platform.folder))
        taken = [card.id for card in found if known.card(card.id) is not None]
        if taken:
            raise Conflict(
                f"the catalogue has a card {taken[0]!r} already; give yours another id", param="id"
            )
        with platform.store.write() as c:
            owner = None if project is None else projects.get(c, project).id
            for card in found:
                encoded = msgspec.json.encode(card)
                cards.put(
                    c, card_id=card.id, data=encoded, project_id=owner, now_ms=platform.now_ms
                )
    ids = [card.id for card in found]
    if as_json:
        print_json({"added": ids, "project": project})
        return
    for id_ in ids:
        print(f"added {id_}")
    print(f"\nnext: tramontane catalog show {ids[0]}")


@app.command()
def rm(
    card: Annotated[str, typer.Argument(metavar="ID", help="Such as acme/contract-reader-8b.")],
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Forget a card of one's own. Those of the catalogue stay."""
    from tramontane.catalog import packing
    from tramontane.store import cards

    with opened(config, data) as platform:
        try:
            with platform.store.write() as c:
                removed = cards.remove(c, card)
        except NotFound:
            if packing.load(_path(platform.folder)).card(card) is None:
                raise
            raise InvalidRequest(
                f"{card!r} is of the catalogue, not your own; it cannot be removed", param="id"
            ) from None
    if as_json:
        print_json({"removed": removed.id})
    else:
        print(f"removed {removed.id}")


@app.command()
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            help="The sources' files. Left out: the packed file alone is checked.",
        ),
    ] = None,
    cards: Annotated[
        int, typer.Option("--cards", min=1, help="How many random cards to look up.")
    ] = 50,
    pairs: Annotated[
        int, typer.Option("--pairs", min=0, help="How many merged pairs to print for judging.")
    ] = 0,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The draw. Left out: another one each time.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Check the catalogue: every card is read; with the sources, claims are looked up in them.

    Each claim and price of random cards must stand in the raw record that it names.
    """
    from tramontane.catalog import building, checking, packing, raw

    with opened(config, data) as platform:
        path = _path(platform.folder)
    catalogue = packing.load(path)
    packing.check(catalogue, str(path or "the package's catalogue"))
    checked: Checked | None = None
    drawn: list[Pair] = []
    chosen = time.time_ns() % 1_000_000 if seed is None else seed
    if folder is not None:
        files = building.read_folder(folder)
        every = list(catalogue.cards())
        count = min(cards, len(every))
        checked = checking.check_cards(every, raw.RawRecords(files), seed=chosen, count=count)
        if pairs:
            drawn = checking.sample_pairs(building.build(files).matched, seed=chosen, count=pairs)
    _print_checked(catalogue, checked, drawn, chosen, as_json)
    if checked is not None and checked.failures:
        sys.exit(1)


def _path(folder: DataFolder) -> Path | None:
    """Return the updated catalogue's path, None where there is only the package's."""
    return folder.catalogue if folder.catalogue.exists() else None


def _packed(source: str, ca_file: str | None) -> bytes:
    """Return the bytes of a whole, checked catalogue. Raises InvalidRequest, Unavailable."""
    from tramontane.catalog import building, fetching, packing

    path = Path(source)
    if fetching.is_address(source):
        found = fetching.fetched(source, ca_file=ca_file)
    elif path.is_dir():
        built = building.build(building.read_folder(path))
        return packing.packed(
            built.cards,
            built.sources,
            built.built_on,
            providers=built.providers,
            left_out=built.left_out,
        )
    elif not path.is_file():
        raise InvalidRequest(f"{source} is no folder, no file and no address")
    elif path.stat().st_size > packing.MAX_BYTES:
        raise InvalidRequest(f"{source} is larger than {packing.MAX_BYTES:,} bytes")
    else:
        found = path.read_bytes()
    packing.check(packing.unpack(found, source), source)
    return found


def _summary(catalogue: "Catalogue") -> dict[str, Any]:
    return {
        "built_on": catalogue.built_on,
        "cards": len(catalogue),
        "sources": len(catalogue.sources),
        "providers": len(catalogue.providers),
    }


def _print_written(path: Path, catalogue: "Catalogue", as_json: bool) -> None:
    found = {**_summary(catalogue), "bytes": path.stat().st_size, "path": str(path)}
    if as_json:
        print_json(found)
    else:
        print_fields(found)


def _print_changes(found: "Changes", catalogue: "Catalogue", as_json: bool) -> None:
    if as_json:
        print_json({**_summary(catalogue), **msgspec.structs.asdict(found)})
        return
    print_fields(_summary(catalogue))
    for title, ids in (("new", found.new), ("gone", found.gone)):
        print(f"\n{title}: {len(ids):,}")
        for id_ in ids[:SHOWN]:
            print(f"  {id_}")
        if len(ids) > SHOWN:
            print(f"  and {len(ids) - SHOWN:,} more (--json shows all)")
    print(f"\nprices changed: {len(found.prices):,}")
    print_table(
        ("card", "provider", "in before", "in now", "out before", "out now"),
        (
            (p.card, p.provider, p.before[0], p.after[0], p.before[1], p.after[1])
            for p in found.prices[:SHOWN]
        ),
        empty="none",
    )


def _print_checked(
    catalogue: "Catalogue",
    checked: "Checked | None",
    pairs: list["Pair"],
    seed: int,
    as_json: bool,
) -> None:
    found: dict[str, Any] = {**_summary(catalogue), "seed": seed}
    if checked is not None:
        found |= {
            "cards_looked_up": len(checked.cards),
            "claims_found": checked.claims
            + checked.derived
            + checked.prices
            - len(checked.failures),
            "of_claims": checked.claims,
            "of_prices": checked.prices,
            "by_their_record_only": checked.derived,
        }
    if as_json:
        failures = [] if checked is None else checked.failures
        print_json({**found, "failures": failures, "pairs": pairs})
        return
    print_fields(found)
    if checked is not None:
        print_table(
            ("card", "field", "source", "record", "value"),
            (msgspec.structs.astuple(failure) for failure in checked.failures),
            empty="\nall of it stands in the sources",
        )
    for pair in pairs:
        print("\t".join((pair.rule, pair.card, *pair.first, *pair.second)))
