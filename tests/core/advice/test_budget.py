"""The purse: nothing leaves without a price, a budget and an open gate."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from core.advice.budget import PATIENCE_S, SILENT_S, BudgetPurse
from core.errors import JournalError
from core.notice import Notice, NoticeKind
from core.opinion import Purpose
from core.ports import AdviserCall
from core.spending import DecisionCosts, Reservation, Room, Spending

NOW = datetime(2026, 3, 2, 23, 50, tzinfo=UTC)
CENT = Decimal("0.01")


class Clock:
    """Sleeping lets the others run and takes its time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.day = NOW

    def now(self) -> datetime:
        return self.day

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


@dataclass
class Journal:
    """The budget's rules over a dictionary."""

    set_aside: dict[str, Decimal] = field(default_factory=dict)
    billed: dict[str, Decimal] = field(default_factory=dict)
    told: dict[str, Notice] = field(default_factory=dict)
    tries: int = 0
    is_broken: bool = False

    async def reserve_spending(self, wanted: Reservation, budget_usd: Decimal) -> Room:
        self.tries += 1
        if self.is_broken:
            raise JournalError("the disk is full")
        opened = sum((v for k, v in self.set_aside.items() if k not in self.billed), Decimal(0))
        free = budget_usd - opened - sum(self.billed.values(), Decimal(0))
        exits = free - budget_usd / 2
        if wanted.worst_usd > (min(free, exits) if wanted.purpose is Purpose.EXIT else free):
            return Room(False, free, exits, opened)
        self.set_aside[wanted.call_id] = wanted.worst_usd
        return Room(True, free, exits)

    async def spending(self, account: str, since: date) -> tuple[Spending, ...]:
        return ()

    async def decision_costs(self, account: str, day: date) -> DecisionCosts:
        return DecisionCosts(0, Decimal(0))

    async def tell(self, notices: Sequence[Notice]) -> None:
        self.told |= {notice.key: notice for notice in notices}


@dataclass
class World:
    journal: Journal = field(default_factory=Journal)
    clock: Clock = field(default_factory=Clock)
    budget: Decimal = CENT
    closed: str = ""

    def __post_init__(self) -> None:
        self.purse = BudgetPurse(self.journal, self.clock, "paper", lambda: self.budget)
        self.purse.watch(lambda: self.closed)

    async def reserve(self, name: str, worst: Decimal | None = CENT, purpose: Purpose = Purpose.ENTRY) -> str:
        return await self.purse.reserve(call(name, purpose, self.clock.day), worst)


def call(name: str, purpose: Purpose, at: datetime) -> AdviserCall:
    return AdviserCall(name, "gpt", "my-model", "SOL/USDT:USDT", "q", "{}", at, purpose=purpose)


def test_a_purse_that_watches_nothing_yet_bars_entries() -> None:
    purse = BudgetPurse(Journal(), Clock(), "paper", lambda: CENT)

    assert "starting" in purse.barred(Purpose.ENTRY)


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.READING])
def test_whatever_closes_entries_bars_what_serves_them(purpose: Purpose) -> None:
    assert World().purse.barred(purpose) == ""
    assert World(closed="paused by telegram:7").purse.barred(purpose).endswith("paused by telegram:7")


@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.LOOK])
def test_open_trades_and_looks_are_not_barred_by_closed_entries(purpose: Purpose) -> None:
    assert World(closed="paused").purse.barred(purpose) == ""


async def test_a_budget_of_nothing_asks_nobody_and_tells_nobody() -> None:
    world = World(budget=Decimal(0))

    assert "AI_DAILY_BUDGET_USD is 0" in await world.reserve("a", Decimal(0))
    assert not world.journal.tries
    assert not world.journal.told


@pytest.mark.parametrize("worst", [None, Decimal("NaN"), Decimal("Infinity"), Decimal(-1)])
async def test_without_a_price_nothing_leaves_and_the_setting_is_named(worst: Decimal | None) -> None:
    world = World()

    assert "AI_PRICES=my-model=" in await world.reserve("a", worst)
    assert not world.journal.tries


async def test_a_database_that_fails_lets_nothing_leave() -> None:
    world = World()
    world.journal.is_broken = True

    assert "the disk is full" in await world.reserve("a")


async def test_a_used_up_budget_is_told_once_and_asks_the_database_no_more() -> None:
    world = World()
    await world.reserve("a")
    world.journal.billed["a"] = CENT

    first, tries = await world.reserve("b"), world.journal.tries
    second = await world.reserve("c")

    assert first == second == "AI_DAILY_BUDGET_USD 0.01 is used up until 00:00 UTC"
    assert world.journal.tries == tries
    assert [notice.kind for notice in world.journal.told.values()] == [NoticeKind.BUDGET_REACHED]


async def test_midnight_and_a_raised_budget_open_a_purse_again() -> None:
    world = World()
    await world.reserve("a")
    world.journal.billed["a"] = CENT
    assert await world.reserve("b")

    world.budget = 2 * CENT
    raised = await world.reserve("c")
    world.journal.billed |= {"c": CENT}
    assert await world.reserve("d")
    world.clock.day += timedelta(minutes=10)
    world.journal.billed.clear()
    world.journal.set_aside.clear()

    assert raised == ""
    assert await world.reserve("e") == ""


async def test_what_is_too_dear_for_the_rest_leaves_the_rest_to_others() -> None:
    world = World()
    await world.reserve("a", CENT / 2)
    world.journal.billed["a"] = CENT / 2

    assert "and $0.0050 is left" in await world.reserve("dear")
    assert await world.reserve("cheap", CENT / 4) == ""
    assert not world.journal.told


async def test_a_dear_question_first_after_a_start_does_not_silence_cheaper_ones() -> None:
    world = World()
    world.journal.set_aside["before the start"] = world.journal.billed["before the start"] = CENT / 2

    assert "is used up" in await world.reserve("dear")
    tries = world.journal.tries
    assert "is used up" in await world.reserve("as dear")
    assert world.journal.tries == tries
    assert await world.reserve("cheap", CENT / 4) == ""


async def test_cheap_readings_do_not_hide_that_no_question_can_be_paid() -> None:
    world = World()
    await world.reserve("a", CENT / 2)
    await world.reserve("news", CENT / 100, Purpose.READING)
    world.journal.billed |= {"a": CENT * 3 / 4, "news": CENT / 100}

    assert "is used up" in await world.reserve("b", CENT / 2)
    assert [notice.kind for notice in world.journal.told.values()] == [NoticeKind.BUDGET_REACHED]
    assert await world.reserve("more news", CENT / 100, Purpose.READING) == ""


async def test_a_cheaper_question_that_does_not_come_again_does_not_keep_it_untold() -> None:
    world = World()
    await world.reserve("a", CENT / 4)
    world.journal.billed["a"] = CENT / 2

    assert "is left of AI_DAILY_BUDGET_USD" in await world.reserve("b", CENT * 3 / 4)
    assert not world.journal.told
    world.clock.seconds += SILENT_S
    assert "is used up" in await world.reserve("c", CENT * 3 / 4)
    assert len(world.journal.told) == 1
    assert await world.reserve("d", CENT / 4) == ""


async def test_an_overspent_budget_has_nothing_left_and_not_less() -> None:
    world = World()
    await world.reserve("a")
    world.journal.billed["a"] = 2 * CENT

    await world.reserve("b")

    assert [notice.facts["left"] for notice in world.journal.told.values()] == ["0"]


async def test_exits_are_held_to_their_half_and_that_is_no_used_up_budget() -> None:
    world = World()

    assert "half of the budget" in await world.reserve("a", CENT, Purpose.EXIT)
    assert await world.reserve("b") == ""
    assert not world.journal.told


async def test_a_request_waits_for_what_others_give_back() -> None:
    world = World()
    await world.reserve("a")
    waiting = asyncio.create_task(world.reserve("b", CENT / 2))
    await asyncio.sleep(0)

    world.journal.billed["a"] = CENT / 10

    assert await waiting == ""


async def test_nobody_waits_for_ever_for_what_does_not_come_back() -> None:
    world = World()
    await world.reserve("a")

    assert "may cost" in await world.reserve("b", CENT)
    assert PATIENCE_S <= world.clock.seconds < PATIENCE_S + 1


async def test_a_pause_ends_the_waiting_of_entries() -> None:
    world = World()
    await world.reserve("a")
    waiting = asyncio.create_task(world.reserve("b", CENT))
    await asyncio.sleep(0)

    world.closed = "paused"

    assert await waiting == "entries are closed: paused"
    assert "b" not in world.journal.set_aside


async def test_those_who_wait_are_served_in_their_order() -> None:
    world = World()
    await world.reserve("a")
    served: list[str] = []

    async def wait(name: str) -> None:
        if not await world.reserve(name, CENT / 4):
            served.append(name)

    waiting = [asyncio.create_task(wait(name)) for name in ("b", "c", "d")]
    await asyncio.sleep(0)
    world.journal.billed["a"] = Decimal(0)
    await asyncio.gather(*waiting, wait("e"))

    assert served == ["b", "c", "d", "e"]
