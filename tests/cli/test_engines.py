"""`tramontane engines`, beside a platform that does not run."""

import os
from contextlib import closing
from pathlib import Path

from tests.cli.ran import Run
from tramontane.config import Settings
from tramontane.store import engines
from tramontane.store.database import open_store
from tramontane.store.records import EngineInstance


def test_what_is_deployed_is_shown_with_what_is_known(run: Run, data_dir: Path) -> None:
    settings = Settings(data=str(data_dir))
    with closing(open_store(settings.store_url)) as store, store.write() as c:
        engines.put_instance(
            c,
            EngineInstance(
                deployment="demo", nonce="n", address=None, state="asleep", cold_start_ms=2_300,
                pid=os.getpid(), updated_at_ms=0,
            ),
        )  # fmt: skip
    found = run("engines", "--json")
    assert "not running" in found.err
    told = found.json
    demo, guide = told["data"]
    assert (demo["deployment"], demo["state"], demo["cold_start_s"]) == ("demo", "asleep", 2.3)
    assert demo["resident_bytes"] > 1_000_000
    assert (guide["state"], guide["in_flight"], guide["slots"]) == ("starting", None, 16)
    assert told["machine"]["cores"] >= 1
    text = run("engines").out
    assert text.startswith("1 of 2 engines here answer; they take ")
    assert "2.3 s" in text and "asleep" in text
