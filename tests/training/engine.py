"""A real llama.cpp in this process, loaded with one file and asked over loopback."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import xllamacpp


class Engine:
    """llama.cpp's own HTTP server; not the product's."""

    def __init__(self, address: str) -> None:
        self._netloc = urlsplit(address).netloc

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Return the JSON answer; fails the test on any status but 200."""
        connection = http.client.HTTPConnection(self._netloc, timeout=60)
        try:
            connection.request(
                "POST", path, json.dumps(body).encode(), {"content-type": "application/json"}
            )
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert response.status == 200, answer
            return dict(answer)
        finally:
            connection.close()

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Return the ids of a text, without BOS."""
        answer = self.post("/tokenize", content=text, add_special=False, parse_special=special)
        return list(answer["tokens"])


@contextmanager
def engine(file: Path) -> Iterator[Engine]:
    """Yield an engine with one slot and one thread."""
    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.n_ctx = 1024
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.warmup = False
    server = xllamacpp.Server(params)
    try:
        yield Engine(server.listening_address)
    finally:
        del server
