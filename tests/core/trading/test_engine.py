"""Scans by mode: told, asked or traded, best first; one symbol's trouble stays its own."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from core.errors import JournalError, Unknown
from core.journal import Mode
from core.market import Side
from core.notice import NoticeKind
from core.opinion import Abstention, Silence
from core.trade import OrderKind
from tests.core.builders import BTC, PAPER, SOL, D, some_features
from tests.core.trading.world import World

ETH = "ETH/USDT:USDT"


async def scanning(mode: Mode, *symbols: str, **limits: Any) -> World:
    """Everybody is for a long in each of `symbols`."""
    world = await World(mode, **limits).open()
    world.symbols = symbols or (SOL,)
    world.panel.sides = dict.fromkeys(world.symbols, Side.LONG)
    return world


async def test_watch_tells_and_neither_asks_nor_trades() -> None:
    world = await scanning(Mode.WATCH)

    await world.kernel.engine.scan()

    assert len(await world.told(NoticeKind.SIGNAL)) == 1
    assert await world.journal.open_approvals(PAPER) == () and world.venue.submitted == []


async def test_semi_auto_asks_and_does_not_trade() -> None:
    world = await scanning(Mode.SEMI_AUTO)

    await world.kernel.engine.scan()

    (card,) = await world.journal.open_approvals(PAPER)
    assert card.plan.symbol == SOL and world.venue.submitted == []
    assert (await world.tap(card)).is_done and world.is_covered()


@pytest.mark.parametrize("side", list(Side))
async def test_auto_trades_and_covers(side: Side) -> None:
    world = await scanning(Mode.AUTO)
    world.features = lambda symbol: some_features(side, symbol=symbol)
    world.panel.sides = {SOL: side}

    await world.kernel.engine.scan()

    assert world.venue.held[SOL][0] is side and world.is_covered()


@pytest.mark.parametrize("mode", [Mode.SEMI_AUTO, Mode.AUTO])
async def test_the_best_plan_gets_the_only_place(mode: Mode) -> None:
    world = await scanning(mode, SOL, BTC, ETH)
    world.panel.confidence = {SOL: 0.80, BTC: 0.92, ETH: 0.85}

    scan = await world.kernel.engine.scan()

    cards = await world.journal.open_approvals(PAPER)
    taken = {card.plan.symbol for card in cards} | set(world.venue.held)
    assert [row["symbol"] for row in scan.record.ranking] == [BTC, ETH, SOL]
    assert taken == {BTC}


async def test_the_costs_of_the_first_entry_leave_the_second_one_a_little_smaller() -> None:
    world = await scanning(Mode.AUTO, SOL, BTC, max_open_positions=2, same_direction_share=D(1))
    submit = world.venue.submit

    async def costly(request: Any) -> Any:
        outcome = await submit(request)
        world.venue.wallet -= D(3)
        return outcome

    world.venue.submit = costly  # type: ignore[method-assign]
    await world.kernel.engine.scan()

    assert set(world.venue.held) == {SOL, BTC}


async def test_two_scans_at_once_never_take_more_places_than_there_are() -> None:
    world = await scanning(Mode.AUTO, SOL)
    other = asyncio.Event()
    real = world.venue.prepare

    async def slow(symbol: str, leverage: int) -> int:
        other.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return await real(symbol, leverage)

    world.venue.prepare = slow  # type: ignore[method-assign]

    async def second() -> None:
        await other.wait()
        world.symbols = (BTC,)
        world.panel.sides = {BTC: Side.LONG}
        await world.kernel.engine.scan()

    await asyncio.gather(world.kernel.engine.scan(), second())

    assert set(world.venue.held) == {SOL}


async def test_auto_never_trades_a_single_advisers_opinion() -> None:
    world = await scanning(Mode.AUTO)
    world.panel.names = ("claude",)

    scan = await world.kernel.engine.scan()

    assert len(scan.cleared) == 1 and world.venue.submitted == [] and await world.trades() == ()


async def test_auto_stays_out_where_it_is_barred() -> None:
    world = await scanning(Mode.AUTO)
    world.auto_barred = "auto needs two advisers"

    await world.kernel.engine.scan()

    assert world.venue.submitted == []


async def test_no_adviser_at_all_is_a_hold_with_its_gate() -> None:
    world = await scanning(Mode.AUTO)
    world.panel.names = ()
    world.panel.abstentions = (Abstention("claude", Silence.TIMEOUT, "late"),)

    scan = await world.kernel.engine.scan()

    assert scan.record.funnel == {"advisers": 1} and world.venue.submitted == []


async def test_a_split_panel_never_trades() -> None:
    world = await scanning(Mode.AUTO)
    world.panel.sides = {SOL: None}

    scan = await world.kernel.engine.scan()

    assert scan.record.funnel == {"verdict": 1} and world.venue.submitted == []


async def test_a_pause_while_the_advisers_think_means_no_order() -> None:
    world = await scanning(Mode.AUTO)
    world.panel.meanwhile = lambda: world.kernel.gate.close("pause", "paused by owner")

    scan = await world.kernel.engine.scan()

    assert scan.record.funnel == {"risk": 1} and world.venue.submitted == []
    record = await world.journal.last_decision(PAPER, SOL)
    assert record is not None and "paused by owner" in record.reasons[0]


async def test_a_loss_while_the_advisers_think_means_no_order() -> None:
    """The account is read when there is a plan to judge, not before."""
    world = await scanning(Mode.AUTO)

    def lose() -> None:
        world.venue.wallet = D(850)

    world.panel.meanwhile = lose
    await world.kernel.engine.scan()

    assert world.venue.submitted == []
    assert len(await world.told(NoticeKind.BREAKER_TRIPPED)) == 1


async def test_a_mode_lowered_while_the_advisers_think_holds_at_once() -> None:
    world = await scanning(Mode.AUTO)
    real = world.panel.ask

    async def ask(*args: Any) -> Any:
        await world.journal.set_mode(PAPER, Mode.WATCH, "owner", world.clock.now())
        return await real(*args)

    world.panel.ask = ask  # type: ignore[method-assign]
    await world.kernel.engine.scan()

    assert world.venue.submitted == [] and len(await world.told(NoticeKind.SIGNAL)) == 1


async def test_a_plan_is_examined_against_the_price_of_its_own_moment() -> None:
    world = await scanning(Mode.AUTO)
    real = world.journal.record_decisions

    async def recording(*args: Any) -> None:
        await real(*args)
        world.market.silent = {SOL}

    world.journal.record_decisions = recording  # type: ignore[method-assign]
    scan = await world.kernel.engine.scan()

    assert len(scan.cleared) == 1 and world.venue.submitted == []


@pytest.mark.parametrize("mode", [Mode.SEMI_AUTO, Mode.AUTO])
async def test_a_plan_that_cannot_be_examined_again_does_not_cost_the_next_one(mode: Mode) -> None:
    world = await scanning(mode, BTC, SOL)
    world.panel.confidence = {BTC: 0.92}
    real = world.journal.record_decisions

    async def recording(*args: Any) -> None:
        await real(*args)
        world.market.silent = {BTC}

    world.journal.record_decisions = recording  # type: ignore[method-assign]
    await world.kernel.engine.scan()

    cards = await world.journal.open_approvals(PAPER)
    assert {card.plan.symbol for card in cards} | set(world.venue.held) == {SOL}


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("x"), KeyError("x"), JournalError("locked"), Unknown("x")]
)
async def test_one_symbols_error_foreseen_or_not_stays_its_own(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    world = await scanning(Mode.AUTO, BTC, SOL)

    def features(symbol: str) -> Any:
        if symbol == BTC:
            raise error
        return some_features(symbol=symbol)

    world.features = features
    with caplog.at_level(logging.ERROR):
        scan = await world.kernel.engine.scan()

    gate = "data" if isinstance(error, Unknown) else "fault"
    assert scan.record.funnel == {gate: 1, "cleared": 1} and set(world.venue.held) == {SOL}
    told = await world.told(NoticeKind.SYSTEM)
    assert bool(told) == bool(caplog.records) == (gate == "fault")


async def test_a_listener_that_fails_costs_no_decision() -> None:
    world = await scanning(Mode.AUTO)

    async def broken(*args: Any) -> None:
        raise RuntimeError("chat is gone")

    scan = await world.kernel.engine.scan(broken)

    assert scan.record.funnel == {"cleared": 1} and set(world.venue.held) == {SOL}


async def test_every_symbols_end_is_recorded_with_its_reasons() -> None:
    world = await scanning(Mode.SEMI_AUTO, SOL, BTC, ETH)
    world.panel.sides = {SOL: Side.LONG, BTC: None}
    world.market.silent = {ETH}
    told: list[tuple[int, int, str, str]] = []

    async def progress(*step: Any) -> None:
        told.append(step)

    scan = await world.kernel.engine.scan(progress)

    found = await world.journal.last_scan(PAPER)
    assert found is not None and found[0].funnel == scan.record.funnel
    assert {row.symbol: row.gate for row in found[1]} == {SOL: "cleared", BTC: "verdict", ETH: "verdict"}
    assert all(row.reasons for row in found[1] if row.gate != "cleared")
    assert sorted(step[0] for step in told) == [1, 2, 3]


async def test_nobody_is_asked_about_what_cannot_be_entered() -> None:
    world = await scanning(Mode.AUTO, SOL, BTC)
    await world.hold()

    scan = await world.kernel.engine.scan()

    assert world.panel.asked == [] and scan.record.funnel == {"entries": 2}


async def test_red_flags_against_both_sides_ask_nobody() -> None:
    world = await scanning(Mode.AUTO)
    world.features = lambda symbol: some_features(
        symbol=symbol, hour=some_features().frames["1h"].__class__(**_overbought())
    )

    scan = await world.kernel.engine.scan()

    assert world.panel.asked == [] and scan.record.funnel == {"flags": 1}


def _overbought() -> dict[str, Any]:
    hour = some_features().frames["1h"]
    return {name: getattr(hour, name) for name in hour.__slots__} | {"rsi": 91.0}


async def test_an_unknown_balance_trades_nothing_in_any_mode() -> None:
    for mode in Mode:
        world = await scanning(mode)
        world.venue.failing = {"balance"}

        await world.kernel.engine.scan()

        assert world.venue.submitted == [] and await world.journal.open_approvals(PAPER) == ()


async def test_an_entry_that_broke_off_is_told_and_left_to_the_guard() -> None:
    world = await scanning(Mode.AUTO)

    def blinding(point: str) -> None:
        if point == "venue.submit:after":
            world.venue.failing = {"positions"}

    world.boot(blinding)
    await world.kernel.engine.scan()
    (text,) = [facts["text"] for facts in await world.facts(NoticeKind.SYSTEM)]
    world.boot()
    world.venue.failing = set()
    await world.kernel.guard.watch()

    assert "not go through smoothly" in text
    assert world.is_covered() and len(world.venue.entries) == 1


async def test_a_silent_adviser_is_told_once_a_day_whatever_the_others_do() -> None:
    world = await scanning(Mode.WATCH)
    for silent in (("claude",), ("claude", "grok"), ("grok",), ("claude",)):
        world.panel.abstentions = tuple(Abstention(name, Silence.TIMEOUT, "late") for name in silent)
        await world.kernel.engine.scan()
        world.clock.advance(60)

    assert [facts["silent"] for facts in await world.facts(NoticeKind.AI_DEGRADED)] == [
        ["claude: timeout"],
        ["grok: timeout"],
    ]


async def test_a_drive_into_losses_ends_with_no_further_order() -> None:
    """Through the real loop: three losing trades in a row, then silence until a person clears it."""
    world = await scanning(Mode.AUTO, cooldown_s=0, daily_loss=D("0.5"), max_drawdown=D("0.5"))
    for _ in range(5):
        world.market.prices[SOL] = D(100)
        await world.kernel.engine.scan()
        world.venue.move(94)
        await world.kernel.guard.watch()
        world.clock.advance(60)

    assert len(world.venue.entries) == 3 and len(await world.history()) == 3
    assert len(await world.told(NoticeKind.BREAKER_TRIPPED)) == 1


@pytest.mark.parametrize(("side", "price"), [(Side.LONG, 90), (Side.LONG, 102), (Side.SHORT, 98)])
async def test_a_price_that_left_the_analysed_bar_is_not_traded(side: Side, price: int) -> None:
    """It closed at 100 with an ATR of 1; the plan would be drawn from the price of now."""
    world = await scanning(Mode.AUTO)
    world.features = lambda symbol: some_features(side, symbol=symbol)
    world.panel.sides = {SOL: side}
    world.market.prices[SOL] = D(price)

    scan = await world.kernel.engine.scan()

    record = await world.journal.last_decision(PAPER, SOL)
    assert world.venue.submitted == [] and scan.record.funnel == {"data": 1}
    assert record is not None
    assert "ATR of 1h from 100.0, where the last analysed bar closed" in record.reasons[0]


@pytest.mark.parametrize("price", ["98.6", "101.4"])
async def test_a_price_near_the_analysed_bar_is_traded(price: str) -> None:
    world = await scanning(Mode.AUTO)
    world.market.prices[SOL] = D(price)

    await world.kernel.engine.scan()

    assert world.venue.held[SOL][0] is Side.LONG


async def test_a_price_that_leaves_the_bar_after_the_analysis_is_seen_before_the_order() -> None:
    """Within the drift of the plan's own entry, which lay at the edge."""
    world = await scanning(Mode.AUTO)
    world.market.prices[SOL] = D("101.4")
    real = world.journal.record_decisions

    async def recording(*args: Any) -> None:
        await real(*args)
        world.market.prices[SOL] = D("101.6")

    world.journal.record_decisions = recording  # type: ignore[method-assign]
    scan = await world.kernel.engine.scan()

    assert len(scan.cleared) == 1 and world.venue.submitted == []


async def test_a_symbol_whose_entry_was_refused_rests_like_after_a_close() -> None:
    world = await scanning(Mode.AUTO)
    world.venue.next_answers[OrderKind.MARKET] = ["refuse"]
    await world.kernel.engine.scan()
    world.clock.advance(300)

    scan = await world.kernel.engine.scan()

    record = await world.journal.last_decision(PAPER, SOL)
    assert len(world.venue.submitted) == 1 and scan.record.funnel == {"entries": 1}
    assert record is not None and "had its entry refused by the exchange 5 min ago" in record.reasons[0]


async def test_a_symbol_may_be_tried_again_when_the_rest_after_a_refusal_is_over() -> None:
    world = await scanning(Mode.AUTO, cooldown_s=600.0)
    world.venue.next_answers[OrderKind.MARKET] = ["refuse"]
    await world.kernel.engine.scan()
    world.clock.advance(601)

    await world.kernel.engine.scan()

    assert world.held > 0


@pytest.mark.parametrize("answer", ["throttle", "lose"])
async def test_an_entry_that_failed_for_another_reason_may_be_tried_again(answer: str) -> None:
    world = await scanning(Mode.AUTO)
    world.venue.next_answers[OrderKind.MARKET] = [answer]
    await world.kernel.engine.scan()
    world.clock.advance(60)
    await world.settle()
    assert await world.trades() == ()

    await world.kernel.engine.scan()

    assert world.held > 0
