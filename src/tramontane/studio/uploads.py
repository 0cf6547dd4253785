"""A file as it comes in: streamed to the disk, then kept as a document.

It does not know who may upload, nor what is in a file.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from sqlalchemy import Connection

from tramontane.datafolder import DataFolder
from tramontane.documents import keeping
from tramontane.documents.files import FileStore, Incoming
from tramontane.store.documents import Document, check_name
from tramontane.studio.platform import Platform


def files_of(platform: Platform) -> FileStore:
    """Return where the platform's files lie."""
    return FileStore(DataFolder(platform.settings.data_dir))


async def receive(
    platform: Platform,
    pieces: AsyncIterator[bytes],
    name: str,
    *,
    find_library: Callable[[Connection], str],
    member_id: str | None,
) -> tuple[Document, bool]:
    """Return the document that `pieces` made, and whether its bytes were there already.

    `find_library` returns the library that it goes to, made where needed; it is asked when the
    file is whole, so that an upload that breaks off leaves nothing. Raises InvalidRequest,
    PayloadTooLarge, Unavailable where the disk is full, and what `find_library` raises.
    """
    check_name(name)
    files = files_of(platform)
    most_bytes = platform.settings.documents.file_bytes
    files.prepare()

    def keep(incoming: Incoming) -> tuple[Document, bool]:
        return keeping.keep(
            platform.store,
            files,
            incoming,
            find_library=find_library,
            member_id=member_id,
            name=name,
            now_ms=platform.clock_ms(),
        )

    with files.incoming(most_bytes) as incoming:
        async for piece in pieces:
            incoming.add(piece)
            if incoming.is_full:
                await asyncio.to_thread(incoming.flush)
        return await asyncio.to_thread(keep, incoming)
