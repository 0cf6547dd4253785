"""Opens the platform's data for one command, whether the platform runs or not."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tramontane.clock import clock_ms
from tramontane.config import Settings, load
from tramontane.datafolder import DataFolder
from tramontane.errors import ConfigError

if TYPE_CHECKING:
    from tramontane.store.database import Store


class Platform(NamedTuple):
    """What a command works on."""

    settings: Settings
    folder: DataFolder
    store: "Store"
    now_ms: int


def read_settings(config: Path | None, data: Path | None, **overrides: object) -> Settings:
    """Return the configuration, `data` and `overrides` (dots as `__`) going first.

    Raises ConfigError.
    """
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    if data is not None:
        given["data"] = str(data)
    return load(config, {name: value for name, value in given.items() if value is not None})


@contextmanager
def opened(
    config: Path | None, data: Path | None, *, may_create: bool = False
) -> Iterator[Platform]:
    """Yield the platform over its data folder, upgraded where needed.

    A new folder is made where the command `may_create` and the folder was named: what stands in
    another one is not to be missed for want of an option.

    Raises ConfigError, Conflict, Unavailable.
    """
    from tramontane.store.database import migrate, open_store

    settings = read_settings(config, data)
    folder = DataFolder(settings.data_dir)
    if folder.is_new:
        is_named = data is not None or settings.data != Settings().data
        if not (may_create and is_named):
            raise ConfigError(
                f"there is no data folder {folder.path.resolve()}: start the platform, or name its"
                " folder with --data or TRAMONTANE_DATA"
            )
        print(f"making a new data folder: {folder.path.resolve()}", file=sys.stderr)
    folder.prepare()
    migrate(settings.store_url)
    store = open_store(settings.store_url)
    try:
        yield Platform(settings, folder, store, clock_ms())
    finally:
        store.close()


def is_served(folder: DataFolder) -> bool:
    """Return whether a platform runs over this folder on this machine."""
    try:
        pid = int((folder.run / "serve.lock").read_text())
        os.kill(pid, 0)
    except PermissionError:
        return True  # it runs, for somebody else
    except (OSError, ValueError):
        return False
    return folder.address_file.exists()
