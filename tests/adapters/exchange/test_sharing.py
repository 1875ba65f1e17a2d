"""One answer for all who ask side by side, and never one that left before its caller asked."""

from __future__ import annotations

import asyncio

import pytest

from core.adapters.exchange.sharing import Flights


class Question:
    """Answers how often it was asked, once it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        return number

    async def left(self, times: int) -> None:
        async with asyncio.timeout(5):
            while self.asked < times:
                await asyncio.sleep(0)


async def test_whoever_asks_after_the_question_left_gets_an_answer_of_his_own() -> None:
    flights, question = Flights(), Question()
    first = [asyncio.create_task(flights.gather("positions", question.ask, 0.01)) for _ in range(3)]
    await question.left(1)
    late = asyncio.create_task(flights.gather("positions", question.ask, 0.0))
    await question.left(2)
    question.may_answer.set()

    assert [await each for each in first] == [1, 1, 1]
    assert await late == 2


async def test_one_who_gives_up_leaves_the_others_their_answer() -> None:
    flights, question = Flights(), Question()
    gone = asyncio.create_task(flights.gather("positions", question.ask, 0.0))
    stays = asyncio.create_task(flights.gather("positions", question.ask, 0.0))
    await question.left(1)
    gone.cancel()
    question.may_answer.set()

    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await gone
