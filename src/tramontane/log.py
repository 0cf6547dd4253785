"""Structured logs: one JSON object a line on stderr, without content of requests or secrets."""

import logging
import sys
import time

import msgspec


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(level: str) -> None:
    """Send records of `level` and above to stderr; called once by each process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.getLogger("httpx").setLevel("WARNING")  # it would tell of every request
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
