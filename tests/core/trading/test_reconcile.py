"""The daily comparison of the venue's wallet with the books."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.notice import NoticeKind
from core.sim.venue import SimVenue
from core.trade import ExitReason, FundingPayment, OrderSide
from core.trading.reconcile import LIVE_TOLERANCE, SIM_TOLERANCE, Reconciler
from tests.core.builders import PAPER, SOL, D, a_closed_trade, later
from tests.core.trading.world import World

DAY_S, MINUTES_S = 86_400, 660


class Audited:
    """A world whose books are compared after every pass of the guard."""

    def __init__(self, world: World, tolerance: Decimal) -> None:
        self.world = world
        self.tolerance = tolerance
        self.reconciler = self.anew()

    def anew(self) -> Reconciler:
        return Reconciler(self.world.journal, self.world.clock, PAPER, self.tolerance)

    async def after(self, *pauses_s: float) -> list[str]:
        """A pass after each pause; what the owner was told of differing books since the beginning."""
        for pause_s in pauses_s:
            self.world.clock.advance(pause_s)
            await self.world.kernel.guard.watch()
            await self.reconciler.review(self.world.kernel.keeper.last_sight)
        told = await self.world.facts(NoticeKind.SYSTEM)
        return [str(facts["text"]) for facts in told if "my books" in str(facts["text"])]


async def audited(tolerance: Decimal = LIVE_TOLERANCE) -> Audited:
    """On a fake venue, with its first mark."""
    stage = Audited(await World().open(), tolerance)
    await stage.after(1)
    return stage


async def on_paper() -> Audited:
    """On the paper venue, to the last digit."""
    world = World()
    venue: Any = SimVenue(
        PAPER, D(1000), world.market.quote, world.market.instrument, world.clock.now, world.journal
    )
    world.venue = venue
    world.boot()
    stage = Audited(await world.open(), SIM_TOLERANCE)
    await stage.after(1)
    return stage


async def trade_on_paper(stage: Audited, price: str) -> None:
    """In at 100, funding on the way, half out at `price`, then all."""
    world, venue = stage.world, stage.world.venue
    assert isinstance(venue, SimVenue)
    trade = await world.hold()
    world.clock.advance(3600)
    await venue.on_funding(SOL, D("0.000123"), world.clock.now())
    world.market.prices[SOL] = D(price)
    await venue.on_quote(await world.market.quote(SOL))
    await world.kernel.guard.close([trade], ExitReason.OWNER, D("0.5"), "owner")
    await stage.after(5)
    await world.kernel.guard.close(await world.trades(), ExitReason.OWNER, D(1), "owner")
    await stage.after(5, 5)


async def test_a_paper_wallet_agrees_with_its_books_to_the_last_digit() -> None:
    stage = await on_paper()
    await trade_on_paper(stage, "101.37")
    assert isinstance(stage.world.venue, SimVenue)
    await stage.world.venue.transfer(D("-12.3456789"))

    told = await stage.after(DAY_S, MINUTES_S, MINUTES_S)

    (closed,) = await stage.world.history()
    assert closed.funding != 0 and closed.fees != 0 and closed.net_pnl != 0
    assert told == []


async def test_a_wrong_booking_is_told_once_with_its_amount_and_what_is_known() -> None:
    stage = await on_paper()
    await trade_on_paper(stage, "101.37")
    wrong = a_closed_trade("0.00000002", id="ghost", closed_at=later(hours=3))
    await stage.world.journal.book(wrong, (), (), D(1000), ())

    told = await stage.after(DAY_S, MINUTES_S, MINUTES_S, DAY_S, MINUTES_S)

    (text,) = told
    assert "differ by -0.00000002 USDT since 2026" in text
    assert "from 2 booked trades" in text and "SOL" in text and "funding" in text


@pytest.mark.parametrize(("amount", "is_told"), [("0.009", False), ("-0.009", False), ("0.02", True)])
async def test_a_cent_is_let_pass_on_a_real_exchange_and_no_more(amount: str, is_told: bool) -> None:
    stage = await audited()
    stage.world.venue.wallet += D(amount)

    told = await stage.after(DAY_S, MINUTES_S)

    assert [f"{amount}000000"[:6] in text for text in told] == [True] * is_told


async def test_the_new_wallet_counts_after_it_was_told_also_for_a_new_process() -> None:
    stage = await audited()
    stage.world.venue.wallet += 7
    await stage.after(DAY_S, MINUTES_S)
    stage.reconciler = stage.anew()

    again = await stage.after(DAY_S, MINUTES_S, DAY_S, MINUTES_S)
    stage.world.venue.wallet -= 5
    told = await stage.after(DAY_S, MINUTES_S)

    assert len(again) == 1
    assert len(told) == 2 and "differ by -5.0" in told[1]


async def test_what_changed_while_the_bot_was_down_is_found_by_the_old_mark() -> None:
    stage = await audited()
    stage.world.venue.wallet += 7
    stage.reconciler = stage.anew()

    told = await stage.after(DAY_S, MINUTES_S)

    assert len(told) == 1


async def test_a_position_that_is_over_and_not_booked_yet_is_waited_for() -> None:
    stage = await audited()
    await stage.world.hold()
    keeper, clock = stage.world.kernel.keeper, stage.world.clock
    clock.advance(DAY_S)
    stage.world.venue.move(80)  # through the stop
    for _ in range(3):
        clock.advance(MINUTES_S)
        await keeper.look()
        await stage.reconciler.review(keeper.last_sight)
    flat = keeper.last_sight is not None and keeper.last_sight.positions == ()

    told = await stage.after(5, MINUTES_S, MINUTES_S)

    assert flat and len(await stage.world.history()) == 1
    assert told == []


async def test_a_deposit_is_no_difference_even_one_that_is_listed_late() -> None:
    stage = await audited()
    stage.world.clock.advance(DAY_S)
    stage.world.venue.wallet += 300
    before = await stage.after(1)
    stage.world.venue.wallet -= 300
    stage.world.venue.pay(300)

    told = await stage.after(120, MINUTES_S, MINUTES_S)

    assert before == told == []


async def test_nothing_is_compared_while_a_trade_is_open() -> None:
    stage = await audited()
    await stage.world.hold()
    stage.world.venue.wallet += 7

    held = await stage.after(DAY_S, MINUTES_S, MINUTES_S)
    await stage.world.kernel.guard.close(await stage.world.trades(), ExitReason.OWNER, D(1), "owner")
    flat = await stage.after(5, MINUTES_S, MINUTES_S)

    assert held == []
    assert len(flat) == 1 and "+7.0000" in flat[0]


async def test_nothing_is_compared_while_somebody_elses_position_is_open() -> None:
    stage = await audited()
    stage.world.venue.by_hand(OrderSide.BUY, 1)

    held = await stage.after(DAY_S, MINUTES_S, MINUTES_S)
    stage.world.venue.move(110)
    stage.world.venue.by_hand(OrderSide.SELL, 1)
    flat = await stage.after(5, MINUTES_S)

    assert held == []
    assert len(flat) == 1 and "by hand" in flat[0]


async def test_one_sight_alone_proves_nothing() -> None:
    stage = await audited()
    stage.world.venue.wallet += 7
    lagging = await stage.after(DAY_S, 60, 60)
    stage.world.venue.wallet -= 7

    told = await stage.after(MINUTES_S, MINUTES_S)

    assert lagging == told == []


async def test_two_sights_that_disagree_prove_nothing_either() -> None:
    stage = await audited()
    stage.world.venue.wallet += 7
    await stage.after(DAY_S)
    stage.world.venue.wallet -= 4

    disagreeing = await stage.after(MINUTES_S)
    agreeing = await stage.after(MINUTES_S)

    assert disagreeing == []
    assert len(agreeing) == 1 and "differ by +3.0" in agreeing[0]


async def test_an_account_that_cannot_be_seen_is_not_compared() -> None:
    stage = await audited()
    stage.world.venue.failing = {"transfers"}
    stage.world.venue.wallet += 7

    told = await stage.after(DAY_S, MINUTES_S, MINUTES_S)

    assert told == []


async def test_fees_that_were_paid_in_another_coin_are_known_by_their_amount() -> None:
    stage = await audited()
    await stage.world.hold()
    stage.world.venue.move(103)
    await stage.world.kernel.guard.close(await stage.world.trades(), ExitReason.OWNER, D(1), "owner")
    await stage.after(5)
    (closed,) = await stage.world.history()
    stage.world.venue.wallet += closed.fees

    told = await stage.after(DAY_S, MINUTES_S, MINUTES_S)

    assert closed.fees > LIVE_TOLERANCE and told == []


async def test_funding_that_was_paid_and_never_booked_is_told() -> None:
    stage = await audited()
    await stage.world.hold()
    paid = FundingPayment("p1", SOL, D("-0.5"), stage.world.clock.now())
    stage.world.venue.payments.append(paid)
    stage.world.venue.wallet -= 1  # the venue took twice what it lists
    stage.world.venue.move(103)
    await stage.world.kernel.guard.close(await stage.world.trades(), ExitReason.OWNER, D(1), "owner")

    told = await stage.after(5, DAY_S, MINUTES_S)

    assert len(told) == 1 and "differ by -0.50000000" in told[0] and "funding -0.5000" in told[0]


@pytest.mark.parametrize("text", ['{"wallet": "1000"}', '{"at": "x"}', "no json", "[1]"])
async def test_a_mark_that_cannot_be_read_is_told_once_and_begun_anew(text: str) -> None:
    stage = await audited()
    await stage.world.journal.save(f"reconciled:{PAPER}", text)
    stage.reconciler = stage.anew()
    await stage.after(1)
    stage.world.venue.wallet += 7
    texts = await stage.after(DAY_S, MINUTES_S)

    told = [str(facts["text"]) for facts in await stage.world.facts(NoticeKind.SYSTEM)]
    assert len([one for one in told if "could not be read" in one]) == 1
    assert len([one for one in texts if "differ by +7.00000000" in one]) == 1


async def test_a_mark_that_cannot_be_read_while_something_is_open_is_not_told_at_every_start() -> None:
    stage = await audited()
    await stage.world.journal.save(f"reconciled:{PAPER}", "no json")
    await stage.world.hold()
    for _ in range(3):
        stage.reconciler = stage.anew()
        await stage.after(5)

    told = [str(facts["text"]) for facts in await stage.world.facts(NoticeKind.SYSTEM)]
    assert len([one for one in told if "could not be read" in one]) == 1
