"""The records that parts hand to one another, as frozen structs.

Times are Unix milliseconds (UTC), money is nano-units. It does not know how they are stored.
"""

from typing import Literal

import msgspec

from tramontane.money import Price

Window = Literal["day", "month", "total"]
Right = Literal["infer", "read", "operate"]
Owner = Literal["project", "key"]  # of a budget
Role = Literal["member", "manager"]  # of a member in a project
LinkPurpose = Literal["first_admin", "invitation", "password_reset"]
Language = Literal["de", "en", "es", "fr", "it"]
EngineState = Literal["starting", "ready", "asleep", "backing_off", "failed", "stopped"]
PullStatus = Literal["queued", "fetching", "verifying", "done", "failed", "cancelled"]


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A group that shares budgets and limits. `closed_reason` set means no tokens are served."""

    id: str
    name: str
    requests_per_minute: int
    tokens_per_minute: int
    allowed_models: tuple[str, ...] | None = None  # None: every model
    closed_reason: str | None = None
    created_at_ms: int
    policy: bytes | None = None  # JSON; None: nothing is ruled out


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of a project; its limits can only narrow the project's.

    With a `member_id` it is a member's place in the project: it has no secret, and the studio acts
    for it.

    `digest` is the keyed hash (HMAC-SHA256) of the secret; the secret itself is never stored.
    Rights: `infer` asks for tokens, `read` reads its own project, `operate` manages everything.
    """

    id: str
    project_id: str
    member_id: str | None = None
    name: str
    prefix: str
    digest: bytes
    rights: tuple[Right, ...] = ("infer", "read")
    allowed_models: tuple[str, ...] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires_at_ms: int | None = None
    revoked_at_ms: int | None = None
    created_at_ms: int
    policy: bytes | None = None  # JSON; it can only narrow the project's


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A hard limit on what a project (`key_id` None) or one key may spend in a UTC window."""

    id: str
    project_id: str
    key_id: str | None = None
    window: Window
    limit_nano: int


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A model file in the content-addressed library."""

    sha256: str
    name: str
    size_bytes: int
    architecture: str
    parameters: int | None = None
    quantisation: str | None = None
    context_tokens: int | None = None
    has_chat_template: bool = False
    added_at_ms: int


class StoredDeployment(msgspec.Struct, frozen=True, kw_only=True):
    """A model made servable by the command line or the studio; without a file, served elsewhere.

    `settings` is the JSON of a `config.DeploymentSettings`, `sealed_key` the provider's key.
    With a `project_id` it is that project's own. `card_id` is its card in the catalogue.
    """

    name: str
    model_sha256: str | None = None
    settings: bytes
    sealed_key: bytes | None = None
    created_at_ms: int
    project_id: str | None = None
    card_id: str | None = None


class StoredRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A public model name entered by the command line or the studio.

    `settings` is the JSON of a `config.RouteSettings`.
    """

    name: str
    settings: bytes
    created_at_ms: int


class StoredProvider(msgspec.Struct, frozen=True, kw_only=True):
    """An account with somebody who serves models, entered by a command or in the page.

    `settings` is the JSON of a `config.ProviderSettings`; `sealed_key` opens at its address only.
    `by_command`: entered at the operator's own machine, so its address is as good as the file's.
    """

    name: str
    kind: str
    settings: bytes
    sealed_key: bytes | None = None
    by_command: bool = False
    created_at_ms: int


class EngineInstance(msgspec.Struct, frozen=True, kw_only=True):
    """One child process that serves a deployment, as its supervisor last saw it.

    The bearer key of the child is derived from the platform's pepper and `nonce`, never stored.
    """

    deployment: str
    nonce: str
    address: str | None  # "127.0.0.1:PORT" once ready
    state: EngineState
    message: str = ""
    pid: int | None = None
    supports_tools: bool = False  # known once it is ready
    cold_start_ms: int | None = None  # how long its last start took, once there was one
    updated_at_ms: int


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One settled attempt. `estimated` marks an answer whose end never reached the gateway.

    Where it is not `is_priced`, nobody has said what it costs, and `cost_nano` is 0.
    """

    request_id: str
    attempt: int
    project_id: str
    key_id: str
    model: str
    deployment: str
    started_at_ms: int
    settled_at_ms: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost_nano: int
    estimated: bool
    status: str  # "ok", "client_left", "upstream_failed", "gateway_lost", …
    provider: str = ""  # who served it, and where; empty: not known
    region: str = ""
    cache_write_tokens: int = 0
    is_priced: bool = True
    publication_id: str = ""  # under which it was bought, from the project `publisher_id`
    publisher_id: str = ""
    serving_cost_nano: int = 0  # what serving it cost the publisher, where it was bought
    publication_version: int = 0  # by whose price and terms


class SpentWindows(msgspec.Struct, frozen=True):
    """What was spent in the day, in the month and ever, in nano-units."""

    day_nano: int = 0
    month_nano: int = 0
    total_nano: int = 0

    def plus(self, other: "SpentWindows") -> "SpentWindows":
        """Return the sum of both."""
        return SpentWindows(
            self.day_nano + other.day_nano,
            self.month_nano + other.month_nano,
            self.total_nano + other.total_nano,
        )


class Opening(msgspec.Struct, frozen=True):
    """With what a gateway's ledger begins: all that was spent, as of `start_ms`.

    `settled` and `lost` are the records that its predecessor's journal had left.
    """

    spend: tuple[tuple[Owner, str, SpentWindows], ...]
    start_ms: int
    settled: int = 0
    lost: int = 0


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which deployments are taken away, to see what stands without them.

    `without` says whose: a fact with its dimension, such as `provider:mistral`. It runs until
    `ended_at_ms` is set, at `ends_at_ms` at the latest. `report` is JSON, made some seconds later.
    """

    id: str
    without: str
    started_at_ms: int
    ends_at_ms: int
    ended_at_ms: int | None = None
    started_by: str
    report: bytes | None = None


class PublishedPrice(msgspec.Struct, frozen=True):
    """What buyers pay, in nano-units: usually, and at each service tier they may ask for."""

    usual: Price
    tiers: dict[str, Price] = {}


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A publication in one of its versions. `publisher` is the name of its project as it is now.

    `card` is JSON, `audience` ids of projects, None for everybody. A version never changes.
    `is_shared`: what serves it is everybody's deployment of that name, not its publisher's own.
    """

    id: str
    name: str
    project_id: str
    publisher: str
    deployment: str
    is_shared: bool
    version: int
    card: bytes
    terms: str
    price: PublishedPrice
    audience: tuple[str, ...] | None
    withdrawn_at_ms: int | None = None
    created_at_ms: int
    created_by: str
    changed_at_ms: int

    @property
    def owner_id(self) -> str | None:
        """Whose own the deployment is that serves it, None for everybody's."""
        return None if self.is_shared else self.project_id

    def is_for(self, project_id: str) -> bool:
        """Whether that project may accept this version: nobody buys from themselves."""
        if project_id == self.project_id:
            return False
        return self.audience is None or project_id in self.audience


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A project has accepted a version of a publication: its terms and its price."""

    publication_id: str
    project_id: str
    version: int
    accepted_at_ms: int
    accepted_by: str
    ended_at_ms: int | None = None


class PublishedName(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway needs of a publication. `prices` are those of the versions in
    `subscribers`, which are projects with the version they accepted.
    """

    id: str
    name: str
    project_id: str
    deployment: str
    is_shared: bool
    is_withdrawn: bool
    audience: tuple[str, ...] | None
    prices: dict[int, PublishedPrice]
    subscribers: tuple[tuple[str, int], ...]

    @property
    def owner_id(self) -> str | None:
        """Whose own the deployment is that serves it, None for everybody's."""
        return None if self.is_shared else self.project_id


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """All configuration in the store, as of one revision: what a gateway decides by."""

    revision: int
    projects: tuple[Project, ...]
    keys: tuple[Key, ...]
    budgets: tuple[Budget, ...]
    models: tuple[ModelFile, ...]
    deployments: tuple[StoredDeployment, ...]
    instances: tuple[EngineInstance, ...]
    providers: tuple[StoredProvider, ...] = ()
    routes: tuple[StoredRoute, ...] = ()
    drills: tuple[Drill, ...] = ()  # those that run
    publications: tuple[PublishedName, ...] = ()


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person. The hash of the password is not here: it stays in the store.

    `email` is case folded; `preferences` is a JSON object that the browser app reads and writes.
    """

    id: str
    email: str
    name: str
    is_admin: bool = False
    language: str = "en"
    preferences: bytes = b"{}"
    disabled_at_ms: int | None = None
    created_at_ms: int


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A member in a project. What they ask there is asked with the key `key_id`.

    `usable_models` are those that project and key allow, None for every model.
    """

    member_id: str
    project_id: str
    project_name: str
    closed_reason: str | None
    role: Role
    key_id: str
    usable_models: tuple[str, ...] | None
    created_at_ms: int


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A one-time link: whoever has its token may do what `purpose` says, once.

    `created_by` is the member who made it, None where the operator did. `member_id` is whose
    password it resets. `allowed_models` are what `new_project` may use, None for every model.
    """

    id: str
    digest: bytes
    purpose: LinkPurpose
    email: str | None = None
    is_admin: bool = False
    project_id: str | None = None
    role: Role | None = None
    member_id: str | None = None
    created_by: str | None = None
    created_at_ms: int
    expires_at_ms: int
    used_at_ms: int | None = None
    revoked_at_ms: int | None = None
    new_project: str | None = None
    prepaid_nano: int | None = None
    allowed_models: tuple[str, ...] | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser. `digest` is the keyed hash of its cookie."""

    id: str
    digest: bytes
    member_id: str
    user_agent: str
    created_at_ms: int
    seen_at_ms: int
    expires_at_ms: int
