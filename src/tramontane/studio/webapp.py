"""The browser app as files, and the page that stands in for it until it is built.

It stands before the gate, since anyone may read what it serves: names that it has found in its
folders, nothing else. It sees the folder change, so that a build needs no restart. It does not know
what the app does, nor how it is built (`scripts/build_app.py`).
"""

import asyncio
import hashlib
import html
import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from tramontane.errors import NotFound
from tramontane.studio import errors

APP = Path(__file__).parent / "app"
BUILDING = Path(__file__).parent / "building"
STATE_PATH = "/building"
HASHED = "/assets/"

_TYPES = {
    ".bcmap": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".pfb": "application/octet-stream",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_PACKED = ((".br", "br"), (".gz", "gzip"))
_FOREVER = "public, max-age=31536000, immutable"  # the name changes with the content
_AGAIN = "no-cache"  # asked for each time, at the price of a 304
_SLOT = re.compile(r"\{\{([a-z_]+)\}\}")
_NOT_SERVED = frozenset({"state.json", "built.json", "manifest.json"})


class File(msgspec.Struct, frozen=True):
    """A file as it may be sent: `packed` are its encodings, best first, with their paths."""

    path: Path
    media_type: str
    etag: str
    packed: tuple[tuple[str, Path], ...]
    caching: str


class BuildState(msgspec.Struct, frozen=True):
    """What the build has last said of itself. `pid` is the process that says it."""

    step: str = "absent"
    detail: str = ""
    pid: int = 0


class BuildView(msgspec.Struct, frozen=True):
    """How far the page is, in the reader's words; `detail` is the build's own."""

    is_ready: bool
    is_failed: bool
    text: str
    detail: str


class WebApp:
    """Serves the app's files, and passes everything else on to what stands behind it."""

    def __init__(self, behind: ASGIApp, app: Path = APP, building: Path = BUILDING) -> None:
        self._behind = behind
        self._app = app
        self._seen: tuple[int, int] | None = None  # the index that `_files` belong to
        self._files: dict[str, File] = {}
        self._stand_in = StandIn(app, building)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        method = str(scope.get("method"))
        if method not in ("GET", "HEAD"):
            await self._behind(scope, receive, send)
            return
        path: str = scope["path"]
        headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
        await asyncio.to_thread(self._look)
        if path in self._files:
            await _send_file(send, self._files[path], headers, method)
        elif path.startswith(HASHED):
            await errors.answer(send, NotFound("There is no such file in this release's page."))
        elif answer := self._stand_in.answer(path, headers, is_ready=bool(self._files)):
            await _send_body(send, *answer, method)
        else:
            await self._behind(scope, receive, send)

    def _look(self) -> None:
        """Read the folder again where a build has changed it."""
        try:
            index = (self._app / "index.html").stat()
        except OSError:
            self._seen, self._files = None, {}
            return
        if self._seen != (index.st_mtime_ns, index.st_ino):
            self._files = files_in(self._app)
            self._seen = (index.st_mtime_ns, index.st_ino)


class StandIn:
    """The page that says how far the build is, in the reader's language."""

    def __init__(self, app: Path, building: Path) -> None:
        self._state = app / "state.json"
        self._template = (building / "page.html").read_text(encoding="utf-8")
        words = (building / "words.json").read_bytes()
        self._words = msgspec.json.decode(words, type=dict[str, dict[str, str]])
        self._files = {
            f"{STATE_PATH}/{path.name}": (path.read_bytes(), _TYPES[path.suffix])
            for path in sorted(building.iterdir())
            if path.suffix in (".css", ".js", ".svg")
        }

    def answer(
        self, path: str, headers: Mapping[bytes, bytes], *, is_ready: bool
    ) -> tuple[bytes, str] | None:
        """Return the body and media type at `path`, or None where nothing of it is there."""
        if path in self._files:
            return self._files[path]
        language = preferred(headers.get(b"accept-language", b"").decode("latin-1"), self._words)
        if path == STATE_PATH:
            view = self._view(language, is_ready=is_ready)
            return msgspec.json.encode(view), _TYPES[".json"]
        if path == "/" and not is_ready:
            return self._page(language), _TYPES[".html"]
        return None

    def _view(self, language: str, *, is_ready: bool) -> BuildView:
        if is_ready:
            return BuildView(is_ready=True, is_failed=False, text="", detail="")
        state = read_state(self._state)
        return BuildView(
            is_ready=False,
            is_failed=state.step in ("absent", "failed", "stopped"),
            text=self._words[language][state.step],
            detail=state.detail,
        )

    def _page(self, language: str) -> bytes:
        view = self._view(language, is_ready=False)
        values = {name: html.escape(text) for name, text in self._words[language].items()}
        values |= {
            "language": language,
            "step": html.escape(view.text),
            "meaning": "refused" if view.is_failed else "waiting",
            "detail": html.escape(view.detail),
            "again_hidden": "" if view.is_failed else " hidden",
            "detail_hidden": "" if view.detail else " hidden",
        }
        return _SLOT.sub(lambda slot: values[slot[1]], self._template).encode()


def read_state(path: Path) -> BuildState:
    """Return what the build says; "stopped" where the one that said it is gone."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=BuildState)
    except (OSError, msgspec.MsgspecError):
        return BuildState()
    if state.step == "failed" or _is_running(state.pid):
        return state
    return BuildState("stopped")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return pid > 0


def files_in(folder: Path) -> dict[str, File]:
    """Return what the folder holds by path; "/" is the index, which no other path leads to."""
    found: dict[str, File] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in _TYPES and name not in _NOT_SERVED and not path.name.startswith("."):
            found["/" if name == "index.html" else f"/{name}"] = _file(path, f"/{name}")
    return found


def _file(path: Path, name: str) -> File:
    packed = ((coding, path.with_name(path.name + suffix)) for suffix, coding in _PACKED)
    return File(
        path=path,
        media_type=_TYPES[path.suffix],
        etag=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        packed=tuple((coding, other) for coding, other in packed if other.exists()),
        caching=_FOREVER if name.startswith(HASHED) else _AGAIN,
    )


def accepted(header: str) -> frozenset[str]:
    """Return the encodings that an Accept-Encoding allows; `*` counts for none."""
    found = set()
    for item in header.lower().split(","):
        coding, _, parameters = item.partition(";")
        if parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            found.add(coding.strip())
    return frozenset(found)


def preferred(header: str, known: Mapping[str, object]) -> str:
    """Return the known language that an Accept-Language names first; English where there is none.

    In the order they stand in, which is the order of preference in every browser.
    """
    for item in header.split(","):
        language = item.partition(";")[0].strip().partition("-")[0].lower()
        if language in known:
            return language
    return "en"


async def _send_file(send: Send, file: File, headers: Mapping[bytes, bytes], method: str) -> None:
    wanted = accepted(headers.get(b"accept-encoding", b"").decode("latin-1"))
    coding, path = next(((c, p) for c, p in file.packed if c in wanted), ("", file.path))
    etag = f'"{file.etag}{"-" if coding else ""}{coding}"'.encode()
    head = [
        (b"etag", etag),
        (b"cache-control", file.caching.encode()),
        (b"vary", b"accept-encoding"),
    ]
    if headers.get(b"if-none-match") == etag:
        await send({"type": "http.response.start", "status": 304, "headers": head})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    try:
        body = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError:  # a build has just put another in its place
        await errors.answer(send, NotFound("This file has just been replaced; ask again."))
        return
    if coding:
        head.append((b"content-encoding", coding.encode()))
    await _send(send, head, body, file.media_type, method)


async def _send_body(send: Send, body: bytes, media_type: str, method: str) -> None:
    await _send(send, [], body, media_type, method)


async def _send(
    send: Send, head: list[tuple[bytes, bytes]], body: bytes, media_type: str, method: str
) -> None:
    head = [
        *head,
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    shown = body if method == "GET" else b""
    await send({"type": "http.response.body", "body": shown, "more_body": False})
