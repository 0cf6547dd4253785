"""Which model answers where nobody has chosen one: the page's own rule is the same.

Pure; it knows neither who asks nor what about.
"""

from collections.abc import Mapping

from tramontane.assistant.served import ANSWERING, BROKEN, Served


def best_model(models: Mapping[str, Served], preferred: str | None = None) -> str:
    """Return who answers best: the preferred model where it is capable and answers, another such,
    the guide, a capable one that is starting, else whoever there is; empty where there is nobody.

    One that sleeps comes after one that is up, a dearer one after a cheaper one, by name where
    they cost the same; a price that nobody has stated comes last.
    """

    def rank(name: str) -> tuple[int, bool, bool, int, str]:
        served = models[name]
        price = served.price
        cost_nano = price.input_nano_per_mtok + price.output_nano_per_mtok
        place = _place(served, is_preferred=name == preferred)
        return (place, served.state == "asleep", not price.is_known, cost_nano, name)

    return min(models, key=rank, default="")


def _place(served: Served, *, is_preferred: bool) -> int:
    is_capable = served.is_capable and not served.is_demonstration
    if is_capable and served.state in ANSWERING:
        return 0 if is_preferred else 1
    if served.state in BROKEN:
        return 5
    if served.kind == "guide":
        return 2
    return 3 if is_capable else 4
