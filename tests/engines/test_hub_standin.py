"""The stand-in hub judged by the hub's own client: what it lists, gives, and how it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.hub import REPOSITORY, run_hub

FILES = {"tiny-Q8_0.gguf": b"GGUF" * 50_000, "sub/notes.txt": b"notes"}

ASKING = """
import json, sys
from huggingface_hub import HfApi, hf_hub_download, errors

out = {}
api = HfApi()
info = api.model_info("tests/tiny-gguf", files_metadata=True)
out["id"], out["sha"], out["gated"] = info.id, info.sha, info.gated
out["lfs"] = {s.rfilename: [s.size, s.lfs and s.lfs["sha256"]] for s in info.siblings}
tree = list(api.list_repo_tree("tests/tiny-gguf", recursive=True))
out["tree"] = sorted((entry.path, entry.size) for entry in tree)
out["moved"] = api.model_info("old/name").id
with open(hf_hub_download("tests/tiny-gguf", "tiny-Q8_0.gguf"), "rb") as file:
    out["bytes"] = len(file.read())
with open(hf_hub_download("old/name", "sub/notes.txt"), "rb") as file:
    out["notes"] = file.read().decode()

def refused(*arguments, **named):
    try:
        hf_hub_download(*arguments, **named)
    except errors.HfHubHTTPError as error:
        return type(error).__name__
    return "nothing"

out["refused"] = [
    refused("tests/tiny-gguf", "missing.gguf"),
    refused("tests/tiny-gguf", "tiny-Q8_0.gguf", revision="nowhere"),
    refused("no/body", "x.gguf"),
    refused("tests/gated", "x.gguf"),
]
with open(hf_hub_download("tests/gated", "x.gguf", token="hf_good"), "rb") as file:
    out["gated_bytes"] = len(file.read())
print(json.dumps(out))
"""


def test_the_hubs_own_client_downloads_from_it(tmp_path: Path) -> None:
    with run_hub(FILES, tests__gated={"x.gguf": b"GGUF"}) as hub:
        hub.moved["old/name"] = REPOSITORY
        hub.gated.add("tests/gated")
        hub.accepted.add("hf_good")
        hub.cut_after = [70_000]
        environ = {
            **{name: os.environ[name] for name in ("PATH",) if name in os.environ},
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        ran = subprocess.run(
            [sys.executable, "-c", ASKING], capture_output=True, text=True, env=environ, check=False
        )
        assert ran.returncode == 0, ran.stderr
        found = msgspec.json.decode(ran.stdout)
        hashes = hub.hashes[REPOSITORY]
        assert found == {
            "id": REPOSITORY,
            "sha": hub.commit(REPOSITORY),
            "gated": False,
            "lfs": {name: [len(data), hashes[name]] for name, data in FILES.items()},
            "tree": [["sub/notes.txt", 5], ["tiny-Q8_0.gguf", 200_000]],
            "moved": REPOSITORY,
            "bytes": 200_000,
            "notes": "notes",
            "refused": [
                "RemoteEntryNotFoundError",
                "RevisionNotFoundError",
                "RepositoryNotFoundError",
                "GatedRepoError",
            ],
            "gated_bytes": 4,
        }
        paths = [each.path.partition("?")[0] for each in hub.downloads()]
        assert paths.count(f"/{REPOSITORY}/tiny-Q8_0.gguf") == 2, "the first one broke off"
        assert not hub.keys_seen(by_cdn=True)
