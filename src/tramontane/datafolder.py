"""The data folder of one platform: where things are, and the pepper that keys are hashed with.

It does not know what is in the store or the journal.
"""

import os
import secrets
from pathlib import Path

from tramontane.errors import ConfigError

PEPPER_BYTES = 32


class DataFolder:
    """Paths under one folder; nothing is created before `prepare`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / "tramontane.db"
        self.pepper_file = path / "pepper"
        self.journal = path / "journal"
        self.models = path / "models"
        # Absolute: children that work on these have a folder of their own to be in.
        self.files = path.absolute() / "files"  # what people bring along, by its own SHA-256
        self.tables = path.absolute() / "tables"  # what is asked by SQL, a file for each document
        self.replays = path / "replays"  # answers kept for who repeats a request, sealed
        self.catalogue = path / "catalogue.bin"  # in place of the package's, once updated
        self.run = path / "run"
        self.logs = path / "logs"
        self.access_log = self.logs / "access.jsonl"  # one line a request, without content
        self.address_file = self.run / "address"  # of the platform that runs here, while it does

    @property
    def is_new(self) -> bool:
        """Whether no platform has used this folder: true until its pepper is created."""
        return not self.pepper_file.exists() and not self.database.exists()

    def prepare(self) -> None:
        """Create the folders (for their owner only) and the pepper where they are missing.

        Raises ConfigError where the folder cannot be used.
        """
        try:
            for folder in (
                self.path,
                self.journal,
                self.models,
                self.files,
                self.tables,
                self.run,
                self.logs,
            ):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the data folder {self.path} cannot be used: {error.strerror} ({error.filename});"
                " choose another with --data or `data` in the configuration"
            ) from error
        self.pepper()

    def pepper(self) -> bytes:
        """Return the 32 bytes that keys are hashed with, created on first use with mode 0600.

        Of several processes that create it at once one wins, and all return its bytes. Raises
        ConfigError where it is lost or cannot be read: a new one would end every key unasked.
        """
        if self.is_new:
            self._create_pepper()
        try:
            found = self.pepper_file.read_bytes()
        except FileNotFoundError:
            raise ConfigError(
                f"{self.pepper_file} is missing though {self.database.name} exists, so no key can"
                f" be checked; restore it from a backup, or end all keys with"
                f" `head -c {PEPPER_BYTES} /dev/urandom > {self.pepper_file}`"
            ) from None
        except OSError as error:
            raise ConfigError(f"{self.pepper_file} cannot be read: {error.strerror}") from error
        if len(found) != PEPPER_BYTES:
            raise ConfigError(
                f"{self.pepper_file} holds {len(found)} bytes, not {PEPPER_BYTES}; restore it"
            )
        return found

    def _create_pepper(self) -> None:
        draft = self.pepper_file.with_name(f"pepper.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(PEPPER_BYTES))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, self.pepper_file)  # unlike a rename, it never replaces a pepper
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        except OSError as error:
            raise ConfigError(f"{self.pepper_file} cannot be created: {error.strerror}") from error


def sync_folder(path: Path) -> None:
    """Make renames and removals in `path` last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
