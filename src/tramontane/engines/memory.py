"""How much memory serving a model takes, and how much there is.

The estimate is made of what a GGUF header says: the file itself, which is mapped; the KV cache of
every slot; the buffers of one step; the engine's own code. It leans to too much: of too little
one hears when the system ends the engine. How it compares with what real engines take stands in
`docs/deploying.md`. It does not know which deployments there are.
"""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Literal

import msgspec

from tramontane.engines.gguf import GGUFHeader
from tramontane.engines.pull_lines import Shape

ENGINE_BYTES = 64 << 20
"""Python, llama.cpp's code and its buffers for a model of no size."""
STEP_TOKENS = 512
CACHE_VALUE_BYTES = 2  # f16
STEP_WIDTHS = 24
"""How many vectors of the embedding's width are alive for each token of a step."""
STEP_LOGITS = 128
"""For how many tokens of a step the whole vocabulary is weighed at once."""
TIGHT_SHARE = 0.85
"""From this share of the available memory on it is called tight: others need some too."""
UNKNOWN_SHAPE_SHARE = 0.15
"""What is added to the file where nothing is known but its size."""

Verdict = Literal["yes", "tight", "no", "unknown"]


class Memory(msgspec.Struct, frozen=True):
    """The machine's memory (or this process's share of it), and what is free for a new engine."""

    total_bytes: int | None
    available_bytes: int | None


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What serving takes, in bytes."""

    model_bytes: int
    cache_bytes: int
    step_bytes: int
    engine_bytes: int = ENGINE_BYTES

    @property
    def total_bytes(self) -> int:
        """All together."""
        return self.model_bytes + self.cache_bytes + self.step_bytes + self.engine_bytes


def shape_of(header: GGUFHeader, file_bytes: int | None = None) -> Shape:
    """Return what of a header decides about memory; `file_bytes` where it has further parts."""
    layers = _number(header, "block_count")
    heads = _number(header, "attention.head_count") or _average(header, "attention.head_count")
    width = _number(header, "embedding_length")
    of_each = width // heads if heads else 0
    key = f"{header.architecture}.attention.head_count_kv"
    kv_heads = (
        header.sums.get(key) or (_number(header, "attention.head_count_kv") or heads) * layers
    )
    return Shape(
        file_bytes=file_bytes or header.size_bytes,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        key_length=_number(header, "attention.key_length") or of_each,
        value_length=_number(header, "attention.value_length") or of_each,
        width=width,
        vocabulary=header.lengths.get("tokenizer.ggml.tokens", 0),
    )


def need(shape: Shape, context_tokens: int, slots: int) -> Need:
    """Return what serving takes with that context for each of `slots` requests at once."""
    tokens = -(-context_tokens // 256) * 256 * slots
    cache = shape.kv_heads * (shape.key_length + shape.value_length) * tokens * CACHE_VALUE_BYTES
    step = 4 * (STEP_LOGITS * shape.vocabulary + STEP_TOKENS * STEP_WIDTHS * shape.width)
    return Need(model_bytes=shape.file_bytes, cache_bytes=cache, step_bytes=step)


def need_of_file(size_bytes: int) -> int:
    """Return about what serving takes where only the file's size is known."""
    return size_bytes + int(size_bytes * UNKNOWN_SHAPE_SHARE) + ENGINE_BYTES


def verdict(needed_bytes: int, memory: Memory) -> Verdict:
    """Return whether so much fits into what is available."""
    if memory.available_bytes is None:
        return "unknown"
    if needed_bytes > memory.available_bytes:
        return "no"
    return "tight" if needed_bytes > TIGHT_SHARE * memory.available_bytes else "yes"


def most_context(shape: Shape, slots: int, available_bytes: int) -> int:
    """Return the longest context that fits for each of `slots`, in steps of 256 tokens; 0: none."""
    fixed = need(shape, 0, slots).total_bytes
    of_step = need(shape, 256, slots).total_bytes - fixed
    if fixed > available_bytes:
        return 0
    return 256 * ((available_bytes - fixed) // of_step) if of_step else 1 << 20


def gigabytes(size_bytes: int) -> str:
    """Return a size as people read it.

    >>> gigabytes(4_368_439_584), gigabytes(12_000_000)
    ('4.4 GB', '12 MB')
    """
    if size_bytes >= 1_000_000_000:
        return f"{size_bytes / 1e9:.1f} GB"
    return f"{max(1, round(size_bytes / 1e6))} MB"


def memory_now(root: Path = Path("/")) -> Memory:
    """Return the memory of this machine, or of the container that this runs in.

    Without the system's word it is unknown. It reads /proc and /sys on Linux, asks sysctl and
    vm_stat on macOS.
    """
    if sys.platform == "darwin":
        return _macos()
    told = _meminfo(root / "proc/meminfo")
    total, available = told.get("MemTotal"), told.get("MemAvailable")
    group = root / "sys/fs/cgroup"
    limit, used = _count(group / "memory.max"), _count(group / "memory.current")
    if limit is not None and total is not None and limit < total:
        reclaimable = _stat(group / "memory.stat", "inactive_file")
        left = max(0, limit - max(0, (used or 0) - reclaimable))
        return Memory(limit, left if available is None else min(left, available))
    return Memory(total, available)


def engine_bytes(pid: int, root: Path = Path("/")) -> int:
    """Return the memory that comes free when the engine `pid` ends; 0 where nobody says."""
    return _meminfo(root / f"proc/{pid}/status").get("RssAnon", 0)


def _meminfo(path: Path) -> dict[str, int]:
    found = {}
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, rest = line.partition(":")
            if rest.strip().endswith("kB"):
                found[name] = int(rest.split()[0]) * 1_024
    return found


def _count(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def _stat(path: Path, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def _macos() -> Memory:
    total = _said("/usr/sbin/sysctl", "-n", "hw.memsize").strip()
    return Memory(int(total) if total.isdigit() else None, available_in(_said("/usr/bin/vm_stat")))


def available_in(vm_stat: str) -> int | None:
    """Return the bytes that macOS's `vm_stat` says can be had without swapping.

    >>> available_in("... (page size of 16384 bytes)\\nPages free: 100.\\nPages inactive: 20.")
    1966080
    """
    head, _, rest = vm_stat.partition("\n")
    page = "".join(
        c for c in head.partition("page size of")[2].partition("bytes")[0] if c.isdigit()
    )
    pages, found = 0, False
    for line in rest.splitlines():
        name, _, value = line.partition(":")
        count = value.strip().rstrip(".")
        if name in ("Pages free", "Pages inactive", "Pages speculative", "Pages purgeable"):
            pages += int(count) if count.isdigit() else 0
            found = True
    return pages * int(page) if page and found else None


def _said(*command: str) -> str:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        return ran.stdout
    return ""


def _number(header: GGUFHeader, name: str) -> int:
    value = header.metadata.get(f"{header.architecture}.{name}", 0)
    return value if type(value) is int and 0 <= value < 1 << 31 else 0


def _average(header: GGUFHeader, name: str) -> int:
    key = f"{header.architecture}.{name}"
    length = header.lengths.get(key, 0)
    return header.sums.get(key, 0) // length if length else 0
