"""Losses driven through the real loop: a breaker trips, no entry follows, guarding goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.risk import breakers
from core.risk.limits import Limits
from core.trade import ExitReason
from tests.core.builders import BTC, SOL
from tests.core.sim.stage import D, Staged, scripted, scripted_bars

DAY = datetime(2026, 3, 2, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)

BASE = Limits(
    min_score=0.0,
    max_open_positions=2,
    daily_loss=D("0.90"),
    max_consecutive_losses=99,
    max_drawdown=D("0.90"),
    allow_volatile=True,
    same_direction_risk=D(5),
)


def limits(**fields: object) -> Limits:
    return replace(BASE, **fields)  # type: ignore[arg-type]


def hour(count: float) -> datetime:
    return DAY + timedelta(hours=count)


def open_names(stage: Staged) -> set[str]:
    return {event.name for event in stage.simulation.kernel.keeper.open_events}


async def tripped_at(stage: Staged, name: str) -> datetime:
    """The first breaker of that name in the journal, open or resolved."""
    account = stage.simulation.settings.account
    resolved = await stage.journal.last_resolved(account, name)
    events = [event for event in await stage.journal.open_breakers(account) if event.name == name]
    found = [*events, *([resolved] if resolved else [])]
    assert found, f"{name} never tripped"
    return min(event.created_at for event in found)


async def test_the_daily_loss_breaker_stops_entries_for_the_day_while_guarding_goes_on() -> None:
    bars = {
        SOL: scripted_bars(DAY, 2, {hour(3): 0.83, hour(6): 0.83}),
        BTC: scripted_bars(DAY, 2, {hour(12): 0.93}),
    }
    stage, panel = await scripted(bars, DAY, limits(daily_loss=D("0.12")))

    await stage.run(DAY, hour(10))
    asked = panel.asked
    assert open_names(stage) == {breakers.DAILY_LOSS}
    assert list(stage.simulation.venue.state.holdings) == [BTC]

    await stage.run(hour(10), NEXT_DAY)
    trades = await stage.trades()
    assert [(trade.symbol, trade.exit_reason) for trade in trades] == [
        (SOL, ExitReason.STOP),
        (SOL, ExitReason.STOP),
        (BTC, ExitReason.STOP),
    ]
    tripped = await tripped_at(stage, breakers.DAILY_LOSS)
    assert hour(6) <= tripped < hour(6.5)
    assert [at for at in await stage.entries() if tripped <= at < NEXT_DAY] == []
    assert panel.asked == asked  # nobody is asked about what cannot trade

    await stage.run(NEXT_DAY, NEXT_DAY + timedelta(hours=3))
    assert open_names(stage) == set()
    assert [at for at in await stage.entries() if at >= NEXT_DAY]
    assert stage.naked == []
    assert stage.looks_at_positions > 50


@pytest.mark.parametrize(
    ("name", "rules", "gaps"),
    [
        (
            breakers.CONSECUTIVE_LOSSES,
            {"max_consecutive_losses": 3},
            {hour(2): 0.94, hour(5): 0.94, hour(8): 0.94},
        ),
        (breakers.DRAWDOWN, {"max_drawdown": D("0.12")}, {hour(2): 0.83, hour(5): 0.83}),
    ],
)
async def test_a_breaker_that_a_person_must_clear_outlives_the_day(
    name: str, rules: dict[str, object], gaps: dict[datetime, float]
) -> None:
    stage, _ = await scripted({SOL: scripted_bars(DAY, 2, gaps)}, DAY, limits(**rules))

    await stage.run(DAY, NEXT_DAY + timedelta(hours=6))
    assert open_names(stage) == {name}
    tripped = await tripped_at(stage, name)
    assert len(await stage.trades()) == len(gaps)
    assert max(gaps) <= tripped < max(gaps) + timedelta(hours=1)
    assert max(await stage.entries()) < tripped

    await stage.simulation.kernel.keeper.acknowledge(name, "owner")
    await stage.run(NEXT_DAY + timedelta(hours=6), NEXT_DAY + timedelta(hours=9))

    assert open_names(stage) == set()
    assert max(await stage.entries()) > tripped
    assert stage.naked == []
