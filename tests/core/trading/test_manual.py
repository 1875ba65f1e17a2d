"""The owner's own ideas: planned and checked like all others, judged by nobody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pytest

from core.advice.score import wanted_leverage
from core.desk import ManualIdea
from core.errors import Unknown
from core.market import Candles, Regime, Side
from core.plan import Cleared, Origin, Plan, Reason, Refused
from core.risk.account import Account
from core.trading.manual import plan_idea
from tests.core.builders import BTC, SOL, D, a_frame, an_account, some_features
from tests.core.trading.world import World


async def tried(
    side: Side = Side.LONG, world: World | None = None, account: Account | None = None, **fields: Any
) -> Cleared[Plan] | Refused | Reason:
    world = world or World()
    idea = ManualIdea(side, SOL, **fields)
    return await plan_idea(idea, world.kernel.circle, account or an_account(), world.rules(), "seed")


async def planned(side: Side = Side.LONG, world: World | None = None, **fields: Any) -> Plan:
    found = await tried(side, world, **fields)
    assert isinstance(found, Cleared), found
    return found.plan


async def refused(world: World | None = None, account: Account | None = None, **fields: Any) -> set[str]:
    found = await tried(Side.LONG, world, account, **fields)
    assert isinstance(found, Refused), found
    return {reason.check for reason in found.reasons}


async def turned_away(side: Side = Side.LONG, **fields: Any) -> str:
    found = await tried(side, **fields)
    assert isinstance(found, Reason), found
    return found.check


@pytest.mark.parametrize("risk", ["0", "-0.01", "0.1001", "1", "NaN", "Infinity"])
async def test_risk_of_nothing_or_over_the_hard_ceiling_is_turned_away(risk: str) -> None:
    assert await turned_away(risk=D(risk)) == "risk"


@pytest.mark.parametrize(
    ("side", "fields", "check"),
    [
        (Side.LONG, {"stop": D(100)}, "stop"),
        (Side.LONG, {"stop": D(106)}, "stop"),
        (Side.SHORT, {"stop": D(94)}, "stop"),
        (Side.LONG, {"stop": D(0)}, "stop"),
        (Side.LONG, {"stop": D("NaN")}, "stop"),
        (Side.LONG, {"target": D(99)}, "target"),
        (Side.SHORT, {"target": D(101)}, "target"),
        (Side.SHORT, {"target": D(-1)}, "target"),
        (Side.LONG, {"leverage": 0}, "leverage"),
        (Side.LONG, {"leverage": -3}, "leverage"),
    ],
)
async def test_words_that_cannot_be_are_turned_away(side: Side, fields: dict[str, Any], check: str) -> None:
    assert await turned_away(side, **fields) == check


async def test_a_stop_too_near_or_too_far_is_refused_like_any_other() -> None:
    assert await refused(stop=D("95.5")) == {"stop_distance"}
    assert await refused(stop=D("89.9"), target=D(140)) == {"stop_distance"}


async def test_paused_breakers_places_cooldown_and_unknown_equity_hold_for_the_owner_too() -> None:
    account = an_account(closed_to_entries="paused by owner", open_breakers=("drawdown",), last_closed={})

    assert await refused(account=account) == {"entries", "breakers"}
    assert "equity" in await refused(account=an_account(equity=None))


async def test_risk_may_go_up_to_the_hard_ceiling_and_no_further() -> None:
    plan = await planned(risk=D("0.1"))

    assert D(99) < plan.loss_at_stop <= D(100)
    assert plan.origin is Origin.MANUAL


async def test_without_words_the_plan_is_the_one_a_scan_would_make() -> None:
    plan = await planned()

    assert plan.stop == D("94.90")  # 5 %, and beyond a round number
    assert [target.price for target in plan.targets] == [D("108.15"), D("116.10")]  # 1.5 R and 3 R
    assert plan.leverage == plan.leverage_wanted == wanted_leverage(Regime.TRENDING, 0.0) == 3
    assert D(19) < plan.loss_at_stop <= D(20)


async def test_the_default_stop_rests_beyond_the_swing() -> None:
    world = World()
    world.features = lambda symbol: some_features(hour=a_frame("1h", atr=2.0, swing_low=94.0))

    assert (await planned(world=world)).stop == D("93.50")


def moved_with_btc(symbol: str, share: float) -> Any:
    """Bars of 100 hours that move by `share` of what BTC's do."""
    steps = np.sin(np.arange(100.0)) / 100
    rows = np.full((100, 6), 100.0)
    rows[:, 0] = 1_700_000_000_000 + 3_600_000 * np.arange(100)
    rows[:, 4] = 100 * np.exp(steps * (1 if symbol == BTC else share))
    return Candles(symbol, "1h", rows)


async def test_a_plan_carries_its_beta_to_btc_asked_for_only_when_it_is_drawn() -> None:
    world, asked, plain = World(), list[str](), World().market.candles

    async def candles(symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        asked.append(symbol)
        if timeframe != "1h":
            return await plain(symbol, timeframe, until, limit)
        return moved_with_btc(symbol, 0.62)

    world.market.candles = candles  # type: ignore[method-assign]
    wrong = await tried(world=world, stop=D(106))

    assert isinstance(wrong, Reason)
    assert BTC not in asked
    assert (await planned(world=world)).beta == D("0.62")
    assert asked.count(BTC) == 1


async def test_btcs_bars_that_cannot_be_read_leave_the_beta_unknown_which_counts_fully() -> None:
    world, plain = World(), World().market.candles

    async def candles(symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        if symbol == BTC:
            raise Unknown("no bars of BTC")
        return await plain(symbol, timeframe, until, limit)

    world.market.candles = candles  # type: ignore[method-assign]

    assert (await planned(world=world)).beta is None


async def test_a_swing_too_far_asks_for_a_stop_of_ones_own() -> None:
    world = World()
    world.features = lambda symbol: some_features(hour=a_frame("1h", swing_low=85.0))

    found = await tried(world=world)
    own = await planned(world=world, stop=D(94))

    assert isinstance(found, Reason)
    assert found.check == "stop_distance"
    assert own.stop == 94


async def test_named_prices_stand_though_the_price_moves_between_two_looks() -> None:
    world = World()
    quote = world.market.quote
    prices = iter(("100.07", "100.13"))

    async def moving(symbol: str) -> Any:
        world.market.prices[symbol] = D(next(prices))
        return await quote(symbol)

    world.market.quote = moving  # type: ignore[method-assign]

    plan = await planned(world=world, stop=D("94.37"), target=D("113.13"))

    assert plan.entry == D("100.13")
    assert (plan.stop, plan.targets[0].price) == (D("94.37"), D("113.13"))


async def test_asked_for_leverage_is_shown_beside_what_was_applied() -> None:
    plan = await planned(leverage=20)

    assert (plan.leverage_wanted, plan.leverage) == (20, 5)
    assert "5x instead of 20x: MAX_LEVERAGE" in plan.notes


async def test_flags_and_score_are_printed_and_not_enforced() -> None:
    world = World()
    world.features = lambda symbol: some_features(
        hour=a_frame("1h", rsi=91.0, volume_ratio=0.1), funding_per_8h=-0.01
    )

    plan = await planned(world=world)

    told = "\n".join(plan.notes)
    assert "red flag rsi 91.0 (not enforced)" in told
    assert "red flag volume 0.10x (not enforced)" in told
    assert "funding" not in told  # it strikes shorts
    assert f"score {plan.score.total:.0f} (not enforced)" in told
    assert plan.score.total < world.limits.min_score
    assert "100% of the timeframes lean long" in told


async def test_a_refused_idea_prints_them_too() -> None:
    found = await tried(account=an_account(closed_to_entries="paused"))

    assert isinstance(found, Refused)
    assert any("timeframes lean" in note for note in found.plan.notes)


async def test_two_ideas_of_one_moment_are_one_plan() -> None:
    assert (await planned()).id == (await planned()).id


async def test_an_idea_of_ones_own_may_be_far_from_the_last_bar_and_is_asked_at_its_price() -> None:
    world = await World().open()
    world.market.prices[SOL] = D(104)

    plan = await planned(world=world)

    assert abs(plan.entry - D(104)) < D("0.1")
