"""Starts without a clean end: after three within ten minutes nothing is opened until somebody looked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.starts import NAME, Starts
from core.sim.clock import VirtualClock
from core.trading.entries import EntryGate
from tests.core.builders import NOW


class Memory:
    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    async def load(self, name: str) -> str | None:
        return self.texts.get(name)

    async def save(self, name: str, text: str) -> None:
        self.texts[name] = text


class Machine:
    """Boots the bot again and again; each process has its own gate."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.clock = VirtualClock(NOW)
        self.boot()

    def boot(self) -> None:
        self.gate = EntryGate()
        self.gate.open("start")
        self.starts = Starts(self.memory, self.clock, self.gate)

    async def start(self, after_s: float = 10) -> str:
        self.clock.advance(after_s)
        self.boot()
        return await self.starts.record()

    async def crash(self, times: int) -> None:
        for _ in range(times):
            await self.start()


async def test_the_fourth_start_after_three_crashes_guards_and_opens_nothing() -> None:
    machine = Machine()
    reasons = [await machine.start() for _ in range(4)]

    assert reasons[:3] == ["", "", ""]
    assert "started 3 times within 10 minutes without a clean stop" in reasons[3]
    assert machine.gate.text == reasons[3]


async def test_a_clean_stop_does_not_count() -> None:
    machine = Machine()
    for _ in range(8):
        await machine.start()
        await machine.starts.end()

    assert await machine.start() == ""


async def test_a_clean_stop_after_crashes_does_not_forget_the_crashes() -> None:
    machine = Machine()
    await machine.crash(3)
    await machine.start()
    await machine.starts.end()

    assert await machine.start() != ""


async def test_crashes_far_apart_are_no_loop() -> None:
    machine = Machine()

    assert [await machine.start(after_s=201) for _ in range(9)] == [""] * 9


async def test_a_person_opens_entries_again_and_the_next_crash_begins_a_new_count() -> None:
    machine = Machine()
    await machine.crash(4)

    await machine.starts.forgive()

    assert machine.gate.text == ""
    assert [bool(await machine.start()) for _ in range(3)] == [False, False, True]


async def test_half_an_hour_of_running_opens_entries_and_less_does_not() -> None:
    machine = Machine()
    await machine.crash(4)

    machine.clock.advance(1799)
    await machine.starts.review()
    before = machine.gate.text
    machine.clock.advance(1)
    await machine.starts.review()

    assert before and machine.gate.text == ""


async def test_a_resume_of_a_bot_that_is_in_no_loop_changes_nothing() -> None:
    machine = Machine()
    await machine.crash(3)
    kept = dict(machine.memory.texts)

    await machine.starts.forgive()

    assert machine.memory.texts == kept


@pytest.mark.parametrize("text", ["", "null", "[1]", '["yesterday"]', '["2026-03-01T12:00:00"]', '{"a": 1}'])
async def test_a_list_that_cannot_be_read_opens_nothing_and_is_mended(text: str) -> None:
    machine = Machine()
    machine.memory.texts[NAME] = text

    reason = await machine.start()
    again = await machine.start()

    assert "cannot be read" in reason and again == ""


async def test_a_clock_set_back_makes_no_loop() -> None:
    machine = Machine()
    await machine.crash(3)
    machine.clock = VirtualClock(NOW - timedelta(hours=1))

    assert await machine.start() == ""
