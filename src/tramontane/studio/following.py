"""Pieces of an answer that come when they come, waited for in portions, so that a reader can be
told meanwhile that they are still awaited.

It does not know what the pieces are.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

T = TypeVar("T")


class Following(Generic[T]):
    """Pieces of an answer, waited for no longer than one wants, and none lost by it."""

    def __init__(self, pieces: AsyncGenerator[T, None]) -> None:
        self._pieces = pieces
        self._coming: asyncio.Task[T | None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self.is_over = False

    async def next(self, within_s: float) -> T | None:
        """Return the next piece, None where it has not come yet or all have come."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._next())
        done, _ = await asyncio.wait({self._coming}, timeout=within_s)
        if not done:
            return None
        coming, self._coming = self._coming, None
        return coming.result()

    async def _next(self) -> T | None:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self.is_over = True
            return None

    async def close(self) -> None:
        """End the request, whether it has ended or not.

        In a task of its own: who closes because its client left is cancelled at every step.
        """
        self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.gather(self._coming, return_exceptions=True)
        await self._pieces.aclose()
