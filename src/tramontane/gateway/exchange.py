"""One chat request from intent to bill: steps 3 to 9, read from top to bottom.

    3 intent   4 route   5 check   6 permit   7 hold   8 exchange   9 settle

(1 and 2, the head and the principal, are the server's.) The next deployment is tried only while
nothing of an answer has been sent. Where client and deployment speak the same dialect the bytes
are spliced, else translated (`translation`). It knows nothing of sockets: the client is a `Client`,
the upstream a pool.
"""

import logging
from collections.abc import Callable

from tramontane.errors import (
    InvalidRequest,
    RateLimited,
    TramontaneError,
    UpstreamFailed,
    UpstreamTimeout,
)
from tramontane.gateway import outgoing, routing
from tramontane.gateway.admission import Permit
from tramontane.gateway.answers import (
    FAILURES,
    UNWELL,
    Answer,
    WholeBody,
    refusal,
    relay_for,
    require_type,
)
from tramontane.gateway.bill import Bill, status_of
from tramontane.gateway.bounds import limit_output, require_possible
from tramontane.gateway.desk import Client, ClientLeft, Desk
from tramontane.gateway.directory import Deployment, Principal
from tramontane.gateway.endpoints import OPENAI_CHAT, Endpoint
from tramontane.gateway.fields import answer_fields, error_fields
from tramontane.gateway.flow import Flow, Signal, pause
from tramontane.gateway.patience import Patience
from tramontane.gateway.relay import Progress
from tramontane.gateway.retries import TRY_NEXT, Attempts
from tramontane.gateway.service import Service, said_to
from tramontane.gateway.translation import (
    Translation,
    counted_here,
    gathering,
    intent_of,
    rendered,
    translation_to,
    without_prompt,
    writer_of,
)
from tramontane.gateway.upstream import UpstreamConnection
from tramontane.gateway.waiting import Waiting, moved_to, serving
from tramontane.wire.dialect import EVENT_STREAM, Asked, StreamWriter
from tramontane.wire.http import ResponseHead
from tramontane.wire.openai import events
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.openai.intent import Intent

JSON = b"application/json"
UNSTATED_OUTPUT_ESTIMATE = 256
USAGE_DUE_S = 0.5

_log = logging.getLogger(__name__)


class Exchange:
    """One request. `deadline_s` (None: none) tells the sweeper when it fails, `_late` how."""

    __slots__ = (
        "_asked", "_attempts", "_bill", "_client", "_connection", "_desk", "_drops", "_endpoint",
        "_flow", "_is_open", "_is_streaming", "_last_byte_s", "_late", "_named", "_offered",
        "_sent", "_service", "_translation", "_was_asked", "_writer", "attempt", "deadline_s",
        "principal", "progress", "request_id",
    )  # fmt: skip

    def __init__(self, desk: Desk, client: Client, principal: Principal) -> None:
        self._desk = desk
        self._client: Client = client
        self._bill = Bill(desk.ledger, desk.clock_s(), desk.clock_ms())
        self._flow: Flow | None = None
        self._connection: UpstreamConnection | None = None
        self._service: Service | None = None
        self._offered: Deployment  # the service's, at the price of who asks
        self._endpoint: Endpoint = OPENAI_CHAT
        self._asked: Asked | None = None  # once its dialect has been read as more than an intent
        self._drops = False
        self._translation: Translation | None = None  # of the attempt under way, unless spliced
        self._writer: StreamWriter | None = None  # of the stream, once it has begun
        self._is_streaming = False
        self._is_open = False  # a stream's head is out, since it waited; no content yet
        self._sent = False
        self._last_byte_s = 0.0
        self._late: Callable[[], TramontaneError | float] = _first_byte_late
        self.principal = principal
        self.request_id = desk.new_request_id()
        self.attempt = 0
        self.deadline_s: float | None = None
        self.progress: Progress | None = None
        self._attempts: Attempts
        self._was_asked = False  # by the attempt under way: its request has left

    # --- what the server calls -----------------------------------------------------------------

    def start(
        self,
        body: bytes,
        endpoint: Endpoint = OPENAI_CHAT,
        *,
        model: str | None = None,
        query: bytes = b"",
        drops: bool = False,
    ) -> None:
        """Begin; the answer, or an error in the dialect's form, goes to the client.

        `model` where the path names it. `drops`: what a provider has nothing for may be left out.
        """
        self._endpoint = endpoint
        self._drops = drops
        self._flow = Flow(self._run(body, model, query), self._crashed)
        self._flow.start()

    def client_left(self) -> None:
        """The client is gone. A whole answer of a provider is still read, and billed."""
        service, intent = self._service, self._bill.intent
        if (
            self._connection is not None
            and service is not None
            and not service.deployment.is_local
            and intent is not None
            and not intent.stream
        ):
            return
        progress = self.progress
        if progress is not None and progress.is_complete and not progress.is_done:
            # The whole answer is out, only its usage is due: wait for that, to bill exactly.
            self.deadline_s = self._desk.clock_s() + USAGE_DUE_S
            return
        self.throw(ClientLeft())

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self._flow is not None and self._flow.is_done

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
        bill = self._bill
        if bill.first_byte_s == 0.0:
            bill.first_byte_s = now
            self.deadline_s = None
        elif self._is_streaming and bill.series is not None:
            bill.series.between_tokens.observe(now - self._last_byte_s)
        self._last_byte_s = now

    def is_overdue(self, now_s: float) -> TramontaneError | None:
        """Return the error to throw where a deadline has passed, else None."""
        if self.deadline_s is not None:
            late = self._late() if now_s > self.deadline_s else None
            if isinstance(late, float):  # it was put off
                self.deadline_s = late
                return None
            return late
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

    async def _run(self, body: bytes, model: str | None, query: bytes) -> None:
        failure: TramontaneError | None = None
        try:
            intent = self._bill.intent = self._read(body, model, query)  # 3
            del body  # the intent holds what is needed of it, until the answer begins
            desk = self._desk
            plan = routing.plan(  # 4
                desk.directory,
                self.principal,
                routing.facts_of(intent),
                now_ms=desk.clock_ms(),
                draw=desk.draw,
            )
            self._check(intent, desk.service(plan.deployments[0]))  # 5
            await self._try(intent, desk.resilience.attempts(plan, intent.model))
        except ClientLeft:
            pass
        except TramontaneError as error:
            failure = error
            self._refuse(error)
        finally:
            desk = self._desk
            self._bill.close(
                desk.telemetry, self.principal, self.request_id, failure, desk.clock_s()
            )
            desk.exchange_ended(self)

    async def _try(self, intent: Intent, attempts: Attempts) -> None:
        """Steps 6 to 9 at one deployment after the other, until one has answered."""
        self._attempts = attempts
        while True:
            offered = self._offered = attempts.next()
            service = self._desk.service(offered)
            self.attempt += 1
            self._was_asked = False
            try:
                await self._attempt(intent, service)
                return
            except (*TRY_NEXT, InvalidRequest) as error:
                if isinstance(error, InvalidRequest) and self._was_asked:
                    raise  # of one that cannot be put in this deployment's dialect, perhaps
                attempts.failed(error)
                failure = error
            finally:
                attempts.ended()
            if self._sent or not self._client.is_open:
                raise failure
            pause_s = attempts.pause_s(failure, was_asked=self._was_asked)
            if pause_s is None:
                raise failure
            if pause_s:
                await pause(self._desk.after, pause_s)

    def _read(self, body: bytes, model: str | None, query: bytes) -> Intent:
        endpoint = self._endpoint
        if endpoint.intent is not None:
            return endpoint.intent(body)
        asked = self._asked = endpoint.client.read(body, model, query)
        return intent_of(asked)

    def _translation_for(self, intent: Intent, deployment: Deployment) -> Translation | None:
        """Return the way to `deployment`, None where it speaks the client's own dialect."""
        endpoint = self._endpoint
        drops = self._drops or deployment.drops_unsupported
        is_engine = deployment.is_local and (intent.operation != "chat" or drops)
        if endpoint.path and endpoint.client.dialect == deployment.dialect and not is_engine:
            return None
        if self._asked is None:
            assert endpoint.asked is not None
            self._asked = endpoint.asked(intent)
        return translation_to(
            deployment, endpoint.client, self._asked, self.request_id, drops=self._drops
        )

    def _check(self, intent: Intent, service: Service) -> None:
        bill = self._bill
        bill.series = self._desk.telemetry.series(self.principal.project.name, intent.model)
        limit = (intent.max_tokens or UNSTATED_OUTPUT_ESTIMATE) if intent.gives_text else 0
        context_tokens = service.deployment.context_tokens
        if context_tokens is not None and limit > context_tokens:
            limit = context_tokens  # whatever was asked for, no more can come
        estimate = service.estimate_prompt_tokens(intent) + intent.choices * limit
        bill.admitted = self._desk.limits.admit(self.principal, estimate, bill.started_s)

    async def _attempt(self, intent: Intent, service: Service) -> None:
        self._service = service
        self.progress = None
        self._last_byte_s = 0.0
        if intent.operation == "count_tokens" and self._is_counted_here(service.deployment):
            return
        self._translation = self._translation_for(intent, service.deployment)
        permit = service.gate.enter(self.principal.project.id)  # 6
        if permit is None:
            permit = await self._queue(intent, service)
        bill, offered, who = self._bill, self._offered, self.principal
        try:
            limit, bound = limit_output(intent, service, offered, who, self._desk.ledger)
            if intent.operation != "count_tokens":  # which is free
                bill.hold(who, self.request_id, self.attempt, intent, service, offered, bound)  # 7
            try:
                await self._forward(intent, service, permit, limit)  # 8 and 9
            except ClientLeft:
                self._settle_interrupted("client_left")
                raise
            except TramontaneError as error:
                if isinstance(error, UpstreamFailed | UpstreamTimeout):
                    service.has_failed = True
                self._settle_interrupted(status_of(error))
                raise
            except BaseException:
                self._settle_interrupted("gateway_failed")
                raise
        finally:
            self._drop_connection()
            self.deadline_s = None
            permit.was_served = self.progress is not None and self.progress.events > 0
            service.gate.release(permit)

    def _is_counted_here(self, deployment: Deployment) -> bool:
        """Answer a count by estimate where the deployment has no words for it."""
        client, asked = self._endpoint.client, self._asked
        if deployment.dialect == client.dialect and not deployment.is_local:
            return False
        assert asked is not None
        self._sent = True
        self._client.respond(200, self._fields(), counted_here(client, asked))
        return True

    def _settle_interrupted(self, status: str) -> None:
        was_sent = self._connection is not None
        self._bill.settle_interrupted(self.progress, status, was_sent=was_sent)

    async def _queue(self, intent: Intent, service: Service) -> Permit:
        offered, ledger = self._offered, self._desk.ledger
        require_possible(intent, service, offered, self.principal, ledger, self._translation)
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

        def refused(error: TramontaneError) -> None:
            self._desk.later(lambda: signal.fail(said_to(offered, error)))

        told = None
        if intent.stream and self._endpoint.tells_waiting:
            told = Waiting(self._desk.clock_s, self._tell_waiting).moved
        ticket = gate.wait(self.principal.project.id, admitted, told, refused)
        if self._is_open:
            self._client.write_payload(moved_to(offered.shown_name))
        timeout_s = service.deployment.queue_timeout_s
        patience = Patience(gate, timeout_s, self._attempts.within, self._desk.clock_s)
        self.deadline_s, self._late = patience.ends_s(), patience.late
        try:
            permit = await signal
            if self._is_open:
                self._tell_serving()
            return permit
        finally:
            is_waiting = False
            gate.cancel(ticket)
            self.deadline_s = None

    def _tell_waiting(self, comment: bytes) -> None:
        client = self._client
        if not self._is_open:
            self._is_open = True
            self._named = ""
            admitted = self._bill.admitted
            assert admitted is not None
            fields = b"x-request-id: %b\r\n" % self.request_id.encode() + admitted.fields()
            client.start_stream(fields, keeps_body=True)  # what serves it is not known yet
        if client.write_blocked_s is None:  # who does not read does not have to be told
            client.write_payload(comment)

    def _tell_serving(self) -> None:
        """Name what has taken the request: the head was sent before that was known."""
        name = self._offered.shown_name
        if self._named != name:
            self._named = name
            self._client.write_payload(serving(name))

    def _outgoing(
        self, intent: Intent, service: Service, permit: Permit, limit: int | None
    ) -> tuple[bytes, Chunks | None]:
        deployment, translation = service.deployment, self._translation
        if deployment.is_local:
            return outgoing.to_engine(
                intent, service, permit, self.request_id, limit, translation=translation
            )
        if translation is None:
            path = self._endpoint.path
            return outgoing.spliced(intent, service, path, self.request_id, limit), None
        now_s = self._desk.clock_ms() / 1000
        request = outgoing.translated(translation, deployment, self.request_id, limit, now_s)
        return request, None

    async def _forward(
        self, intent: Intent, service: Service, permit: Permit, limit: int | None
    ) -> None:
        deployment = service.deployment
        request, chunks = self._outgoing(intent, service, permit, limit)
        connection = service.pool.take_idle()
        is_reused = connection is not None
        if connection is None:
            connection = await service.pool.connect()
        answer = Answer(self.note_bytes)
        self._connection = connection
        patience_s = self._attempts.first_byte_s(self._desk.first_byte_timeout_s)
        self.deadline_s = self._desk.clock_s() + patience_s
        self._late = _first_byte_late
        self._was_asked = True
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
        request = b""
        service.has_failed = head.status in FAILURES
        if head.status not in UNWELL:
            self._attempts.answered()
        if head.status != 200:
            await self._upstream_refused(head, answer, deployment)
        elif intent.stream:
            await self._stream(head, answer, deployment, intent, chunks)
        elif deployment.is_local and intent.gives_text:
            await self._gather(head, answer, chunks)
        else:
            await self._whole(head, answer, deployment, gives_text=intent.gives_text)

    # --- the four kinds of answers -------------------------------------------------------------

    async def _stream(
        self,
        head: ResponseHead,
        answer: Answer,
        deployment: Deployment,
        intent: Intent,
        chunks: Chunks | None,
    ) -> None:
        translation = self._translation
        is_remote = translation is not None and chunks is None
        require_type(
            head, translation.upstream.stream_type if is_remote and translation else EVENT_STREAM
        )
        drops = deployment.asks_stream_usage and not intent.include_usage and translation is None
        trusts_usage = deployment.trusts_stream_usage
        bill = self._bill

        def begin() -> Client:
            self._sent = True
            self._forget_prompt(intent)
            if self._is_open:
                self._client.release_body()
                self._tell_serving()
            else:
                self._client.start_stream(
                    self._fields(), media_type=self._endpoint.client.stream_type
                )
            return self._client

        def settle(progress: Progress) -> None:
            bill.settle(progress.usage if trusts_usage else None, progress, "ok")

        self._writer = translation.writer() if translation is not None else None
        relay = relay_for(
            begin,
            translation,
            self._writer,
            chunks,
            choices=intent.choices,
            drops_usage=drops,
            checkpoint=bill.checkpoint,
            settle=settle,
        )
        self.progress = relay.progress
        self._is_streaming = True
        answer.read_into(relay)
        if self._client.write_blocked_s is not None:  # by an answer before this one
            self.pause()
        await answer.ended
        self._linger()
        self._client.end_stream()

    def _forget_prompt(self, intent: Intent) -> None:
        """No other attempt follows: a long stream holds no request."""
        intent.fields.clear()
        if self._asked is not None:
            self._asked = without_prompt(self._asked)
        if self._translation is not None:
            self._translation.forget_prompt()

    async def _gather(self, head: ResponseHead, answer: Answer, chunks: Chunks | None) -> None:
        require_type(head, EVENT_STREAM)
        bill, how = self._bill, self._translation
        whole = gathering(chunks, how, bill.checkpoint, self._desk.answer_bytes)
        self.progress = whole.progress
        answer.read_into(whole)
        await answer.ended
        self._linger()
        cost = bill.settle(whole.progress.usage, whole.progress, "ok")
        body = whole.result() if chunks is None else rendered(whole.result(), how)
        self._sent = True
        self._client.respond(200, self._fields(cost), body)

    async def _whole(
        self, head: ResponseHead, answer: Answer, deployment: Deployment, *, gives_text: bool
    ) -> None:
        require_type(head, JSON)
        whole = WholeBody(self._desk.answer_bytes)
        answer.read_into(whole)
        await answer.ended
        self._connection = None
        body = whole.result()
        progress = whole.progress
        if self._translation is not None:
            body, progress = self._translation.whole(body)
        else:
            try:
                progress.usage = events.read_answer_usage(body, gives_text=gives_text)
            except ValueError:
                raise UpstreamFailed("The upstream's answer is not valid JSON.") from None
            progress.events = len(body) // 4  # should the provider not have counted
            if deployment.service_tiers:
                progress.service_tier = events.read_service_tier(body)
        cost = self._bill.settle(progress.usage, progress, "ok")
        self._sent = True
        if self._client.is_open:
            self._client.respond(200, self._fields(cost), body)

    async def _upstream_refused(
        self, head: ResponseHead, answer: Answer, deployment: Deployment
    ) -> None:
        whole = WholeBody(self._desk.answer_bytes)
        answer.read_into(whole)
        await answer.ended
        self._connection = None
        error = refusal(head, whole.result(), deployment, self._offered, self._translation)
        if isinstance(error, InvalidRequest):
            self._bill.release("refused")
        raise error

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

    def _fields(self, cost_nano: int | None = None) -> bytes:
        admitted = self._bill.admitted
        assert admitted is not None
        return answer_fields(
            self.request_id,
            self._service.named_as(self._offered) if self._service is not None else b"",
            admitted.fields(),
            dropped=self._translation.dropped if self._translation is not None else (),
            attempts=self.attempt,
            cost_nano=cost_nano,
            currency=self._desk.currency,
        )

    def _refuse(self, error: TramontaneError) -> None:
        if not self._client.is_open:
            return
        if self._sent or self._is_open:
            writer = self._writer or writer_of(self._endpoint.client, self._asked)
            self._client.write_payload(writer.fail(error))
            self._client.break_stream()
            return
        fields = error_fields(error, self.request_id)
        if isinstance(error, RateLimited):
            fields += self._desk.limits.fields(self.principal, self._desk.clock_s())
        status, body = self._endpoint.client.error(error)
        self._client.respond(status, fields, body)

    def _crashed(self, error: Exception) -> None:
        """A fault of ours: answer as such and let the outer edge report it."""
        _log.error("%s failed", self.request_id, exc_info=error)
        self._refuse(TramontaneError("The gateway failed on this request; nothing was lost."))


def _first_byte_late() -> TramontaneError:
    return UpstreamTimeout("The upstream did not begin to answer in time.")
