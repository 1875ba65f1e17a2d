"""The full simulation and the fast engine make the same trades, to the cent.

The simulation is the live code: decide, plan, examine, executor, guard and journal over the simulated venue,
price by price. The engine gets the same signals with what live plans at each of them (`plans`), and has to
come to the same sizes, leverage, refusals, stops, exits, fees and funding by itself.

What can't be the same, and is kept out of the worlds here:
- Turns: live leaves a turned strategy at the second close against it, the engine at the first open
  (`Setup.turns`); without turns on both sides.
- The breakers of price shock, stale prices, extreme funding and nearness to liquidation, which the engine has
  not got; out of reach in these worlds.
- Cooldowns that are no whole number of bars: inside a bar the engine knows no time of an exit but its end.
`PERPILOT_SAMENESS_RUNS` random worlds are played, 12 unless it says otherwise.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import pytest

from core.analysis.flags import FlagLimits
from core.backtest.engine import Setup
from core.backtest.shipped import Breakout, Random
from core.backtest.strategies import Strategy
from core.plan import Plan
from core.sim.history import Funding
from tests.core.backtest.fast_side import fast, fast_of, judged
from tests.core.backtest.full_simulation import ACCOUNT, opened, plans, simulated
from tests.core.backtest.side_by_side import FRAME, Played, World, differences
from tests.core.backtest.worlds_both import (
    DAILY_LIMITS,
    a_levered_world,
    a_real_world,
    a_strict_world,
    a_world,
)

CHANGED_SEEDS = (0, 3, 6)
RUNS = int(os.environ.get("PERPILOT_SAMENESS_RUNS", "12"))
CRASH = datetime(2025, 10, 8, tzinfo=UTC)
"""Two days before the night in which most coins fell by a third within minutes."""


def both(world: World) -> tuple[Played, Played]:
    return simulated(world), fast(world, asyncio.run(plans(world)), is_plain=True)


def table(worlds: Iterable[World]) -> tuple[list[str], Counter[str]]:
    """(every difference with its world, how the simulation's trades ended)."""
    found, ends = [], Counter[str]()
    for place, world in enumerate(worlds):
        slow, quick = both(world)
        found += [f"world {place}: {text}" for text in differences(slow, quick)]
        ends.update(row.reason for row in slow.rows)
    return found, ends


def test_random_worlds_make_the_same_trades_to_the_cent() -> None:
    found, ends = table(a_world(seed) for seed in range(RUNS))

    assert found == []
    assert set(ends) >= {"stop", "break_even", "trailing", "target", "time"}
    assert ends.total() > 2 * RUNS


def test_guard_and_liquidation_make_the_same_trades() -> None:
    found, ends = table(a_levered_world(seed) for seed in range(6))

    assert found == []
    assert set(ends) >= {"guard", "liquidation", "stop", "target"}


def test_breakers_tiers_and_every_other_limit_make_the_same_trades() -> None:
    found, ends = table(a_strict_world(seed) for seed in range(2))

    assert found == []
    assert ends.total() > 5


@pytest.mark.parametrize(
    ("strategy", "timeframe", "days"),
    [(Random(1, 20.0), "15m", 2), (Breakout(bars=15, least_volume=1.0), "1h", 2)],
    ids=["15m", "1h"],
)
def test_recorded_candles_make_the_same_trades(strategy: Strategy, timeframe: str, days: int) -> None:
    slow, quick = both(a_real_world(CRASH, days, strategy, timeframe=timeframe))

    assert differences(slow, quick) == []
    assert len(slow.rows) >= 3


def test_live_flags_scores_and_regimes_make_the_same_trades_through_as_live() -> None:
    """Of every gate, and as the backtest judges by itself what live would plan."""
    setup = Setup(limits=replace(DAILY_LIMITS, min_score=60.0, allow_volatile=False), turns=False)
    world = a_real_world(CRASH, 2, Random(5, 8.0), setup=setup, flags=FlagLimits())

    slow, quick = simulated(world), fast_of(world, judged(world), is_plain=True)

    assert differences(slow, quick) == []
    assert len(slow.rows) >= 2
    assert any("Red flags strike" in text or "(threshold" in text for text in slow.said)


# ---------------------------------------------------------------- the comparison sees what is changed


def with_more_slippage(world: World) -> World:
    return replace(world, slippage=world.slippage + Decimal("0.0002"))


def with_a_coarser_tick(world: World) -> World:
    coarse = {name: replace(one, tick=Decimal("0.05")) for name, one in world.instruments.items()}
    return replace(world, instruments=coarse)


def with_funding_the_other_way(world: World) -> World:
    turned = {name: Funding(one.at_ms, -one.rate) for name, one in world.funding.items()}
    return replace(world, funding=turned)


def with_a_cooldown_of_one_bar_more(world: World) -> World:
    limits = replace(world.limits, cooldown_s=world.limits.cooldown_s + 900.0)
    return replace(world, setup=replace(world.setup, limits=limits))


def with_a_dearer_venue(world: World) -> World:
    dear = {name: replace(one, taker_fee=Decimal("0.00055")) for name, one in world.instruments.items()}
    return replace(world, instruments=dear)


def with_targets_a_little_further(world: World) -> World:
    targets = tuple((r + Decimal("0.01"), share) for r, share in world.limits.targets)
    return replace(world, setup=replace(world.setup, limits=replace(world.limits, targets=targets)))


@cache
def played_once(seed: int) -> tuple[World, Played, Mapping[tuple[str, int], Plan]]:
    world = a_world(seed)
    return world, simulated(world), asyncio.run(plans(world))


@pytest.mark.parametrize(
    "changed",
    [
        with_more_slippage,
        with_a_coarser_tick,
        with_funding_the_other_way,
        with_a_cooldown_of_one_bar_more,
        with_a_dearer_venue,
        with_targets_a_little_further,
    ],
)
def test_one_number_changed_on_one_side_is_seen(changed: Callable[[World], World]) -> None:
    """With the plans of the unchanged world, so that only the engine's own work differs."""
    cases = [played_once(seed) for seed in CHANGED_SEEDS]

    same = [differences(slow, fast(world, drawn, is_plain=True)) for world, slow, drawn in cases]
    unlike = [differences(slow, fast(changed(world), drawn, is_plain=True)) for world, slow, drawn in cases]

    assert not any(same)
    assert any(unlike)


def test_trades_that_only_one_side_made_are_told() -> None:
    world, slow, drawn = played_once(CHANGED_SEEDS[0])
    quick = fast(world, drawn, is_plain=True)

    found = differences(slow, replace(quick, rows=quick.rows[1:]))

    assert len(found) == 1
    assert "only one traded" in found[0]


# ---------------------------------------------------------------- the harness itself


def test_a_journal_that_remembers_its_answers_changes_no_trade() -> None:
    async def trades(account: str) -> list[object]:
        world = a_world(3)
        simulation, journal = await opened(world, account=account)
        await simulation.run(world.bars, FRAME, world.first, world.last)
        return [
            replace(trade, id="", account="", decision_id="")
            for trade in await journal.closed_trades(account)
        ]

    assert asyncio.run(trades(ACCOUNT)) == asyncio.run(trades("remembered"))
