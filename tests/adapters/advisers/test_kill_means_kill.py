"""After pause, breaker or budget no request that serves entries leaves: real sockets, requests counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bot.assembly_advice import entries_closed
from bot.demo.ai import AiFault, AiStandIn
from core.adapters.advisers import AdviserAccess, Around, Provider, build_advisers
from core.advice.budget import BudgetPurse
from core.advice.panel import Listener
from core.advice.staged import Cost, StagedPanel, Ways
from core.journal import Mode
from core.notice import NoticeKind
from core.opinion import Abstention, Decider, Opinion, Purpose, Silence
from core.trading.entries import EntryGate
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.adapters.advisers.worlds import KEY, LIMITS, NeverWaits, brief

Stop = Callable[["World"], None]


class Patient(NeverWaits):
    """A deadline never comes; a pause between two tries can be used by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.between_tries: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        if seconds > 50:
            await asyncio.Event().wait()
        self.between_tries()
        await super().sleep(seconds)


@dataclass
class World:
    server: AiStandIn
    clock: Patient
    gate: EntryGate
    tripped: list[Any]
    journal: SqlJournal
    budget: Decimal = Decimal("0.50")

    def __post_init__(self) -> None:
        keeper = SimpleNamespace(open_events=self.tripped, is_orange=False)
        kernel: Any = SimpleNamespace(gate=self.gate, keeper=keeper)
        purse = BudgetPurse(self.journal, self.clock, "paper", lambda: self.budget)
        purse.watch(entries_closed(kernel))
        around = Around(self.journal, self.clock, purse, replace(LIMITS, cache_s=0))
        where = {
            Provider.ANTHROPIC: self.server.anthropic_url,
            Provider.OPENAI: self.server.openai_url,
            Provider.DEEPSEEK: self.server.deepseek_url,
        }
        accesses = [AdviserAccess(name, KEY, base_url=url) for name, url in where.items()]
        self.advisers = build_advisers(accesses, around)
        costs = {one.name: Cost(True, Decimal(place)) for place, one in enumerate(self.advisers)}
        self.panel = StagedPanel(self.advisers, self.clock, 100, costs, lambda: Ways(Decider.AI, {}))

    @property
    def requests(self) -> int:
        return sum(self.server.calls.values())

    async def ask(
        self, purpose: Purpose = Purpose.ENTRY, heard: Listener | None = None
    ) -> dict[str, Opinion | Abstention]:
        opinions, abstentions = await self.panel.ask(replace(brief(), purpose=purpose), heard)
        answers: list[Opinion | Abstention] = [*opinions, *abstentions]
        return {answer.adviser: answer for answer in answers}


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    server, clock, gate = AiStandIn(latency_s=(0.0, 0.0)), Patient(), EntryGate()
    await server.start()
    journal = SqlJournal(InlineDatabase(), clock.now)
    await journal.open_account("paper", True, Decimal(1000), Mode.AUTO, clock.now())
    gate.open("start")
    made = World(server, clock, gate, [], journal)
    try:
        yield made
    finally:
        for adviser in made.advisers:
            await adviser.close()
        await server.stop()


def pause(made: World) -> None:
    made.gate.close("pause", "paused by telegram:7")


def trip(made: World) -> None:
    made.tripped.append(SimpleNamespace(name="daily_loss"))


def spend(made: World) -> None:
    made.budget = Decimal("0.000000000001")


STOPS = pytest.mark.parametrize("stop", [pause, trip, spend])


@STOPS
async def test_after_a_stop_nothing_is_sent(stop: Stop) -> None:
    async with world() as made:
        await made.ask()
        before = made.requests

        stop(made)
        answers = await made.ask()

        assert before >= 2
        assert made.requests == before
        silences = {one.why for one in answers.values() if isinstance(one, Abstention)}
        assert silences <= {Silence.BARRED, Silence.BUDGET, Silence.NOT_NEEDED}


@STOPS
async def test_a_stop_between_two_tries_ends_the_trying(stop: Stop) -> None:
    async with world() as made:
        for name in ("claude", "gpt", "deepseek"):
            made.server.break_next(name, AiFault.SERVER_ERROR)
        made.clock.between_tries = lambda: stop(made)

        await made.ask()

        assert max(made.server.calls.values()) == 1, "no second try"
        assert not made.server.calls["deepseek"], "nobody of the next stage"


@STOPS
async def test_a_stop_between_two_stages_ends_the_asking(stop: Stop) -> None:
    async with world() as made:
        for name in ("claude", "gpt"):
            made.server.break_next(name, AiFault.BAD_KEY)  # so that the third would have to be asked

        async def heard(answer: Opinion | Abstention) -> None:
            stop(made)

        await made.ask(heard=heard)

        assert made.requests
        assert not made.server.calls["deepseek"]


async def test_without_a_stop_the_next_stage_is_asked() -> None:
    async with world() as made:
        for name in ("claude", "gpt"):
            made.server.break_next(name, AiFault.BAD_KEY)

        await made.ask()

        assert made.server.calls == {"claude": 1, "gpt": 1, "deepseek": 1}


async def test_a_pause_stops_neither_what_judges_open_trades_nor_a_persons_question() -> None:
    async with world() as made:
        pause(made)

        await made.ask(Purpose.EXIT)
        exits = made.requests
        await made.ask(Purpose.LOOK)

        assert exits >= 2
        assert made.requests == exits + 3


async def test_a_budget_that_is_used_up_stops_every_purpose_and_is_told_once() -> None:
    async with world() as made:
        spend(made)

        for purpose in Purpose:
            await made.ask(purpose)

        assert made.requests == 0
        told = [one.notice.kind for one in await made.journal.due_notices("paper", 10)]
        assert told.count(NoticeKind.BUDGET_REACHED) == 1


async def test_what_was_sent_is_what_was_paid_for() -> None:
    async with world() as made:
        await made.ask()

        rows = await made.journal.spending("paper", made.clock.now().date())
        assert sum(row.requests for row in rows) == made.requests
        assert all(Decimal(0) < row.usd < Decimal("0.005") for row in rows)
