"""`/api/v1/pulls` and `/api/v1/hub/files`: model files from a hub, for operators.

A pull is only asked for here; the worker fetches it. What a repository has is asked of the hub at
once, for whoever looks.
"""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tramontane.engines import memory
from tramontane.engines.deploying import check_free
from tramontane.engines.hub import Fits, HubFile, find, model_name, parse_source, propose
from tramontane.engines.hub_client import client_of
from tramontane.errors import InvalidRequest
from tramontane.store import pulls
from tramontane.store.names import check_name
from tramontane.store.pulls import Pull, PullProblem
from tramontane.store.records import PullStatus
from tramontane.store.windows import time_name
from tramontane.studio import licensing, local
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.local import NewLocal
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform

TAG = "Models"
CARD_MOST = 300


class NewPull(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model file to be fetched: `source` is hf:ORG/REPO, hf:ORG/REPO:FILE.gguf (or a
    quantisation such as Q4_K_M in the place of FILE) or hf:ORG/REPO@REVISION:FILE.gguf. `name` is
    what to call it in the library. With `deploy` it is served as soon as it is here.
    `licence_read`: whoever asks has read a licence that forbids some uses, and theirs is allowed.
    """

    source: str
    name: str | None = None
    card_id: str | None = None
    deploy: NewLocal | None = None
    licence_read: bool = False


class PullView(msgspec.Struct, frozen=True, kw_only=True):
    """A pull. `resolved` is the repository and file that `source` turned out to be: another name
    where the repository has moved. Bytes and `eta_s` are of this fetching; null: not known yet.

    `problem`: why it failed, why a queued one waits, or why a finished one was not deployed.
    """

    id: str
    source: str
    resolved: str | None
    name: str
    status: PullStatus
    bytes_done: int
    bytes_total: int | None
    bytes_per_s: int | None
    eta_s: int | None
    revision: str | None
    sha256: str | None
    problem: PullProblem | None
    deployment: str | None
    created_at: str
    updated_at: str


class PullList(msgspec.Struct, frozen=True):
    """Pulls, the newest first."""

    data: list[PullView]


class HubFileView(msgspec.Struct, frozen=True, kw_only=True):
    """A model file at a hub. `needed_bytes` is about what serving it takes in memory, judged by its
    size. `sha256` null: it has several `parts`, or the hub does not say it.
    """

    file: str
    size_bytes: int
    sha256: str | None
    quantisation: str | None
    fits: Fits
    needed_bytes: int
    parts: int


class MemoryView(msgspec.Struct, frozen=True):
    """This machine's memory; null where the system does not say."""

    total_bytes: int | None
    available_bytes: int | None


class HubFiles(msgspec.Struct, frozen=True, kw_only=True):
    """What a repository has that can be served here, the smallest first. `repository` is its name
    now, `revision` the commit, `proposed` the file that is taken where none is named.
    """

    repository: str
    revision: str
    gated: bool
    files: list[HubFileView]
    proposed: str | None
    memory: MemoryView


@post(
    "/pulls",
    status_code=202,
    **describe(
        "createPull", "Fetch a model file from a hub", TAG, right="operate", errors=(404, 409, 413)
    ),
)
def create_pull(platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewPull]) -> PullView:
    """Needs the right `operate`. One is fetched at a time, the others wait. Asked for again, a pull
    that is under way is the answer; one that failed goes on where it was. A model whose licence, as
    the catalogue knows it, forbids commercial use, say, is refused without `licence_read`.
    """
    source = parse_source(data.source)
    name = check_name("model", data.name or model_name(source))
    if data.card_id is not None and len(data.card_id) > CARD_MOST:
        raise InvalidRequest("card_id: no card is called so.", param="card_id")
    asked = None
    if data.deploy is not None:
        asked = local.wanted(platform.settings, data.deploy, data.card_id)
    licensing.check_read(
        platform, card_id=data.card_id, repository=source.repository, is_read=data.licence_read
    )
    with platform.store.write() as c:
        if asked is not None:
            check_free(c, platform.settings, asked.name)
        pull = pulls.add(
            c,
            source=source.text,
            name=name,
            wanted=None if asked is None else msgspec.json.encode(asked),
            started_by=_who(caller),
            now_ms=platform.clock_ms(),
        )
    return _view(pull)


@get("/pulls", **describe("listPulls", "List model files being fetched", TAG, right="operate"))
def list_pulls(platform: GivenPlatform) -> PullList:
    """Needs the right `operate`. Those that are done or were cancelled are remembered a while."""
    with platform.store.read() as c:
        return PullList([_view(pull) for pull in pulls.list_all(c)])


@get(
    "/pulls/{pull_id:str}",
    **describe("getPull", "Say how far a pull has come", TAG, right="operate", errors=(404,)),
)
def get_pull(platform: GivenPlatform, pull_id: FromPath[str]) -> PullView:
    """Needs the right `operate`. It changes once a second while it is fetched."""
    with platform.store.read() as c:
        return _view(pulls.get(c, pull_id))


@delete(
    "/pulls/{pull_id:str}",
    status_code=204,
    **describe("cancelPull", "Give a pull up", TAG, right="operate", errors=(404, 409)),
)
def cancel_pull(platform: GivenPlatform, pull_id: FromPath[str]) -> None:
    """Needs the right `operate`. What was fetched of it is deleted."""
    with platform.store.write() as c:
        pulls.cancel(c, pull_id, platform.clock_ms())
    local.library_of(platform.settings).remove_pull(pull_id)


@post(
    "/pulls/{pull_id:str}/resume",
    status_code=202,
    **describe("resumePull", "Have a pull go on", TAG, right="operate", errors=(404, 409)),
)
def resume_pull(platform: GivenPlatform, pull_id: FromPath[str]) -> PullView:
    """Needs the right `operate`. One that failed or was cancelled, or waits to be tried again."""
    with platform.store.write() as c:
        return _view(pulls.resume(c, pull_id, platform.clock_ms()))


@get(
    "/hub/files",
    **describe(
        "listHubFiles", "List a repository's model files", TAG, right="operate", errors=(404,)
    ),
)
def list_hub_files(platform: GivenPlatform, source: FromQuery[str]) -> HubFiles:
    """Needs the right `operate`. Asks the hub of `hub.url`, and nobody else; `source` as for a
    pull.
    """
    asked = parse_source(source)
    with client_of(platform.settings.hub) as client:
        listing = client.listing(asked)
    files = listing.files if asked.file is None else (find(listing, asked.file),)
    now = memory.memory_now()

    def fits(model: HubFile) -> Fits:
        return memory.verdict(memory.need_of_file(model.size_bytes), now)

    return HubFiles(
        repository=listing.repository,
        revision=listing.revision,
        gated=listing.is_gated,
        files=[
            HubFileView(
                file=model.file,
                size_bytes=model.size_bytes,
                sha256=model.sha256,
                quantisation=model.quantisation,
                fits=fits(model),
                needed_bytes=memory.need_of_file(model.size_bytes),
                parts=len(model.parts),
            )
            for model in files
        ],
        proposed=propose(listing, fits).file if listing.files else None,
        memory=MemoryView(now.total_bytes, now.available_bytes),
    )


def _who(caller: Caller) -> str:
    if caller.member is not None:
        return caller.member.id
    return "" if caller.key is None else caller.key.id


def _eta_s(pull: Pull) -> int | None:
    if pull.status != "fetching" or pull.bytes_total is None or not pull.bytes_per_s:
        return None
    return -(-max(0, pull.bytes_total - pull.bytes_done) // pull.bytes_per_s)


def _view(pull: Pull) -> PullView:
    return PullView(
        id=pull.id,
        source=pull.source,
        resolved=pull.resolved,
        name=pull.name,
        status=pull.status,
        bytes_done=pull.bytes_done,
        bytes_total=pull.bytes_total,
        bytes_per_s=pull.bytes_per_s,
        eta_s=_eta_s(pull),
        revision=pull.revision,
        sha256=pull.sha256,
        problem=pull.problem,
        deployment=pull.deployment,
        created_at=time_name(pull.created_at_ms),
        updated_at=time_name(pull.updated_at_ms),
    )
