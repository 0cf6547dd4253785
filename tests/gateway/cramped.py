"""The gateway's process on a disk that fills up and is emptied again, as another process says.

It reads from the file CRAMPED_FILE how many bytes each of its files may have; a write beyond that
fails as on a full disk, without a small disk or a privilege. An empty file lifts the limit.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path

from tramontane.gateway import process


def keep_limit(path: Path) -> None:
    """Do what the file says, for ever."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    while True:
        said = path.read_text()
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(said) if said else hard, hard))
        time.sleep(0.01)


if __name__ == "__main__":
    told = Path(os.environ["CRAMPED_FILE"])
    threading.Thread(target=keep_limit, args=(told,), daemon=True).start()
    time.sleep(0.05)  # the limit holds from the first write on
    sys.exit(process.main())
