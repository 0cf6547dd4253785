"""The one configuration file, read once.

`load` reads TOML into frozen structs; nothing else reads files or the environment for settings.
Every field here is documented in `docs/configuration.md`, which a test compares with this module.
"""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from tramontane import pricing
from tramontane.errors import ConfigError
from tramontane.money import Price
from tramontane.pricing import PriceSettings as PriceSettings

StreamUsage = Literal["ask", "always", "never"]
Dialect = Literal["openai", "mistral", "azure", "azure_openai", "anthropic", "google", "bedrock"]
MaxTokensField = Literal["max_tokens", "max_completion_tokens"]
_HOST = re.compile(r"[a-z0-9_][a-z0-9._-]*")
_LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_REMOTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}", re.ASCII)
_JURISDICTION = re.compile(r"([A-Z]{2}|EEA)(\+([A-Z]{2}|EEA))*", re.ASCII)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")
ROUTE_RETRIES_MOST = 5
ROUTE_WEIGHT_MOST = 1_000_000
PROMPT_TOKENS_MOST = 1_000_000_000
SLEEP_AFTER_MOST_S = 2_592_000.0
CAPABLE_CONTEXT_TOKENS = 4_096


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public listener, its caps and its patience."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    tls_cert_file: str | None = None
    tls_key_file: str | None = None
    max_connections: int = 4096
    head_bytes: int = 32_768
    body_bytes: int = 33_554_432
    all_bodies_bytes: int = 268_435_456
    upload_bytes: int = 1_073_741_824
    head_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    idle_timeout_s: float = 75.0
    write_timeout_s: float = 60.0
    studio_timeout_s: float = 120.0
    drain_s: float = 30.0


class UpstreamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the gateway talks to engines and providers."""

    connect_timeout_s: float = 10.0
    first_byte_timeout_s: float = 300.0
    idle_timeout_s: float = 120.0
    pool_idle_s: float = 50.0
    answer_bytes: int = 67_108_864
    circuit_breaker: bool = True
    ca_file: str | None = None


class LimitDefaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a new project starts with."""

    requests_per_minute: int = 1_000
    tokens_per_minute: int = 400_000


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long somebody stays signed in."""

    idle_timeout_s: float = 604_800.0
    lifetime_s: float = 2_592_000.0


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account with somebody who serves models. `kind` is one of `providers.kinds`."""

    kind: str
    url: str | None = None
    region: str | None = None
    jurisdiction: str | None = None
    no_training: bool | None = None
    key_env: str | None = None
    key_file: str | None = None
    ca_file: str | None = None


class DeploymentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model made servable: `url` or `provider` for one served elsewhere, `model` for a local
    file.
    """

    url: str | None = None
    provider: str | None = None
    dialect: Dialect = "openai"
    drop_unsupported: bool = False
    model: str | None = None
    upstream_model: str | None = None
    key_env: str | None = None
    key_file: str | None = None
    ca_file: str | None = None
    price: PriceSettings | Literal["free"] | None = None
    max_in_flight: int | None = None
    queue_limit: int = 256
    queue_timeout_s: float = 60.0
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    max_tokens_field: MaxTokensField = "max_tokens"
    template_tokens: int = 256
    image_tokens: int = 4_096
    stream_usage: StreamUsage = "ask"
    capable: bool | None = None
    threads: int | None = None
    embeddings: bool | None = None
    share_prompt_cache: bool = False
    languages: tuple[str, ...] | None = None
    open_weights: bool | None = None
    no_training: bool | None = None
    scale_to_zero_after_s: float | None = None


def is_capable(settings: DeploymentSettings, context_tokens: int | None) -> bool:
    """Whether a deployment with a context of so many tokens (None: unknown) can be relied on: as
    its operator says, else whether a conversation with a document fits into it.
    """
    if settings.capable is not None:
        return settings.capable
    return context_tokens is None or context_tokens >= CAPABLE_CONTEXT_TOKENS


class HubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where model files are fetched from when somebody asks for one. The key goes there only."""

    url: str = "https://huggingface.co"
    key_env: str | None = None
    key_file: str | None = None
    ca_file: str | None = None


class StudioSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be done in the page. `allowed_origins` None: the well-known providers'."""

    allowed_origins: tuple[str, ...] | None = None


class DocumentSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people may bring along, what reading one file may take, and which deployment, if any,
    gives vectors to search by.
    """

    file_bytes: int = 1_073_741_824
    pages: int = 20_000
    reading_memory_bytes: int = 1_610_612_736
    reading_timeout_s: float = 900.0
    embeddings: str | None = None


class TableSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Questions to tables. `databases` None: those of this machine, while served on loopback."""

    databases: tuple[str, ...] | None = None
    query_timeout_s: float = 10.0
    query_memory_bytes: int = 1_073_741_824
    loading_timeout_s: float = 1_200.0
    loading_memory_bytes: int = 1_073_741_824


class FactSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who stands behind a deployment or provider, where the operator knows it, or knows better."""

    owner: str | None = None
    seat: str | None = None
    host: str | None = None
    chip: str | None = None
    jurisdiction: str | None = None


class RouteCondition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a request must be for a deployment to be tried; what is left out does not matter.

    Prompt tokens are those that its bytes suggest, before any provider has counted.
    """

    has_images: bool | None = None
    has_tools: bool | None = None
    min_prompt_tokens: int | None = None
    max_prompt_tokens: int | None = None
    projects: tuple[str, ...] | None = None


class RouteTarget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deployment of a route. Neighbours with a `weight` share one step, drawn by weight."""

    deployment: str
    weight: int | None = None
    when: RouteCondition | None = None


class RouteSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public model name and the deployments that serve it, in the order to be tried.

    `fallbacks` are other public names, tried when none of these can answer. `retries`: how often
    all are tried again. `timeout_s` is for the first byte of one attempt, `deadline_s` of all.
    """

    deployments: tuple[str | RouteTarget, ...]
    fallbacks: tuple[str, ...] = ()
    retries: int = 1
    timeout_s: float | None = None
    deadline_s: float | None = None

    @property
    def targets(self) -> tuple[RouteTarget, ...]:
        """The deployments, each as a target."""
        return tuple(
            RouteTarget(deployment=each) if isinstance(each, str) else each
            for each in self.deployments
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The deployments' names."""
        return tuple(target.deployment for target in self.targets)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    data: str = "data"
    store: str | None = None
    currency: str = "USD"
    exchange_rates: dict[str, str] = {}
    demo: bool = True
    guide: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    server: ServerSettings = ServerSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    limits: LimitDefaults = LimitDefaults()
    sessions: SessionSettings = SessionSettings()
    hub: HubSettings = HubSettings()
    studio: StudioSettings = StudioSettings()
    documents: DocumentSettings = DocumentSettings()
    tables: TableSettings = TableSettings()
    providers: dict[str, ProviderSettings] = {}
    deployments: dict[str, DeploymentSettings] = {}
    routes: dict[str, RouteSettings] = {}
    independence: dict[str, FactSettings] = {}

    @property
    def data_dir(self) -> Path:
        """The data folder."""
        return Path(self.data)

    @property
    def store_url(self) -> str:
        """SQLAlchemy's address of the store; SQLite in the data folder unless set."""
        return self.store or f"sqlite:///{self.data_dir.resolve() / 'tramontane.db'}"


class Origin(msgspec.Struct, frozen=True):
    """Where a remote deployment is served. `base_path` has no trailing slash."""

    tls: bool
    host: str
    port: int
    base_path: str


def load(path: Path | None, overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings of `path` (defaults where None), with `overrides` at the top level.

    Raises ConfigError naming the file, the setting and what to change.
    """
    text = b""
    if path is not None:
        try:
            text = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    where = str(path) if path is not None else "configuration"
    try:
        raw = msgspec.toml.decode(text) if text else {}
        for dotted, value in (overrides or {}).items():
            _put(raw, dotted.split("."), value)
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_explain(error)}") from None
    except ValueError as error:
        raise ConfigError(f"{where}: not valid TOML: {error}") from None
    _check(settings, where)
    return settings


def _put(raw: dict[str, object], path: list[str], value: object) -> None:
    for name in path[:-1]:
        child = raw.setdefault(name, {})
        assert isinstance(child, dict)
        raw = child
    raw[path[-1]] = value


def _explain(error: msgspec.ValidationError) -> str:
    text = str(error)
    message, _, place = text.partition(" - at `$")
    if not place:
        return message
    return f"{place.rstrip('`').lstrip('.')}: {message}"


def _check(settings: Settings, where: str) -> None:
    _check_public_url(settings.server.public_url, where)
    _check_proxies(settings.server.trusted_proxies, where)
    for name, deployment in settings.deployments.items():
        place = f"{where}: deployments.{name}"
        _check_name(name, place, _LOCAL_NAME if deployment.model is not None else _REMOTE_NAME)
        said = (deployment.url, deployment.provider, deployment.model)
        if sum(one is not None for one in said) != 1:
            raise ConfigError(
                f"{place}: set one of url or provider (served elsewhere) and model (a local file)"
            )
        if deployment.url is not None:
            parse_origin(deployment.url, place)
        if deployment.max_in_flight is not None and deployment.max_in_flight < 1:
            raise ConfigError(f"{place}.max_in_flight: must be at least 1")
        check_sleep(deployment, place)
        parse_price(deployment.price, settings, place)
        parse_service_tiers(deployment.price, settings, place)
    parse_origin(settings.hub.url, f"{where}: hub")
    for name, provider in settings.providers.items():
        check_provider(name, provider, f"{where}: providers.{name}")
    for url in settings.studio.allowed_origins or ():
        parse_origin(url, f"{where}: studio.allowed_origins")
    for name, route in settings.routes.items():
        check_route(name, route, f"{where}: routes.{name}")


def check_sleep(deployment: DeploymentSettings, place: str) -> None:
    """Raise ConfigError where its engine cannot be stopped as asked; `place` begins its message."""
    after_s = deployment.scale_to_zero_after_s
    if after_s is None:
        return
    if deployment.model is None:
        raise ConfigError(
            f"{place}.scale_to_zero_after_s: only the engine of a local model can be stopped"
        )
    if not 0 < after_s <= SLEEP_AFTER_MOST_S:
        raise ConfigError(
            f"{place}.scale_to_zero_after_s: must be above 0, at most {SLEEP_AFTER_MOST_S:.0f}"
        )


def check_route(name: str, route: RouteSettings, place: str) -> None:
    """Raise ConfigError where a route cannot be used; `place` begins its message."""
    _check_name(name, place, _REMOTE_NAME)
    if not route.deployments:
        raise ConfigError(f"{place}.deployments: name at least one deployment")
    if name in route.fallbacks:
        raise ConfigError(f"{place}.fallbacks: it cannot fall back to itself")
    if not 0 <= route.retries <= ROUTE_RETRIES_MOST:
        raise ConfigError(f"{place}.retries: from 0 to {ROUTE_RETRIES_MOST}")
    for field, seconds in (("timeout_s", route.timeout_s), ("deadline_s", route.deadline_s)):
        if seconds is not None and not 0 < seconds <= 86_400:
            raise ConfigError(f"{place}.{field}: must be above 0, a day at most")
    weights = [target.weight for target in route.targets if target.weight is not None]
    if any(not 0 <= weight <= ROUTE_WEIGHT_MOST for weight in weights):
        raise ConfigError(f"{place}.deployments: a weight is from 0 to {ROUTE_WEIGHT_MOST}")
    if weights and not any(weights):
        raise ConfigError(f"{place}.deployments: give at least one a weight above 0")
    for target in route.targets:
        condition = target.when or RouteCondition()
        least, most = condition.min_prompt_tokens or 0, condition.max_prompt_tokens
        if not 0 <= least <= (PROMPT_TOKENS_MOST if most is None else most) <= PROMPT_TOKENS_MOST:
            raise ConfigError(
                f"{place}.deployments: {target.deployment}: max_prompt_tokens must not be below"
                f" min_prompt_tokens, and both from 0 to {PROMPT_TOKENS_MOST}"
            )


def _check_public_url(url: str | None, where: str) -> None:
    """People's browsers compare it with what they send, so it is written as they write it."""
    if url is None:
        return
    shown = url.partition("://")[2]
    try:
        origin = parse_origin(url)
        is_plain = not origin.base_path and not url.endswith("/") and shown == shown.lower()
        is_usual = shown.endswith(":443" if origin.tls else ":80")
    except ConfigError:
        is_plain = is_usual = False
    if not is_plain or is_usual:
        raise ConfigError(
            f"{where}: server.public_url: write it as browsers do: scheme, host in lower case and,"
            " where it is not the usual one, the port, such as https://ai.example.org"
        )


def _check_proxies(proxies: tuple[str, ...], where: str) -> None:
    for proxy in proxies:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise ConfigError(
                f"{where}: server.trusted_proxies: {proxy!r} is no address such as 127.0.0.1 and"
                " no network such as 10.0.0.0/8"
            ) from None


def check_provider(name: str, provider: ProviderSettings, place: str) -> None:
    """Raise ConfigError where a provider's settings cannot be used; `place` begins its message."""
    _check_name(name, place, _LOCAL_NAME)
    if provider.url is not None:
        parse_origin(provider.url, place)
    _check_jurisdiction(provider.jurisdiction, f"{place}.jurisdiction")


def _check_jurisdiction(jurisdiction: str | None, place: str) -> None:
    if jurisdiction is not None and _JURISDICTION.fullmatch(jurisdiction) is None:
        raise ConfigError(
            f"{place}: write the country's two capital letters (ISO 3166), such as FR; EU where"
            " it may be any of its members"
        )


def _check_name(name: str, place: str, allowed: re.Pattern[str]) -> None:
    """Names stand in addresses, headers and (of local models) file names."""
    if allowed.fullmatch(name) is None:
        raise ConfigError(
            f"{place!r}: a name begins with a letter or digit and goes on with those, '.', '_' or"
            " '-'; where a model is served elsewhere, and in routes, also ':', '/', '@' and '+'"
        )


def parse_origin(url: str, place: str = "url") -> Origin:
    """Return the fixed origin of `url`; ConfigError unless plain http(s) without credentials."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{place}.url: '{url}' is no address ({error})") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{place}.url: '{url}' must begin with http:// or https:// and a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(f"{place}.url: must hold no user, query or fragment; use key_env")
    host = parts.hostname
    if not _HOST.fullmatch(host) and not _is_ipv6(host):
        raise ConfigError(
            f"{place}.url: '{host}' is no host name; write names outside ASCII in their xn-- form"
        )
    if is_link_local(host):
        raise ConfigError(f"{place}.url: link-local addresses are refused")
    if any(c <= " " or c == "\x7f" for c in url):
        raise ConfigError(f"{place}.url: holds a space or control character")
    tls = parts.scheme == "https"
    return Origin(tls, host, port or (443 if tls else 80), parts.path.rstrip("/"))


def is_link_local(host: str) -> bool:
    """Return whether `host` is a link-local address, however spelt: 169.254.0.0/16 or fe80::/10.

    >>> is_link_local("2852039166"), is_link_local("::ffff:a9fe:a9fe"), is_link_local("10.0.0.1")
    (True, True, False)
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:  # the C library takes decimal, octal, hexadecimal and shortened forms
            address = ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
        except (OSError, UnicodeError):
            return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_link_local
    inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64 or address in _COMPATIBLE:
        inside.append(ipaddress.IPv4Address(address.packed[-4:]))
    return address.is_link_local or any(a is not None and a.is_link_local for a in inside)


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False


def parse_price(
    price: PriceSettings | Literal["free"] | None, settings: Settings, place: str
) -> Price:
    """Return `price` in nano-units of the platform's currency, as `pricing.parse` does."""
    return pricing.parse(price, settings.currency, settings.exchange_rates, place)


def parse_service_tiers(
    price: PriceSettings | Literal["free"] | None, settings: Settings, place: str
) -> dict[str, Price]:
    """Return the price at each service tier, as `pricing.parse_service_tiers` does."""
    return pricing.parse_service_tiers(price, settings.currency, settings.exchange_rates, place)


def read_secret(
    settings: DeploymentSettings | ProviderSettings | HubSettings,
    environ: Mapping[str, str] = os.environ,
    place: str = "deployment",
) -> str | None:
    """Return the provider's key from `key_env` or `key_file`; None where neither is set.

    Raises ConfigError naming the variable or file, never its content.
    """
    if settings.key_env is not None:
        value = environ.get(settings.key_env, "").strip()
        if not value:
            raise ConfigError(f"{place}.key_env: the variable {settings.key_env} is not set")
    elif settings.key_file is not None:
        try:
            value = Path(settings.key_file).read_text().strip()
        except OSError as error:
            raise ConfigError(
                f"{place}.key_file: {settings.key_file} cannot be read ({error.strerror})"
            ) from None
    else:
        return None
    if not value.isascii() or any(c <= " " for c in value):
        raise ConfigError(f"{place}: the key holds a space or a character outside ASCII")
    return value
