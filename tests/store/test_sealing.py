"""Sealed secrets open for their own use only, and show nothing."""

import pytest

from tramontane.errors import ConfigError
from tramontane.store.sealing import seal, unseal

PEPPER = bytes(range(32))
SECRET = "sk-canary-1234567890"


def test_what_was_sealed_opens_again() -> None:
    assert unseal(PEPPER, seal(PEPPER, SECRET, "a"), "a") == SECRET
    assert unseal(PEPPER, seal(PEPPER, "", "a"), "a") == ""


def test_nothing_of_it_shows_and_no_two_are_alike() -> None:
    sealed = {seal(PEPPER, SECRET, "a") for _ in range(50)}
    assert len(sealed) == 50
    assert not any(SECRET[:8].encode() in one for one in sealed)


def test_it_opens_for_nothing_else() -> None:
    sealed = seal(PEPPER, SECRET, "deployment a")
    for pepper, use in ((PEPPER, "deployment b"), (bytes(32), "deployment a")):
        with pytest.raises(ConfigError) as caught:
            unseal(pepper, sealed, use)
        assert SECRET not in str(caught.value)


def test_any_flipped_bit_and_any_cut_is_noticed() -> None:
    sealed = seal(PEPPER, SECRET, "a")
    damaged = [sealed[:length] for length in range(len(sealed))]
    for at in range(len(sealed)):
        damaged.append(sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :])
    for one in damaged:
        with pytest.raises(ConfigError):
            unseal(PEPPER, one, "a")
