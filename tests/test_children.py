"""A supervised child that is a real process: told only while it is up, started again, stopped."""

import asyncio
from pathlib import Path

from tramontane.children import Child

# Says what it reads; "end" ends it as a crash would.
ECHO = """
import sys
print("ready", flush=True)
for line in sys.stdin:
    print(line.strip(), file=sys.stderr, flush=True)
    if line.strip() == "end":
        sys.exit(3)
"""


async def until_said(log: Path, text: str) -> None:
    async with asyncio.timeout(20):
        while not (log.exists() and text in log.read_text()):
            await asyncio.sleep(0.02)


def test_a_child_is_told_only_while_it_is_up(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    states: list[str] = []
    starts = 0

    async def first_line() -> bytes:
        nonlocal starts
        starts += 1
        return b"start %d" % starts

    async def run() -> None:
        child = Child("echo", ["-c", ECHO], first_line, log, lambda: states.append(child.state))
        assert not child.tell(b"too early")
        child.start()
        await child.ready()
        assert child.tell(b"hello")
        await until_said(log, "start 1\nhello\n")
        assert child.tell(b"end")
        async with asyncio.timeout(20):
            while child.state != "restarting":
                await asyncio.sleep(0.01)
        assert not child.tell(b"lost")
        await until_said(log, "start 2\n")
        await child.stop(10)
        assert not child.tell(b"too late")

    asyncio.run(run())
    assert states[:2] == ["ready", "restarting"]
    said = log.read_text()
    assert "too" not in said
    assert "lost" not in said
