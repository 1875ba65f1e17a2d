"""The advisers on an open trade: tighten first, close second, and otherwise nothing at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.analysis.flags import FlagLimits
from core.errors import JournalError
from core.market import Side, bar_open
from core.notice import NoticeKind
from core.opinion import Abstention, Brief, Decider, Silence
from core.trade import ExitReason, OrderKind, StopBy
from core.trading.decide import Rules, decide
from core.trading.exit_opinion import ExitOpinion
from tests.core.builders import BTC, PAPER, SOL, D, some_features
from tests.core.trading.world import World

QUARTER = timedelta(minutes=15)


async def holding(side: Side = Side.LONG, **limits: Any) -> World:
    """A covered position from 100 with its stop five away, opened at 12:05; everybody is against it."""
    world = await World(**limits).open()
    await world.hold(side)
    world.panel.sides = {SOL: side.opposite}
    world.features = lambda symbol: some_features(
        side, symbol=symbol, bar_closed_at=bar_open(world.clock.now(), "15m")
    )
    return world


async def next_close(world: World, bars: int = 1) -> None:
    """The next 15-minute close passes, and the advisers are heard on it."""
    gone = world.clock.now() - bar_open(world.clock.now(), "15m")
    world.clock.advance((QUARTER * bars - gone).total_seconds() + 1)
    await world.kernel.exit_opinion.listen()


def stop_at_venue(world: World) -> Any:
    (order,) = world.venue.resting(OrderKind.STOP_MARKET)
    return order.trigger


async def test_the_first_close_against_it_tightens_half_of_the_way() -> None:
    world = await holding()
    planned = (await world.trade()).stop

    await next_close(world)

    trade = await world.trade()
    assert trade.stop == stop_at_venue(world) == planned + (100 - planned) / 2
    assert trade.stop_by is StopBy.ADVISER and trade.planned_stop == planned
    assert trade.against_count == 1 and world.is_covered()


async def test_a_short_is_tightened_downwards() -> None:
    world = await holding(Side.SHORT)
    planned = (await world.trade()).stop

    await next_close(world)

    assert 0 <= stop_at_venue(world) - (planned - (planned - 100) / 2) < D("0.01")


async def test_the_owner_is_told_why_the_stop_moved() -> None:
    world = await holding()

    await next_close(world)

    told = [facts["text"] for facts in await world.facts(NoticeKind.CHANGED)]
    assert any("advisers are for short at 0.85" in text for text in told)


async def test_the_second_close_in_a_row_leaves() -> None:
    world = await holding()
    await next_close(world)
    world.venue.move(99)

    await next_close(world)

    (closed,) = await world.history()
    assert closed.exit_reason is ExitReason.ADVISER and world.held == 0


async def test_a_winning_trade_waits_for_the_least_profit() -> None:
    world = await holding()
    await next_close(world)
    world.venue.move("100.4")
    await next_close(world)
    waited, net = world.held, await world.kernel.executor.net_if_left(await world.trade())
    world.venue.move(102)

    await next_close(world)

    (closed,) = await world.history()
    assert waited and net is not None and 0 < net < D("2.5")
    assert closed.exit_reason is ExitReason.ADVISER and closed.net_pnl > D("2.5")


async def test_anything_else_in_between_starts_the_count_again() -> None:
    world = await holding()
    await next_close(world)
    world.panel.sides = {SOL: None}
    await next_close(world)
    held_on = (await world.trade()).against_count
    world.panel.sides = {SOL: Side.SHORT}

    await next_close(world)

    assert held_on == 0 and (await world.trade()).against_count == 1 and world.held


async def test_a_close_that_nobody_was_heard_on_breaks_the_row() -> None:
    world = await holding()
    await next_close(world)

    await next_close(world, bars=2)

    assert (await world.trade()).against_count == 1 and world.held


@pytest.mark.parametrize("what", ["agrees", "holds", "single", "weak", "silent", "split"])
async def test_less_than_a_standing_verdict_against_it_changes_nothing(what: str) -> None:
    world = await holding()
    before = await world.trade()
    sent = len(world.venue.submitted)
    match what:
        case "agrees":
            world.panel.sides = {SOL: Side.LONG}
        case "holds":
            world.panel.sides = {SOL: None}
        case "single":
            world.panel.names = ("claude",)
        case "weak":
            world.panel.confidence = {SOL: 0.74}
        case "silent":
            world.panel.names = ()
            world.panel.abstentions = (Abstention("claude", Silence.DEADLINE, "late"),)
        case "split":
            world.panel.names = ("claude", "rules")  # no AI, no vote

    await next_close(world)
    await next_close(world)

    trade = await world.trade()
    assert (trade.stop, trade.want) == (before.stop, before.want)
    assert trade.against_count == 0 and len(world.venue.submitted) == sent
    assert len(world.panel.asked) == 2


async def test_the_rules_alone_count_where_they_decide() -> None:
    world = await holding()
    world.panel.names = ("rules",)
    kernel, rules = world.kernel, Rules(world.limits, FlagLimits(), Decider.RULES)
    opinion = ExitOpinion(
        kernel.circle, world.venue, world.journal, kernel.executor, kernel.guard, lambda: rules
    )
    world.clock.advance(900)

    await opinion.listen()

    assert (await world.trade()).against_count == 1


async def test_one_bar_is_judged_once_however_often_it_is_looked_at() -> None:
    world = await holding()
    await next_close(world)
    stop = stop_at_venue(world)

    for _ in range(5):
        world.clock.advance(60)
        await world.kernel.exit_opinion.listen()

    assert len(world.panel.asked) == 1 and stop_at_venue(world) == stop


async def test_a_restart_within_the_bar_asks_nobody_again() -> None:
    world = await holding()
    await next_close(world)
    stop = stop_at_venue(world)

    await world.restart()
    await world.kernel.exit_opinion.listen()

    assert len(world.panel.asked) == 1 and stop_at_venue(world) == stop
    assert (await world.trade()).against_count == 1


async def test_the_row_survives_a_restart() -> None:
    world = await holding()
    await next_close(world)
    await world.restart()

    await next_close(world)

    assert (await world.history())[0].exit_reason is ExitReason.ADVISER


async def test_the_close_at_which_it_was_opened_is_not_judged() -> None:
    world = await holding()

    await world.kernel.exit_opinion.listen()

    assert world.panel.asked == [] and (await world.trade()).against_bar is None


async def test_a_close_that_the_market_does_not_show_yet_is_waited_for() -> None:
    world = await holding()
    shown = world.features
    world.features = lambda symbol: some_features(symbol=symbol)
    await next_close(world)
    early = list(world.panel.asked)
    world.features = shown

    await world.kernel.exit_opinion.listen()

    assert early == [] and world.panel.asked == [SOL]


async def test_what_cannot_be_recorded_does_not_act() -> None:
    world = await holding()
    stop = stop_at_venue(world)

    def fail(point: str) -> None:
        if point == "journal.update_trade:before":
            raise JournalError("the disk is full")

    world.boot(fail)
    await next_close(world)

    assert stop_at_venue(world) == stop and (await world.trade()).against_bar is None


async def test_less_risk_does_not_hang_on_the_record_of_the_decision() -> None:
    world = await holding()
    planned = (await world.trade()).stop

    def fail(point: str) -> None:
        if point == "journal.record_decisions:before":
            raise JournalError("the tape does not fit")

    world.boot(fail)
    await next_close(world)

    trade = await world.trade()
    assert trade.against_count == 1 and world.is_covered()
    assert trade.stop == stop_at_venue(world) == planned + (100 - planned) / 2


async def test_it_never_goes_nearer_than_one_atr_nor_away_from_the_price() -> None:
    world = await holding()
    trade = await world.trade()
    assert trade.atr == 1
    for price in ("96.5", "96.2", "95.8"):
        world.venue.move(price)
        world.panel.sides = {SOL: Side.SHORT}
        before = stop_at_venue(world)
        await next_close(world)
        after = stop_at_venue(world)
        world.panel.sides = {SOL: None}
        await next_close(world)

        assert before <= after
        assert after == before or D(price) - after >= 1


async def test_its_place_in_the_journal_says_what_was_judged_and_done() -> None:
    world = await holding()
    stop = stop_at_venue(world)

    await next_close(world)

    record = await world.journal.last_decision(PAPER, SOL)
    assert record is not None and (record.gate, record.stance) == ("exit", "short")
    assert f"the stop goes from {stop}" in record.reasons[0] and record.facts["verdict"]
    assert record.scan_id is None


async def test_the_question_is_a_scans_own_so_that_one_answer_serves_both() -> None:
    world = await holding()
    heard: list[Brief] = []
    real = world.panel.ask

    async def ask(brief: Brief, *more: Any) -> Any:
        heard.append(brief)
        return await real(brief, *more)

    world.panel.ask = ask  # type: ignore[method-assign]
    await next_close(world)
    await decide(SOL, world.kernel.circle, world.kernel.keeper.look, world.rules(), "seed")

    first, second = heard
    assert (first.system, first.question) == (second.system, second.question) and first.question


async def test_switched_off_it_asks_nobody() -> None:
    world = await holding(is_exit_opinion_on=False)

    await next_close(world)

    assert world.panel.asked == []


async def test_nobody_is_asked_about_a_position_that_is_not_seen_or_is_being_closed() -> None:
    world = await holding()
    world.venue.failing = {"positions"}
    await next_close(world)
    unseen = list(world.panel.asked)
    world.venue.failing = set()
    await world.kernel.executor.want_closed(await world.trade(), ExitReason.OWNER, D(1), "owner")

    await world.kernel.exit_opinion.listen()

    assert unseen == world.panel.asked == []


async def test_a_trade_that_ends_while_they_think_is_left_alone() -> None:
    world = await holding()
    trade = await world.trade()
    world.panel.meanwhile = lambda: world.venue.move(90)  # through its stop

    await next_close(world)
    await world.settle()

    (closed,) = await world.history()
    assert closed.id == trade.id and closed.exit_reason is ExitReason.STOP


async def test_guarding_goes_on_while_they_think() -> None:
    world = await holding()
    asked, may_answer = asyncio.Event(), asyncio.Event()
    real = world.panel.ask

    async def slow(*args: Any) -> Any:
        asked.set()
        await may_answer.wait()
        return await real(*args)

    world.panel.ask = slow  # type: ignore[method-assign]
    hearing = asyncio.create_task(next_close(world))
    await asked.wait()
    world.venue.move(90)
    await world.settle()
    closed = await world.history()
    may_answer.set()
    await hearing

    assert len(closed) == 1 and world.held == 0


async def test_one_symbols_trouble_is_not_the_others() -> None:
    world = await World(max_open_positions=2).open()
    for symbol, name in ((SOL, "plan-1"), (BTC, "plan-2")):
        await world.kernel.executor.enter(await world.cleared(symbol=symbol, name=name), None, "test")
    await world.kernel.guard.watch()
    world.panel.sides = {SOL: Side.SHORT, BTC: Side.SHORT}
    world.features = lambda symbol: some_features(
        symbol=symbol, bar_closed_at=bar_open(world.clock.now(), "15m")
    )
    world.market.silent = {SOL}

    await next_close(world)

    stops = {trade.symbol: trade.stop_by for trade in await world.trades()}
    assert stops == {SOL: StopBy.PLAN, BTC: StopBy.ADVISER}
