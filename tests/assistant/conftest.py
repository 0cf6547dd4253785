"""A running platform whose models are a stand-in, and people who talk there; and empty stores."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assistant.talking import Talker
from tests.platform import RunningPlatform, run_platform
from tests.processes import RunningStandin, run_standin
from tramontane.providers.standin import Behaviour, StandinOptions
from tramontane.providers.standin.behaviour import Rule
from tramontane.store.database import Store, open_store

CONFIG = """
demo = false
guide = {guide}

[deployments.echo]
url = "{url}"
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}

[deployments.small]
url = "{url}"
context_tokens = 400
capable = false

[deployments.narrow]
url = "{url}"
capable = false
max_in_flight = 1
"""


def config_file(folder: Path, url: str, more: str = "", *, has_guide: bool = False) -> Path:
    """Return a configuration whose models are all served at `url`, but the guide."""
    path = folder / "tramontane.toml"
    path.write_text(CONFIG.format(url=url, guide=str(has_guide).lower()) + more)
    return path


@pytest.fixture
def store(empty_store_file: Path, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    path = tmp_path / "tramontane.db"
    shutil.copy(empty_store_file, path)
    opened = open_store(f"sqlite:///{path}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    """What the stand-in is told to do, beside its directives; a module may say more."""
    return ()


@pytest.fixture(scope="module")
def standin(rules: tuple[Rule, ...]) -> Iterator[RunningStandin]:
    """The stand-in; it streams at 400 tokens a second."""
    options = StandinOptions(behaviour=Behaviour(tps=400), script=rules, keep_bodies=True)
    with run_standin(options) as running:
        yield running


@pytest.fixture(scope="module")
def settings() -> str:
    """What the platform's configuration says beside its deployments."""
    return ""


@pytest.fixture(scope="module")
def has_guide() -> bool:
    """Whether the guide is among the models: a process more to start."""
    return False


@pytest.fixture(scope="module")
def platform(
    standin: RunningStandin,
    settings: str,
    has_guide: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningPlatform]:
    """A platform whose models are the stand-in's."""
    folder = tmp_path_factory.mktemp("platform")
    config = config_file(folder, standin.url, settings, has_guide=has_guide)
    with run_platform(folder / "data", "--config", str(config)) as running:
        yield running


@pytest.fixture(scope="module")
def ada(platform: RunningPlatform) -> Talker:
    """The first administrator."""
    assert platform.sign_in is not None
    return Talker(platform.port).begin(platform.sign_in)
