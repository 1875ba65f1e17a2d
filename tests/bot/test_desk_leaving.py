"""Panic and closing through the desk: no part waits for another, and a position unseen is not called flat."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from bot.desk import TradingDesk
from bot.desk_leaving import PAUSE_FIRST_S
from bot.desk_reach import Reach
from bot.status import StatusBoard
from core.errors import JournalError
from core.trade import ExitReason
from tests.core.builders import BTC, PAPER, SOL, D
from tests.core.trading.fakes import Watched
from tests.core.trading.world import World


class Counter:
    """A desk over the real core; `breaks` makes one call of the journal fail, every time."""

    def __init__(self, world: World, state: Any) -> None:
        self.world = world
        self.breaks = ""
        self.kernel = world.boot(self._hook)
        supervisor: Any = SimpleNamespace(next_in_s=lambda name: None, views=tuple)
        decider = SimpleNamespace(decider=SimpleNamespace(value="ai"))
        book: Any = SimpleNamespace(settings=decider, rules=world.rules)
        self.board = StatusBoard(self.kernel, book, supervisor, world.clock, state, "paper venue", ())
        nothing: Any = None
        absent = dict.fromkeys((each.name for each in fields(Reach)), nothing)
        reach = Reach(**absent | {"board": self.board, "book": book, "wake": lambda loop: None})
        journal: Any = Watched(world.journal, self._hook, "journal")
        self.desk = TradingDesk(self.kernel, journal, world.clock, reach, PAPER)

    def _hook(self, point: str) -> None:
        if point == f"journal.{self.breaks}:before":
            raise JournalError("the database is locked by another program")

    async def guarded(self) -> None:
        self.board.rows = await self.kernel.guard.watch()


async def holding() -> Counter:
    """SOL is held, BTC has an open card."""
    world = await World(max_open_positions=2).open()
    await world.hold()
    await world.card(symbol=BTC, name="plan-2")
    counter = Counter(world, await world.journal.account_state(PAPER))
    await counter.guarded()
    return counter


@pytest.mark.parametrize("broken", ["", "account_state", "set_paused", "open_approvals", "settle_approval"])
async def test_panic_closes_everything_whatever_else_cannot_be_written(broken: str) -> None:
    counter = await holding()
    counter.breaks = broken

    tap = await counter.desk.panic("owner")

    counter.breaks = ""
    (closed,) = await counter.world.history()
    assert closed.exit_reason is ExitReason.PANIC and counter.world.held == 0
    assert counter.kernel.gate.is_closed_by("pause")
    assert "Closed SOL" in tap.text and bool(broken) == any("not recorded" in why for why in tap.reasons)


async def test_panic_pauses_and_drops_the_cards_though_what_is_open_cannot_be_read() -> None:
    counter = await holding()
    counter.breaks = "open_trades"

    tap = await counter.desk.panic("owner")

    assert not tap.is_done and "nothing was closed yet" in tap.text
    assert (await counter.world.journal.account_state(PAPER)).is_paused
    assert await counter.world.journal.open_approvals(PAPER) == ()


async def test_an_error_nobody_foresaw_does_not_keep_panic_from_pausing() -> None:
    counter = await holding()

    async def broken() -> Any:
        raise ZeroDivisionError

    counter.world.venue.positions = broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        await counter.desk.panic("owner")

    assert (await counter.world.journal.account_state(PAPER)).is_paused
    assert await counter.world.journal.open_approvals(PAPER) == ()


async def test_entries_are_closed_before_the_first_position_is() -> None:
    counter = await holding()
    seen = []
    real = counter.kernel.guard.close

    async def close(*args: Any) -> Any:
        seen.append(counter.kernel.gate.is_closed_by("pause"))
        return await real(*args)

    counter.kernel.guard.close = close  # type: ignore[method-assign]
    await counter.desk.panic("owner")

    assert seen == [True]


async def test_a_panic_is_recorded_before_the_first_exit_is() -> None:
    """Else a process that dies between the two closes in panic, and trades on when it is back."""
    counter = await holding()
    seen = []
    real = counter.kernel.guard.close

    async def close(*args: Any) -> Any:
        seen.append((await counter.world.journal.account_state(PAPER)).is_paused)
        return await real(*args)

    counter.kernel.guard.close = close  # type: ignore[method-assign]
    await counter.desk.panic("owner")

    assert seen == [True]


async def test_closing_in_panic_does_not_wait_long_for_a_pause_that_hangs() -> None:
    counter, free = await holding(), asyncio.Event()
    real = counter.world.journal.account_state

    async def hanging(account: str) -> Any:
        await free.wait()
        return await real(account)

    counter.desk._journal = SimpleNamespace(  # type: ignore[assignment]
        account_state=hanging, set_paused=counter.world.journal.set_paused
    )
    panic = asyncio.create_task(counter.desk.panic("owner"))
    async with asyncio.timeout(5 * PAUSE_FIRST_S):
        while counter.world.held:
            await asyncio.sleep(0.01)
    free.set()
    await panic

    assert (await real(PAPER)).is_paused


async def test_an_open_trade_whose_position_cannot_be_seen_is_named_as_unseen_not_left_out() -> None:
    counter = await holding()
    seen = counter.desk.status()
    counter.world.venue.failing = {"positions"}

    await counter.guarded()

    unseen = counter.desk.status()
    assert [row.symbol for row in seen.positions] == [SOL] and seen.unseen == ()
    assert unseen.positions == () and unseen.unseen == (SOL,)


async def test_a_position_without_a_price_has_no_estimate_rather_than_an_error() -> None:
    counter = await holding()
    priced = await counter.desk.close_estimate(SOL, D(1))
    counter.world.market.silent.add(SOL)

    assert priced is not None and await counter.desk.close_estimate(SOL, D(1)) is None
    assert [row.symbol for row in counter.desk.status().positions] == [SOL]
