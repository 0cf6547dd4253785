"""`/api/v1/conversations/{id}/messages`: asking, asking again, going on, stopping, rating.

A 202 says that what it shows is committed: the question is there whatever happens next, and the
answer is written on the server, followed through the conversation's events.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec
from litestar import post, put
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from tramontane.assistant import access, orders, telling
from tramontane.assistant.orders import Asking
from tramontane.assistant.views import MessageView, message_view
from tramontane.errors import Conflict, InvalidRequest, RateLimited
from tramontane.store import messages
from tramontane.store.conversations import Conversation
from tramontane.store.messages import RUNNING, Message, Rating
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.personas import persona_in
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.assistant_models import models_for
from tramontane.studio.routes.conversations import reader_of

T = TypeVar("T")
TAG = "Conversations"
MESSAGE_BODY_BYTES = 8_388_608
REASON_CHARACTERS_MAX = 2_000
ANSWERS_MAX = 12  # at once, of one member


class NewMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question. `parent_id` is what it follows, null at the beginning: with that of an older
    question it is an alternative to it. The same `client_id` again sends nothing twice. `trim`
    leaves the oldest messages out where the model's context cannot hold them all. `attachments`
    are documents of the conversation that the question is about. `whole` has a model read all of
    them, in as many requests as it takes, before it answers.
    """

    parent_id: str | None
    text: str
    client_id: str
    trim: bool = False
    attachments: tuple[str, ...] = ()
    whole: bool = False


class Sent(msgspec.Struct, frozen=True):
    """What is kept: the question, and the answer that is being written."""

    user: MessageView
    answer: MessageView


class NewAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another answer to the question `parent_id`, of another `model` where one is named."""

    parent_id: str
    model: str | None = None
    trim: bool = False
    whole: bool = False


class RatingChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a reader thinks of an answer; null takes it back."""

    rating: Rating | None
    reason: str | None = None


@post(
    "/conversations/{conversation_id:str}/messages",
    status_code=202,
    request_max_body_size=MESSAGE_BODY_BYTES,
    **describe("sendMessage", "Ask", TAG, people=True, is_async=True, errors=(404, 409, 413, 429)),
)
async def send_message(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    data: JSONBody[NewMessage],
) -> Sent:
    """Editing a question is asking beside it. A message too long for the model is refused with
    `context_length_exceeded`, saying by how much; `param` is `trim` where trimming would help.
    """

    def send(
        c: Connection, conversation: Conversation, asking: Asking
    ) -> tuple[Message, Message, orders.Order | None]:
        return orders.send(
            c,
            conversation,
            asking,
            parent_id=data.parent_id,
            text=data.text,
            client_id=data.client_id,
            attachments=data.attachments,
        )

    work = _asking(
        platform, caller, conversation_id, send, is_trimming=data.trim, reads_whole=data.whole
    )
    user, answer, order = await asyncio.to_thread(work)
    if order is not None:
        telling.message(platform.answering.feed, user)
        platform.answering.begin(order)
    return Sent(message_view(user), message_view(answer))


@post(
    "/conversations/{conversation_id:str}/answers",
    status_code=202,
    **describe(
        "answerAgain", "Have a question answered again", TAG,
        people=True, is_async=True, errors=(404, 409, 413, 429),
    ),
)  # fmt: skip
async def answer_again(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    data: JSONBody[NewAnswer],
) -> MessageView:
    """The new answer stands beside those that the question has."""

    def again(c: Connection, conversation: Conversation, asking: Asking) -> orders.Order:
        return orders.again(c, conversation, asking, parent_id=data.parent_id, model=data.model)

    work = _asking(
        platform, caller, conversation_id, again, is_trimming=data.trim, reads_whole=data.whole
    )
    order = await asyncio.to_thread(work)
    platform.answering.begin(order)
    return message_view(order.answer)


@post(
    "/conversations/{conversation_id:str}/messages/{message_id:str}/continue",
    status_code=202,
    **describe(
        "continueAnswer", "Have an answer continued", TAG,
        people=True, is_async=True, errors=(404, 409, 429),
    ),
)  # fmt: skip
async def continue_answer(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    message_id: FromPath[str],
) -> MessageView:
    """Goes on in the same message, where it was stopped, interrupted, or reached its limit."""

    def go_on(c: Connection, conversation: Conversation, asking: Asking) -> orders.Order:
        return orders.go_on(c, conversation, asking, message_id=message_id)

    work = _asking(platform, caller, conversation_id, go_on, is_trimming=True)
    order = await asyncio.to_thread(work)
    platform.answering.begin(order)
    return message_view(order.answer)


@post(
    "/conversations/{conversation_id:str}/messages/{message_id:str}/stop",
    status_code=200,
    **describe("stopAnswer", "Stop an answer", TAG, people=True, is_async=True, errors=(404,)),
)
async def stop_answer(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    message_id: FromPath[str],
) -> MessageView:
    """What has arrived stays. One that has ended already stays as it is."""
    reader = reader_of(caller)

    def look() -> Message:
        with platform.store.read() as c:
            access.changeable(c, conversation_id, reader)
            return messages.get(c, conversation_id, message_id)

    found = await asyncio.to_thread(look)
    if found.status in RUNNING:
        await platform.answering.stop(message_id)
        found = await asyncio.to_thread(look)
    return message_view(found)


@put(
    "/conversations/{conversation_id:str}/messages/{message_id:str}/rating",
    **describe(
        "rateAnswer", "Say whether an answer was good", TAG,
        people=True, is_async=True, errors=(404, 409, 413),
    ),
)  # fmt: skip
async def rate_answer(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    message_id: FromPath[str],
    data: JSONBody[RatingChange],
) -> MessageView:
    """Its owner only. Administrators can export ratings with their reasons."""
    reader = reader_of(caller)
    reason = (data.reason or "").strip() or None
    if reason is not None and len(reason) > REASON_CHARACTERS_MAX:
        raise InvalidRequest(
            f"reason: at most {REASON_CHARACTERS_MAX:,} characters.",
            param="reason",
            code="invalid_value",
        )

    def rate() -> Message:
        with platform.store.write() as c:
            access.changeable(c, conversation_id, reader)
            found = messages.get(c, conversation_id, message_id)
            if found.role != "assistant":
                raise InvalidRequest(
                    "Only an answer can be rated.", param="message_id", code="invalid_value"
                )
            if found.status in RUNNING:
                raise Conflict("Wait for the end of this answer.", code="answer_running")
            messages.rate(c, message_id, data.rating, None if data.rating is None else reason)
            return messages.get(c, conversation_id, message_id)

    rated = await asyncio.to_thread(rate)
    telling.message(platform.answering.feed, rated)
    return message_view(rated)


def _asking(
    platform: Platform,
    caller: Caller,
    conversation_id: str,
    work: Callable[[Connection, Conversation, Asking], T],
    *,
    is_trimming: bool,
    reads_whole: bool = False,
) -> Callable[[], T]:
    """Return `work` in one transaction, with what every question needs to know."""
    reader = reader_of(caller)
    if platform.answering.count(reader.member_id) >= ANSWERS_MAX:
        raise RateLimited(
            f"{ANSWERS_MAX} answers are being written for you already; wait for one to end.",
            code="too_many_answers",
            retry_after_s=5,
        )

    def run() -> T:
        with platform.store.read() as c:
            project_id = access.changeable(c, conversation_id, reader).project_id
        place = caller.membership(project_id)
        served = models_for(platform, place)
        with platform.store.write() as c:
            conversation = access.changeable(c, conversation_id, reader)
            asking = Asking(
                key_id=place.key_id,
                language=reader.language,
                is_admin=caller.is_operator,
                served=served,
                persona=persona_in(c, conversation, reader),
                now_ms=platform.clock_ms(),
                is_trimming=is_trimming,
                reads_whole=reads_whole,
            )
            return work(c, conversation, asking)

    def run_again() -> T:
        try:
            return run()
        except Conflict as error:
            if error.code != Conflict.code:
                raise
            return run()  # the same question came twice at once: now the first one is there

    return run_again
