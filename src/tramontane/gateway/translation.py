"""The way between two dialects: a request written for a provider, its answer read and written anew.

Where client and provider speak the same, request and answer pass as they are (`Passage`), but are
read all the same, for the bill and for how they end. OpenAI's dialect has a faster way (`relay`).
It does not know connections, permits or prices.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from tramontane.errors import InvalidRequest, UpstreamFailed
from tramontane.gateway.directory import Deployment
from tramontane.gateway.relay import Gathered, Progress, Sink
from tramontane.gateway.translated_stream import CollectedStream, PassedStream, TranslatedStream
from tramontane.wire import upstreams
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    File,
    Image,
    Operation,
    Part,
    Request,
    Result,
    Said,
)
from tramontane.wire.dialect import (
    Asked,
    Client,
    Forwarding,
    Spelling,
    StreamWriter,
    Upstream,
    Written,
)
from tramontane.wire.echo import Unechoed, without_echo
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.openai.intent import Intent, read_chat
from tramontane.wire.unsaid import respelt

ENGINE = "engine"


def intent_of(asked: Asked) -> Intent:
    """Return what the gateway must know of a request that another dialect has read."""
    request = asked.request
    return Intent(
        asked.fields,
        request.model,
        request.stream,
        request.include_usage,
        request.max_tokens,
        max(asked.generated, request.choices * max(1, len(request.inputs))),
        asked.images,
        asked.prompt_bytes,
        request.operation,
        asked.files + sum(_files(message.parts) for message in request.messages),
    )


def _files(parts: Iterable[Part]) -> int:
    """Return how many of `parts` are files that may hold any number of pages."""
    found = 0
    for part in parts:
        if isinstance(part, File):
            found += not part.media_type.startswith("text/")
        elif isinstance(part, Image):
            found += not part.media_type.startswith("image/")
        elif isinstance(part, Result):
            found += _files(part.parts)
    return found


def writer_of(client: Client, asked: Asked | None) -> StreamWriter:
    """Return the writer of a stream's last word, where it was spliced or has only waited."""
    return client.writer(asked or Asked(request=Request(model=""), fields={}, prompt_bytes=0))


def without_prompt(asked: Asked) -> Asked:
    """Return what an answer has to know of `asked`."""
    request = msgspec.structs.replace(asked.request, messages=(), inputs=())
    return msgspec.structs.replace(asked, request=request, fields={})


def translation_to(
    deployment: Deployment, client: Client, asked: Asked, request_id: str, *, drops: bool
) -> "Translation":
    """Return the way of one attempt at `deployment`. Raises InvalidRequest where there is none."""
    require_operation(deployment, asked.request.model, asked.request.operation)
    dialect = ENGINE if deployment.is_local else deployment.dialect
    upstream = upstreams.find(dialect, asked.request.operation)
    if upstream is None:
        raise _not_served(asked.request.model, asked.request.operation)
    passes = dialect == client.dialect and isinstance(upstream, Forwarding)
    kind = Passage if passes else Translation
    drops = drops or deployment.drops_unsupported
    return kind(client, asked, upstream, request_id, drops=drops)


def require_operation(deployment: Deployment, model: str, operation: Operation) -> None:
    """Raise InvalidRequest where `deployment` is not for that."""
    if deployment.operations is not None and operation not in deployment.operations:
        raise _not_served(model, operation)


def _not_served(model: str, operation: Operation) -> InvalidRequest:
    return InvalidRequest(
        f"The model '{model}' is not served for {operation}.",
        code="unsupported_operation",
        param="model",
    )


def gathering(
    chunks: Chunks | None,
    translation: "Translation | None",
    checkpoint: Callable[[int], None],
    limit_bytes: int,
) -> Gathered | CollectedStream:
    """Return what takes an engine's stream for a client that wants a whole answer.

    `chunks` render that of a chat, whose whole is still to be translated where it must be.
    """
    if chunks is not None:
        return Gathered(checkpoint, limit_bytes, chunks)
    assert translation is not None
    return translation.collected(checkpoint)


def rendered(body: bytes, translation: "Translation | None") -> bytes:
    """Return an engine's whole chat answer as the client is to have it."""
    return body if translation is None else translation.whole(body)[0]


def counted_here(client: Client, asked: Asked) -> bytes:
    """Return the answer to a request for a count that no provider has answered."""
    return client.write(Answer(id="", model=""), asked)


class Translation:
    """One attempt at one deployment. `dropped`: what was left out of the request, by name.

    `request_id` stands in for the answer's where the provider gives none.
    """

    __slots__ = ("_asked", "_drops", "_echo", "_request_id", "client", "dropped", "upstream")

    def __init__(
        self, client: Client, asked: Asked, upstream: Upstream, request_id: str, *, drops: bool
    ) -> None:
        self.client = client
        self.upstream = upstream
        self.dropped: tuple[str, ...] = ()
        self._asked = asked
        self._request_id = request_id
        self._drops = drops
        self._echo = ""

    def written(self, deployment: Deployment, limit: int | None) -> Written:
        """Return the request for `deployment`. Raises InvalidRequest for what it cannot say."""
        request = self._asked.request
        if limit is not None:
            request = msgspec.structs.replace(request, max_tokens=limit)
        model = msgspec.json.decode(deployment.upstream_model, type=str)
        try:
            written = self.upstream.write(request, model=model, drops=self._drops)
        except InvalidRequest as error:
            raise respelt(error, self._spelling()) from None
        if written.dropped:
            spelling = self._spelling()
            self.dropped = tuple(spelling.get(name, name) for name in written.dropped)
        self._echo = written.echo
        return written

    @property
    def operation(self) -> Operation:
        """What is asked for."""
        return self._asked.request.operation

    def collected(self, checkpoint: Callable[[int], None]) -> CollectedStream:
        """Return what takes the stream for a client that wants a whole answer."""
        return CollectedStream(
            self.upstream.reader(),
            lambda answer: self.client.write(answer, self._asked),
            began=self.began,
            checkpoint=checkpoint,
        )

    def _spelling(self) -> Mapping[str, str]:
        return self.client.spelling if isinstance(self.client, Spelling) else {}

    def engine_intent(self, deployment: Deployment) -> Intent:
        """Return the request as an engine here takes it."""
        return read_chat(self.written(deployment, None).body)

    def forget_prompt(self) -> None:
        """No other attempt follows: a long answer holds no request."""
        self._asked = without_prompt(self._asked)

    def writer(self) -> StreamWriter:
        """Return the writer of a stream to the client."""
        return self.client.writer(self._asked)

    def relay(
        self,
        begin: Callable[[], Sink],
        writer: StreamWriter,
        *,
        choices: int,
        checkpoint: Callable[[int], None],
        settle: Callable[[Progress], None],
    ) -> "TranslatedStream | PassedStream":
        """Return what takes the provider's stream; see `TranslatedStream` for the rest."""
        reader = self.upstream.reader()
        return TranslatedStream(
            begin,
            Unechoed(reader, self._echo) if self._echo else reader,
            writer,
            began=self.began,
            choices=choices,
            checkpoint=checkpoint,
            settle=settle,
        )

    def read_error(self, body: bytes) -> Said:
        """Return what the provider's refusal says; nothing where it has another form."""
        try:
            return self.upstream.read_error(body)
        except Broken:
            return Said()

    def whole(self, body: bytes) -> tuple[bytes, Progress]:
        """Return a provider's whole answer for the client, and what it says of usage."""
        answer, progress = self._read(body)
        if self._echo:
            answer = without_echo(answer, self._echo)
        if not (answer.id and answer.model):
            answer = msgspec.structs.replace(
                answer,
                id=answer.id or self._request_id,
                model=answer.model or self._asked.request.model,
            )
        return self.client.write(answer, self._asked), progress

    def _read(self, body: bytes) -> tuple[Answer, Progress]:
        progress = Progress()
        try:
            answer = self.upstream.read(body)
        except Broken as error:
            raise UpstreamFailed(error.message) from None
        progress.usage = progress.final_usage = answer.usage
        progress.service_tier = answer.service_tier
        progress.events = len(body) // 4  # should the provider not have counted
        return answer, progress

    def began(self, piece: Began) -> Began:
        """Return the first piece with what the provider has left out."""
        if piece.id and piece.model:
            return piece
        return msgspec.structs.replace(
            piece,
            id=piece.id or self._request_id,
            model=piece.model or self._asked.request.model,
        )


class Passage(Translation):
    """One attempt at a deployment that speaks the client's own dialect: what has been read of its
    request goes on in its own words, the answer comes back as it is.
    """

    __slots__ = ()

    def written(self, deployment: Deployment, limit: int | None) -> Written:
        """Return the request for `deployment`."""
        assert isinstance(self.upstream, Forwarding)
        model = msgspec.json.decode(deployment.upstream_model, type=str)
        written = self.upstream.forward(self._asked, model=model, max_tokens=limit)
        self.dropped = written.dropped
        return written

    def whole(self, body: bytes) -> tuple[bytes, Progress]:
        """Return the provider's answer, and what it says of usage."""
        return body, self._read(body)[1]

    def relay(
        self,
        begin: Callable[[], Sink],
        writer: StreamWriter,
        *,
        choices: int,
        checkpoint: Callable[[int], None],
        settle: Callable[[Progress], None],
    ) -> PassedStream:
        """Return what passes the provider's stream on."""
        assert isinstance(self.upstream, Forwarding)
        return PassedStream(
            begin,
            self.upstream.reader(),
            self.upstream.stream_end,
            choices=choices,
            checkpoint=checkpoint,
            settle=settle,
        )
