"""What a newcomer does after the first start: a model of their own, one from elsewhere, a budget.

One story through the commands and the port, as the README tells it.
"""

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.engines.tiny import write_tiny
from tests.hub import REPOSITORY, running_hub
from tests.platform import RunningPlatform, run_platform
from tests.processes import run_standin
from tramontane import cli
from tramontane.providers.standin import StandinOptions

PATIENCE_S = 20.0
PROVIDER_KEY = "sk-of-the-provider"
SETTINGS = """
[deployments.large]
url = "{url}"
upstream_model = "gpt-4o-mini"
key_env = "LARGE_KEY"
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}

[deployments.keyless]
url = "{url}"
key_env = "NEVER_SET"

[hub]
url = "{hub}"
"""
REFUSALS = (
    openai.AuthenticationError,
    openai.InternalServerError,
    openai.NotFoundError,
    openai.RateLimitError,
)


class Shell:
    """Runs commands as a shell would, but in this process: a new one costs a second each."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        captured: pytest.CaptureFixture[str],
        folder: Path,
        config: Path,
    ) -> None:
        self._monkeypatch = monkeypatch
        self._captured = captured
        self._options = ("--json", "--data", str(folder), "--config", str(config))

    def run(self, *arguments: str, status: int = 0) -> Any:
        """Run a command; return its JSON, or what it said on stderr where it fails."""
        self._monkeypatch.setattr("sys.argv", ["tramontane", *arguments, *self._options])
        self._captured.readouterr()
        ended = 0
        try:
            cli.main()
        except SystemExit as stop:
            ended = int(stop.code or 0)
        out, err = self._captured.readouterr()
        assert ended == status, err
        return json.loads(out) if status == 0 else err


class Story:
    """A running platform and the person in front of it."""

    def __init__(self, platform: RunningPlatform, shell: Shell) -> None:
        self.platform = platform
        self.command = shell.run

    def say(self, model: str, key: str | None = None, **fields: Any) -> str:
        """Ask a model, and return what it says."""
        client = openai.OpenAI(
            base_url=f"{self.platform.address}/v1",
            api_key=key or self.platform.key,
            max_retries=0,
        )
        with client:
            answer = client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "Hi"}], temperature=0, **fields
            )
        return answer.choices[0].message.content or ""


def until(said: Callable[[], Any]) -> Any:
    """Return what `said` returns once it is no longer refused."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return said()
        except REFUSALS:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


@pytest.mark.slow  # the README's own commands are tried in the fast suite
def test_a_newcomer_s_first_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config, folder = tmp_path / "tramontane.toml", tmp_path / "data"
    shell = Shell(monkeypatch, capfd, folder, config)
    mine = write_tiny(tmp_path / "Mine (v1).gguf", script=["Hello", " world", "."])
    files = {"mine-Q8_0.gguf": mine.read_bytes()}
    with run_standin(StandinOptions(api_key=PROVIDER_KEY)) as provider, running_hub(files) as hub:
        config.write_text(SETTINGS.format(url=provider.url, hub=hub))
        # The library may be filled before the first start, which gives the key all the same.
        assert shell.run("model", "add", str(mine))["name"] == "mine-v1"
        environ = {"LARGE_KEY": PROVIDER_KEY}
        with run_platform(folder, "--config", str(config), environ=environ) as platform:
            assert platform.key is not None
            assert platform.models == ["guide", "demo", "large"]
            story = Story(platform, shell)
            deploy_and_remove(story)
            fetch_and_undo(story, folder)
            ask_elsewhere(story)
            spend(story)


def fetch_and_undo(story: Story, folder: Path) -> None:
    """The running platform's worker fetches a model, which then answers, and goes without trace."""
    pulled = story.command("model", "pull", f"hf:{REPOSITORY}", "--deploy", "fetched")
    assert (pulled["status"], pulled["deployment"]) == ("done", "fetched")
    assert until(lambda: story.say("fetched")) == "Hello world."
    key = story.command("key", "create", "default", "op", "--rights", "operate,read")
    request = urllib.request.Request(
        f"{story.platform.address}/api/v1/deployments/fetched?remove_file=true",
        method="DELETE",
        headers={"Authorization": f"Bearer {key['secret']}", "X-Tramontane": "1"},
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 204
    assert story.command("model", "list")["data"] == []
    assert not [path for path in (folder / "models").iterdir() if path.suffix == ".gguf"]


def deploy_and_remove(story: Story) -> None:
    """A model file is served while the platform runs, and taken away again."""
    with pytest.raises(openai.NotFoundError):
        story.say("mine")
    made = story.command("model", "deploy", "mine-v1", "--name", "mine", "--price-out", "1")
    assert (made["context_tokens"], made["slots"]) == (4_096, 4)
    assert until(lambda: story.say("mine")) == "Hello world."
    (shown,) = story.command("model", "show", "mine-v1")["deployments"]
    assert shown["state"] == "ready"
    assert "undeploy that first" in story.command("model", "rm", "mine-v1", status=1)
    story.command("model", "undeploy", "mine")
    deadline_s = time.monotonic() + PATIENCE_S
    with pytest.raises(openai.NotFoundError, match="Did you mean"):
        while time.monotonic() < deadline_s:
            story.say("mine")
            time.sleep(0.1)
    story.command("model", "rm", "mine-v1")
    assert story.command("model", "list")["data"] == []


def ask_elsewhere(story: Story) -> None:
    """A model of the configuration file answers; one without its key says which it lacks."""
    assert story.say("large") == "Hi"
    with pytest.raises(openai.InternalServerError, match="the variable NEVER_SET is not set"):
        story.say("keyless")


def spend(story: Story) -> None:
    """A budget ends what may be spent, to the token, and raising it goes on at once."""
    story.command("project", "create", "research")
    key = story.command("key", "create", "research", "laptop", "--models", "large")["secret"]
    until(lambda: story.say("large", key, max_tokens=1))
    story.command("budget", "set", "research", "0.000001", "--per", "month")
    deadline_s = time.monotonic() + PATIENCE_S
    with pytest.raises(openai.RateLimitError) as caught:
        while time.monotonic() < deadline_s:
            story.say("large", key)
            time.sleep(0.1)
    assert caught.value.code == "insufficient_quota"
    for words in ("monthly budget of the project 'research'", "limit 0.000001 USD", "resets at"):
        assert words in str(caught.value)
    (budget,) = story.command("budget", "list")["data"]
    rows = story.command("usage", "--by", "project,model")["data"]
    (billed,) = [row for row in rows if row["project"] == "research"]
    assert budget["spent"] == billed["cost"] != "0.00"
    assert billed["estimated_requests"] == 0
    story.command("budget", "set", "research", "1", "--per", "month")
    assert until(lambda: story.say("large", key)) == "Hi"
