"""The page reads a stream alike, wherever the network cuts it."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

STREAM = (
    ": queued position=2 eta_s=3\n\n"
    'data: {"a": "é — 風"}\r\n\r\n'
    "event: ignored\nid: 7\ndata:no space\n\n"
    "data: two\ndata: lines\n\n"
    "\n\n: \ndata: [DONE]\n\n"
    "data: not ended"
)
EVENTS = [
    {"comment": " queued position=2 eta_s=3"},
    {"data": '{"a": "é — 風"}'},
    {"data": "no space"},
    {"data": "two\nlines"},
    {"comment": " "},
    {"data": "[DONE]"},
]


def test_any_cut_of_a_stream_gives_the_same_events(node_path: str, tmp_path: Path) -> None:
    modules = files("tramontane.studio") / "static" / "start"
    for name in ("client.js", "stream.js"):
        shutil.copy(str(modules / name), tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run = subprocess.run(
        [node_path, str(Path(__file__).parent / "stream.mjs"), str(tmp_path)],
        input=STREAM.encode(),
        capture_output=True,
        check=True,
    )
    results = json.loads(run.stdout)
    assert len(results) == len(STREAM.encode()) + 2
    assert all(result == EVENTS for result in results)
