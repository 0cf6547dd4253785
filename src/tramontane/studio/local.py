"""Models served here, as somebody asks for them in the page: read, checked, deployed, undone.

It does not fetch files: the worker does.
"""

import msgspec
from sqlalchemy import Connection

from tramontane.config import (
    DeploymentSettings,
    PriceSettings,
    RouteSettings,
    Settings,
    check_sleep,
    parse_price,
)
from tramontane.datafolder import DataFolder
from tramontane.engines import deploying, memory
from tramontane.engines.deploying import Wanted
from tramontane.engines.gguf import read_header
from tramontane.engines.library import ModelLibrary
from tramontane.errors import ConfigError, InvalidRequest
from tramontane.store import deployments, models, routes
from tramontane.store.names import check_name
from tramontane.store.records import ModelFile, StoredDeployment
from tramontane.studio.languages import check_languages

CONTEXT_MOST = 100_000_000
SLOTS_MOST = 1_024
THREADS_MOST = 4_096


class NewPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decimals in quotes, per million tokens (`request` per request), in `currency`, the
    platform's where null. All zero is a price too: it says that the model is free.
    """

    input_per_mtok: str = "0"
    output_per_mtok: str = "0"
    cached_input_per_mtok: str | None = None
    cache_write_per_mtok: str | None = None
    request: str = "0"
    currency: str | None = None


class NewLocal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model file is to be served here. `context_tokens` is promised to each of `slots`
    requests at once; `capable`: whether it is to be relied on, null: with a context of 4,096 tokens
    or more; `anyway`: deploy it although it may not fit into memory.
    """

    name: str
    context_tokens: int | None = None
    slots: int | None = None
    threads: int | None = None
    price: NewPrice | None = None
    scale_to_zero_after_s: float | None = None
    languages: tuple[str, ...] | None = None
    open_weights: bool | None = None
    capable: bool | None = None
    anyway: bool = False


def library_of(settings: Settings) -> ModelLibrary:
    """Return the library of model files."""
    return ModelLibrary(DataFolder(settings.data_dir).models)


def wanted(settings: Settings, data: NewLocal, card_id: str | None) -> Wanted:
    """Return what `data` asks for. Raises InvalidRequest naming the field."""
    check_name("deployment", data.name)
    for name, value, most in (
        ("context_tokens", data.context_tokens, CONTEXT_MOST),
        ("slots", data.slots, SLOTS_MOST),
        ("threads", data.threads, THREADS_MOST),
    ):
        least = 64 if name == "context_tokens" else 1
        if value is not None and not least <= value <= most:
            raise InvalidRequest(f"{name}: from {least} to {most}.", param=name)
    chosen = DeploymentSettings(
        model=data.name,  # until the file is known
        price=checked_price(settings, data.price),
        max_in_flight=data.slots,
        context_tokens=data.context_tokens,
        threads=data.threads,
        languages=check_languages(data.languages),
        open_weights=data.open_weights,
        capable=data.capable,
        scale_to_zero_after_s=data.scale_to_zero_after_s,
    )
    try:
        check_sleep(chosen, "deployment")
    except ConfigError as error:
        message = error.message.removeprefix("deployment.")
        raise InvalidRequest(f"{message}.", param="scale_to_zero_after_s") from None
    return Wanted(name=data.name, settings=chosen, card_id=card_id, anyway=data.anyway)


def checked_price(settings: Settings, price: NewPrice | None) -> PriceSettings | None:
    """Return the price as settings have it. Raises InvalidRequest."""
    found = None if price is None else PriceSettings(**msgspec.structs.asdict(price))
    try:
        parse_price(found, settings, "deployment")
    except ConfigError as error:
        message = error.message.removeprefix("deployment.price.")
        raise InvalidRequest(f"The price: {message}.", param="price") from None
    return found


def check_file(settings: Settings, asked: Wanted, file: ModelFile) -> None:
    """Read the file's header and compare it with what is asked for and with the memory.

    Raises NotFound where it is missing on the disk, InvalidRequest for its context, Conflict
    (`does_not_fit`).
    """
    deploying.check_context(asked.settings, file.name, file.context_tokens)
    header = read_header(library_of(settings).path(file.sha256), file.name)
    shape = memory.shape_of(header)
    deploying.check_fits(asked, shape, file.context_tokens, memory.memory_now())


def deploy(
    c: Connection, settings: Settings, asked: Wanted, file: ModelFile, now_ms: int
) -> StoredDeployment:
    """Deploy `file`. Raises Conflict for a name that is taken."""
    deploying.check_free(c, settings, asked.name)
    made = deploying.stored(asked, file, now_ms)
    deployments.put(c, made)
    return made


def undo(c: Connection, settings: Settings, name: str, now_ms: int) -> str | None:
    """Undo a deployment whole: it, its place in stored routes, and its file, unless another uses
    that. Return the hash of a file to be deleted. Raises NotFound.
    """
    found = {stored.name: stored for stored in deployments.list_all(c)}
    deployments.remove(c, name)
    _leave_routes(c, name, now_ms)
    sha256 = found[name].model_sha256
    if sha256 is None:
        return None
    file = models.get(c, sha256)
    users = [each for each in found.values() if each.name != name and each.model_sha256 == sha256]
    configured = {each.model for each in settings.deployments.values()}
    if users or configured & {file.name, file.sha256}:
        return None
    models.remove(c, sha256)
    return sha256


def _leave_routes(c: Connection, name: str, now_ms: int) -> None:
    for route in routes.list_all(c):
        settings = msgspec.json.decode(route.settings, type=RouteSettings)
        if name not in settings.names:
            continue
        left = tuple(target for target in settings.targets if target.deployment != name)
        weights = [target.weight for target in left if target.weight is not None]
        if not left or (weights and not any(weights)):
            routes.remove(c, route.name)
        else:
            routes.put(c, route.name, msgspec.structs.replace(settings, deployments=left), now_ms)
