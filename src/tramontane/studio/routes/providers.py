"""`/api/v1/providers`: who serves models elsewhere, and a try before one is entered.

The only place where the studio asks an address that somebody typed. What may be typed, and where
its name may lead, is `providers.reach`'s.
"""

import asyncio
import socket

import msgspec
from litestar import get, post
from litestar.params import JSONBody

from tramontane.errors import InvalidRequest
from tramontane.providers.probe import Probe, Prober, Problem
from tramontane.providers.reach import provider_of, reach_of
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform

KEY_MOST = 4_096
URL_MOST = 2_048
LOOKUP_TIMEOUT_S = 5.0


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that may be entered: `url` is its base address."""

    name: str
    title: str
    url: str
    needs_key: bool


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """Providers by title. `allows_loopback`: a server on this machine may be entered as well."""

    data: list[ProviderView]
    allows_loopback: bool


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try: with `upstream_model`, that model is asked for a few words, which may cost."""

    url: str
    key: str | None = None
    upstream_model: str | None = None


class TrialView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `problem` says what is in the way, in a word; null where it is `ok`."""

    ok: bool
    problem: Problem | None
    message: str
    models: tuple[str, ...]
    first_token_ms: int | None


@get(
    "/providers",
    **describe(
        "listProviders", "List providers that may be entered", "Deployments", right="operate"
    ),
)
def list_providers(platform: GivenPlatform) -> ProviderList:
    """Needs the right `operate`. Which they are is the setting `studio.allowed_origins`."""
    reach = reach_of(platform.settings)
    return ProviderList(
        data=[
            ProviderView(name=p.name, title=p.title, url=p.url, needs_key=provider_of(p.url) == p)
            for p in reach.providers()
        ],
        allows_loopback=reach.allows_loopback,
    )


@post(
    "/deployments/test",
    status_code=200,
    **describe(
        "testDeployment",
        "Try an address and a key before entering them",
        "Deployments",
        right="operate",
        is_async=True,
        errors=(413,),
    ),
)
async def try_deployment(platform: GivenPlatform, data: JSONBody[Trial]) -> TrialView:
    """Needs the right `operate`. Asks for the list of models, and the model that is named. The
    answer never repeats the key.
    """
    key = check_key(data.key)
    model = check_upstream_model(data.upstream_model)
    reach = reach_of(platform.settings)
    origin = reach.origin(check_url(data.url))
    try:
        addresses = await _look_up(origin.host, origin.port)
    except (OSError, UnicodeError, TimeoutError):
        return _view(Probe(problem="unreachable", message="This name is not known."))
    reach.check_addresses(origin, addresses)
    prober = Prober(origin, addresses, key, ca_file=platform.settings.upstream.ca_file)
    known = provider_of(data.url)
    return _view(await prober.ask(model, known.max_tokens_field if known else "max_tokens"))


async def _look_up(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LOOKUP_TIMEOUT_S):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _view(probe: Probe) -> TrialView:
    return TrialView(
        ok=probe.problem is None,
        problem=probe.problem,
        message=probe.message,
        models=probe.models,
        first_token_ms=probe.first_token_ms,
    )


def check_url(url: str) -> str:
    """Return the address without what hands add to it; InvalidRequest where it is too long."""
    url = url.strip().rstrip("/")
    if not url or len(url) > URL_MOST:
        raise InvalidRequest("The address is missing, or too long.", param="url")
    return url


def check_key(key: str | None) -> str | None:
    """Return the provider's key; None where it is empty. Raises InvalidRequest, without it."""
    key = (key or "").strip()
    if not key:
        return None
    if len(key) > KEY_MOST or not key.isascii() or any(c <= " " or c == "\x7f" for c in key):
        raise InvalidRequest("The key holds a space or a character outside ASCII.", param="key")
    return key


def check_upstream_model(name: str | None) -> str | None:
    """Return the provider's name of a model; None where it is empty. Raises InvalidRequest."""
    name = (name or "").strip()
    if len(name) > 200 or any(c < " " or c == "\x7f" for c in name):
        raise InvalidRequest("No model has such a name.", param="upstream_model")
    return name or None
