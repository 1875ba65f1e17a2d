"""Cards: one tap, checked afresh, or nothing; and words that say what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from core.errors import JournalError
from core.journal import ApprovalState, Mode
from core.market import Side
from core.notice import NoticeKind
from core.plan import Origin
from core.trade import OrderKind, OrderSide
from tests.core.builders import BTC, PAPER, SOL, D, a_closed_trade
from tests.core.trading.world import World


async def opened(**limits: Any) -> World:
    return await World(**limits).open()


async def state_of(world: World, card: Any) -> ApprovalState:
    known = await world.journal.approval(card.id)
    assert known is not None
    return known.state


@pytest.mark.parametrize("side", list(Side))
async def test_a_tap_trades_the_card_and_closes_it(side: Side) -> None:
    world = await opened()
    card = await world.card(side)

    tap = await world.tap(card)

    assert tap.is_done and "order sent" in tap.text
    assert world.venue.held[SOL][0] is side and world.is_covered()
    assert await state_of(world, card) is ApprovalState.APPROVED
    assert await world.told() == [f"{card.id}:card", "plan-1:sent", f"{card.id}:closed"]


async def test_two_taps_at_once_are_one_order() -> None:
    world = await opened()
    card = await world.card()

    taps = await asyncio.gather(world.tap(card), world.tap(card), world.tap(card, "0.5"))

    assert sorted(tap.is_done for tap in taps) == [False, False, True]
    assert len(world.venue.entries) == 1


async def test_a_tap_delivered_again_says_that_the_card_is_over() -> None:
    world = await opened()
    card = await world.card()
    await world.tap(card)

    again = await world.tap(card)

    assert not again.is_done and "approved already" in again.text
    assert len(world.venue.entries) == 1


async def test_half_the_size_is_half_the_lots_rounded_down() -> None:
    world = await opened()
    card = await world.card()

    await world.tap(card, "0.5")

    assert world.held == (card.plan.quantity / 2).quantize(D("0.01"), rounding="ROUND_FLOOR")
    assert (await world.trade()).risk_usd < card.plan.loss_at_stop * D("0.51")


async def test_a_rejected_card_is_over() -> None:
    world = await opened()
    card = await world.card()

    rejected = await world.kernel.approvals.reject(card.id, "owner")
    tap = await world.tap(card)

    assert rejected.is_done and not tap.is_done and "rejected" in tap.text
    assert world.venue.submitted == []


async def test_an_expired_card_trades_nothing_and_says_so() -> None:
    world = await opened()
    card = await world.card()
    world.clock.advance(301)

    tap = await world.tap(card)

    assert not tap.is_done and "expired" in tap.text
    assert await state_of(world, card) is ApprovalState.EXPIRED
    assert f"{card.id}:closed" in await world.told(NoticeKind.APPROVAL_CLOSED)


async def test_an_unanswered_card_expires_by_itself_once() -> None:
    world = await opened()
    card = await world.card()
    world.clock.advance(300)

    counts = [await world.kernel.approvals.expire() for _ in range(2)]

    assert counts == [1, 0] and await state_of(world, card) is ApprovalState.EXPIRED


async def test_a_card_nobody_knows_is_named_so() -> None:
    world = await opened()

    tap = await world.kernel.approvals.approve("nothing", D(1), world.limits, "owner", 300)

    assert not tap.is_done and "no such card" in tap.text


@pytest.mark.parametrize("price", [D("100.7"), D("99.3")])
async def test_a_price_beyond_the_drift_is_quoted_again_not_filled(price: Any) -> None:
    world = await opened()
    card = await world.card()
    world.market.prices[SOL] = price

    tap = await world.tap(card)

    (new,) = await world.journal.open_approvals(PAPER)
    assert not tap.is_done and "new card follows" in tap.text
    assert world.venue.submitted == []
    assert await state_of(world, card) is ApprovalState.REQUOTED
    assert new.requote_of == card.id and new.plan.entry == price and new.id != card.id
    assert new.plan.loss_at_stop <= card.plan.loss_at_stop


async def test_a_quoted_again_card_is_traded_at_its_own_price() -> None:
    world = await opened()
    card = await world.card()
    world.market.prices[SOL] = D("100.7")
    await world.tap(card)
    (new,) = await world.journal.open_approvals(PAPER)

    tap = await world.tap(new)

    assert tap.is_done and (await world.trade()).entry_reference == D("100.7")


async def test_a_breath_of_equity_since_the_card_was_shown_cuts_the_size_and_trades() -> None:
    world = await opened()
    card = await world.card()
    world.venue.wallet -= D(5)

    tap = await world.tap(card)

    assert tap.is_done
    (entry,) = world.venue.entries
    assert card.plan.quantity * D("0.99") < entry.quantity < card.plan.quantity
    assert tap.reasons == (f"size {card.plan.quantity} cut to {entry.quantity}: equity is 995.00 USDT now",)


async def test_a_price_within_the_drift_is_filled_at_no_more_risk() -> None:
    world = await opened()
    card = await world.card()
    world.market.prices[SOL] = D("100.4")

    tap = await world.tap(card)

    trade = await world.trade()
    assert tap.is_done and trade.risk_usd <= card.plan.loss_at_stop
    assert trade.stop <= D("100.4") * D("0.95") + D("0.01")


def _pause(world: World) -> None:
    world.kernel.gate.close("pause", "paused by owner")


def _wide_spread(world: World) -> None:
    real = world.market.quote

    async def wide(symbol: str) -> Any:
        quote = await real(symbol)
        return quote.__class__(symbol, D("99.5"), quote.ask, quote.last, quote.mark, quote.at)

    world.market.quote = wide  # type: ignore[method-assign]


def _blind(world: World) -> None:
    world.venue.failing = {"balance"}


def _loss(world: World) -> None:
    world.venue.wallet = D(880)


def _foreign(world: World) -> None:
    world.venue.by_hand(OrderSide.BUY, 1)


def _watching(world: World) -> None:
    world.mode = Mode.WATCH


CHANGES: list[tuple[Callable[[World], None], str]] = [
    (_pause, "paused by owner"),
    (_wide_spread, "spread"),
    (_blind, "equity is unknown"),
    (_loss, "Daily loss"),
    (_foreign, "not ours"),
    (_watching, "the mode is watch"),
]


@pytest.mark.parametrize(("change", "word"), CHANGES)
async def test_what_changed_since_the_card_was_shown_refuses_the_tap(
    change: Callable[[World], None], word: str
) -> None:
    world = await opened()
    card = await world.card()
    await world.kernel.keeper.look()
    change(world)
    await world.journal.set_mode(PAPER, world.mode, "owner", world.clock.now())

    tap = await world.tap(card)

    assert not tap.is_done and word in " ".join(tap.reasons)
    assert world.venue.entries == [] and await world.trades() == ()
    assert await state_of(world, card) is ApprovalState.REFUSED


async def test_stricter_limits_since_the_card_was_shown_refuse_the_tap() -> None:
    world = await opened()
    card = await world.card()
    world.limits = world.limits.__class__(risk_per_trade=D("0.01"), max_leverage=2)

    tap = await world.tap(card)

    text = " ".join(tap.reasons)
    assert not tap.is_done and "RISK_PER_TRADE" in text and "MAX_LEVERAGE" in text


async def test_a_symbol_closed_a_moment_ago_refuses_the_tap() -> None:
    world = await opened()
    card = await world.card()
    closed = a_closed_trade(1, closed_at=world.clock.now(), symbol=SOL)
    await world.journal.book(closed, [], [], D(1000), [])

    tap = await world.tap(card)

    assert not tap.is_done and "POSITION_COOLDOWN_MINUTES" in " ".join(tap.reasons)


async def test_the_pause_in_the_journal_refuses_even_if_the_gate_forgot_it() -> None:
    world = await opened()
    card = await world.card()
    await world.journal.set_paused(PAPER, True, "telegram:1", world.clock.now())

    tap = await world.tap(card)

    assert not tap.is_done and "paused by telegram:1" in " ".join(tap.reasons)


async def test_a_persons_own_idea_may_be_tapped_in_any_mode() -> None:
    world = await opened(mode=Mode.WATCH)
    card = await world.card(origin=Origin.MANUAL)

    assert (await world.tap(card)).is_done


async def test_an_open_card_takes_a_place() -> None:
    world = await opened()
    card = await world.card()

    account = await world.kernel.keeper.look()
    own = await world.kernel.keeper.look(without_card=card.id)

    assert [risk.is_card for risk in account.open_risks] == [True]
    assert own.open_risks == ()


async def test_a_symbol_has_one_card_and_two_cards_never_take_one_place() -> None:
    world = await opened()
    first = await world.card()
    second = await world.card(name="plan-2", symbol=BTC)
    same = await world.kernel.approvals.propose(await world.cleared(name="plan-3"), 300)

    taps = await asyncio.gather(world.tap(first), world.tap(second))

    assert not same
    assert [tap.is_done for tap in taps] == [
        False,
        True,
    ]  # the first was refused: the second card took the place
    assert len(world.venue.entries) == 1


async def test_two_cards_with_two_places_are_both_traded() -> None:
    world = await opened(max_open_positions=2, same_direction_share=D(1))
    first, second = await world.card(), await world.card(name="plan-2", symbol=BTC)

    taps = await asyncio.gather(world.tap(first), world.tap(second))

    assert [tap.is_done for tap in taps] == [True, True]
    assert set(world.venue.held) == {SOL, BTC}


async def test_a_claim_left_by_a_dead_process_is_closed_at_start_and_never_traded() -> None:
    world = await opened()
    card = await world.card()
    await world.journal.claim_approval(card.id, "owner", world.clock.now())

    before = await world.tap(card)
    await world.restart()
    after = await world.tap(card)

    assert "being handled" in before.text and "refused" in after.text
    assert await state_of(world, card) is ApprovalState.REFUSED and world.venue.submitted == []


async def test_a_claim_whose_handling_failed_is_closed_by_the_guard() -> None:
    world = await opened()
    card = await world.card()
    broken = [True]

    def failing(point: str) -> None:
        if point == "journal.settle_approval:before" and broken[0]:
            raise JournalError("locked")

    world.boot(failing)
    world.venue.applied_leverage = 1
    with pytest.raises(JournalError):
        await world.tap(card)
    stuck = await state_of(world, card)
    broken[0] = False

    await world.kernel.guard.watch()

    assert stuck is ApprovalState.CLAIMED
    assert await state_of(world, card) is ApprovalState.REFUSED


async def test_a_claim_being_handled_is_left_alone_by_the_guard() -> None:
    world = await opened()
    card = await world.card()
    counts = []

    real = world.market.quote

    async def meanwhile(symbol: str) -> Any:
        counts.append(await world.kernel.approvals.expire())
        return await real(symbol)

    world.market.quote = meanwhile  # type: ignore[method-assign]
    tap = await world.tap(card)

    assert tap.is_done and set(counts) == {0}


async def test_an_order_without_an_answer_is_not_called_nothing() -> None:
    world = await opened()
    card = await world.card()
    world.venue.next_answers[OrderKind.MARKET] = ["lose"]

    tap = await world.tap(card)

    assert tap.is_done and "nothing was traded" not in tap.text.lower()
    assert "unknown" in tap.text


async def test_a_venue_that_goes_blind_after_the_order_is_not_called_nothing() -> None:
    world = await opened()
    card = await world.card()

    def blinding(point: str) -> None:
        if point == "venue.submit:after":
            world.venue.failing = {"positions"}

    world.boot(blinding)
    tap = await world.tap(card)

    assert tap.is_done and "not known yet" in tap.text and tap.reasons
    assert world.held > 0


async def test_a_trade_recorded_without_an_answer_is_not_called_nothing() -> None:
    world = await opened()
    card = await world.card()

    def lost(point: str) -> None:
        if point == "journal.open_trade:after":
            raise JournalError("the answer was lost")

    world.boot(lost)
    tap = await world.tap(card)

    assert tap.is_done and "not known yet" in tap.text
    assert len(await world.trades()) == 1


async def test_an_order_the_venue_refuses_is_called_nothing_with_its_reason() -> None:
    world = await opened()
    card = await world.card()
    world.venue.next_answers[OrderKind.MARKET] = ["refuse"]

    tap = await world.tap(card)

    assert not tap.is_done and "Nothing was traded" in tap.text and "-1" in tap.text


async def test_a_tap_without_a_price_trades_nothing() -> None:
    world = await opened()
    card = await world.card()
    world.market.silent = {SOL}

    tap = await world.tap(card)

    assert not tap.is_done and "could not be checked" in tap.text
    assert await state_of(world, card) is ApprovalState.REFUSED


async def test_panic_between_the_tap_and_the_order_stops_it() -> None:
    world = await opened()
    card = await world.card()

    def panicking(point: str) -> None:
        if point == "venue.prepare:after":
            world.kernel.gate.close("pause", "paused by owner")

    world.boot(panicking)
    tap = await world.tap(card)

    assert not tap.is_done and "paused by owner" in " ".join(tap.reasons)
    assert world.venue.submitted == []


async def test_dropping_all_cards_refuses_each_with_the_reason() -> None:
    world = await opened(max_open_positions=3)
    cards = [await world.card(), await world.card(name="plan-2", symbol=BTC)]

    await world.kernel.approvals.drop_all("owner", "panic")

    assert [await state_of(world, card) for card in cards] == [ApprovalState.REFUSED] * 2
    assert {tuple(f["reasons"]) for f in await world.facts(NoticeKind.APPROVAL_CLOSED)} == {("panic",)}


@pytest.mark.parametrize("price", ["101.6", "98.4"])
async def test_a_card_is_refused_where_the_price_left_what_was_analysed(price: str) -> None:
    """Not shown anew either: nobody has judged the market at this price."""
    world = await opened()
    card = await world.card()
    world.market.prices[SOL] = D(price)

    tap = await world.tap(card)

    assert not tap.is_done and "where the last analysed bar closed" in " ".join(tap.reasons)
    assert world.venue.submitted == [] and await world.journal.open_approvals(PAPER) == ()
