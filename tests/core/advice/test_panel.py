"""Asking all at once: one deadline, silence counted, nothing left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from core.advice.brief import write_brief
from core.advice.panel import LISTENER_GRACE_S, ParallelPanel
from core.opinion import Abstention, Brief, Opinion, Silence
from tests.core.advice.pictures import TERMS, candles, features, opinion

BRIEF = write_brief(features(), candles(), TERMS)
Answer = Opinion | Abstention


class HandClock:
    """Time passes when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.seconds + seconds, woken))
        await woken.wait()

    async def pass_time(self, seconds: float) -> None:
        await settle()
        self.seconds += seconds
        for until, woken in self._sleepers:
            if until <= self.seconds:
                woken.set()
        await settle()


class Scripted:
    def __init__(self, name: str, script: Callable[[], Awaitable[Answer]]) -> None:
        self.name = name
        self._script = script
        self.was_cancelled = False

    async def ask(self, brief: Brief, deadline_s: float) -> Answer:
        try:
            return await self._script()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def answers(name: str, stance: str = "long") -> Scripted:
    async def script() -> Answer:
        return opinion(name, stance)

    return Scripted(name, script)


def hangs(name: str) -> Scripted:
    async def script() -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    return Scripted(name, script)


def crashes(name: str) -> Scripted:
    async def script() -> Answer:
        raise KeyError("choices")

    return Scripted(name, script)


def abstains(name: str) -> Scripted:
    async def script() -> Answer:
        return Abstention(name, Silence.MALFORMED, "prose")

    return Scripted(name, script)


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await settle()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, left


async def test_all_are_asked_at_once_and_told_in_their_own_order() -> None:
    gate = asyncio.Event()

    async def waits() -> Answer:
        await gate.wait()
        return opinion("slow", "short")

    async def opens() -> Answer:
        gate.set()
        return opinion("quick", "long")

    panel = ParallelPanel([Scripted("slow", waits), Scripted("quick", opens)], HandClock(), 100)
    opinions, abstentions = await panel.ask(BRIEF)

    assert [each.adviser for each in opinions] == ["slow", "quick"]
    assert abstentions == ()


async def test_at_the_deadline_the_others_count_and_the_hung_one_is_let_go() -> None:
    clock, hung = HandClock(), hangs("grok")
    panel = ParallelPanel([answers("claude"), hung, crashes("gpt"), abstains("deepseek")], clock, 100)
    asking = asyncio.create_task(panel.ask(BRIEF))

    await clock.pass_time(99)
    assert not asking.done()
    await clock.pass_time(1)
    opinions, abstentions = await asking

    assert [each.adviser for each in opinions] == ["claude"]
    assert {each.adviser: each.why for each in abstentions} == {
        "grok": Silence.DEADLINE,
        "gpt": Silence.FAILED,
        "deepseek": Silence.MALFORMED,
    }
    assert hung.was_cancelled


async def test_a_crash_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    panel = ParallelPanel([crashes("gpt"), answers("claude")], HandClock(), 100)

    opinions, abstentions = await panel.ask(BRIEF)

    assert len(opinions) == 1
    assert abstentions == (Abstention("gpt", Silence.FAILED, "KeyError"),)
    assert [record.exc_info is not None for record in caplog.records if record.levelno == logging.ERROR] == [
        True
    ]


async def test_an_adviser_that_cancels_itself_has_failed() -> None:
    async def script() -> Answer:
        raise asyncio.CancelledError

    _, abstentions = await ParallelPanel([Scripted("gpt", script)], HandClock(), 100).ask(BRIEF)

    assert abstentions[0].why is Silence.FAILED


async def test_each_answer_is_heard_as_it_arrives() -> None:
    clock, heard = HandClock(), []

    async def listen(answer: Answer) -> None:
        heard.append(answer.adviser)

    asking = asyncio.create_task(
        ParallelPanel([hangs("grok"), answers("gpt")], clock, 100).ask(BRIEF, listen)
    )
    await settle()
    assert heard == ["gpt"]
    await clock.pass_time(100)
    await asking

    assert heard == ["gpt", "grok"]


async def test_a_broken_listener_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def listen(answer: Answer) -> None:
        raise RuntimeError("message is not modified")

    opinions, _ = await ParallelPanel([answers("gpt")], HandClock(), 100).ask(BRIEF, listen)

    assert len(opinions) == 1
    assert "listener failed" in caplog.text


async def test_a_listener_that_hangs_costs_no_more_than_its_grace() -> None:
    clock = HandClock()

    async def listen(answer: Answer) -> None:
        await asyncio.Event().wait()

    asking = asyncio.create_task(ParallelPanel([answers("gpt")], clock, 100).ask(BRIEF, listen))
    await settle()
    assert not asking.done()
    await clock.pass_time(LISTENER_GRACE_S)
    opinions, _ = await asking

    assert len(opinions) == 1


async def test_cancelled_from_outside_it_takes_its_advisers_along() -> None:
    hung = hangs("gpt")
    asking = asyncio.create_task(ParallelPanel([hung, answers("claude")], HandClock(), 100).ask(BRIEF))
    await settle()

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert hung.was_cancelled


async def test_without_advisers_nobody_answers() -> None:
    assert await ParallelPanel([], HandClock(), 100).ask(BRIEF) == ((), ())


def test_two_advisers_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="share a name"):
        ParallelPanel([answers("gpt"), answers("gpt")], HandClock(), 100)
