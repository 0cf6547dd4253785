"""What the child does: goes on where it was, asks in pieces, checks early, keeps nothing spoilt."""

import fcntl
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import pytest

from tests.engines.tiny import write_tiny
from tests.hub import REPOSITORY, StandInHub, run_hub
from tramontane.engines import pull_child
from tramontane.engines.gguf import read_header
from tramontane.engines.hub import Source, parse_source
from tramontane.engines.hub_client import Answer, HubClient
from tramontane.engines.pull_child import Fetcher
from tramontane.engines.pull_lines import (
    Described,
    Fetched,
    Fetching,
    Found,
    Line,
    Order,
    Patience,
    Refused,
    Verifying,
)
from tramontane.errors import (
    Conflict,
    InvalidModelFile,
    NotFound,
    TramontaneError,
    Unavailable,
)

PATIENCE = Patience(retry_first_s=0.5, retry_most_s=2.0, tries=3, read_timeout_s=5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("hub") / "tiny.gguf"
    return write_tiny(path, layers=2, width=128).read_bytes()


@pytest.fixture
def hub(data: bytes) -> Iterator[StandInHub]:
    with run_hub({"tiny.gguf": data}) as running:
        yield running


class Fetch:
    """One folder, into which is fetched as often as a test says."""

    def __init__(self, folder: Path, hub: StandInHub) -> None:
        self.folder = folder
        self.hub = hub
        self.lines: list[Line] = []
        self.slept_s: list[float] = []

    def run(self, file: str = ":tiny.gguf", **changes: Any) -> Fetched:
        """Fetch, and return the last line, which says that it is there."""
        given: dict[str, Any] = {"patience": PATIENCE, **changes}
        order = Order(
            url=self.hub.url, source=f"hf:{REPOSITORY}{file}", folder=str(self.folder), **given
        )
        self.lines.clear()
        with HubClient(order.url) as client:
            Fetcher(order, client, self.lines.append, self.slept_s.append).run()
        last = self.lines[-1]
        assert isinstance(last, Fetched)
        return last

    def kinds(self) -> list[str]:
        """Return what was said, each kind once in a row."""
        names = [type(line).__name__ for line in self.lines]
        return [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]

    def ranges(self) -> list[str | None]:
        """Return the ranges that were asked for."""
        return [each.range for each in self.hub.downloads()]


@pytest.fixture
def fetch(tmp_path: Path, hub: StandInHub) -> Fetch:
    folder = tmp_path / "pull"
    folder.mkdir()
    return Fetch(folder, hub)


def test_it_says_what_it_does_and_what_came(fetch: Fetch, hub: StandInHub, data: bytes) -> None:
    sha256 = hub.hashes[REPOSITORY]["tiny.gguf"]
    assert fetch.run() == Fetched(f"{sha256}.part", sha256)
    assert (fetch.folder / f"{sha256}.part").read_bytes() == data
    assert fetch.kinds() == ["Found", "Fetching", "Described", "Verifying", "Fetched"] or (
        fetch.kinds() == ["Found", "Fetching", "Described", "Fetching", "Verifying", "Fetched"]
    )
    found = next(line for line in fetch.lines if isinstance(line, Found))
    assert (found.repository, found.file, found.size_bytes) == (
        REPOSITORY, "tiny.gguf", len(data),
    )  # fmt: skip
    assert found.revision == hub.commit(REPOSITORY) and not found.was_proposed
    described = next(line for line in fetch.lines if isinstance(line, Described))
    assert (described.architecture, described.shape.layers) == ("llama", 2)
    # Once more: all is there, and is only compared.
    fetch.run("")
    assert len(fetch.ranges()) == 1
    assert isinstance(fetch.lines[0], Found) and fetch.lines[0].was_proposed


def test_it_goes_on_in_pieces_after_each_break(fetch: Fetch, hub: StandInHub, data: bytes) -> None:
    hub.cut_after = [100_000, 0, 300_000, 1_000_000]
    fetch.run(piece_bytes=500_000)
    assert fetch.ranges()[:5] == [
        "bytes=0-499999",
        "bytes=100000-599999",
        "bytes=100000-599999",
        "bytes=400000-899999",
        "bytes=900000-1399999",
    ]
    assert fetch.slept_s == [0.5, 1.0, 0.5]
    hub.cut_after = [0, 0, 0]
    shutil.rmtree(fetch.folder)
    fetch.folder.mkdir()
    with pytest.raises(Unavailable, match="broke off"):
        fetch.run()


def test_a_hub_without_ranges_is_taken_from_its_beginning(
    fetch: Fetch, hub: StandInHub, data: bytes
) -> None:
    hub.cut_after = [100_000]
    hub.ignores_ranges = True
    fetch.run(piece_bytes=200_000)
    assert len(fetch.ranges()) == 2


class EndlessClient(HubClient):
    """Asks a hub that sends on and on behind a file's end."""

    @contextmanager
    def bytes_of(self, source: Source, path: str, first: int, last: int) -> Iterator[Answer]:
        """Yield the file's bytes, and more of them than there can be."""
        with super().bytes_of(source, path, first, last) as answer:
            chunks = chain(answer.chunks, repeat(b"more"))
            yield Answer(chunks, answer.start, answer.size_bytes)


def test_what_comes_behind_its_end_is_not_waited_for(
    tmp_path: Path, hub: StandInHub, data: bytes
) -> None:
    order = Order(url=hub.url, source=f"hf:{REPOSITORY}:tiny.gguf", folder=str(tmp_path))
    with EndlessClient(hub.url) as client:
        Fetcher(order, client, lambda _: None).run()
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == data


def test_what_lies_there_damaged_is_fetched_anew_once(
    fetch: Fetch, hub: StandInHub, data: bytes
) -> None:
    sha256 = hub.hashes[REPOSITORY]["tiny.gguf"]
    part = fetch.folder / f"{sha256}.part"
    part.write_bytes(data[:-1])  # as after a power cut: the right length, nearly
    part.write_bytes(data[:500_000] + bytes(len(data) - 500_000))
    fetch.run()
    assert part.read_bytes() == data and len(fetch.ranges()) == 1
    part.write_bytes(b"no model" * 100)
    fetch.run()
    assert part.read_bytes() == data
    part.write_bytes(data + b"more")
    fetch.run()
    hub.corrupt_next = 1
    part.unlink()
    fetch.run()
    hub.corrupt_next = 2
    part.unlink()
    with pytest.raises(InvalidModelFile, match="twice") as caught:
        fetch.run()
    assert caught.value.code == "hash_mismatch" and not part.exists()


def test_what_is_no_model_is_noticed_by_its_first_bytes(fetch: Fetch, hub: StandInHub) -> None:
    junk = b"PK\x03\x04" + bytes(3_000_000)
    with run_hub({"zip.gguf": junk}) as other:
        fetch.hub = other
        with pytest.raises(InvalidModelFile, match="zip archive") as caught:
            fetch.run(":zip.gguf", piece_bytes=400_000)
    assert caught.value.code == "invalid_model_file"
    done = [line.done_bytes for line in fetch.lines if isinstance(line, Fetching)]
    assert max(done) <= 500_000 and len(other.downloads()) == 2
    assert not any(isinstance(line, Verifying) for line in fetch.lines)
    assert list(fetch.folder.iterdir()) == []


def test_only_what_the_hub_vouches_for_is_fetched(fetch: Fetch, hub: StandInHub) -> None:
    hub.without_hash.add("tiny.gguf")
    with pytest.raises(Conflict, match="no SHA-256") as caught:
        fetch.run()
    assert caught.value.code == "hub_hash_missing" and not fetch.ranges()
    with pytest.raises(NotFound, match=r"the nearest are tiny\.gguf"):
        fetch.run(":tinny.gguf")


def test_another_file_than_the_list_says_is_not_taken(fetch: Fetch, hub: StandInHub) -> None:
    hub.repositories[REPOSITORY]["tiny.gguf"] += b"longer"
    with HubClient(hub.url) as client:
        listing = client.listing(parse_source(f"hf:{REPOSITORY}"))
    hub.repositories[REPOSITORY]["tiny.gguf"] = b"GGUF"
    fetcher = Fetcher(
        Order(
            url=hub.url, source=f"hf:{REPOSITORY}", folder=str(fetch.folder),
            patience=PATIENCE,
        ),
        _Listed(hub.url, listing),
        fetch.lines.append,
        fetch.slept_s.append,
    )  # fmt: skip
    with pytest.raises(Unavailable, match="another file"):
        fetcher.run()


class _Listed(HubClient):
    """A client that goes by an older list."""

    def __init__(self, url: str, listing: Any) -> None:
        super().__init__(url)
        self._listing = listing

    def listing(self, source: Any) -> Any:
        """Return what there was."""
        self.close()
        return self._listing


def test_a_disk_too_small_is_noticed_before_and_while(fetch: Fetch, hub: StandInHub) -> None:
    sizes = hub.repositories[REPOSITORY]
    whole = sizes["tiny.gguf"]

    class Vast(bytes):
        def __len__(self) -> int:
            return shutil.disk_usage(fetch.folder).free + (1 << 30)

    sizes["tiny.gguf"] = Vast(whole)
    with pytest.raises(Unavailable, match="no room") as caught:
        fetch.run()
    assert caught.value.code == "disk_full" and not fetch.ranges()
    sizes["tiny.gguf"] = whole
    last = child(fetch, hub, limit_bytes=200_000)[-1]
    assert isinstance(last, Refused)
    assert (last.code, last.is_final, last.spoils) == ("disk_full", True, False)
    assert fetch.run()  # once there is room, it goes on
    assert any(each and not each.startswith("bytes=0-") for each in fetch.ranges())


def child(fetch: Fetch, hub: StandInHub, *, limit_bytes: int | None = None) -> Sequence[Line]:
    """Run a real child; return what it said."""
    order = Order(url=hub.url, source=f"hf:{REPOSITORY}", folder=str(fetch.folder))

    def limited() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    with subprocess.Popen(
        [sys.executable, "-P", "-m", "tramontane.engines.pull_child"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=limited,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()
        said = process.stdout.read().splitlines()
    return [msgspec.json.decode(line, type=Line) for line in said]


def test_two_do_not_write_into_one_file(fetch: Fetch, hub: StandInHub) -> None:
    part = fetch.folder / f"{hub.hashes[REPOSITORY]['tiny.gguf']}.part"
    with part.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="Another process") as caught:
            fetch.run()
    assert caught.value.code == "pull_busy" and not fetch.ranges()
    told = pull_child.refused(caught.value)
    assert not told.is_final
    assert pull_child.refused(OSError(28, "No space left on device")).code == "disk_full"
    assert pull_child.refused(PermissionError(13, "denied")).code == "library_unwritable"


def split(folder: Path, data: bytes, parts: int) -> dict[str, bytes]:
    """Return a model in several files, as `llama-gguf-split` makes them."""
    whole = folder / "whole.gguf"
    whole.write_bytes(data)
    reader = gguf.GGUFReader(whole)
    tensors = list(reader.tensors)
    found = {}
    for number in range(parts):
        path = folder / f"x-{number + 1:05d}-of-{parts:05d}.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        if number == 0:
            for field in reader.fields.values():
                if not field.name.startswith("GGUF.") and field.name != "general.architecture":
                    kinds = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
                    writer.add_key_value(field.name, field.contents(), field.types[0], kinds)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", parts)
        writer.add_int32("split.tensors.count", len(tensors))
        for tensor in tensors[number::parts]:
            writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        found[path.name] = path.read_bytes()
    return found


def test_a_model_in_parts_becomes_one_file(tmp_path: Path, fetch: Fetch, data: bytes) -> None:
    made = split(tmp_path, data, 3)
    with run_hub({f"q8/{name}": part for name, part in made.items()}) as hub:
        fetch.hub = hub
        hub.cut_after = [200_000]
        done = fetch.run("")
    joined = fetch.folder / done.file
    assert sorted(path.name for path in fetch.folder.iterdir()) == ["joined.part"]
    header, whole = read_header(joined), read_header(tmp_path / "whole.gguf")
    assert (header.tensor_count, header.parameters) == (whole.tensor_count, whole.parameters)
    assert header.metadata == whole.metadata and header.chat_template == whole.chat_template
    theirs = {t.name: np.array(t.data) for t in gguf.GGUFReader(tmp_path / "whole.gguf").tensors}
    ours = {t.name: np.array(t.data) for t in gguf.GGUFReader(joined).tensors}
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[name], ours[name]) for name in theirs)
    progress = [line.done_bytes for line in fetch.lines if isinstance(line, Fetching)]
    assert progress == sorted(progress)
    described = next(line for line in fetch.lines if isinstance(line, Described))
    assert described.shape.file_bytes == sum(map(len, made.values()))


def test_parts_that_lie_are_no_model(tmp_path: Path, fetch: Fetch, data: bytes) -> None:
    made = split(tmp_path, data, 2)
    names = sorted(made)
    made[names[1]] = made[names[1]][:-5_000]
    with run_hub(made) as hub, pytest.raises(TramontaneError) as caught:
        fetch.hub = hub
        fetch.run("")
    assert caught.value.code == "invalid_model_file"
    assert os.listdir(fetch.folder)
