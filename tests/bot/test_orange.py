"""An orange drawdown through the desk: said where people look, and ended by a person."""

from __future__ import annotations

from core.desk import BreakerView, TradingState
from core.risk.breakers import DRAWDOWN
from tests.bot.test_desk_leaving import Counter
from tests.core.builders import D
from tests.core.trading.world import World


async def in_orange() -> Counter:
    """12 % below the peak, lost over three days; nothing is open and nothing has tripped."""
    world = await World().open()
    counter = Counter(world, await world.journal.account_state("paper"))
    for wallet in (D(960), D(920), D(880)):
        world.venue.wallet = wallet
        world.clock.advance(25 * 3600)
        await counter.guarded()
    return counter


def drawdown_of(counter: Counter) -> BreakerView:
    return next(view for view in counter.desk.status().breakers if view.name == DRAWDOWN)


async def test_nothing_pretends_to_trade_in_an_orange_drawdown() -> None:
    counter = await in_orange()

    status = counter.desk.status()

    assert status.state is TradingState.HALTED and "/breakers" in status.why
    assert drawdown_of(counter).is_barring and not drawdown_of(counter).is_open


async def test_its_acknowledgement_opens_entries_again_at_the_probe_size() -> None:
    counter = await in_orange()

    tap = await counter.desk.acknowledge("drawdown", "owner", "I accept it")

    status = counter.desk.status()
    assert tap.is_done and "entries are possible again" in tap.text
    assert status.state is TradingState.SCANNING
    assert not drawdown_of(counter).is_barring and drawdown_of(counter).is_probing
