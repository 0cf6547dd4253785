"""What the assistant costs: `python benchmarks/assistant.py [DIR] [--messages 100000]`.

Fills a store with conversations, starts `tramontane serve` over it and asks through the API as the
browser app does: searches, and the opening of a conversation of 500 messages with long code. Prints
medians and 99th percentiles in milliseconds, the studio's resident memory before and after, and how
long the app takes in Chromium.
"""

import argparse
import bisect
import http.client
import itertools
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.store import conversations, members, memberships, messages, projects
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store, migrate, open_store
from tramontane.store.records import Member, Project

SEED = 20261122
SPEED = Path(__file__).parents[1] / "tests" / "studio" / "speed.mjs"
STOP_WORDS = ("the", "de", "la", "and", "und", "der", "et", "que", "is", "in", "a", "to", "il")
VOCABULARY = 40_000
ROUNDS = 60
QUERIES = {
    "a common word": "the",
    "two common words": "the und",
    "one letter": "d",
    "two letters as a beginning": "ba",
    "four letters as a beginning": "bale",
    "a rare word": "zyxwomqar",
    "common and rare": "the zyxwomqar",
    "four words": "the de la zyx",
    "nothing": "qqqqqq",
}
CODE = "```python\n" + "\n".join(f"def f{n}(x: int) -> int:\n    return x + {n}" for n in range(40))


class Words:
    """Texts whose words are as unevenly frequent as words are (Zipf)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        syllables = [c + v for c in "bcdfghjklmnpqrstvwxyz" for v in ("a", "e", "i", "o", "u", "é")]
        made = {"".join(self._random.choices(syllables, k=1 + n % 4)) for n in range(VOCABULARY)}
        self._words = [*STOP_WORDS, *sorted(made)]
        weights = (1 / (rank + 2) for rank in range(len(self._words)))
        self._weights = list(itertools.accumulate(weights))

    def text(self, count: int) -> str:
        """Return `count` words."""
        total = self._weights[-1]
        places = (self._random.random() * total for _ in range(count))
        return " ".join(self._words[bisect.bisect(self._weights, place)] for place in places)


def fill(store: Store, project: Project, member: Member, count: int, words: Words) -> None:
    """Give `member` so many messages, in conversations of 100."""
    while count > 0:
        with store.write() as c:
            made = new(c, member, project, words.text(5))
            chain: list[messages.Message] = []
            for n in range(min(count, 100)):
                role: messages.Role = "assistant" if n % 2 else "user"
                text = words.text(110 if n % 2 else 25)
                if n == 7:
                    text += " Zyxwomqar"
                parent = chain[-1].id if chain else None
                chain.append(messages.new(made.id, role, parent, 1_000 + n, text=text))
            messages.add(c, chain)
            count -= len(chain)


def new(c: Any, member: Member, project: Project, title: str) -> Conversation:
    return conversations.create(
        c, member_id=member.id, project_id=project.id, model="demo", now_ms=1, title=title,
        title_source="member",
    )  # fmt: skip


def long_conversation(store: Store, project: Project, member: Member, words: Words) -> str:
    """Return a conversation of 500 messages, every second one with long code."""
    with store.write() as c:
        made = new(c, member, project, "Long")
        chain: list[messages.Message] = []
        for n in range(500):
            role: messages.Role = "assistant" if n % 2 else "user"
            text = words.text(60) + (f"\n\n{CODE}\n```\n" if n % 2 else "")
            parent = chain[-1].id if chain else None
            chain.append(messages.new(made.id, role, parent, 1_000 + n, text=text))
        messages.add(c, chain)
        conversations.change(c, made.id, shown_message_id=chain[-1].id)
    return made.id


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what the platform over `folder` said when it was up, with its `pid`."""
    command = [sys.executable, "-m", "tramontane.cli", "serve", "--json", "--port", "0"]
    with subprocess.Popen([*command, "--data", str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield {**json.loads(process.stdout.readline()), "pid": process.pid}
        finally:
            process.terminate()
            process.wait(60)


class Browser:
    """A signed-in member with one kept connection, as browsers have."""

    def __init__(self, address: str) -> None:
        self._host = address.removeprefix("http://")
        self._connection = http.client.HTTPConnection(self._host, timeout=60)
        self._cookie = ""

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Return the JSON of an answer."""
        headers = {"origin": f"http://{self._host}", "x-tramontane": "1", "cookie": self._cookie}
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["content-type"] = "application/json"
        self._connection.request(method, f"/api/v1{path}", data, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text.decode()}")
        if cookie := answer.getheader("set-cookie"):
            self._cookie = cookie.partition(";")[0]
        return json.loads(text)


def timed(what: str, work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Print how long `work` takes; return the median in milliseconds."""
    work()
    taken = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began_s) * 1000)
    taken.sort()
    median, late = statistics.median(taken), taken[int(len(taken) * 0.99)]
    print(f"  {what:<32} median {median:7.1f} ms   p99 {late:7.1f} ms")
    return median


def resident_mb(pid: int, part: str) -> float:
    """Return the resident memory of that child of the platform, in megabytes."""
    for child in psutil.Process(pid).children():
        if part in " ".join(child.cmdline()):
            return float(child.memory_info().rss) / 1e6
    raise RuntimeError(f"there is no {part}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--messages", type=int, default=100_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
        measure(Path(place) / "data", chosen.messages)


def measure(folder: Path, count: int) -> None:
    """Fill, serve, ask, print."""
    with serving(folder) as said:  # the first start makes the store and the first member
        ada = Browser(said["address"])
        token = said["sign_in"].rpartition("/")[2]
        person = {"name": "Ada", "email": "ada@example.org", "password": "a long bench password"}
        ada.call("POST", "/links/accept", {"token": token, "language": "en", **person})
        time.sleep(1)
        print(f"studio at rest: {resident_mb(said['pid'], 'tramontane.studio'):.0f} MB resident")
    long_id = filled(folder, count)
    with serving(folder) as said:
        ada = Browser(said["address"])
        ada.call("POST", "/session", {key: person[key] for key in ("email", "password")})
        print(f"search over {count:,} messages, through the API:")
        slowest = max(
            timed(
                f"{what} ({q!r})", lambda q=q: ada.call("GET", f"/search?q={q.replace(' ', '+')}")
            )
            for what, q in QUERIES.items()
        )
        print(f"  slowest median {slowest:.1f} ms")
        print("opening:")
        path = f"/conversations/{long_id}"
        size = len(json.dumps(ada.call("GET", path)))
        timed(f"500 messages ({size / 1e6:.1f} MB)", lambda: ada.call("GET", path))
        timed("the list of conversations", lambda: ada.call("GET", "/conversations"))
        in_browser(said["address"], person, long_id)
        print(f"studio afterwards: {resident_mb(said['pid'], 'tramontane.studio'):.0f} MB resident")


def in_browser(address: str, person: dict[str, str], long_id: str) -> None:
    """Print how long the app takes in Chromium, where there is one."""
    node, chromium = shutil.which("node"), shutil.which("chromium")
    if node is None or chromium is None:
        print("in a browser: there is no node or no chromium on the PATH")
        return
    given = {
        "browser": chromium,
        "url": address,
        "conversation": long_id,
        "rounds": 5,
        **{key: person[key] for key in ("email", "password")},
    }
    ran = subprocess.run(
        [node, str(SPEED)],
        input=json.dumps(given) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(ran.stdout)
    print(f"in Chromium, medians of {given['rounds']}, load {os.getloadavg()[0]:.1f}:")
    print(f"  usable, nothing cached           {told['usable']:7.0f} ms")
    print(f"  500 messages with code, shown    {told['shown']:7.0f} ms")
    print(f"  longest task while it scrolls    {told['longest']:7.0f} ms (0: none over 50)")


def filled(folder: Path, count: int) -> str:
    """Fill the store: two thirds are Ada's, the rest of 30 others; return the long one's id."""
    settings = Settings(data=str(folder))
    migrate(settings.store_url)
    store = open_store(settings.store_url)
    words = Words(SEED)
    with store.write() as c:
        ada = members.get(c, "ada@example.org")
        place = memberships.list_all(c, member_id=ada.id)[0]
        project = projects.get(c, place.project_id)
        others = []
        for n in range(30):
            other = members.create(
                c, email=f"m{n}@example.org", name=f"M{n}", password_hash=None, now_ms=1
            )
            memberships.put(c, member=other, project_id=project.id, role="member", now_ms=1)
            others.append(other)
    began_s = time.perf_counter()
    long_id = long_conversation(store, project, ada, words)
    fill(store, project, ada, count * 2 // 3, words)
    for other in others:
        fill(store, project, other, count // 90, words)
    size = DataFolder(folder).database.stat().st_size
    took_s = time.perf_counter() - began_s
    print(f"filled in {took_s:.0f} s; the store is {size / 1e6:.0f} MB")
    store.close()
    return long_id


if __name__ == "__main__":
    main()
