"""Brings and reads documents until it is killed: `python -m tests.documents.crashing DATA`.

It is started once and forks for every life, so that a life costs no start. Each line on stdin is a
seed and begins a life, which says its process on stdout, then a line for every document that it was
told is kept: identifier, name and hash.
"""

import os
import random
import sys
import threading
import time
from pathlib import Path

from tramontane.config import DocumentSettings
from tramontane.datafolder import DataFolder
from tramontane.documents import keeping
from tramontane.documents.files import FileStore
from tramontane.store import libraries
from tramontane.store.database import open_store
from tramontane.worker.reading import Reader, read_always

WORDS = ("rent", "winter", "garden", "bridge", "harbour", "council", "budget", "river", "market")


def say(line: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def text_of(name: str, chance: random.Random) -> str:
    """Return a text of some hundred to some ten thousand words, with its own name in it."""
    paragraphs = [" ".join(chance.choices(WORDS, k=80)) for _ in range(chance.randrange(1, 120))]
    return f"# {name}\n\n" + "\n\n".join([*paragraphs, f"The end of {name}."])


def live(data: Path, seed: int) -> None:
    """Bring one document after the other while a reader reads them; until killed."""
    folder = DataFolder(data)
    store, files = open_store(f"sqlite:///{folder.database}"), FileStore(folder)
    reader = Reader(store, files, DocumentSettings(), lambda: time.time_ns() // 1_000_000)
    stop = threading.Event()
    for _ in range(2):
        threading.Thread(target=read_always, args=(reader, stop), daemon=True).start()
    threading.Thread(target=keeping.sweep, args=(store, files), daemon=True).start()
    with store.read() as c:
        (library,) = libraries.list_of_projects(c, ["prj"])
    chance = random.Random(seed)
    for number in range(1_000):
        name = f"{seed}x{number}.md"
        with files.incoming(10**9) as incoming:
            for piece in text_of(name, chance).splitlines(keepends=True):
                incoming.add(piece.encode())
                if chance.random() < 0.2:
                    incoming.flush()
            document, _ = keeping.keep(
                store,
                files,
                incoming,
                find_library=lambda _: library.id,
                member_id=None,
                name=name,
                now_ms=time.time_ns() // 1_000_000,
            )
        say(f"{document.id} {name} {document.sha256}")
        time.sleep(chance.random() * 0.2)


def main() -> None:
    """Fork a life for each line on stdin."""
    for line in sys.stdin:
        process = os.fork()
        if not process:
            say(str(os.getpid()))
            live(Path(sys.argv[1]), int(line))
        os.waitpid(process, 0)
        say("dead")


if __name__ == "__main__":
    main()
