"""Which sources there are, in which files, and who reads them."""

from collections.abc import Callable, Mapping

import msgspec

from tramontane.catalog.cards import Source
from tramontane.catalog.reading import Read
from tramontane.catalog.sources import (
    azureml,
    genai_prices,
    gpustack,
    helm,
    litellm,
    localai,
    models_dev,
    xinference,
)


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """A source, its `files` below the folder, and what reads their bytes by name."""

    source: Source
    files: tuple[str, ...]
    read: Callable[[Mapping[str, bytes]], Read]


READERS = tuple(
    Reader(source=module.SOURCE, files=module.FILES, read=module.read)
    for module in (
        models_dev, litellm, genai_prices, helm, localai, xinference, gpustack, azureml,
    )
)  # fmt: skip
