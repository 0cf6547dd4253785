"""Every kind of provider, and the providers of an installation: from settings and store to one
plan.

To add a kind, write its file in `kinds` and name it in `KINDS`. It asks nobody, and does not know
which addresses may be entered in the page: `reach` does.
"""

import difflib
from collections.abc import Iterable, Mapping

import msgspec

from tramontane import config
from tramontane.config import Origin, ProviderSettings, Settings, parse_origin
from tramontane.errors import ConfigError, InvalidRequest
from tramontane.providers.kind import Kind, Region
from tramontane.providers.kinds.anthropic import ANTHROPIC
from tramontane.providers.kinds.azure import AZURE, AZURE_OPENAI
from tramontane.providers.kinds.bedrock import BEDROCK
from tramontane.providers.kinds.compatible import COMPATIBLE, known_kinds
from tramontane.providers.kinds.google import GOOGLE
from tramontane.providers.kinds.mistral import MISTRAL
from tramontane.providers.kinds.openai import OPENAI
from tramontane.providers.kinds.vertex import VERTEX
from tramontane.store import sealing
from tramontane.store.names import check_name
from tramontane.store.records import StoredProvider
from tramontane.wire import upstreams

_OWN = (ANTHROPIC, AZURE, AZURE_OPENAI, BEDROCK, COMPATIBLE, GOOGLE, MISTRAL, OPENAI, VERTEX)
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in sorted(
        (*_OWN, *known_kinds(frozenset(kind.name for kind in _OWN))), key=lambda kind: kind.name
    )
}
"""By name, and sorted by it, so that the order means nothing."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """An account with a provider. `is_entered`: by a command or in the page, not in the file.

    `problem` set: it cannot be used, and why; `url` is empty then. `region` is empty and
    `jurisdiction` None where nobody has said. `no_training` None: neither its terms nor the
    operator say whether it trains on what it is sent.
    """

    name: str
    kind: Kind
    settings: ProviderSettings
    url: str = ""
    region: str = ""
    jurisdiction: str | None = None
    no_training: bool | None = None
    is_entered: bool = False
    by_command: bool = False
    sealed_key: bytes | None = None
    problem: str | None = None


def kind_named(name: str) -> Kind:
    """Return that kind. Raises InvalidRequest with the nearest names."""
    kind = KINDS.get(name)
    if kind is None:
        near = difflib.get_close_matches(name[:64], KINDS, n=3, cutoff=0.5) or list(KINDS)
        raise InvalidRequest(
            f"There is no kind of provider {name[:64]!r}; there are {', '.join(near)}.",
            code="unknown_provider_kind",
            param="kind",
        )
    return kind


def place_of(kind: Kind, settings: ProviderSettings) -> tuple[str, Region | None]:
    """Return the base address and the region of such an account.

    Raises InvalidRequest where an address is missing, or the kind does not offer the region.
    """
    region = None
    if settings.region is not None and kind.regions:
        region = kind.region(settings.region)
        if region is None:
            offered = ", ".join(each.name for each in kind.regions)
            raise InvalidRequest(
                f"{kind.title} does not offer the region {settings.region[:64]!r}; it offers"
                f" {offered}.",
                code="region_not_offered",
                param="region",
            )
    elif settings.region is not None:
        region = Region(name=settings.region, title=settings.region)
    elif kind.default_region is not None:
        region = kind.region(kind.default_region)
    if settings.url is not None:
        return settings.url.rstrip("/"), _region_at(settings.url, kind, settings.region, region)
    if kind.url is not None and "{region}" in kind.url and region is None:
        raise InvalidRequest(f"Say the region of {kind.title}.", param="region")
    url = kind.url_in(None if region is None else region.name)
    if url is None:
        raise InvalidRequest(
            f"Say the address (url) of {kind.title}, such as {kind.url_example}.", param="url"
        )
    return url, region


def _region_at(url: str, kind: Kind, said: str | None, region: Region | None) -> Region | None:
    """Return the region of an address that was given: its own where it is known, else the one
    that was said. Raises InvalidRequest where these differ, for a wrong region is a false promise.
    """
    try:
        known = at_address(url)
    except ConfigError:
        return region  # what is wrong with the address is said elsewhere
    if known is None or known[0] is not kind:
        return None if said is None else region
    if said is not None and known[1] is not None and known[1].name != said:
        raise InvalidRequest(
            f"This address of {kind.title} is its region {known[1].name!r}, not {said[:64]!r};"
            " leave the address out, or the region.",
            code="region_not_offered",
            param="region",
        )
    return known[1]


def providers(settings: Settings, stored: Iterable[StoredProvider]) -> dict[str, Provider]:
    """Return every provider by name. The configuration file wins over the store."""
    found: dict[str, Provider] = {}
    for record in stored:
        if record.name not in settings.providers:
            chosen = msgspec.json.decode(record.settings, type=ProviderSettings)
            found[record.name] = resolve(
                record.name,
                chosen,
                is_entered=True,
                by_command=record.by_command,
                sealed_key=record.sealed_key,
            )
    for name, chosen in settings.providers.items():
        found[name] = resolve(name, chosen)
    return dict(sorted(found.items()))


def resolve(
    name: str,
    settings: ProviderSettings,
    *,
    is_entered: bool = False,
    by_command: bool = False,
    sealed_key: bytes | None = None,
) -> Provider:
    """Return the provider that `settings` describe; what is wrong with them is its `problem`."""
    try:
        kind = kind_named(settings.kind)
        url, region = place_of(kind, settings)
        parse_origin(url, f"providers.{name}")
    except (InvalidRequest, ConfigError) as error:
        kind = KINDS.get(settings.kind, KINDS["compatible"])
        return Provider(
            name=name,
            kind=kind,
            settings=settings,
            is_entered=is_entered,
            by_command=by_command,
            problem=error.message,
        )
    told = settings.no_training
    known = None if kind.trains_on_inputs is None else not kind.trains_on_inputs
    return Provider(
        name=name,
        kind=kind,
        settings=settings,
        url=url,
        region="" if region is None else region.name,
        jurisdiction=settings.jurisdiction or (None if region is None else region.jurisdiction),
        no_training=known if told is None else told,
        is_entered=is_entered,
        by_command=by_command,
        sealed_key=sealed_key,
    )


def account(
    pepper: bytes,
    name: str,
    settings: ProviderSettings,
    key: str | None,
    *,
    by_command: bool,
    now_ms: int,
) -> StoredProvider:
    """Return an account to be stored, its key sealed for the address that it is to be sent to.

    Raises InvalidRequest where settings and kind do not fit, or a key is missing.
    """
    check_name("provider", name)
    kind = kind_named(settings.kind)
    url, _ = place_of(kind, settings)
    try:
        config.check_provider(name, settings, "provider")
        parse_origin(url, "provider")
    except ConfigError as error:
        param = "jurisdiction" if ".jurisdiction: " in error.message else "url"
        raise InvalidRequest(error.message, param=param) from None
    if settings.key_env is not None or settings.key_file is not None:
        raise InvalidRequest("Keys in variables or files belong into the configuration file.")
    if key is None and kind.credential != "optional":
        raise InvalidRequest(f"{kind.title} needs a key.", param="key")
    if key is not None:
        _check_key(kind, key)
    return StoredProvider(
        name=name,
        kind=kind.name,
        settings=msgspec.json.encode(msgspec.structs.replace(settings, url=url)),
        sealed_key=None if key is None else seal_key(pepper, key, name, url),
        by_command=by_command,
        created_at_ms=now_ms,
    )


def _check_key(kind: Kind, key: str) -> None:
    """Raise InvalidRequest where `key` has no form that the kind's dialect can use."""
    upstream = upstreams.find(kind.dialect)
    try:
        if upstream is not None:
            upstream.authorize(key, host="", path="/", body=b"", now_s=0.0)
    except ConfigError as error:
        raise InvalidRequest(error.message, param="key") from None


def at_address(url: str) -> tuple[Kind, Region | None] | None:
    """Return the kind of provider, and the region, that answers at the origin of `url`."""
    place = _place(url)
    for kind in KINDS.values():
        for region in kind.regions or (None,):
            known = kind.url_in(None if region is None else region.name)
            if known is not None and _place(known) == place:
                return kind, region
    return None


def is_of_a_provider(origin: Origin) -> bool:
    """Return whether a kind of provider answers there: at its own address, or under its domain."""
    if not origin.tls or origin.port != 443:
        return False
    for kind in KINDS.values():
        if any(origin.host.endswith(suffix) for suffix in kind.host_suffixes):
            return True
        for region in kind.regions or (None,):
            url = kind.url_in(None if region is None else region.name)
            if url is not None and parse_origin(url).host == origin.host:
                return True
    return False


def seal_key(pepper: bytes, key: str, name: str, url: str) -> bytes:
    """Return a key sealed for the provider of that name at this address, and no other."""
    return sealing.seal(pepper, key, _use(name, url))


def read_key(provider: Provider, pepper: bytes, environ: Mapping[str, str]) -> str | None:
    """Return the provider's key; None where there is none.

    Raises ConfigError naming the variable or file that it should be in, that it cannot be
    unsealed, or that this kind of provider needs one.
    """
    place = f"providers.{provider.name}"
    if provider.sealed_key is not None:
        return sealing.unseal(pepper, provider.sealed_key, _use(provider.name, provider.url))
    key = None  # a row of the store never names a variable or a file of this machine
    if not provider.is_entered:
        key = config.read_secret(provider.settings, environ, place)
    if key is None and provider.kind.credential != "optional":
        raise ConfigError(f"{place}: {provider.kind.title} needs a key; set key_env or key_file")
    return key


def _use(name: str, url: str) -> str:
    return f"provider account key\n{name}\n{url}"


def _place(url: str) -> tuple[bool, str, int]:
    origin = parse_origin(url)
    return origin.tls, origin.host, origin.port
