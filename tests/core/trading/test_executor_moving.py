"""The rule book through the real loop: moves, targets, parts and restarts over a venue that keeps score."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.market import Side
from core.notice import NoticeKind
from core.plan import Target
from core.trade import ExitReason, Fill, OrderKind, StopBy, Trade
from core.trading.exits import ExitRules
from core.trading.guard import resting_stop
from core.trading.trade_rows import trade_of
from tests.core.builders import SOL, D, a_trade, a_verdict, an_opinion
from tests.core.trading.fakes import WatchedVenue
from tests.core.trading.world import World

STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET


async def opened(**limits: Any) -> World:
    world = World(**limits)
    world.venue = WatchedVenue(world.clock, world.market)
    world.boot()
    return await world.open()


async def climbing(side: Side = Side.LONG, **limits: Any) -> World:
    """A position from 100 with stop 95, targets 108 and 116, half each, ATR 1 (mirrored for a short)."""
    world = await opened(**limits)
    trade = a_trade(
        side=side,
        quantity=D(2),
        entry_reference=D(100),
        stop=mirrored(side, 95),
        first_stop=mirrored(side, 95),
        targets=(Target(mirrored(side, 108), D("0.5")), Target(mirrored(side, 116), D("0.5"))),
        cost=D("0.0015"),
        atr=D(1),
    )
    await world.journal.open_trade(trade, world.plan(side), None, "test", [])
    await world.kernel.guard.watch()
    world.clock.advance(60)
    return world


async def at(world: World, price: Any, every_s: float = 60) -> None:
    world.venue.move(price)
    await world.settle()
    assert not world.is_bare()
    world.clock.advance(every_s)


def mirrored(side: Side, price: Any) -> Decimal:
    return D(100) + (D(str(price)) - 100) * side.sign


def stops_of(world: World) -> list[Decimal]:
    return [r.trigger for r in world.venue.sent(STOP) if r.trigger is not None]


# ---------------------------------------------------------------- the ladder


@pytest.mark.parametrize("side", list(Side))
async def test_a_whole_trade_goes_from_first_target_to_break_even_to_trailing_to_its_end(side: Side) -> None:
    world = await climbing(side, exits=ExitRules(trail_atr=6.0))
    quantity = (await world.trade()).quantity

    await at(world, mirrored(side, 108))
    after_first, first_stop = world.held, (await world.trade()).stop
    by_first = (await world.trade()).stop_by
    await at(world, mirrored(side, 112))
    trailed = await world.trade()
    await at(world, mirrored(side, 106))

    assert after_first == quantity / 2
    assert (first_stop, by_first) == (mirrored(side, 102), StopBy.TRAILING)
    assert (trailed.stop, trailed.stop_by, trailed.is_trailing) == (
        mirrored(side, 106),
        StopBy.TRAILING,
        True,
    )
    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.TRAILING and closed.net_pnl > 0
    assert world.venue.resting() == [] and not world.venue.bare
    assert closed.quantity == quantity


async def test_the_first_target_puts_the_stop_of_the_rest_at_break_even() -> None:
    world = await climbing(exits=ExitRules(trail_atr=0.0))

    await at(world, 108)
    trade, (stop,) = await world.trade(), world.venue.resting(STOP)
    await at(world, "100.15")

    assert (trade.stop, trade.stop_by, trade.planned_stop) == (D("100.15"), StopBy.BREAK_EVEN, D(95))
    assert (stop.trigger, stop.quantity) == (D("100.15"), trade.quantity / 2)
    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.BREAK_EVEN and closed.net_pnl > 0
    assert not world.venue.bare


async def test_both_targets_close_all_of_it() -> None:
    world = await climbing(exits=ExitRules(trail_atr=0.0))

    await at(world, 108)
    await at(world, 116)

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.TARGET
    assert world.venue.resting() == [] and world.held == 0


async def test_the_trade_carries_what_the_rule_book_needs_and_who_agreed() -> None:
    world = await opened()
    opinions = (
        an_opinion("claude"),
        an_opinion("gpt"),
        an_opinion("grok", Side.SHORT),
        an_opinion("deep", None),
    )
    plan = replace(world.plan(), verdict=a_verdict(opinions=opinions))

    trade = trade_of(plan, world.clock.now())

    assert (trade.stop, trade.first_stop) == (plan.stop, plan.stop)
    assert (trade.cost, trade.atr, trade.beta) == (plan.cost, plan.atr, plan.beta)
    assert (trade.stop_by, trade.advisers) == (StopBy.PLAN, ("claude", "gpt"))


async def test_the_owner_hears_where_the_stop_went_why_and_what_it_locks_in() -> None:
    world = await climbing(exits=ExitRules(trail_atr=0.0))

    await at(world, 108)

    reached, text = [facts["text"] for facts in await world.facts(NoticeKind.CHANGED)]
    assert reached.startswith("target reached: 1")
    assert text.startswith("stop 95 → 100.15: break-even after a target, costs included;")
    assert "the trade makes about +" in text


async def test_a_stop_moved_past_a_falling_price_leaves_at_market_as_a_software_stop() -> None:
    """The price falls between the look that saw the peak and the order."""
    world = await climbing()
    world.venue.move("107.9")
    world.venue.failing = {"positions"}
    await world.kernel.guard.watch()
    world.venue.failing = set()
    await world.kernel.executor.change(
        await world.trade(), lambda row: (replace(row, best_mark=D("107.9"), is_trailing=True), [])
    )
    world.venue.move("104")

    await world.settle()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.SOFTWARE_STOP


async def test_the_time_stop_leaves_a_loser_and_says_so() -> None:
    world = await climbing()
    await at(world, 99, every_s=72 * 3600)

    await world.settle()

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.TIME


# ---------------------------------------------------------------- memory


async def test_a_restart_in_the_middle_keeps_the_peak_and_the_armed_stop() -> None:
    world = await climbing(exits=ExitRules(trail_atr=6.0))
    await at(world, 107)
    await at(world, 106)
    before = await world.trade()

    await world.restart()
    await at(world, "107.6")
    after = await world.trade()

    assert (before.best_mark, before.is_trailing) == (D(107), True)
    assert (after.best_mark, after.stop) == (D("107.6"), D("101.6"))


async def test_the_peak_is_kept_by_the_round_itself_not_only_by_the_survey() -> None:
    world = await climbing()
    world.venue.move(104)

    await world.kernel.executor.advance(await world.trade())

    assert (await world.trade()).best_mark == D(104)


# ---------------------------------------------------------------- not too often


async def test_noise_around_a_peak_does_not_flood_the_venue() -> None:
    """Ticks 10 s apart around 106 ± 0.5: the peaks lie within two tenths of R, so three moves at most."""
    world, dice = await climbing(), random.Random(7)

    for _ in range(150):
        world.venue.move(D(106) + D(dice.randint(-50, 50)) / 100)
        await world.kernel.guard.watch()
        world.clock.advance(10)

    assert D("103.4") <= (await world.trade()).stop <= D("104")
    assert len(world.venue.sent(STOP)) <= 1 + 3
    assert world.is_covered()


async def test_a_stop_that_the_venue_keeps_refusing_is_asked_for_less_and_less() -> None:
    world = await climbing()
    world.venue.next_answers[STOP] = ["refuse"] * 999
    before = len(world.venue.sent(STOP))
    world.venue.move("107")

    for _ in range(100):
        await world.kernel.guard.watch()
        world.clock.advance(6)

    assert (await world.trade()).stop == D("104.5")
    assert world.venue.resting(STOP)[0].trigger == D(95) and not world.is_bare()
    assert len(world.venue.sent(STOP)) - before <= 25


async def test_a_target_that_an_overloaded_venue_refused_is_placed_in_the_next_hour() -> None:
    world = await opened()
    world.venue.next_answers[TARGET] = ["throttle"] * 3
    halves = ((D("0.08"), D("0.5")), (D("0.16"), D("0.5")))
    await world.hold(target_fractions=halves)
    first = [order.trigger for order in world.venue.resting(TARGET)]

    for _ in range(62):
        await world.kernel.guard.watch()
        world.clock.advance(60)
    await world.settle()

    assert first == [D(116)]
    resting = sorted(world.venue.resting(TARGET), key=lambda order: order.trigger or D(0))
    assert [order.trigger for order in resting] == [D(108), D(116)]
    assert sum(order.quantity for order in resting) == world.held and world.is_covered()


# ---------------------------------------------------------------- a part


@pytest.mark.parametrize("takes_larger", [True, False])
@pytest.mark.parametrize("share", ["0.25", "0.5", "0.75"])
async def test_a_part_is_closed_without_a_moment_of_less_cover(share: str, takes_larger: bool) -> None:
    world = await climbing()
    world.venue.takes_larger = takes_larger
    trade = await world.trade()

    unfinished = await world.kernel.guard.close([trade], ExitReason.OWNER, D(share), "owner")
    await world.settle()

    kinds = [(r.kind, r.quantity) for r in world.venue.submitted if r.kind is not TARGET]
    closed = trade.quantity - world.held
    assert unfinished == [] and not world.venue.bare
    assert kinds[2:] == [(STOP, world.held), (MARKET, closed)]
    assert world.is_covered()
    assert sum(order.quantity for order in world.venue.resting(TARGET)) == world.held


async def test_a_part_that_the_venue_refuses_leaves_the_full_stop_alone() -> None:
    world = await climbing()
    trade = await world.trade()
    (full,) = world.venue.resting(STOP)
    world.venue.next_answers[MARKET] = ["refuse"] * 3

    (unfinished,) = await world.kernel.guard.close([trade], ExitReason.OWNER, D("0.5"), "owner")
    await world.settle()

    assert "refused 3 times" in unfinished
    assert [o.client_id for o in world.venue.resting(STOP)] == [full.client_id]
    assert world.held == trade.quantity


async def test_a_part_whose_stop_is_refused_again_and_again_is_given_up_each_time() -> None:
    """While one is pending no stop moves: pauses between refusals must not outlast the memory of them."""
    world = await climbing()
    world.venue.next_answers[STOP] = ["refuse"] * 999

    for _ in range(6):
        await world.kernel.guard.close([await world.trade()], ExitReason.OWNER, D("0.5"), "owner")
        for _ in range(150):
            await world.kernel.guard.watch()
            world.clock.advance(2)

        assert (await world.trade()).close_share is None
    assert world.held == 2 and not world.is_bare()


async def test_a_stop_for_a_part_is_not_told_as_somebody_elses_doing() -> None:
    """The first half is given up and its stop goes; the second gets a stop of the same size again."""
    world = await climbing()
    world.venue.next_answers[MARKET] = ["refuse"] * 3
    for _ in range(2):
        await world.kernel.guard.close([await world.trade()], ExitReason.OWNER, D("0.5"), "owner")
        await world.settle()
        world.clock.advance(90)

    assert world.held == 1 and world.is_covered()
    assert await world.told(NoticeKind.OUTSIDE_CHANGE) == []


async def test_a_moved_stop_that_is_cancelled_by_hand_is_placed_again_and_told() -> None:
    world = await climbing()
    await at(world, 107)
    world.venue.cancel_by_hand(world.venue.resting(STOP)[0])

    await world.settle()

    assert world.is_covered() and world.venue.resting(STOP)[0].trigger == D("104.5")
    (facts,) = await world.facts(NoticeKind.OUTSIDE_CHANGE)
    assert "its stop was cancelled on the venue" in facts["text"]


async def test_of_two_resting_stops_the_wanted_full_one_is_shown() -> None:
    world = await climbing()
    trade = await world.trade()
    (full,) = world.venue.resting(STOP)
    part = replace(full, client_id="pp" + "a" * 28, quantity=D(1))
    old = replace(full, client_id="pp" + "b" * 28, trigger=D(94), quantity=D(9))

    assert resting_stop(trade, [old, part, full]) == full
    assert resting_stop(trade, [old]) == old
    assert resting_stop(trade, []) is None


async def test_a_part_then_a_target_then_the_rest_are_the_position() -> None:
    world = await climbing(exits=ExitRules(trail_atr=0.0))
    trade = await world.trade()
    await world.kernel.guard.close([trade], ExitReason.OWNER, D("0.25"), "owner")
    await world.settle()

    await at(world, 108)
    await world.kernel.guard.close([await world.trade()], ExitReason.OWNER, D("0.5"), "owner")
    await world.settle()
    await at(world, 116)

    (closed,) = await world.history()
    exits = [f for f in world.venue.all_fills if f.side is trade.exit_side]
    assert sum(f.quantity for f in exits) == trade.quantity == closed.quantity
    assert closed.net_pnl == ledger(world.venue.all_fills, trade)
    assert not world.venue.bare


def ledger(fills: list[Fill], trade: Trade) -> Decimal:
    signed = [f.quantity * f.price * (1 if f.side is trade.exit_side else -1) for f in fills]
    return sum(signed, D(0)) * trade.side.sign - sum((f.fee for f in fills), D(0))


# ---------------------------------------------------------------- asked for


async def test_a_stop_asked_for_is_brought_to_the_venue_and_told() -> None:
    world = await climbing()

    moved, text = await world.kernel.executor.move_stop(
        await world.trade(), D("97.5"), StopBy.OWNER, may_loosen=False, told="by owner"
    )
    await world.settle()

    trade = await world.trade()
    assert moved and text.startswith("stop 95 → 97.5: asked for; hit there, the trade loses about")
    assert (trade.stop, trade.stop_by, trade.planned_stop) == (D("97.5"), StopBy.OWNER, D(95))
    assert world.is_covered() and world.venue.resting(STOP)[0].trigger == D("97.5")
    (facts,) = await world.facts(NoticeKind.CHANGED)
    assert facts["text"] == f"{text} (by owner)"


async def test_a_refused_move_changes_nothing_and_says_why() -> None:
    world = await climbing()
    before = await world.trade()

    moved, text = await world.kernel.executor.move_stop(
        before, D(94), StopBy.ADVISER, may_loosen=False, also=lambda row: replace(row, against_count=9)
    )

    assert (moved, text) == (False, f"{SOL}: stop 94 is looser than the present 95")
    assert await world.trade() == before
    assert await world.facts(NoticeKind.CHANGED) == []


async def test_what_belongs_to_a_move_is_written_with_it() -> None:
    world = await climbing()

    moved, _ = await world.kernel.executor.move_stop(
        await world.trade(),
        D(97),
        StopBy.BREAKER,
        may_loosen=False,
        also=lambda row: replace(row, breakers_done=("drawdown:1",)),
    )

    trade = await world.trade()
    assert moved and (trade.stop, trade.breakers_done) == (D(97), ("drawdown:1",))


async def test_a_trade_that_is_over_has_no_stop_to_move() -> None:
    world = await climbing()
    trade = await world.trade()
    await world.kernel.guard.close([trade], ExitReason.OWNER, D(1), "owner")
    await world.settle()

    moved, text = await world.kernel.executor.move_stop(trade, D(97), StopBy.OWNER, may_loosen=True)

    assert (moved, text) == (False, f"{SOL}: the trade is over")


async def test_a_loosened_stop_stays_where_the_owner_put_it() -> None:
    world = await climbing()

    moved, _ = await world.kernel.executor.move_stop(
        await world.trade(), D(93), StopBy.OWNER, may_loosen=True
    )
    await at(world, 99)

    assert moved and (await world.trade()).stop == D(93)
    assert world.is_covered() and world.venue.resting(STOP)[0].trigger == D(93)


async def test_the_net_of_leaving_now_is_known_for_a_held_trade() -> None:
    world = await climbing()
    trade = await world.trade()
    world.venue.move(103)

    net = await world.kernel.executor.net_if_left(trade)

    fees = trade.quantity * (100 * D("0.0005") + 103 * (D("0.0005") + D("0.0005")))
    assert net == trade.quantity * 3 - fees


# ---------------------------------------------------------------- any path


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    side=st.sampled_from(Side),
    prices=st.lists(st.integers(9_450, 11_700), min_size=1, max_size=12),
    part_at=st.integers(0, 12),
    trail=st.sampled_from([0.0, 1.0, 2.5]),
)
def test_over_any_path_stops_only_tighten_risk_never_grows_and_cover_never_ends(
    side: Side, prices: list[int], part_at: int, trail: float
) -> None:
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(_path(side, prices, part_at, trail))
    finally:
        logging.disable(logging.NOTSET)


async def _path(side: Side, prices: list[int], part_at: int, trail: float) -> None:
    world = await climbing(side, exits=ExitRules(trail_atr=trail))
    first = await world.trade()
    stop, risk = first.stop, _risk(world, first)
    for index, cents in enumerate(prices):
        if index == part_at and await world.trades():
            await world.kernel.guard.close(await world.trades(), ExitReason.OWNER, D("0.5"), "owner")
        await at(world, mirrored(side, D(cents) / 100), every_s=30)
        if not await world.trades():
            break
        trade = await world.trade()
        assert (trade.stop - stop) * side.sign >= 0 and _risk(world, trade) <= risk
        assert world.is_covered() and len(world.venue.resting(STOP)) == 1
        assert sum(o.quantity for o in world.venue.resting(TARGET)) == world.held
        stop, risk = trade.stop, _risk(world, trade)
    assert not world.venue.bare
    await world.kernel.guard.close(await world.trades(), ExitReason.OWNER, D(1), "owner")
    await world.settle()
    (closed,) = await world.history()
    exits = [f for f in world.venue.all_fills if f.side is first.exit_side]
    assert sum(f.quantity for f in exits) == first.quantity == closed.quantity
    assert closed.net_pnl == ledger(world.venue.all_fills, first)


def _risk(world: World, trade: Trade) -> Decimal:
    """USDT lost from the entry at the stop, costs not counted."""
    return max((D(100) - trade.stop) * trade.side.sign * world.held, D(0))


# ---------------------------------------------------------------- told


@pytest.mark.parametrize("side", list(Side))
async def test_a_reached_target_is_told_once_with_what_it_made(side: Side) -> None:
    world = await climbing(side, exits=ExitRules(trail_atr=0.0))

    await at(world, mirrored(side, 108))
    await at(world, mirrored(side, "107.5"))
    world.boot()
    await world.kernel.guard.watch()

    told = [key for key in await world.told(NoticeKind.CHANGED) if ":part:" in key]
    (text,) = [
        n.notice.facts["text"]
        for n in await world.journal.due_notices("paper", 99)
        if ":part:" in n.notice.key
    ]
    assert len(told) == 1
    assert text.startswith("target reached: 1") and "is left" in text
    made = Decimal(text.split("made ")[1].split(" USDT")[0])
    assert D("7.8") < made < D(8)


async def test_nothing_is_told_of_a_part_before_a_target_is_reached() -> None:
    world = await climbing()

    await at(world, 104)

    assert not any(":part:" in key for key in await world.told(NoticeKind.CHANGED))
