"""From the plan of deployments to the facts of each: who serves it, and where.

It puts settings and accounts and what ships together. It asks nobody, and does not know usage.
"""

import platform
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from tramontane.config import FactSettings
from tramontane.governance.facts import LOCAL, Facts, Place, of_local, of_place
from tramontane.providers.registry import Provider
from tramontane.providers.remote import RemoteModel

_VENDORS = {"GenuineIntel": "Intel CPU", "AuthenticAMD": "AMD CPU"}


def facts_by_deployment(
    told: Mapping[str, FactSettings],
    local: Iterable[str],
    remote: Mapping[str, RemoteModel],
    chip: str | None,
) -> dict[str, Facts]:
    """Return the facts of every deployment by its name.

    `told` is the operator's word, `chip` what this machine has.
    """
    found = {name: of_local(chip, told, name) for name in local}
    for name, model in remote.items():
        place = Place(provider=model.provider, kind=model.kind, jurisdiction=model.jurisdiction)
        found[name] = of_place(place, told, name)
    return found


def facts_of_provider(
    name: str, told: Mapping[str, FactSettings], accounts: Mapping[str, Provider]
) -> Facts:
    """Return what is known of a provider by its name, for bills whose deployment is gone."""
    if name == LOCAL:
        return of_local(None, told)
    account = accounts.get(name)
    if account is None:
        return of_place(Place(provider=name, kind=name), told)
    place = Place(provider=name, kind=account.kind.name, jurisdiction=account.jurisdiction)
    return of_place(place, told)


@cache
def own_chip(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """Return whose processors this machine has; None where it does not tell."""
    machine = platform.machine().lower()
    if platform.system() == "Darwin":
        return "Apple silicon" if machine == "arm64" else "Intel CPU"
    if machine in ("aarch64", "arm64"):
        return "Arm CPU"
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return None
    vendors = (line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id"))
    return _VENDORS.get(next(vendors, ""))
