"""A stand-in for a Hugging Face-compatible hub: the real layout, on loopback, in threads.

It serves what the hub's own client asks for (`/api/models/…`, `/ORG/REPO/resolve/REV/FILE`, a
redirect to a "CDN" on another port), and misbehaves on demand: breaks off, sends other bytes, wants
a key, has moved, is slow. `test_hub_standin.py` has the real `huggingface_hub` download from it.
"""

import hashlib
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from tests.certs import Certificate

REPOSITORY = "tests/tiny-gguf"
CHUNK_BYTES = 64 << 10


class Asked(msgspec.Struct, frozen=True):
    """A request as it came: to the hub or to its CDN."""

    is_cdn: bool
    method: str
    path: str
    key: str | None
    range: str | None


class StandInHub:
    """What it has, what it does wrong, and what it was asked. Change it at any time."""

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]]) -> None:
        self.repositories = {name: dict(files) for name, files in repositories.items()}
        self.gated = set[str]()
        """Repositories whose files are given to who has `accepted` terms only."""
        self.keys = set[str]()
        """Keys that are known; empty: any. Those in `accepted` may have gated files."""
        self.accepted = set[str]()
        self.moved: dict[str, str] = {}
        self.without_hash = set[str]()
        """Files that are not in LFS, so that nobody says their SHA-256."""
        self.cut_after: list[int] = []
        """After how many bytes of the body each of the next downloads breaks off."""
        self.corrupt_next = 0
        """So many downloads have a bit turned over."""
        self.failing_next: list[int] = []
        """With which status the next requests to the hub are answered."""
        self.ignores_ranges = False
        self.pause_s = 0.0
        """After each chunk."""
        self.blocked = threading.Event()
        """Set: downloads go on after their first chunk."""
        self.blocked.set()
        self.redirects_to: str | None = None
        """Where downloads are sent to instead of the CDN; `{path}` is filled in."""
        self.asked: list[Asked] = []
        self.url = ""
        self.cdn_url = ""
        self.hashes = {
            name: {file: hashlib.sha256(data).hexdigest() for file, data in files.items()}
            for name, files in self.repositories.items()
        }

    def commit(self, repository: str) -> str:
        """Return the hash of the one commit that a repository has."""
        told = "".join(sorted(self.hashes[repository].values()))
        return hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()

    def downloads(self) -> list[Asked]:
        """Return what was asked of the CDN."""
        return [each for each in self.asked if each.is_cdn and each.method == "GET"]

    def keys_seen(self, *, by_cdn: bool) -> set[str]:
        """Return the keys that hub or CDN were shown."""
        return {each.key for each in self.asked if each.is_cdn is by_cdn and each.key}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StandInHub
    is_cdn = False

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Serve one connection; that its other end goes is no fault."""
        with suppress(ConnectionError, ssl.SSLError):
            super().handle()

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def _serve(self) -> None:
        key = (self.headers.get("authorization") or "").removeprefix("Bearer ") or None
        range_ = self.headers.get("range")
        self.hub.asked.append(Asked(self.is_cdn, self.command, self.path, key, range_))
        path = unquote(urlsplit(self.path).path)
        try:
            if self.is_cdn:
                self._download(path)
            elif self.hub.failing_next:
                self._say(self.hub.failing_next.pop(0), {}, b"not now")
            elif self.hub.keys and key is not None and key not in self.hub.keys:
                self._refuse(401, None, "Invalid credentials in Authorization header")
            elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/.*)?", path):
                self._api(match[1], match[2] or "")
            elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._resolve(match[1], match[2], match[3], key)
            else:
                self._refuse(404, None, "Page not found")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _is_known(self, repository: str) -> bool:
        """Answer for a repository that is not here; True where it is."""
        hub = self.hub
        if repository in hub.moved:
            path = self.path.replace(repository, hub.moved[repository], 1)
            self._say(307, {"Location": path}, b"")  # without a host, as the hub does
            return False
        if repository not in hub.repositories:
            status = 404 if self.headers.get("authorization") else 401
            self._refuse(status, "RepoNotFound", "Repository not found")
            return False
        return True

    def _is_revision(self, repository: str, revision: str) -> bool:
        if revision in ("main", self.hub.commit(repository)):
            return True
        self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return False

    def _api(self, repository: str, rest: str) -> None:
        if not self._is_known(repository):
            return
        match = re.fullmatch(r"(?:/(revision|tree)/([^/]+))?/?", rest)
        if match is None:
            self._refuse(404, None, "Not found")
        elif self._is_revision(repository, match[2] or "main"):
            has_blobs = "blobs" in parse_qs(urlsplit(self.path).query)
            found = (
                self._tree(repository)
                if match[1] == "tree"
                else self._model(repository, has_blobs=has_blobs)
            )
            body = msgspec.json.encode(found)
            self._say(200, {"Content-Type": "application/json; charset=utf-8"}, body)

    def _model(self, repository: str, *, has_blobs: bool) -> dict[str, object]:
        siblings = [
            {"rfilename": file, **(self._blob(repository, file) if has_blobs else {})}
            for file in sorted(self.hub.repositories[repository])
        ]
        return {
            "_id": "0", "id": repository, "modelId": repository, "private": False, "tags": ["gguf"],
            "sha": self.hub.commit(repository), "author": repository.partition("/")[0],
            "gated": "manual" if repository in self.hub.gated else False, "disabled": False,
            "downloads": 0, "likes": 0, "lastModified": "2026-01-02T03:04:05.000Z",
            "createdAt": "2026-01-02T03:04:05.000Z", "siblings": siblings,
        }  # fmt: skip

    def _blob(self, repository: str, file: str) -> dict[str, object]:
        data = self.hub.repositories[repository][file]
        git = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        found: dict[str, object] = {"blobId": git, "size": len(data)}
        if file not in self.hub.without_hash:
            sha256 = self.hub.hashes[repository][file]
            found["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
        return found

    def _tree(self, repository: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        for file in sorted(self.hub.repositories[repository]):
            blob = self._blob(repository, file)
            entry = {"type": "file", "path": file, "oid": blob["blobId"], "size": blob["size"]}
            if file not in self.hub.without_hash:
                oid = self.hub.hashes[repository][file]
                entry["lfs"] = {"oid": oid, "size": blob["size"], "pointerSize": 134}
            found.append(entry)
        return found

    def _resolve(self, repository: str, revision: str, file: str, key: str | None) -> None:
        hub = self.hub
        if not self._is_known(repository) or not self._is_revision(repository, revision):
            return
        if repository in hub.gated and key not in hub.accepted:
            said = f"Access to model {repository} is restricted."
            self._refuse(401 if key is None else 403, "GatedRepo", said)
            return
        commit = {"X-Repo-Commit": hub.commit(repository)}
        if file not in hub.repositories[repository]:
            self._refuse(404, "EntryNotFound", "Entry not found", commit)
            return
        size = len(hub.repositories[repository][file])
        sha256 = hub.hashes[repository][file]
        path = f"/{repository}/{file}?sig={sha256[:8]}"
        to = (hub.redirects_to or hub.cdn_url + "{path}").format(path=path)
        fields = {
            **commit, "Location": to, "X-Linked-Size": str(size), "X-Linked-Etag": f'"{sha256}"',
            "ETag": f'"{sha256}"', "Accept-Ranges": "bytes",
        }  # fmt: skip
        self._say(302, fields, b"")

    def _download(self, path: str) -> None:
        hub = self.hub
        _, organisation, name, file = path.split("/", 3)
        repository = f"{organisation}/{name}"
        data = hub.repositories[repository][file]
        first, last = 0, len(data) - 1
        status, fields = 200, {"ETag": f'"{hub.hashes[repository][file]}"'}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range") or "")
        if match and not hub.ignores_ranges:
            first, last = int(match[1]), min(int(match[2] or last), last)
            if first > last:
                self._say(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
                return
            status = 206
            fields["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        body = bytearray(data[first : last + 1])
        if self.command == "GET" and hub.corrupt_next > 0:
            hub.corrupt_next -= 1
            body[-1] ^= 1
        self._say(status, fields, bytes(body), is_download=True)

    def _refuse(
        self, status: int, code: str | None, said: str, more: Mapping[str, str] | None = None
    ) -> None:
        fields = {"X-Error-Message": said, **(more or {})}
        if code is not None:
            fields["X-Error-Code"] = code
        self._say(status, fields, msgspec.json.encode({"error": said}))

    def _say(
        self, status: int, fields: Mapping[str, str], body: bytes, *, is_download: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if not is_download:
            self.wfile.write(body)
            return
        cut = self.hub.cut_after.pop(0) if self.hub.cut_after else None
        end = len(body) if cut is None else min(cut, len(body))
        for at in range(0, end, CHUNK_BYTES):
            self.wfile.write(body[at : min(at + CHUNK_BYTES, end)])
            self.wfile.flush()
            if self.hub.pause_s:
                time.sleep(self.hub.pause_s)
            self.hub.blocked.wait(60)
        if end < len(body):
            self.close_connection = True


@contextmanager
def run_hub(
    files: Mapping[str, bytes] | None = None,
    certificate: Certificate | None = None,
    **more: Mapping[str, bytes],
) -> Iterator[StandInHub]:
    """Yield a hub that has `files` in REPOSITORY, and further repositories by name; over TLS with
    a `certificate`, whose host is localhost.

    A name in `more` is written with `__` for the `/`.
    """
    repositories = {name.replace("__", "/"): given for name, given in more.items()}
    if files is not None:
        repositories[REPOSITORY] = files
    hub = StandInHub(repositories)
    servers = []
    for is_cdn in (False, True):
        handler = type("Handler", (_Handler,), {"hub": hub, "is_cdn": is_cdn})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert_file, certificate.key_file)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        servers.append(server)
    hub.url, hub.cdn_url = (
        f"http://127.0.0.1:{server.server_port}"
        if certificate is None
        else f"https://localhost:{server.server_port}"
        for server in servers
    )
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        for server in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        hub.blocked.set()
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


@contextmanager
def running_hub(files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the address of a hub that has `files` in the repository `tests/tiny-gguf`."""
    with run_hub(files) as hub:
        yield hub.url
