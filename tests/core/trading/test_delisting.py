"""A symbol that the exchange is to end: told once, closed a day before, left where it does not trade."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.errors import PerpilotError, Unknown, UnknownSymbol
from core.market import Instrument
from core.notice import NoticeKind
from core.trade import ExitReason
from core.trading.delisting import DelistingWatch, Ending, ends_soon
from tests.core.builders import NOW, SOL, an_instrument
from tests.core.trading.fakes import FakeMarket
from tests.core.trading.world import World


def ending_in(hours: float, **fields: Any) -> Instrument:
    return an_instrument(trades_until=NOW + timedelta(hours=hours), **fields)


@pytest.mark.parametrize(
    ("instrument", "ending"),
    [
        (an_instrument(), Ending.FAR),
        (ending_in(24 * 8), Ending.FAR),
        (ending_in(24 * 7), Ending.TOLD),
        (ending_in(24.1, is_active=False), Ending.TOLD),
        (ending_in(24, is_active=False), Ending.CLOSE),
        (ending_in(0.1), Ending.CLOSE),
        (ending_in(0), Ending.HALTED),
        (ending_in(-5, is_active=False), Ending.HALTED),
        (an_instrument(is_active=False), Ending.HALTED),
    ],
)
def test_how_near_an_end_is(instrument: Instrument, ending: Ending) -> None:
    assert ends_soon(instrument, NOW) is ending


class Listing(FakeMarket):
    """A market whose instrument list may fail."""

    failure: PerpilotError | None = None

    async def instrument(self, symbol: str) -> Instrument:
        if self.failure is not None:
            raise self.failure
        return await super().instrument(symbol)


class Delisted:
    def __init__(self, world: World) -> None:
        self.world = world
        self.market = Listing(world.clock)
        self.until = world.clock.now() + timedelta(days=5)
        self.market.instruments[SOL] = an_instrument(trades_until=self.until, is_active=False)
        self.watch = self.anew()

    def anew(self) -> DelistingWatch:
        return DelistingWatch(
            self.market, self.world.kernel.guard.close, self.world.journal, self.world.clock
        )

    async def review(self, hours: float = 0) -> None:
        self.world.clock.advance(hours * 3600)
        await self.watch.review(await self.world.trades())

    async def told(self) -> list[str]:
        return [str(facts["text"]) for facts in await self.world.facts(NoticeKind.OUTSIDE_CHANGE)]


async def delisted() -> Delisted:
    """With a position on the symbol."""
    world = await World().open()
    stage = Delisted(world)
    await world.hold()
    return stage


async def test_the_owner_hears_once_of_a_held_symbol_that_is_to_end_also_over_a_restart() -> None:
    stage = await delisted()
    await stage.review()
    await stage.review(1)
    stage.watch = stage.anew()
    await stage.review(1)

    (text,) = await stage.told()
    assert text.startswith(f"SOL: the exchange ends trading on {stage.until:%Y-%m-%d %H:%M} UTC")
    assert stage.world.held > 0


async def test_a_held_position_is_closed_a_day_before_the_end() -> None:
    stage = await delisted()
    await stage.review(24 * 4 - 0.1)
    before = stage.world.held

    await stage.review(0.2)
    await stage.world.settle()

    (closed,) = await stage.world.history()
    assert before > 0 and stage.world.held == 0
    assert closed.exit_reason is ExitReason.DELISTED
    assert not stage.world.venue.resting()


async def test_what_does_not_trade_is_told_once_and_not_tried() -> None:
    stage = await delisted()
    stage.market.instruments[SOL] = an_instrument(is_active=False)
    sent = len(stage.world.venue.submitted)

    await stage.review()
    await stage.review(1)

    (text,) = await stage.told()
    assert "does not trade it now" in text and len(stage.world.venue.submitted) == sent


async def test_a_held_symbol_that_left_the_list_is_told() -> None:
    stage = await delisted()
    stage.market.failure = UnknownSymbol("gone")

    await stage.review()
    await stage.review(1)

    (text,) = await stage.told()
    assert text.startswith("SOL: the exchange lists it no more")


async def test_unreadable_rules_conclude_nothing_and_hold_nobody_up() -> None:
    stage = await delisted()
    stage.market.failure = Unknown("503")
    await stage.review(24 * 4.5)
    during = stage.world.held
    stage.market.failure = None

    await stage.review()
    await stage.world.settle()

    assert during > 0 and stage.world.held == 0
