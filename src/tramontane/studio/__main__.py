"""The studio's process: `python -m tramontane.studio SOCKET`, started by `tramontane serve`."""

import gc
import sys
from pathlib import Path

if __name__ == "__main__":
    # Nothing of what is loaded is rubbish, and looking for some would take a third of the time.
    gc.disable()
    from tramontane.children import begin_child, read_launch, say_ready
    from tramontane.studio import server
    from tramontane.studio.launch import StudioLaunch

    gc.enable()
    launch = read_launch(StudioLaunch)
    begin_child(launch.settings)
    sys.exit(server.run(launch, Path(sys.argv[1]), say_ready))
