"""The life of one running bot, where nobody else shows it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.application import Application
from core.errors import NotAllowed


class Starting(Application):
    """Whose start ends when, and as, a test says."""

    def __init__(self) -> None:
        nothing: Any = None
        super().__init__(nothing, nothing, nothing)
        self.may_end = asyncio.Event()
        self.error: Exception | None = None
        self.was_broken_off = False

    async def start(self) -> None:
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_broken_off = True
            raise
        if self.error is not None:
            raise self.error


async def test_told_to_end_during_a_start_that_waits_for_others_it_breaks_off() -> None:
    bot, told = Starting(), asyncio.Event()
    told.set()

    is_up = await asyncio.wait_for(bot._started_before(told), 1.0)

    assert (is_up, bot.was_broken_off) == (False, True)


async def test_a_start_that_ends_first_is_up() -> None:
    bot = Starting()
    bot.may_end.set()

    assert await bot._started_before(asyncio.Event())


async def test_a_start_that_fails_says_why() -> None:
    bot = Starting()
    bot.error = NotAllowed("the key is refused")
    bot.may_end.set()

    with pytest.raises(NotAllowed, match="the key is refused"):
        await bot._started_before(asyncio.Event())
