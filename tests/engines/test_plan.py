"""What the package itself has to serve, and what is said of it."""

from pathlib import Path

from tramontane.config import Settings
from tramontane.engines.plan import local_models


def test_what_ships_says_which_languages_it_has_and_whose_weights_are_open(tmp_path: Path) -> None:
    plan = local_models(Settings(), (), (), tmp_path)
    assert plan["demo"].settings.languages == plan["guide"].settings.languages
    assert plan["demo"].settings.languages == ("en", "fr", "de", "es", "it")
    assert plan["demo"].settings.open_weights is True
