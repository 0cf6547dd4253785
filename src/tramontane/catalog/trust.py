"""Whose word counts first, field by field: one table, and why.

Of two sources that say different things both are kept; the one that stands first here is shown.
Nearness goes before it: a record about the model, then the maker's own offer, then anybody's. It
does not know what they say.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tramontane.catalog.cards import Field

_USUAL = (
    "tramontane", "models_dev", "gpustack", "xinference", "azureml", "helm", "localai", "litellm",
    "genai_prices",
)  # fmt: skip
_OF_FILES = (
    "tramontane", "gpustack", "xinference", "localai", "azureml", "models_dev", "helm", "litellm",
    "genai_prices",
)  # fmt: skip
_OF_MAKERS = (
    "tramontane", "models_dev", "helm", "gpustack", "xinference", "azureml", "localai", "litellm",
    "genai_prices",
)  # fmt: skip

TRUST: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "usual": (
            _USUAL,
            "models.dev is kept by hand from the makers' pages; GPUStack, Xinference: from the hub",
        ),
        "files": (
            _OF_FILES,
            "who serves the weights has read the licence, the size and the repository at the hub",
        ),
        "makers": (
            _OF_MAKERS,
            "who made a model and when: models.dev and HELM name the maker and the announcement",
        ),
    }
)
"""The orders, and why each is so."""

ORDERS: Mapping[Field, str] = MappingProxyType(
    {
        "publisher": "makers",
        "name": "makers",
        "released_on": "makers",
        "knowledge_until": "makers",
        "repository": "files",
        "licence": "files",
        "weights_open": "files",
        "active_parameters": "files",
        "architecture": "files",
        "languages": "files",
    }
)
"""The order of a field; one that is not here has the usual one."""


def rank(field: Field, source: str) -> int:
    """Return how soon `source` is believed about `field`: 0 first, the unknown last."""
    order, _why = TRUST[ORDERS.get(field, "usual")]
    return order.index(source) if source in order else len(order)
