"""Fetching from a server that answers well, slowly, wrongly or too much."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tramontane.catalog.fetching import fetched, is_address
from tramontane.errors import InvalidRequest, TramontaneError, Unavailable


class Answers(BaseHTTPRequestHandler):
    """One answer for each path."""

    def do_GET(self) -> None:
        """Answer as the path asks."""
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("location", "/good")
            self.end_headers()
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("location", "http://elsewhere.invalid/catalogue.bin")
            self.end_headers()
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("location", "/round")
            self.end_headers()
        elif self.path == "/broken":
            self.send_response(200)
            self.send_header("content-length", "100")
            self.end_headers()
            self.wfile.write(b"half")
        elif self.path == "/gone":
            self.send_error(404)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"x" * 1_000)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_whole_also_where_it_moved(address: str) -> None:
    assert fetched(f"{address}/good") == b"x" * 1_000
    assert fetched(f"{address}/moved") == b"x" * 1_000


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("/gone", Unavailable, "answered 404"),
        ("/broken", Unavailable, "nothing was changed"),
        ("/round", Unavailable, "leads on more than"),
        ("/away", InvalidRequest, "over https only"),
    ],
)
def test_what_is_not_well_changes_nothing(
    address: str, path: str, error: type[TramontaneError], said: str
) -> None:
    with pytest.raises(error, match=said):
        fetched(f"{address}{path}")


def test_what_is_too_large_is_not_read_to_its_end(address: str) -> None:
    with pytest.raises(InvalidRequest, match="larger than 500 bytes"):
        fetched(f"{address}/good", max_bytes=500)


@pytest.mark.parametrize(
    "url",
    [
        "http://models.example.org/c.bin",
        "ftp://127.0.0.1/c.bin",
        "https://ada:secret@127.0.0.1/c.bin",
        "https://[broken/c.bin",
        "https://x:notaport/c.bin",
    ],
)
def test_addresses_that_are_not_asked(url: str) -> None:
    with pytest.raises(InvalidRequest):
        fetched(url)


def test_nobody_there() -> None:
    with pytest.raises(Unavailable, match="could not be fetched"):
        fetched("http://127.0.0.1:9/c.bin")


def test_an_address_is_told_from_a_path() -> None:
    assert is_address("https://x/y")
    assert is_address("HTTP://x")
    assert not is_address("catalogue.bin")
