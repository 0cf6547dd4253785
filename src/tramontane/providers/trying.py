"""Tries a provider from end to end: its name is looked up and checked, then it is asked.

For the command line and the page alike. It does not know who may ask.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping

from tramontane.config import MaxTokensField, Origin, is_link_local, parse_origin
from tramontane.errors import ConfigError, Forbidden
from tramontane.providers import registry
from tramontane.providers.probe import Probe, Prober
from tramontane.providers.reach import Reach
from tramontane.providers.registry import Provider

LOOKUP_TIMEOUT_S = 5.0


async def ask(
    provider: Provider,
    pepper: bytes,
    environ: Mapping[str, str],
    reach: Reach,
    model: str | None,
    ca_file: str | None = None,
) -> Probe:
    """Return what came of asking `provider` for its models, and `model` for a few words.

    Raises Forbidden where its address was entered in the page and may not be.
    """
    if provider.problem is not None:
        return Probe(problem="refused", message=provider.problem)
    try:
        key = registry.read_key(provider, pepper, environ)
    except ConfigError as error:
        return Probe(problem="key_refused", message=error.message)
    origin = parse_origin(provider.url)
    if provider.is_entered:
        reach.refuse_own(origin)
        if not provider.by_command:
            reach.origin(provider.url)

    def check(addresses: list[str]) -> None:
        if provider.is_entered and not provider.by_command:
            reach.check_addresses(origin, addresses)
        elif any(map(is_link_local, addresses)):
            raise Forbidden(f"The name {origin.host} leads to a link-local address.")

    return await ask_at(
        origin,
        key,
        model,
        check=check,
        ca_file=provider.settings.ca_file or ca_file,
        dialect=provider.kind.dialect,
        max_tokens_field=provider.kind.max_tokens_field,
    )


async def ask_at(
    origin: Origin,
    key: str | None,
    model: str | None,
    *,
    check: Callable[[list[str]], None],
    ca_file: str | None = None,
    dialect: str = "openai",
    max_tokens_field: MaxTokensField = "max_tokens",
) -> Probe:
    """Return what came of asking at `origin`; `check` raises where its addresses may not be."""
    try:
        addresses = await _look_up(origin.host, origin.port)
    except (OSError, UnicodeError, TimeoutError):
        return Probe(problem="unreachable", message="This name is not known.")
    check(addresses)
    prober = Prober(origin, addresses, key, ca_file=ca_file, dialect=dialect)
    return await prober.ask(model, max_tokens_field)


async def _look_up(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(LOOKUP_TIMEOUT_S):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
