"""An upstream's answer as an exchange gets it, where it is not as it should be."""

import pytest

from tramontane.errors import TramontaneError, Unavailable, UpstreamFailed
from tramontane.gateway.answers import Answer
from tramontane.gateway.flow import Flow
from tramontane.gateway.relay import Progress, StreamRelay
from tramontane.money import Usage
from tramontane.wire.http import ResponseHead
from tramontane.wire.openai.events import Event, read_event

HEAD = ResponseHead(200, 0, None, False, True, b"text/event-stream", b"")
TEXT = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
ERROR = b'data: {"error":{"message":"overloaded"}}\n\n'


class Taken:
    """A client's side that keeps what it gets, and the journal's, which may refuse."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.payload = b""
        self.settled = 0

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        self.payload += payload

    def write_payload(self, payload: bytes) -> None:
        self.payload += payload

    def checkpoint(self, tokens: int) -> None:
        if self.refuses:
            raise Unavailable("The disk is full.")

    def settle(self, progress: Progress) -> None:
        self.settled += 1


def relay_whole(taken: Taken, body: bytes) -> TramontaneError | None:
    """Relay an answer that came in one read; return how it failed."""
    answer = Answer(lambda: None)
    answer.answer_received(HEAD, body)
    relay = StreamRelay(
        lambda: taken, choices=1, drops_usage=False, checkpoint=taken.checkpoint,
        settle=taken.settle,
    )  # fmt: skip
    failures: list[TramontaneError] = []

    async def exchange() -> None:
        await answer.head
        answer.read_into(relay)
        try:
            await answer.ended
        except TramontaneError as error:
            failures.append(error)

    def crashed(error: Exception) -> None:
        raise error

    Flow(exchange(), crashed).start()
    return failures[0] if failures else None


def test_a_whole_answer_in_one_read_ends() -> None:
    taken = Taken()
    assert relay_whole(taken, TEXT + FINISH) is None
    assert taken.payload == TEXT + FINISH + b"data: [DONE]\n\n"
    assert taken.settled == 1


def test_a_broken_answer_in_one_read_has_no_end() -> None:
    """Its framing ended well, and every choice had finished: no reason for a `[DONE]`."""
    taken = Taken()
    assert isinstance(relay_whole(taken, TEXT + FINISH + ERROR), UpstreamFailed)
    assert b"[DONE]" not in taken.payload
    assert taken.settled == 0


def test_what_the_journal_refuses_is_not_delivered_in_one_read_either() -> None:
    taken = Taken(refuses=True)
    assert isinstance(relay_whole(taken, (TEXT + FINISH) * 2), Unavailable)
    assert (taken.payload, taken.settled) == (b"", 0)


@pytest.mark.parametrize(
    ("data", "usage"),
    [(FINISH, None), (FINISH.replace(b'"choices"', b'"usage":{"prompt_tokens":3,'
     b'"completion_tokens":5},"choices"'), Usage(3, 5))],
)  # fmt: skip
def test_usage_is_final_once_every_choice_has_finished(data: bytes, usage: Usage | None) -> None:
    """One that counts as it goes says with the first choice's end what both had by then."""
    progress = Progress(choices=2)
    progress.take(Event(usage=Usage(3, 2), finished=(1,)))
    assert (progress.is_complete, progress.final_usage) == (False, None)
    progress.take(read_event(data[6:].strip()))
    assert (progress.is_complete, progress.final_usage) == (True, usage)
