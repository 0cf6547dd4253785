"""README's commands, one after another as a newcomer types them, against a platform that runs.

`make` itself is left out: who runs this test has used it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import made
from tests.platform import RunningPlatform, run_platform
from tests.processes import RunningStandin, run_standin
from tramontane import config
from tramontane.providers.standin import StandinOptions

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "src" / "tramontane" / "engines" / "demo" / "demo.gguf"
KEY = "key-of-the-newcomer"
BLOCKS = re.findall(
    r"^```(sh|python|toml)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the newcomer works, with a model file and a document of their own."""
    path = tmp_path_factory.mktemp("newcomer")
    shutil.copy(DEMO, path / "mine.gguf")
    made.report_pdf(path / "rules.pdf", pages=2, languages=("en",))
    return path


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningStandin]:
    """The provider that the newcomer has a key of."""
    with run_standin(StandinOptions(api_key=KEY)) as running:
        yield running


@pytest.fixture(scope="module")
def platform(folder: Path) -> Iterator[RunningPlatform]:
    with run_platform(folder / "data") as running:
        yield running


def run(
    language: str, text: str, platform: RunningPlatform, provider: RunningStandin, folder: Path
) -> str:
    """Return what the block prints; fails the test where it fails."""
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{platform.port}")
    address = provider.url.removesuffix("/v1") + "/mistral/v1"
    text = text.replace("add mistral --region eu", f"add mistral --url {address}")
    text = text.replace("--for 10m", "--for 5s --yes")
    lines = [line for line in text.splitlines() if not line.startswith(("make", "export"))]
    program = ["sh", "-euc"] if language == "sh" else [sys.executable, "-c"]
    done = subprocess.run(
        [*program, "\n".join(lines)],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TRAMONTANE_DATA": str(folder / "data"),
            "TRAMONTANE_KEY": platform.key or "",
        },
        input=KEY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, (text, done.stdout, done.stderr)
    return done.stdout


def test_every_block_works_in_its_turn(
    platform: RunningPlatform, provider: RunningStandin, folder: Path
) -> None:
    printed = {
        text: run(language, text, platform, provider, folder)
        for language, text in BLOCKS
        if language != "toml"
    }
    for text, output in printed.items():
        if "curl" in text:
            assert '"choices"' in output, output
        if "OpenAI(" in text:
            assert output.strip()
        if "tramontane drill" in text:
            assert "best" in output
        if "tramontane usage" in text:
            assert "key_id,key,requests" in output


def test_the_settings_are_read(tmp_path: Path) -> None:
    (text,) = [text for language, text in BLOCKS if language == "toml"]
    path = tmp_path / "tramontane.toml"
    path.write_text(text)
    assert config.load(path).deployments["large"].key_env == "LARGE_KEY"
