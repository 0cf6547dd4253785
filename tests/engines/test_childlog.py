"""What is kept of an engine's stderr."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.engines.childlog import LINE_BYTES, ROTATE_BYTES, RUN_BYTES, ChildLog

LOADING = b"""0.00.010.843 E llama_model_load: error loading model: tensor 'x' not found
0.00.010.863 E llama_model_load_from_file_impl: failed to load model
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "engine-demo.log"


def test_all_is_kept_while_loading_and_the_cause_is_found(path: Path) -> None:
    log = ChildLog(path, "2030 demo.gguf")
    log.feed(b"0.00.001.000 E srv: something first\n")
    assert log.cause == "srv: something first"
    log.feed(LOADING)
    log.close()
    assert log.cause == "tensor 'x' not found"
    assert path.read_bytes().startswith(b"--- 2030 demo.gguf\n0.00.001.000 E srv")
    assert path.read_bytes().endswith(LOADING)


def test_only_crashes_are_kept_while_serving(path: Path) -> None:
    log = ChildLog(path, "demo")
    log.is_serving = True
    log.feed(b'0.00.1 W srv: got exception: {"error": "CANARY"}\nroot ::= "CANARY"\n')
    log.feed(b"/src/ggml.c:12: GGML_ASSERT(n > 0) failed\n")
    log.feed(b"terminate called after throwing an instance of 'std::runtime_error'\n")
    log.feed(b"  what():  CANARY\nFatal Python error: Segmentation fault\n")
    log.close()
    assert path.read_bytes().splitlines() == [
        b"--- demo",
        b"/src/ggml.c:12: GGML_ASSERT(n > 0) failed",
        b"terminate called after throwing an instance of 'std::runtime_error'",
        b"Fatal Python error: Segmentation fault",
        b"(3 lines left out: they may hold requests)",
    ]


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(LOADING)), max_size=8))
def test_lines_may_be_split_anywhere(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("log") / "x.log"
    log = ChildLog(path, "demo")
    edges = [0, *sorted(cuts), len(LOADING)]
    for start, end in itertools.pairwise(edges):
        log.feed(LOADING[start:end])
    log.close()
    assert path.read_bytes() == b"--- demo\n" + LOADING


def test_a_run_writes_no_more_than_its_share(path: Path) -> None:
    log = ChildLog(path, "demo")
    for _ in range(3):
        log.feed(b"x" * RUN_BYTES + b"\n" + b"y" * 100 * 10)
    for _ in range(2_000):
        log.feed(b"z" * 1_000 + b"\n")
    log.close()
    assert path.stat().st_size <= RUN_BYTES
    assert max(map(len, path.read_bytes().split(b"\n"))) <= LINE_BYTES


def test_a_long_log_is_moved_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"old" + bytes(ROTATE_BYTES))
    ChildLog(path, "new").close()
    assert path.read_bytes() == b"--- new\n"
    assert path.with_name("engine-demo.log.1").read_bytes().startswith(b"old")
    ChildLog(path, "again").close()
    assert path.read_bytes() == b"--- new\n--- again\n"
