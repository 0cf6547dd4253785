"""The studio's process: `python -m tramontane.studio SOCKET`, started by `tramontane serve`."""

import sys
from pathlib import Path

from tramontane.children import begin_child, say_ready
from tramontane.studio import server

if __name__ == "__main__":
    sys.exit(server.run(begin_child(), Path(sys.argv[1]), say_ready))
