"""One import: the file as it comes in, then its conversations into the store, one by one.

Each conversation is one transaction: there whole, or not at all. It does not know the formats, nor
HTTP.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from tramontane.assistant.choosing import best_model
from tramontane.assistant.served import Served
from tramontane.assistant.transfer import reading
from tramontane.assistant.transfer.file import Refused
from tramontane.assistant.transfer.keeping import Kept, keep
from tramontane.assistant.transfer.reasons import explain, refusal
from tramontane.assistant.transfer.records import ImportedConversation, Reason, Skipped
from tramontane.errors import InvalidRequest, Overloaded, Unavailable
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store
from tramontane.store.records import Member, Membership

MAX_BYTES = 64 * 1024 * 1024
SKIPPED_MAX = 1_000
WORK_S = 80.0  # well before the gateway gives up waiting for the report
AT_ONCE = 2
TURN_S = 20.0
_PIECE_BYTES = 1024 * 1024


class SkippedView(msgspec.Struct, frozen=True, kw_only=True):
    """What was not taken over, in whole or in part. `reason` is in the member's language."""

    title: str
    reason: str
    code: str


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was added. `already_here` conversations had nothing new. Of `skipped` the first 1,000
    are listed.
    """

    conversations: int
    messages: int
    already_here: int
    skipped: list[SkippedView]


class Taken(msgspec.Struct, frozen=True):
    """The report, and the conversations that the member's lists are to be told of."""

    report: ImportReport
    told: list[Conversation]


class Upload:
    """A file that comes in pieces; it lies on the disk, without a name."""

    def __init__(self, target: IO[bytes]) -> None:
        self.target = target
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether `flush` should be called, on a thread, before more is added."""
        return self._waiting_bytes >= _PIECE_BYTES

    def add(self, piece: bytes) -> None:
        """Take in a piece."""
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)

    def flush(self) -> None:
        """Write what has come to the disk. Raises Unavailable where there is no room for it."""
        try:
            self.target.write(b"".join(self._pieces))
            self.target.flush()
        except OSError as error:
            raise Unavailable(
                f"There is no room for the file ({error.strerror}). Nothing was imported.",
                code="disk_full",
            ) from None
        self._pieces, self._waiting_bytes = [], 0


@asynccontextmanager
async def turn(importing: asyncio.Semaphore) -> AsyncIterator[None]:
    """Hold a place among the imports at work. Raises Overloaded where none becomes free soon."""
    try:
        async with asyncio.timeout(TURN_S):
            await importing.acquire()
    except TimeoutError:
        raise Overloaded(
            "Others are importing just now. Nothing was imported; try again in a minute.",
            retry_after_s=60,
        ) from None
    try:
        yield
    finally:
        importing.release()


class Import:
    """One file of one member, into one of their projects. It lies below `folder` meanwhile."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        member: Member,
        place: Membership,
        clock_ms: Callable[[], int],
        timer_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timer_s = timer_s
        self._store = store
        self._folder = folder
        self._member = member
        self._place = place
        self._clock_ms = clock_ms

    @contextmanager
    def file(self) -> Iterator[Upload]:
        """Yield where the file goes; it is gone afterwards."""
        with tempfile.TemporaryFile(dir=self._folder) as target:
            yield Upload(target)

    def take(self, upload: Upload, models: Mapping[str, Served]) -> Taken:
        """Read the file and keep what is new. Raises InvalidRequest where nothing can be read."""
        upload.flush()
        kept: list[Kept] = []
        skipped: list[SkippedView] = []
        language = self._member.language
        default = usual_model(self._member, models)
        until_s = self._timer_s() + WORK_S
        try:
            for found in reading.read(upload.target, language, WORK_S, self._folder):
                if self._timer_s() > until_s:
                    _note(skipped, "", "unfinished", explain("unfinished", language))
                    break
                if isinstance(found, Skipped):
                    _note(skipped, found.title, found.reason, explain(found.reason, language))
                    continue
                kept.append(self._keep(found, default, models))
                if found.left_out and kept[-1].messages:
                    reason = explain("left_out", language, found.left_out)
                    _note(skipped, kept[-1].conversation.title, "left_out", reason)
        except Refused as error:
            if not kept:
                message = refusal(error.reason, language)
                raise InvalidRequest(message, code="import_unreadable") from None
            code: Reason = "unfinished" if error.reason == "too_much" else "cut_off"
            _note(skipped, "", code, explain(code, language))
        added = [each for each in kept if each.messages]
        report = ImportReport(
            conversations=sum(each.is_new for each in added),
            messages=sum(each.messages for each in added),
            already_here=len(kept) - len(added),
            skipped=skipped,
        )
        return Taken(report, [each.conversation for each in added])

    def _keep(
        self, found: ImportedConversation, default: str, models: Mapping[str, Served]
    ) -> Kept:
        used = next((m.model for m in reversed(found.messages) if m.model in models), None)
        with self._store.write() as c:
            return keep(
                c,
                found,
                member_id=self._member.id,
                project_id=self._place.project_id,
                model=used or default,
                now_ms=self._clock_ms(),
            )


def usual_model(member: Member, models: Mapping[str, Served]) -> str:
    """Return the model that the member's new conversations have; empty where there is none."""
    usual = msgspec.json.decode(member.preferences).get("default_model")
    if usual in models:
        return str(usual)
    return best_model(models)


def _note(skipped: list[SkippedView], title: str, code: str, reason: str) -> None:
    if len(skipped) < SKIPPED_MAX:
        skipped.append(SkippedView(title=title, reason=reason, code=code))
