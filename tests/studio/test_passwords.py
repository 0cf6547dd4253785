"""Passwords: good enough parameters, one spelling, a bounded number at once, no weak ones."""

import asyncio
from typing import Literal

import argon2
import pytest

from tramontane.errors import InvalidRequest, Overloaded
from tramontane.studio import passwords
from tramontane.studio.passwords import Passwords

GOOD = "four words and more"


def test_the_parameters_are_above_what_owasp_asks_for() -> None:
    hashed = asyncio.run(Passwords().hashed(GOOD))
    found = argon2.extract_parameters(hashed)
    assert found.type is argon2.Type.ID
    assert found.memory_cost >= 19 * 1024 and found.time_cost >= 2
    assert found.salt_len >= 16 and found.hash_len >= 32


def test_a_password_is_right_however_its_letters_were_typed() -> None:
    async def check() -> None:
        kept = Passwords()
        hashed = await kept.hashed("Élodie aime le café")
        assert await kept.is_right(hashed, "E\u0301lodie aime le cafe\u0301")
        assert not await kept.is_right(hashed, "elodie aime le cafe")
        assert not await kept.is_right(None, GOOD)
        assert not await kept.is_right("no hash at all", GOOD)
        assert not kept.is_outdated(hashed)

    asyncio.run(check())


def test_every_check_costs_the_same_whoever_it_is_for() -> None:
    """One hash is computed for each, so that the time says nothing about who has an account."""
    counted = [0]

    class Counting(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
            counted[0] += 1
            parameters = argon2.extract_parameters(str(hash))
            assert parameters.memory_cost == 65_536 and parameters.time_cost == 3
            return super().verify(hash, password)

    async def check() -> None:
        kept = Passwords()
        kept._hasher = Counting()
        hashed = await kept.hashed(GOOD)
        for known, password in ((hashed, GOOD), (hashed, "wrong"), (None, GOOD), (None, "wrong")):
            counted[0] = 0
            assert await kept.is_right(known, password) == (known is not None and password == GOOD)
            assert counted[0] == 1

    asyncio.run(check())


def test_so_many_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "MOST_WAITING", 3)

    async def many() -> list[object]:
        kept = Passwords()
        tries = (kept.is_right(None, GOOD) for _ in range(8))
        return list(await asyncio.gather(*tries, return_exceptions=True))

    found = asyncio.run(many())
    assert found.count(False) == 3
    refused = [error for error in found if isinstance(error, Overloaded)]
    assert len(refused) == 5 and all(error.retry_after_s for error in refused)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "eleven lett",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "123456789012",
        "abcdefghijklmn",
        "zyxwvutsrqponm",
        "qwertyuiopas",
        "adaadaadaada",
        "ada@example.org",
        "Ada Lovelace",
        "tramontane123",
        "passwordpassword",
        "Passwort2026!",
        "motdepasse123",
        "1q2w3e4r1q2w3e4r",
        "qwertzuiop12",
        "x" * 300,
    ],
)
def test_what_could_be_guessed_is_refused(password: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        passwords.check(password, "ada@example.org", "Ada Lovelace")
    assert refused.value.code == "weak_password"
    assert not password or password not in refused.value.message


@pytest.mark.parametrize("password", [GOOD, "Vier Wörter, ein Satz", "漢字が好きです、とても好き"])
def test_what_is_long_is_good(password: str) -> None:
    passwords.check(password, "ada@example.org", "Ada Lovelace")
