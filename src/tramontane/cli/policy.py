"""`tramontane project policy` and `tramontane key policy`: what may be used, and on which terms."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir, words
from tramontane.cli.output import print_fields, print_json
from tramontane.cli.platform import Platform, opened

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tramontane.governance.policies import Policy
    from tramontane.store.records import Key, Project

T = TypeVar("T", "Project", "Key")

Providers = Annotated[
    list[str] | None,
    typer.Option("--providers", metavar="NAME,…", help="The only accounts or kinds of providers."),
]
Jurisdictions = Annotated[
    list[str] | None,
    typer.Option("--jurisdictions", metavar="EU,FR,…", help="The only places to process in."),
]
OwnerJurisdictions = Annotated[
    list[str] | None,
    typer.Option(
        "--owner-jurisdictions", metavar="EU,FR,…", help="The only laws providers may be under."
    ),
]
OpenWeightOnly = Annotated[
    bool | None, typer.Option("--open-weight-only/--any-weights", help="Only open-weight models.")
]
NoTraining = Annotated[
    bool | None,
    typer.Option(
        "--no-training/--training-allowed", help="Only terms that rule training on inputs out."
    ),
]
LocalOnly = Annotated[
    bool | None, typer.Option("--local-only/--not-only-local", help="Only models run here.")
]
MaxInput = Annotated[
    str | None,
    typer.Option("--max-price-in", metavar="AMOUNT", help="Ceiling per million input tokens."),
]
MaxOutput = Annotated[
    str | None,
    typer.Option("--max-price-out", metavar="AMOUNT", help="Ceiling per million output tokens."),
]
Clear = Annotated[bool, typer.Option("--clear", help="Rule nothing out, but for what is given.")]


def of_project(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="Its name or identifier.")],
    providers: Providers = None,
    jurisdictions: Jurisdictions = None,
    owner_jurisdictions: OwnerJurisdictions = None,
    open_weight_only: OpenWeightOnly = None,
    no_training: NoTraining = None,
    local_only: LocalOnly = None,
    max_price_in: MaxInput = None,
    max_price_out: MaxOutput = None,
    clear: Clear = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Show what a project may use, or change what is given. Running platforms follow within 2 s."""
    from tramontane.store import projects

    asked = _asked(
        providers, jurisdictions, owner_jurisdictions, open_weight_only, no_training, local_only,
        max_price_in, max_price_out,
    )  # fmt: skip
    found, policy = _kept(projects.get, projects.set_policy, project, asked, clear, config, data)
    _print({"project": found.name}, policy, as_json)


def of_key(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its identifier or beginning (tmt_…).")],
    providers: Providers = None,
    jurisdictions: Jurisdictions = None,
    owner_jurisdictions: OwnerJurisdictions = None,
    open_weight_only: OpenWeightOnly = None,
    no_training: NoTraining = None,
    local_only: LocalOnly = None,
    max_price_in: MaxInput = None,
    max_price_out: MaxOutput = None,
    clear: Clear = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Show what a key may use beside its project's policy, or change what is given."""
    from tramontane.store import keys

    asked = _asked(
        providers, jurisdictions, owner_jurisdictions, open_weight_only, no_training, local_only,
        max_price_in, max_price_out,
    )  # fmt: skip
    found, policy = _kept(keys.get, keys.set_policy, key, asked, clear, config, data)
    _print({"key": found.name, "identifier": found.id}, policy, as_json)


def _asked(
    providers: list[str] | None,
    jurisdictions: list[str] | None,
    owner_jurisdictions: list[str] | None,
    open_weight_only: bool | None,
    no_training: bool | None,
    local_only: bool | None,
    max_price_in: str | None,
    max_price_out: str | None,
) -> dict[str, object]:
    """Return what was given, by the names of a policy's fields."""
    lists = {
        "providers": providers,
        "jurisdictions": jurisdictions,
        "owner_jurisdictions": owner_jurisdictions,
    }
    asked: dict[str, object] = {
        name: tuple(words(given)) or None for name, given in lists.items() if given is not None
    }
    others = {
        "open_weight_only": open_weight_only,
        "no_training": no_training,
        "local_only": local_only,
        "max_input_per_mtok": max_price_in,
        "max_output_per_mtok": max_price_out,
    }
    return asked | {name: given for name, given in others.items() if given is not None}


def _kept(
    find: "Callable[[Connection, str], T]",
    keep: "Callable[[Connection, str, bytes | None], T]",
    whose: str,
    asked: dict[str, object],
    clear: bool,
    config: Path | None,
    data: Path | None,
) -> "tuple[T, Policy]":
    """Return whom `find` names and the policy, kept with what was asked for if anything was."""
    from tramontane.governance import policies

    with opened(config, data) as platform:
        with platform.store.write() as c:
            found = find(c, whose)
            policy = _changed(policies.read(found.policy), asked, clear)
            if asked or clear:
                keep(c, found.id, policies.write(policy))
        if "providers" in asked:
            with platform.store.read() as c:
                _tell_unheard(c, platform, policy)
    return found, policy


def _tell_unheard(c: "Connection", platform: Platform, policy: "Policy") -> None:
    """Say which of the providers that alone may be used nobody here is called by."""
    from difflib import get_close_matches

    from tramontane.governance import overview
    from tramontane.providers.registry import KINDS

    now = overview.standing(c, platform.settings, platform.folder.models)
    known = {*KINDS, *now.accounts, *(facts.provider for facts in now.facts.values())}
    names = {name for name in known if name is not None}
    for name in policy.providers or ():
        if name in names:
            continue
        near = get_close_matches(name.casefold(), names, 3)
        meant = f"; did you mean {' or '.join(near)}?" if near else "."
        print(
            f"note: no account and no kind of provider is called {name!r}{meant} Until one is,"
            " it allows nothing.",
            file=sys.stderr,
        )


def _changed(policy: "Policy", asked: dict[str, object], clear: bool) -> "Policy":
    import msgspec

    from tramontane.governance.policies import ALLOWS_ALL

    changed: Policy = msgspec.structs.replace(ALLOWS_ALL if clear else policy, **asked)
    return changed


def _print(whose: dict[str, str], policy: "Policy", as_json: bool) -> None:
    import msgspec

    fields = msgspec.structs.asdict(policy)
    if as_json:
        print_json({**whose, "policy": fields})
        return
    print_fields(whose | fields)
    if policy.rules_nothing_out:
        print("\nnothing is ruled out")
