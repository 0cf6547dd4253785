"""Licences: one id, what is forbidden, and how open that leaves a model."""

import pytest

from tramontane.catalog import licences
from tramontane.catalog.cards import Openness
from tramontane.catalog.openness import graded


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("apache-2.0", "Apache-2.0"),
        ("Apache 2.0", "Apache-2.0"),
        ("MIT", "MIT"),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0"),
        ("gnu agpl v3.0", "AGPL-3.0"),
        ("LFM-Open-License-v1.0", "lfm1.0"),
        ("other", None),
        ("custom", None),
        (None, None),
        ("Somebody's Own 3", "somebody's-own-3"),
    ],
)
def test_one_id_for_each(written: str | None, found: str | None) -> None:
    assert licences.licence_id(written) == found


def test_what_is_forbidden_is_known_or_unknown() -> None:
    assert licences.forbids("CC-BY-NC-4.0", "commercial") is True
    assert licences.forbids("flux-1-dev-non-commercial-license", "commercial") is True
    assert licences.forbids("Apache-2.0", "commercial") is False
    assert licences.forbids("llama3.1", "commercial") is False
    assert "700 million" in licences.limits("llama3.1")
    assert licences.forbids("CC-BY-NC-ND-4.0", "derivatives") is True
    assert licences.forbids("never-heard-of", "commercial") is None
    assert licences.forbids(None, "commercial") is None
    assert licences.is_free("never-heard-of") is None


def test_each_licence_says_where_its_text_stands() -> None:
    for licence in licences.LICENCES.values():
        assert licence.url.startswith("https://"), licence.id
        assert licence.is_free is not None
        assert not (licence.is_free and licence.forbids), licence.id
        assert licence.is_free or licence.forbids or licence.limits, licence.id
        assert licences.licence_id(licence.id) == licence.id


@pytest.mark.parametrize(
    ("weights", "data", "code", "licence", "grade"),
    [
        (True, True, True, "Apache-2.0", "open_source"),
        (True, None, None, "MIT", "open_weights"),
        (True, True, False, "MIT", "open_weights"),
        (True, None, None, "CC-BY-NC-4.0", "restricted_weights"),
        (True, True, True, "gemma", "restricted_weights"),
        (True, None, None, None, "unknown"),
        (True, None, None, "never-heard-of", "unknown"),
        (False, None, None, "MIT", "closed"),
        (None, None, None, "MIT", "unknown"),
    ],
)
def test_grades(
    weights: bool | None, data: bool | None, code: bool | None, licence: str | None, grade: Openness
) -> None:
    assert graded(weights=weights, data=data, code=code, licence=licence) == grade
