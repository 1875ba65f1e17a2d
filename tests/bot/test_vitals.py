"""What readiness counts of the bot itself: each minute once, each error once, nothing that was not kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.supervisor import Loop, Supervisor
from bot.vitals import Vitals
from core.errors import JournalError
from core.sim.clock import VirtualClock
from core.trading.entries import EntryGate
from tests.core.builders import NOW, PAPER
from tests.core.trading.fakes import Watched
from tests.core.trading.world import World


class Patient:
    """The vitals of a bot whose state the test sets."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.running = {"scanner", "guard"}
        self.is_unhealthy = False
        self.errors = self.lost = self.asked = 0
        self.breaks = ""
        journal: Any = Watched(world.journal, self._hook, "journal")
        self.vitals = Vitals(
            journal,
            PAPER,
            world.clock,
            is_running=lambda task: task in self.running,
            is_unhealthy=lambda: self.is_unhealthy,
            errors_today=lambda: self.errors,
            lost_connections=lambda: self.lost,
            note_risk=self._note_risk,
        )

    def _hook(self, point: str) -> None:
        if point == f"journal.{self.breaks}:before":
            raise JournalError("the disk is full")

    async def _note_risk(self) -> None:
        self.asked += 1

    async def passes(self, count: int, every_s: float = 20.0) -> None:
        for _ in range(count):
            await self.vitals.take()
            self.world.clock.advance(every_s)

    async def minutes(self) -> dict[str, int]:
        beats = await self.world.journal.beats(PAPER, NOW.date())
        return {task: minutes for (day, task), minutes in beats.items() if day == NOW.date()}

    async def counted(self) -> dict[tuple[str, str], int]:
        rows = await self.world.journal.counts(PAPER, NOW.date())
        return {(row.day.isoformat(), row.name): row.count for row in rows}


async def a_patient() -> Patient:
    return Patient(await World().open())


async def test_a_task_that_does_not_run_has_no_minute() -> None:
    patient = await a_patient()
    patient.running = {"guard"}
    await patient.passes(30)

    assert await patient.minutes() == {"guard": 10}


async def test_every_minute_of_a_running_bot_counts_once_however_often_it_is_looked_at() -> None:
    patient = await a_patient()
    await patient.passes(90, every_s=10.0)

    assert await patient.minutes() == {"guard": 15, "scanner": 15}


async def test_an_unhealthy_minute_is_one_failed_check() -> None:
    patient = await a_patient()
    patient.is_unhealthy = True
    await patient.passes(6)
    patient.is_unhealthy = False
    await patient.passes(6)

    assert await patient.counted() == {("2026-03-02", "failed_health"): 2}


async def test_errors_are_counted_once_though_the_days_total_is_handed_over_again_and_again() -> None:
    patient = await a_patient()
    for patient.errors in (1, 2, 2, 3):
        await patient.passes(1, every_s=3600)
    patient.world.clock.advance(86_400 - 4 * 3600)
    for patient.errors in (1, 4):
        await patient.passes(1, every_s=3600)

    assert await patient.counted() == {("2026-03-02", "errors"): 3, ("2026-03-03", "errors"): 4}


async def test_a_lost_connection_is_counted_when_the_database_is_back() -> None:
    patient = await a_patient()
    patient.lost, patient.breaks = 1, "count"
    with pytest.raises(JournalError):
        await patient.vitals.take()
    patient.breaks = ""
    await patient.passes(3)

    assert await patient.counted() == {("2026-03-02", "lost_database"): 1}


async def test_raises_of_risk_are_looked_for_at_every_pass() -> None:
    patient = await a_patient()
    await patient.passes(3)

    assert patient.asked == 3


# ---------------------------------------------------------------- what running means


class Beating:
    def __init__(self) -> None:
        self.clock = VirtualClock(NOW)
        self.supervisor = Supervisor(self.clock, EntryGate(), self._tell)
        self.fails = False
        self.loop = Loop("scanner", self._once, lambda: 300.0, timeout_s=600.0)
        self.supervisor.add(self.loop)

    async def _tell(self, key: str, text: str) -> None:
        pass

    async def _once(self) -> None:
        if self.fails:
            raise JournalError("the disk is full")

    async def one_pass(self) -> None:
        before = self.loop.passes + self.loop.failures
        self.supervisor.start()
        while self.loop.passes + self.loop.failures == before:
            await asyncio.sleep(0)
        await self.supervisor.stop()


def test_a_loop_that_never_ran_is_not_running() -> None:
    beating = Beating()

    assert not beating.supervisor.is_running("scanner")
    assert not beating.supervisor.is_running("unknown")


async def test_a_scanner_of_every_five_minutes_runs_between_its_scans() -> None:
    beating = Beating()
    await beating.one_pass()
    assert beating.loop.last_pass is not None
    age = beating.clock.monotonic() - beating.loop.last_pass
    beating.clock.advance(480.0 - age)
    at_last = beating.supervisor.is_running("scanner")
    beating.clock.advance(1.0)

    assert at_last
    assert not beating.supervisor.is_running("scanner")


async def test_a_loop_whose_last_pass_failed_is_not_running() -> None:
    beating = Beating()
    beating.fails = True
    await beating.one_pass()

    assert not beating.supervisor.is_running("scanner")
