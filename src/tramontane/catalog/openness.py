"""How open a model is: graded by what was released and under which licence, the same for all.

What nobody has said is unknown: weights that lie open under a licence that nobody named are not
graded. It does not know who published them.
"""

from tramontane.catalog import licences
from tramontane.catalog.cards import Openness


def graded(
    *, weights: bool | None, data: bool | None, code: bool | None, licence: str | None
) -> Openness:
    """Return the grade. `weights`, `data`, `code`: whether they were released; None: not said.

    `licence` is an id of `catalog.licences`. No weights: `closed`. Weights under a free licence:
    `open_weights`, with data and code `open_source`; under one that limits them
    `restricted_weights`; under one that is unknown, `unknown`.
    """
    if weights is None:
        return "unknown"
    if not weights:
        return "closed"
    is_free = licences.is_free(licence)
    if is_free is None:
        return "unknown"
    if not is_free:
        return "restricted_weights"
    return "open_source" if data and code else "open_weights"
