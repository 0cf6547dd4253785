"""Which models are served elsewhere, and with which keys."""

import msgspec
import pytest

from tramontane.config import DeploymentSettings, Settings
from tramontane.errors import ConfigError
from tramontane.providers.remote import read_key, remote_models, seal_key
from tramontane.store.records import StoredDeployment

URL = "https://api.example.org/v1"
PEPPER = b"p" * 32


def stored(name: str, url: str | None = URL, key: str | None = None) -> StoredDeployment:
    settings = DeploymentSettings(url=url, model=None if url else "file")
    return StoredDeployment(
        name=name,
        model_sha256=None if url else "ab" * 32,
        settings=msgspec.json.encode(settings),
        sealed_key=None if key is None else seal_key(PEPPER, key, name, url or ""),
        created_at_ms=1,
    )


def test_the_file_wins_over_the_store_and_local_ones_are_not_here() -> None:
    settings = Settings(
        deployments={
            "far": DeploymentSettings(url="https://file.example.org/v1"),
            "near": DeploymentSettings(model="file"),
        }
    )
    found = remote_models(
        settings, [stored("far"), stored("entered"), stored("local", None), stored("near")]
    )
    assert {name: (m.url, m.is_entered) for name, m in found.items()} == {
        "far": ("https://file.example.org/v1", False),
        "entered": (URL, True),
    }


def test_an_entered_key_is_opened_and_one_of_the_file_is_read() -> None:
    settings = Settings(deployments={"file": DeploymentSettings(url=URL, key_env="THE_KEY")})
    found = remote_models(settings, [stored("entered", key="sk-1"), stored("open")])
    environ = {"THE_KEY": "sk-2"}
    read = {name: read_key(model, PEPPER, environ) for name, model in found.items()}
    assert read == {"entered": "sk-1", "open": None, "file": "sk-2"}
    with pytest.raises(ConfigError, match="THE_KEY"):
        read_key(found["file"], PEPPER, {})


def test_a_key_goes_to_the_address_that_it_was_entered_for() -> None:
    """Whoever can change a row of the store cannot have the key sent elsewhere (SE6)."""
    sealed = stored("entered", key="sk-1")
    moved = msgspec.structs.replace(
        sealed, settings=msgspec.json.encode(DeploymentSettings(url="https://evil.example/v1"))
    )
    renamed = msgspec.structs.replace(sealed, name="other")
    for changed in (moved, renamed):
        (model,) = remote_models(Settings(), [changed]).values()
        with pytest.raises(ConfigError, match="enter the key again"):
            read_key(model, PEPPER, {})
