"""The watches together: each sets its own reason, and one that fails skips no other."""

from __future__ import annotations

import pytest

from bot.starts import Starts
from bot.watches import Watches
from core.errors import JournalError
from core.ports import ClockReading
from core.trading.clock_watch import ClockWatch
from core.trading.delisting import DelistingWatch
from core.trading.outage_watch import OutageWatch
from core.trading.reconcile import SIM_TOLERANCE, Reconciler
from tests.core.builders import PAPER
from tests.core.trading.test_exchange_watches import Connection
from tests.core.trading.world import World


class Watched:
    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts = 0
        self.exchange = Connection(ClockReading(0.0, 1.0, 0.0))
        kernel, journal, clock = world.kernel, world.journal, world.clock
        self.starts = Starts(journal, clock, kernel.gate)
        self.watches = Watches(
            kernel.gate,
            kernel.keeper,
            OutageWatch({"venue": self.exchange}, journal, clock),
            DelistingWatch(world.market, kernel.guard.close, journal, clock),
            Reconciler(journal, clock, PAPER, SIM_TOLERANCE),
            self.starts,
            ClockWatch({"venue": self.exchange}, journal, clock),
            self.look_at_account,
        )

    async def look_at_account(self) -> None:
        self.accounts += 1

    @property
    def reasons(self) -> str:
        return self.world.kernel.gate.text


async def watched() -> Watched:
    stage = Watched(await World().open())
    await stage.world.kernel.guard.watch()
    return stage


async def test_a_clock_that_is_off_closes_entries_and_opens_them_when_it_is_right_again() -> None:
    stage = await watched()
    stage.exchange.reading = ClockReading(1.5, 1.0, 0.0)
    await stage.watches.review()
    during = stage.reasons
    stage.exchange.reading = ClockReading(0.1, 1.0, 0.0)

    await stage.watches.review()

    assert "clock is -1.50 s" in during and stage.reasons == ""


async def test_an_outage_closes_entries_until_the_exchange_answers() -> None:
    stage = await watched()
    stage.exchange.trouble, stage.exchange.failure = "the exchange does not answer", JournalError("no")
    await stage.watches.review()
    during = stage.reasons
    stage.exchange.failure = None

    await stage.watches.review()

    assert during == "the exchange does not answer" and stage.reasons == ""


async def test_a_watch_that_fails_skips_no_other_and_is_raised() -> None:
    stage = await watched()
    load = stage.world.journal.load

    async def unreadable(name: str) -> str | None:
        if name.startswith("reconciled:"):
            raise JournalError("the mark cannot be loaded")
        return await load(name)

    stage.world.journal.load = unreadable  # type: ignore[method-assign]
    for _ in range(4):
        await stage.starts.record()
    stage.world.clock.advance(1800)
    before = stage.reasons

    with pytest.raises(JournalError, match="the mark cannot be loaded"):
        await stage.watches.review()

    assert "without a clean stop" in before and stage.reasons == ""
