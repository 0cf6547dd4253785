"""One chat request from intent to bill: steps 3 to 9, read from top to bottom.

    3 intent   4 route   5 check   6 permit   7 hold   8 exchange   9 settle

(1 and 2, the head and the principal, are the server's.) The next deployment is tried only while
nothing of an answer has been sent. It knows the OpenAI dialect through `wire`, and nothing of
sockets: the client is a `Client`, the upstream a pool.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from tramontane.errors import (
    BudgetExhausted,
    InvalidRequest,
    Overloaded,
    RateLimited,
    TramontaneError,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)
from tramontane.gateway import routing
from tramontane.gateway.admission import Permit
from tramontane.gateway.answers import Answer, WholeBody, refusal, require_type
from tramontane.gateway.directory import OUTPUT_TOKENS_ASSUMED, Deployment, Directory, Principal
from tramontane.gateway.flow import Flow, Signal
from tramontane.gateway.ledger import Ledger
from tramontane.gateway.limits import Admitted, Limits
from tramontane.gateway.relay import Gathered, Progress, StreamRelay
from tramontane.gateway.service import Service
from tramontane.gateway.telemetry import AccessRecord, Series, Telemetry
from tramontane.gateway.upstream import UpstreamConnection
from tramontane.money import NANO, Usage, affordable_output_tokens
from tramontane.store.journal import Hold
from tramontane.wire.http import ResponseHead
from tramontane.wire.openai import errors as openai_errors
from tramontane.wire.openai import events
from tramontane.wire.openai.intent import (
    FALSE,
    INCLUDE_USAGE,
    TRUE,
    Intent,
    encode,
    read_chat,
)
from tramontane.wire.openai.local import local_fields

JSON = b"application/json"
_TRY_NEXT = (UpstreamFailed, UpstreamTimeout, Overloaded, RateLimited, Unavailable)
UNSTATED_OUTPUT_ESTIMATE = 256
RETRY_WORTH_S = 60.0


class ClientLeft(Exception):
    """The client closed its connection."""


class Client(Protocol):
    """The connection an answer goes to."""

    is_open: bool

    def respond(self, status: int, fields: bytes, body: bytes) -> None: ...
    def start_stream(self, fields: bytes) -> None: ...
    def write_chunk(self, data: bytes) -> None: ...
    def write_payload(self, payload: bytes) -> None: ...
    def end_stream(self) -> None: ...
    def break_stream(self) -> None: ...


class Desk(Protocol):
    """What exchanges share; built once by the gateway's process."""

    ledger: Ledger
    limits: Limits
    telemetry: Telemetry
    currency: str
    first_byte_timeout_s: float
    idle_timeout_s: float
    answer_bytes: int
    clock_s: Callable[[], float]
    clock_ms: Callable[[], int]

    @property
    def directory(self) -> Directory: ...
    def service(self, deployment: Deployment) -> Service: ...
    def new_request_id(self) -> str: ...
    def exchange_ended(self, exchange: "Exchange") -> None: ...
    def later(self, callback: Callable[[], None]) -> None: ...


class Exchange:
    """One request. `deadline_s` (None: none) tells the sweeper when it fails, `_late` how."""

    __slots__ = (
        "_admitted", "_client", "_connection", "_desk", "_first_byte_s", "_flow", "_hold",
        "_intent", "_is_streaming", "_last_byte_s", "_late", "_permit", "_prompt_tokens", "_sent",
        "_series", "_service", "_settled", "_started_ms", "_started_s",
        "attempt", "deadline_s", "principal", "progress", "request_id",
    )  # fmt: skip

    def __init__(self, desk: Desk, client: Client, principal: Principal) -> None:
        self._desk = desk
        self._client: Client = client
        self.principal = principal
        self.request_id = desk.new_request_id()
        self.attempt = 0
        self.deadline_s: float | None = None
        self._late: Callable[[], TramontaneError] = _first_byte_late
        self.progress: Progress | None = None
        self._flow: Flow | None = None
        self._connection: UpstreamConnection | None = None
        self._permit: Permit | None = None
        self._service: Service | None = None
        self._hold: Hold | None = None
        self._admitted: Admitted | None = None
        self._series: Series | None = None
        self._intent: Intent | None = None
        self._prompt_tokens = 0
        self._is_streaming = False
        self._sent = False
        self._settled: tuple[Usage, int, bool, str] | None = None
        self._started_s = self._first_byte_s = self._last_byte_s = 0.0
        self._started_ms = 0

    # --- what the server calls -----------------------------------------------------------------

    def start(self, body: bytes) -> None:
        """Begin; the answer, or an error in the dialect's form, goes to the client."""
        self._started_s = self._desk.clock_s()
        self._started_ms = self._desk.clock_ms()
        self._flow = Flow(self._run(body), self._crashed)
        self._flow.start()

    def client_left(self) -> None:
        """The client is gone. A whole answer of a provider is still read, and billed."""
        deployment = self._service.deployment if self._service is not None else None
        if (
            self._connection is not None
            and deployment is not None
            and not deployment.is_local
            and not self._is_streaming
        ):
            return
        self.throw(ClientLeft())

    def throw(self, error: BaseException) -> None:
        """End the request with `error` (revoked key, timeout, shutdown)."""
        if self._flow is not None:
            self._flow.throw(error)

    def pause(self) -> None:
        """The client reads too slowly: stop reading from the upstream."""
        if self._connection is not None:
            self._connection.pause()

    def resume(self) -> None:
        """The client has caught up."""
        if self._connection is not None:
            self._connection.resume()
            self._last_byte_s = self._desk.clock_s()

    def note_bytes(self) -> None:
        """Bytes of an answer have come: for the clock of first and further tokens."""
        now = self._desk.clock_s()
        if self._first_byte_s == 0.0:
            self._first_byte_s = now
            self.deadline_s = None
        elif self._series is not None and self._is_streaming:
            self._series.between_tokens.observe(now - self._last_byte_s)
        self._last_byte_s = now

    def is_overdue(self, now_s: float) -> TramontaneError | None:
        """Return the error to throw where a deadline has passed, else None."""
        if self.deadline_s is not None:
            return self._late() if now_s > self.deadline_s else None
        connection = self._connection
        if (
            connection is not None
            and not connection.is_paused
            and self._last_byte_s
            and now_s - self._last_byte_s > self._desk.idle_timeout_s
        ):
            return UpstreamTimeout("The upstream stopped sending.")
        return None

    # --- steps 3 to 9 --------------------------------------------------------------------------

    async def _run(self, body: bytes) -> None:
        try:
            intent = self._intent = read_chat(body)  # 3
            directory = self._desk.directory
            route = routing.candidates(directory, self.principal, intent.model)  # 4
            self._check(intent, self._desk.service(route[0]))  # 5
            for deployment in route:
                self.attempt += 1
                try:
                    await self._attempt(intent, self._desk.service(deployment))
                    break
                except _TRY_NEXT as error:
                    if self._sent or deployment is route[-1]:
                        raise
                    self._log(error)
        except ClientLeft:
            self._log(None)
        except TramontaneError as error:
            self._refuse(error)
            self._log(error)
        else:
            self._log(None)
        finally:
            if self._admitted is not None and self._settled is None:
                self._admitted.reconcile(0)
            self._desk.exchange_ended(self)

    def _check(self, intent: Intent, service: Service) -> None:
        self._series = self._desk.telemetry.series(self.principal.project.name, intent.model)
        estimate = service.estimate_prompt_tokens(intent.prompt_bytes)
        estimate += intent.choices * (intent.max_tokens or UNSTATED_OUTPUT_ESTIMATE)
        self._admitted = self._desk.limits.admit(self.principal, estimate, self._started_s)

    async def _attempt(self, intent: Intent, service: Service) -> None:
        self._service = service
        self._settled = None
        self._first_byte_s = self._last_byte_s = 0.0
        self.progress = None
        permit = service.gate.enter(self.principal.project.id)  # 6
        if permit is None:
            permit = await self._queue(service)
        self._permit = permit
        try:
            fields, output_bound = self._limit_output(intent, service)
            self._hold = self._take_hold(intent, service, output_bound)  # 7
            try:
                await self._forward(intent, service, permit, fields)  # 8
            except ClientLeft:
                self._settle_interrupted("client_left")
                raise
            except TramontaneError as error:
                self._settle_interrupted(_status_of(error))
                raise
            except BaseException:
                self._settle_interrupted("gateway_failed")
                raise
        finally:
            self._drop_connection()
            self.deadline_s = None
            self._permit = None
            service.gate.release(permit)

    async def _queue(self, service: Service) -> Permit:
        signal: Signal[Permit] = Signal()
        gate = service.gate
        is_waiting = True

        def take(permit: Permit) -> None:
            if is_waiting:
                signal.resolve(permit)
            else:
                gate.release(permit)

        def admitted(permit: Permit) -> None:
            self._desk.later(lambda: take(permit))  # not on the stack of whoever released it

        ticket = gate.wait(self.principal.project.id, admitted)
        self.deadline_s = self._desk.clock_s() + service.deployment.queue_timeout_s
        self._late = lambda: Overloaded(
            f"Waited {service.deployment.queue_timeout_s:g} seconds for a place at this model.",
            retry_after_s=gate.predicted_wait_s(gate.waiting),
        )
        try:
            return await signal
        finally:
            is_waiting = False
            gate.cancel(ticket)
            self.deadline_s = None

    def _limit_output(self, intent: Intent, service: Service) -> tuple[dict[str, msgspec.Raw], int]:
        """Return the fields to send and the most output tokens they allow, over all choices."""
        deployment = service.deployment
        fields = intent.fields
        limit = intent.max_tokens
        if limit is None:
            stated = deployment.max_output_tokens or (
                deployment.context_tokens if deployment.is_local else None
            )
            limit = stated or OUTPUT_TOKENS_ASSUMED
            available = self._desk.ledger.available_nano(
                self.principal.project.id, self.principal.key.id
            )
            if available is not None:
                prompt = self._prompt_bound(intent, deployment)
                affordable = affordable_output_tokens(deployment.price, prompt, available)
                if affordable is not None and affordable // intent.choices >= 1:
                    limit = min(limit, affordable // intent.choices)
            if stated is not None or available is not None:
                fields = fields | {deployment.max_tokens_field: msgspec.Raw(b"%d" % limit)}
        elif deployment.max_output_tokens is not None and limit > deployment.max_output_tokens:
            raise InvalidRequest(
                f"The model '{intent.model}' gives at most {deployment.max_output_tokens} output"
                f" tokens; {limit} were asked for.",
                code="invalid_value",
                param="max_completion_tokens"
                if "max_completion_tokens" in intent.fields
                else "max_tokens",
            )
        return fields, limit * intent.choices

    def _prompt_bound(self, intent: Intent, deployment: Deployment) -> int:
        return (
            intent.prompt_bytes
            + deployment.template_tokens
            + intent.images * deployment.image_tokens
        )

    def _take_hold(self, intent: Intent, service: Service, output_bound: int) -> Hold:
        deployment = service.deployment
        bound = self._prompt_bound(intent, deployment)
        self._prompt_tokens = min(
            bound,
            service.estimate_prompt_tokens(intent.prompt_bytes)
            + intent.images * deployment.image_tokens,
        )
        return self._desk.ledger.hold(
            request_id=self.request_id,
            attempt=self.attempt,
            project_id=self.principal.project.id,
            key_id=self.principal.key.id,
            model=intent.model,
            deployment=deployment.name,
            price=deployment.price,
            prompt_bound_tokens=bound,
            prompt_estimate_tokens=self._prompt_tokens,
            output_bound_tokens=output_bound,
        )

    async def _forward(
        self, intent: Intent, service: Service, permit: Permit, fields: dict[str, msgspec.Raw]
    ) -> None:
        deployment = service.deployment
        request = self._request(intent, service, permit, fields)
        connection = service.pool.take_idle()
        is_reused = connection is not None
        if connection is None:
            connection = await service.pool.connect()
        answer = Answer(self.note_bytes)
        self._connection = connection
        self.deadline_s = self._desk.clock_s() + self._desk.first_byte_timeout_s
        self._late = _first_byte_late
        connection.send(request, answer)
        try:
            head = await answer.head
        except UpstreamFailed:
            if not is_reused or connection.got_bytes:
                raise
            # A kept connection that closed as we wrote: the upstream never read the request.
            self._connection = None
            connection = await service.pool.connect()
            answer = Answer(self.note_bytes)
            self._connection = connection
            connection.send(request, answer)
            head = await answer.head
        if head.status != 200:
            await self._upstream_refused(head, answer, deployment)
        elif intent.stream:
            await self._stream(head, answer, deployment, intent)
        elif deployment.is_local:
            await self._gather(head, answer, deployment)
        else:
            await self._whole(head, answer, deployment)

    def _request(
        self, intent: Intent, service: Service, permit: Permit, fields: dict[str, msgspec.Raw]
    ) -> bytes:
        deployment = service.deployment
        changed = dict(fields)
        changed["model"] = deployment.upstream_model
        stream = intent.stream
        if deployment.is_local:
            stream = True
            changed = local_fields(changed, intent)
            changed["id_slot"] = msgspec.Raw(b"%d" % permit.slot)
            may_reuse = permit.is_same_tenant or deployment.shares_prompt_cache
            changed["cache_prompt"] = TRUE if may_reuse else FALSE
            changed["stream"] = TRUE
        if stream and deployment.asks_stream_usage:
            changed["stream_options"] = INCLUDE_USAGE
        body = encode(changed)
        return b"%bx-request-id: %b\r\naccept: %b\r\ncontent-length: %d\r\n\r\n%b" % (
            service.request_head,
            self.request_id.encode(),
            b"text/event-stream" if stream else JSON,
            len(body),
            body,
        )

    # --- the four kinds of answers -------------------------------------------------------------

    async def _stream(
        self, head: ResponseHead, answer: Answer, deployment: Deployment, intent: Intent
    ) -> None:
        require_type(head, b"text/event-stream")
        drops = deployment.asks_stream_usage and not intent.include_usage
        relay = StreamRelay(
            self._client, drops_usage=drops, checkpoint=self._checkpoint, settle=self._settle_stream
        )
        self.progress = relay.progress
        self._is_streaming = True
        answer.read_into(relay)
        self._sent = True
        self._client.start_stream(self._fields(deployment))
        await answer.ended
        self._linger()
        self._client.end_stream()

    async def _gather(self, head: ResponseHead, answer: Answer, deployment: Deployment) -> None:
        require_type(head, b"text/event-stream")
        gathered = Gathered(self._checkpoint, self._desk.answer_bytes)
        self.progress = gathered.progress
        answer.read_into(gathered)
        await answer.ended
        self._linger()
        usage = gathered.progress.usage
        cost = self._settle(usage or self._estimate(), estimated=usage is None, status="ok")
        self._sent = True
        self._client.respond(200, self._fields(deployment, cost), gathered.result())

    async def _whole(self, head: ResponseHead, answer: Answer, deployment: Deployment) -> None:
        require_type(head, JSON)
        whole = WholeBody(self._desk.answer_bytes)
        answer.read_into(whole)
        await answer.ended
        self._connection = None
        body = whole.result()
        try:
            usage = events.read_answer_usage(body)
        except ValueError:
            raise UpstreamFailed("The upstream's answer is not valid JSON.") from None
        if usage is None:
            usage = Usage(self._prompt_tokens, max(1, len(body) // 4))
            cost = self._settle(usage, estimated=True, status="ok")
        else:
            cost = self._settle(usage, estimated=False, status="ok")
        self._sent = True
        if self._client.is_open:
            self._client.respond(200, self._fields(deployment, cost), body)

    async def _upstream_refused(
        self, head: ResponseHead, answer: Answer, deployment: Deployment
    ) -> None:
        whole = WholeBody(self._desk.answer_bytes)
        answer.read_into(whole)
        await answer.ended
        self._connection = None
        error = refusal(head, whole.result(), deployment)
        if isinstance(error, InvalidRequest):
            self._release("refused")
        raise error

    # --- settling ------------------------------------------------------------------------------

    def _checkpoint(self, completion_tokens: int) -> None:
        if self._hold is not None:
            self._desk.ledger.checkpoint(self._hold, completion_tokens)

    def _settle_stream(self) -> None:
        progress = self.progress
        assert progress is not None and self._service is not None
        usage = progress.usage if self._service.deployment.trusts_stream_usage else None
        self._settle(usage or self._estimate(), estimated=usage is None, status="ok")

    def _estimate(self) -> Usage:
        received = self.progress.events if self.progress is not None else 0
        return Usage(self._prompt_tokens, received)

    def _settle_interrupted(self, status: str) -> None:
        """Bill what the upstream had sent: nothing where it never got the request."""
        if self._hold is None:
            return
        connection = self._connection
        if connection is None or (status != "client_left" and not self._is_started()):
            self._release(status)
            return
        progress = self.progress
        if progress is not None and progress.usage is not None and progress.is_complete:
            self._settle(progress.usage, estimated=False, status=status)
        else:
            self._settle(self._estimate(), estimated=True, status=status)

    def _is_started(self) -> bool:
        return self.progress is not None and self.progress.events > 0

    def _release(self, status: str) -> None:
        hold, self._hold = self._hold, None
        if hold is not None:
            self._desk.ledger.release(hold, status=status)
            self._settled = (Usage(), 0, False, status)
            if self._admitted is not None:
                self._admitted.reconcile(0)

    def _settle(self, usage: Usage, *, estimated: bool, status: str) -> int:
        hold, self._hold = self._hold, None
        if hold is None:
            return 0
        cost = self._desk.ledger.settle(hold, usage, estimated=estimated, status=status)
        self._settled = (usage, cost, estimated, status)
        if self._admitted is not None:
            self._admitted.reconcile(usage.prompt_tokens + usage.completion_tokens)
        if not estimated and usage.prompt_tokens and self._service and self._intent:
            self._service.learn(self._intent.prompt_bytes, usage.prompt_tokens)
        series = self._series
        if series is not None:
            series.prompt_tokens += usage.prompt_tokens
            series.completion_tokens += usage.completion_tokens
            series.cost_nano += cost
            series.estimated += estimated
            if self._first_byte_s:
                series.first_token.observe(self._first_byte_s - self._started_s)
        return cost

    # --- endings -------------------------------------------------------------------------------

    def _linger(self) -> None:
        """The answer is whole; let the connection read its last chunk and go back to the pool."""
        connection, self._connection = self._connection, None
        if connection is not None and self._service is not None:
            self._service.pool.linger(connection)

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.detach()

    def _fields(self, deployment: Deployment, cost_nano: int | None = None) -> bytes:
        assert self._admitted is not None
        fields = b"x-request-id: %b\r\nx-tramontane-deployment: %b\r\n%b" % (
            self.request_id.encode(),
            deployment.name.encode(),
            self._admitted.fields(),
        )
        if deployment.is_demonstration:
            fields += b"x-tramontane-demonstration: true\r\n"
        if cost_nano is not None:
            fields += b"x-tramontane-cost: %b\r\nx-tramontane-currency: %b\r\n" % (
                b"%d.%09d" % divmod(cost_nano, NANO),
                self._desk.currency.encode(),
            )
        return fields

    def _refuse(self, error: TramontaneError) -> None:
        if not self._client.is_open:
            return
        if self._sent:
            self._client.write_payload(openai_errors.render_event(error))
            self._client.break_stream()
            return
        self._client.respond(
            error.status, error_fields(error, self.request_id), openai_errors.render(error)
        )

    def _log(self, error: TramontaneError | None) -> None:
        intent, settled, service = self._intent, self._settled, self._service
        status = 200 if error is None else error.status
        outcome = settled[3] if settled else ("client_left" if error is None else error.code)
        if self._series is not None:
            self._series.count(outcome)
        elif error is not None:
            self._desk.telemetry.count_refused(error.status, error.code)
        usage = settled[0] if settled else Usage()
        now = self._desk.clock_s()
        self._desk.telemetry.log(
            AccessRecord(
                at_ms=self._started_ms,
                request_id=self.request_id,
                project=self.principal.project.name,
                key=self.principal.key.prefix,
                model=intent.model[:128] if intent else "",
                deployment=service.deployment.name if service else "",
                status=status,
                outcome=outcome,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                cost_nano=settled[1] if settled else 0,
                estimated=settled[2] if settled else False,
                first_token_ms=int((self._first_byte_s - self._started_s) * 1000)
                if self._first_byte_s
                else 0,
                total_ms=int((now - self._started_s) * 1000),
                error=error.code if error else None,
            )
        )

    def _crashed(self, error: Exception) -> None:
        """A fault of ours: answer as such and let the outer edge report it."""
        self._refuse(TramontaneError("The gateway failed on this request; nothing was lost."))
        raise error


def _first_byte_late() -> TramontaneError:
    return UpstreamTimeout("The upstream did not begin to answer in time.")


def error_fields(error: TramontaneError, request_id: str) -> bytes:
    """Return the header fields that go with `error`."""
    fields = b"x-request-id: %b\r\n" % request_id.encode()
    if error.retry_after_s is not None:
        whole = max(1, int(error.retry_after_s + 0.999))
        fields += b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (
            whole,
            max(1, int(error.retry_after_s * 1000)),
        )
    if isinstance(error, BudgetExhausted) and (error.retry_after_s or 1e9) > RETRY_WORTH_S:
        fields += b"x-should-retry: false\r\n"
    if isinstance(error, Unauthenticated):
        fields += b"www-authenticate: Bearer\r\n"
    return fields


def _status_of(error: TramontaneError) -> str:
    if isinstance(error, UpstreamTimeout):
        return "upstream_timeout"
    if isinstance(error, UpstreamFailed | RateLimited | Overloaded | Unavailable):
        return "upstream_failed"
    if isinstance(error, Unauthenticated):
        return "revoked"
    return error.code
