"""What serving takes: by the header, against real engines, and what there is to be had."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engines.child import Child
from tests.engines.tiny import write_tiny
from tramontane.config import DeploymentSettings
from tramontane.engines.deploying import Wanted, check_fits, needed_bytes
from tramontane.engines.gguf import read_header
from tramontane.engines.memory import (
    ENGINE_BYTES,
    Memory,
    engine_bytes,
    memory_now,
    most_context,
    need,
    need_of_file,
    shape_of,
    verdict,
)
from tramontane.engines.pull_lines import Shape
from tramontane.errors import Conflict

LLAMA_8B = Shape(
    file_bytes=4_920_000_000, layers=32, heads=32, kv_heads=32 * 8, key_length=128,
    value_length=128, width=4_096, vocabulary=128_256,
)  # fmt: skip


def test_the_cache_of_a_known_model_is_what_its_layers_keep() -> None:
    """Llama 3.1 8B keeps 131,072 bytes a token: 32 layers, 8 heads of 128, keys and values."""
    assert need(LLAMA_8B, 4_096, 4).cache_bytes == 4 * 4_096 * 131_072
    assert need(LLAMA_8B, 4_000, 1).cache_bytes == 4_096 * 131_072, "in steps of 256"
    taken = need(LLAMA_8B, 4_096, 4)
    assert taken.total_bytes == (
        taken.model_bytes + taken.cache_bytes + taken.step_bytes + ENGINE_BYTES
    )
    assert 7.2e9 < taken.total_bytes < 7.6e9


def test_a_header_says_the_shape(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", layers=3, width=64)
    shape = shape_of(read_header(path))
    assert shape == Shape(
        file_bytes=path.stat().st_size, layers=3, heads=4, kv_heads=12, key_length=16,
        value_length=16, width=64, vocabulary=259,
    )  # fmt: skip
    assert shape_of(read_header(path), 7).file_bytes == 7


def test_verdicts_and_the_longest_context() -> None:
    gib = 1 << 30
    assert [verdict(n * gib, Memory(None, 10 * gib)) for n in (8, 9, 11)] == ["yes", "tight", "no"]
    assert verdict(1, Memory(None, None)) == "unknown"
    assert need_of_file(gib) > gib
    longest = most_context(LLAMA_8B, 4, 8 * gib)
    assert need(LLAMA_8B, longest, 4).total_bytes <= 8 * gib
    assert need(LLAMA_8B, longest + 256, 4).total_bytes > 8 * gib
    assert most_context(LLAMA_8B, 1, gib) == 0


def test_what_does_not_fit_says_what_would() -> None:
    gib = 1 << 30

    def told(available_gib: float, **settings: Any) -> str:
        wanted = Wanted(name="x", settings=DeploymentSettings(model="x", **settings))
        with pytest.raises(Conflict) as caught:
            check_fits(wanted, LLAMA_8B, 131_072, Memory(None, int(available_gib * gib)))
        assert caught.value.code == "does_not_fit"
        return caught.value.message

    assert "takes about 7.4 GB of memory with 4 x 4,096 tokens" in told(6)
    assert "tokens with 4 at once would fit" in told(6)
    assert "tokens with 1 at once would fit" in told(5.2, max_in_flight=1_000)
    assert "A smaller quantisation" in told(4)
    assert "A smaller model" in told(1)
    anyway = Wanted(name="x", settings=DeploymentSettings(model="x"), anyway=True)
    check_fits(anyway, LLAMA_8B, 131_072, Memory(None, 1))
    fits = Wanted(name="x", settings=DeploymentSettings(model="x", context_tokens=256))
    check_fits(fits, LLAMA_8B, 131_072, Memory(None, 6 * gib))
    assert needed_bytes(LLAMA_8B, fits.settings, 128) < needed_bytes(LLAMA_8B, anyway.settings, 512)


def test_the_machine_says_what_it_has(tmp_path: Path) -> None:
    now = memory_now()
    assert now.total_bytes is not None and now.available_bytes is not None
    assert 0 < now.available_bytes <= now.total_bytes
    assert memory_now(tmp_path) == Memory(None, None)
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    meminfo = "MemTotal: 8000 kB\nMemFree: 1 kB\nMemAvailable: 6000 kB\nHugePages_Total: 0\n"
    (tmp_path / "proc/meminfo").write_text(meminfo)
    (group / "memory.max").write_text("max\n")
    assert memory_now(tmp_path) == Memory(8_000 << 10, 6_000 << 10)
    (group / "memory.max").write_text(f"{4_000 << 10}\n")
    (group / "memory.current").write_text(f"{3_000 << 10}\n")
    (group / "memory.stat").write_text(f"anon 1\ninactive_file {500 << 10}\n")
    assert memory_now(tmp_path) == Memory(4_000 << 10, 1_500 << 10)


@pytest.mark.parametrize(
    ("layers", "width"), [(1, 32), pytest.param(6, 384, marks=pytest.mark.slow)]
)
def test_a_real_engine_takes_about_so_much(tmp_path: Path, layers: int, width: int) -> None:
    path = write_tiny(tmp_path / "x.gguf", layers=layers, width=width)
    estimate = need(shape_of(read_header(path)), 4_096, 4).total_bytes
    with Child(path, context_tokens=4_096, slots=4) as child:
        resident = psutil.Process(child.process.pid).memory_info().rss
        assert engine_bytes(child.process.pid) <= resident
    assert 0.95 * resident < estimate < resident + (96 << 20)
