"""Builds the browser app into the wheel, so that installing one needs no Node.

An editable install leaves it out: `make serve` builds it beside the platform.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AppHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs `scripts/build_app.py`, and takes what it made along though git ignores it."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the app; a build that fails ends the wheel's."""
        if version == "editable":
            return
        script = Path(self.root, "scripts", "build_app.py")
        subprocess.run([sys.executable, str(script), "--clean", sys.prefix], check=True)
        build_data["artifacts"].append("/src/tramontane/studio/app/**")
