"""Passwords: hashed and checked with argon2id, a few at a time, on threads of their own.

The parameters are argon2-cffi's defaults, RFC 9106's second recommendation (64 MiB, three passes,
four lanes), above the least that OWASP's Password Storage Cheat Sheet asks for (19 MiB, two
passes). It does not know whose password it is.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from tramontane.errors import InvalidRequest, Overloaded

AT_ONCE = 1  # each takes 64 MiB while it runs
MOST_WAITING = 64
SHORTEST = 12
LONGEST = 256
FEWEST_DIFFERENT = 5

_OBVIOUS = (
    "tramontane",
    "password",
    "passwort",
    "motdepasse",
    "contraseña",
    "contrasena",
    "parolachiave",
    "iloveyou",
    "welcome",
    "willkommen",
    "bienvenue",
    "bienvenido",
    "benvenuto",
    "administrator",
    "1234567890",
    "123456789",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "abcdefgh",
    "1q2w3e4r",
)

T = TypeVar("T")


class Passwords:
    """Hashes and checks. Nothing is kept but a hash of nobody's password."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hashed(self, password: str) -> str:
        """Return the hash to keep, with its salt and parameters in it. Raises Overloaded."""
        return await self._run(lambda: self._hasher.hash(_normal(password)))

    async def is_right(self, hashed: str | None, password: str) -> bool:
        """Return whether `password` has that hash; None takes as long and is never right.

        Raises Overloaded.
        """
        return await self._run(lambda: self._verify(hashed, password))

    def is_outdated(self, hashed: str) -> bool:
        """Return whether a hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(hashed)

    def _verify(self, hashed: str | None, password: str) -> bool:
        if self._nobodys is None:  # made before anybody's first check, so that it tells nothing
            self._nobodys = self._hasher.hash(secrets.token_urlsafe())
        try:
            return self._hasher.verify(hashed or self._nobodys, _normal(password)) and bool(hashed)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Overloaded("Many people are signing in just now.", retry_after_s=3)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def check(password: str, email: str, name: str) -> None:
    """Raise InvalidRequest for a password that could be guessed: short, or made of what is known.

    Length is what counts (NIST SP 800-63B): there is no rule about digits or signs.
    """
    normal = _normal(password)
    if not SHORTEST <= len(normal) <= LONGEST:
        raise _weak(f"Choose a password of {SHORTEST} to {LONGEST} characters; four words will do.")
    if len(set(normal.casefold())) < FEWEST_DIFFERENT or _is_run(normal):
        raise _weak("Choose a password that is not the same few characters, or a row of them.")
    folded = normal.casefold()
    for known in (email, email.partition("@")[0], name.casefold(), *_OBVIOUS):
        if len(known) >= 3 and len(folded.replace(known, "")) < SHORTEST // 2:
            raise _weak("Choose a password that is not your name, your address or an obvious word.")


def _weak(message: str) -> InvalidRequest:
    return InvalidRequest(message, param="password", code="weak_password")


def _is_run(password: str) -> bool:
    """Whether each character follows the one before: 123456789012, abcdefghijkl, qwertyuiop…."""
    rows = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
    folded = password.casefold()
    return any(folded in row or folded in row[::-1] for row in rows)


def _normal(password: str) -> str:
    """Return one spelling of a password, whichever keyboard it was typed on (NIST: NFKC)."""
    return unicodedata.normalize("NFKC", password)
