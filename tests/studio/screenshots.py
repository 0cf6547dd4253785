"""Makes docs/screenshots, by hand: `.venv/bin/python -m tests.studio.screenshots [FOLDER]`.

A platform is started over a folder that is thrown away, with people, prompts, budgets and a month
of made-up usage in it, and `screenshots.mjs` looks at its pages.
"""

import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.hub import run_hub
from tests.platform import RunningPlatform, run_command, run_platform
from tests.processes import run_standin
from tests.studio.flows import HERE
from tramontane.clock import clock_ms
from tramontane.engines.plan import DEMO_PATH
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.store import keys, projects, usage
from tramontane.store.database import Store, open_store
from tramontane.store.records import UsageRecord

CONFIG = """
[hub]
url = "{hub}"

[deployments.council]
url = "{url}"
upstream_model = "mountain-8b"
context_tokens = 128000
capable = true
languages = ["fr", "de", "it", "en"]
open_weights = true
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}

[deployments.narrow]
url = "{url}"
upstream_model = "mountain-8b"
context_tokens = 8000
max_in_flight = 1
queue_limit = 8
price = "free"

[providers.mistral]
kind = "mistral"
region = "eu"
key_env = "SCREENSHOTS_KEY"

[providers.openai]
kind = "openai"
region = "us"
key_env = "SCREENSHOTS_KEY"

[deployments.large]
provider = "mistral"
upstream_model = "mistral-large-latest"
languages = ["fr", "de", "it", "es", "en"]
price = {{ input_per_mtok = "0.55", output_per_mtok = "1.65" }}

[deployments.reserve]
provider = "openai"
upstream_model = "gpt-4o-mini"
price = {{ input_per_mtok = "0.15", output_per_mtok = "0.60" }}

[deployments.evening]
model = "small"
scale_to_zero_after_s = 4

[routes.best]
deployments = ["large", "reserve"]
"""
NEMO = "bartowski__Mistral-Nemo-Instruct-2407-GGUF"
PASSWORD = "seven grey herons over Sion"
EMAIL = "ada.keller@example.org"
DAY_MS = 86_400_000
SERVED = (("large", "mistral", "eu"), ("council", "127.0.0.1", ""), ("reserve", "openai", "us"))
QUESTIONS = (
    "Which streets are closed during the market?",
    "Write the agenda of Monday's meeting from my notes",
    "What do the figures of the 2024 budget say?",
)
PEOPLE = (
    ("Nina Roth", "nina.roth@example.org", "manager"),
    ("Luc Favre", "luc.favre@example.org", "member"),
    ("Giulia Bianchi", "giulia.bianchi@example.org", "member"),
)


class Client:
    """Somebody's browser, without a browser."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._cookie = ""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return the JSON of the answer."""
        headers = {"x-tramontane": "1", "origin": self._url, "content-type": "application/json"}
        if self._cookie:
            headers["cookie"] = self._cookie
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/api/v1{path}", data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            if cookie := answer.headers.get("set-cookie"):
                self._cookie = cookie.partition(";")[0]
            text = answer.read()
        return json.loads(text) if text else None

    def accept(self, link: str, **given: str) -> None:
        """Use a one-time link."""
        token = link.rpartition("/")[2]
        self.ask("POST", "/links/accept", {"token": token, "password": PASSWORD, **given})


def main(folder: Path) -> None:
    """Write every picture into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    browser, node = shutil.which("chromium"), shutil.which("node")
    assert browser and node, "there must be a Chromium and a Node on the PATH"
    behaviour = Behaviour(answer=(HERE / "samples" / "report.md").read_text(), tps=2000)
    slow = Behaviour(answer="mo il vent sol mar " * 800, tps=20)
    script = (
        Rule(contains="tunnel", reply=Behaviour(status=500, error_message="a fault")),
        Rule(contains="history", reply=slow),
    )
    models = ("mountain-8b", "mountain-70b")
    options = StandinOptions(behaviour=behaviour, models=models, script=script)
    # Other bytes than the file that is here already: that would not be fetched.
    arriving = DEMO_PATH.read_bytes() + bytes(64)
    repositories = {NEMO: {"Mistral-Nemo-Instruct-2407-Q4_K_M.gguf": arriving}}
    with (
        tempfile.TemporaryDirectory() as scratch,
        run_standin(options) as standin,
        run_hub(None, None, **repositories) as hub,
    ):
        hub.pause_s = 2  # so that one can see a model arrive
        config = Path(scratch, "tramontane.toml")
        config.write_text(CONFIG.format(url=standin.url, hub=hub.url))
        data = Path(scratch, "data")
        environ = {"SCREENSHOTS_KEY": "none"}
        where = ("--config", str(config), "--data", str(data))
        added = run_command("model", "add", str(DEMO_PATH), "--name", "small", *where)
        assert added.returncode == 0, added.stderr
        with run_platform(data, "--config", str(config), environ=environ) as platform:
            token = _fill(platform, data)
            publication = _publish(platform, standin.url)
            given = {
                "browser": browser,
                "url": platform.address,
                "email": EMAIL,
                "password": PASSWORD,
                "folder": str(folder),
                "token": token,
                "publication": publication,
                "standin": standin.url,
                "questions": QUESTIONS,
                "member": PEOPLE[1][1],
            }
            line = json.dumps(given).encode() + b"\n"
            subprocess.run([node, str(HERE / "screenshots.mjs")], input=line, check=True)


def _fill(platform: RunningPlatform, data: Path) -> str:
    """Put people, prompts, budgets and usage in; return the token of an invitation that waits."""
    assert platform.sign_in is not None
    ada = Client(platform.address)
    ada.accept(platform.sign_in, name="Ada Keller", email=EMAIL, language="en")
    project = ada.ask("GET", "/session")["projects"][0]["id"]
    ada.ask("POST", "/projects", {"name": "town-hall"})
    for name, email, role in PEOPLE:
        invitation = {"email": email, "project_id": project, "role": role}
        link = ada.ask("POST", "/invitations", invitation)["url"]
        Client(platform.address).accept(link, name=name, email=email, language="en")
    waiting = ada.ask("POST", "/invitations", {"project_id": "town-hall", "role": "member"})
    ada.ask("POST", "/invitations", {"email": "paul.meier@example.org", "project_id": project})
    ada.ask("PUT", "/budgets", {"project_id": project, "window": "month", "limit": "7"})
    ada.ask("PUT", "/budgets", {"project_id": project, "window": "day", "limit": "5"})
    ada.ask("POST", "/keys", {"project_id": project, "name": "website"})
    for title, body in (
        ("Invitation to a meeting", "Invite {{name}} to the meeting on {{day}}."),
        ("Reply to an objection", "Answer this objection politely, in plain words: {{objection}}"),
        ("Press release", "Write a press release of 150 words on {{occasion}}."),
    ):
        ada.ask("POST", "/prompts", {"title": title, "body": body, "project_id": project})
    store = open_store(f"sqlite:///{data / 'tramontane.db'}")
    try:
        _spend(store)
    finally:
        store.close()
    return str(waiting["url"]).rpartition("/")[2]


def _publish(platform: RunningPlatform, origin: str) -> str:
    """Have the town hall publish a model that others use; return the publication's id."""
    ada = Client(platform.address)
    ada.ask("POST", "/session", {"email": EMAIL, "password": PASSWORD})
    found = {each["name"]: each["id"] for each in ada.ask("GET", "/projects")["data"]}
    own = {"name": "permits", "url": origin, "key": "own", "upstream_model": "mountain-70b"}
    price = {"input_per_mtok": "0.10", "output_per_mtok": "0.30"}
    town_hall = {"project_id": found["town-hall"]}
    ada.ask("POST", "/deployments", {**own, **town_hall, "context_tokens": 32_000, "price": price})
    card = {
        "name": "Permits",
        "description": "Answers questions about building permits, from the town's own decisions.",
        "licence": "Apache-2.0",
        "languages": ["fr", "de", "it", "en"],
    }
    terms = "For public services. Answers are a first orientation, and no decision."
    asked = {"input_per_mtok": "0.23", "output_per_mtok": "0.67"}
    offer = {"name": "permits", "deployment": "permits", "card": card, "terms": terms}
    made = ada.ask("POST", "/publications", {**offer, **town_hall, "price": asked})
    place = f"/publications/{made['id']}/subscriptions/{found['default']}"
    ada.ask("PUT", place, {"version": 1})
    for question in QUESTIONS:
        _ask(platform, str(made["name"]), question)
    return str(made["id"])


def _ask(platform: RunningPlatform, model: str, question: str) -> None:
    """Ask a model through the gateway, as soon as it knows the model."""
    headers = {"authorization": f"Bearer {platform.key}", "content-type": "application/json"}
    body = {"model": model, "messages": [{"role": "user", "content": question}]}
    url, data = f"{platform.address}/v1/chat/completions", json.dumps(body).encode()
    for last in (*([False] * 40), True):
        try:
            with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
                answer.read()
                return
        except urllib.error.HTTPError:
            if last:
                raise
            time.sleep(0.25)


def _spend(store: Store) -> None:
    """Make a month of usage up: more on working days, most in one week."""
    chance = random.Random(7)
    now_ms = clock_ms()
    with store.write() as c:
        project = next(p for p in projects.list_all(c) if p.name == "default")
        spenders = [key for key in keys.list_all(c, (project.id,)) if key.name != "first"]
        records = []
        for back in range(30):
            moment_ms = now_ms - back * DAY_MS
            is_weekend = (moment_ms // DAY_MS + 4) % 7 in (0, 6)
            busy = (0.15 if is_weekend else 1) * (1 + math.exp(-((back - 11) ** 2) / 8))
            for n in range(round(9 * busy * chance.uniform(0.6, 1.3))):
                name, provider, region = chance.choices(SERVED, (6, 3, 1))[0]
                prompt, written = chance.randint(20_000, 260_000), chance.randint(3_000, 60_000)
                records.append(
                    UsageRecord(
                        request_id=f"made-up-{back}-{n}",
                        attempt=1,
                        project_id=project.id,
                        key_id=chance.choice(spenders).id,
                        model="council" if name == "council" else "best",
                        deployment=name,
                        started_at_ms=moment_ms - n * 1000,
                        settled_at_ms=moment_ms,
                        prompt_tokens=prompt,
                        completion_tokens=written,
                        cached_tokens=0,
                        cost_nano=prompt * 150 + written * 600,
                        estimated=False,
                        status="ok",
                        provider=provider,
                        region=region,
                    )
                )
        usage.insert_many(c, records)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/screenshots").resolve())
