"""Charts of a report: pictures that the reader's browser drew, checked before they are passed on.

In a report's Markdown a chart is an image whose address is `CHART` and its id. No other image is
shown: a report fetches nothing from anywhere.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping

import msgspec

from tramontane.errors import InvalidRequest

FIGURE_BYTES_MAX = 2 << 20
FIGURES_MAX = 40
_PNG = b"\x89PNG\r\n\x1a\n"


class Figure(msgspec.Struct, frozen=True):
    """One chart as PNG."""

    png: bytes

    @property
    def address(self) -> str:
        """The picture as an address that holds all of it."""
        return f"data:image/png;base64,{b64encode(self.png).decode()}"


def read(given: Mapping[str, str]) -> dict[str, Figure]:
    """Return the charts by the id of their result; each is given as base64 of a PNG.

    Raises InvalidRequest naming the one that is none, or too large.
    """
    if len(given) > FIGURES_MAX:
        raise InvalidRequest(f"charts: at most {FIGURES_MAX}.", param="charts")
    return {name: _figure(name, text) for name, text in given.items()}


def _figure(name: str, text: str) -> Figure:
    try:
        png = b64decode(text.removeprefix("data:image/png;base64,"), validate=True)
    except (binascii.Error, ValueError):
        png = b""
    if not png.startswith(_PNG) or len(png) > FIGURE_BYTES_MAX:
        raise InvalidRequest(
            f"charts: {name[:60]!r} must be a PNG in base64 of at most {FIGURE_BYTES_MAX:,} bytes.",
            param="charts",
        )
    return Figure(png)
