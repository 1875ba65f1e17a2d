"""What the simulated venue keeps: restarts, failed saves, time, funding."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from core.codec import from_text, to_text
from core.errors import JournalError, NotAllowed
from core.market import Side
from core.ports import Result
from core.sim.book import NEWEST_KEPT, VenueState, state_text
from core.trade import OrderKind, OrderStatus
from tests.core.builders import BTC, SOL, an_instrument, later
from tests.core.sim.stand import D, Memory, Stand


async def a_busy_stand() -> Stand:
    """A long with stop and target, a closed short, funding paid and announced."""
    stand = Stand(an_instrument(), an_instrument(symbol=BTC, base="BTC"), spread="0.02", slippage="0.0002")
    await stand.venue.prepare(SOL, 3)
    await stand.venue.prepare(BTC, 2)
    await stand.buy("3.33")
    await stand.stop("3.33", 95)
    await stand.target("3.33", 110)
    await stand.sell(1, symbol=BTC)
    await stand.price("101.37")
    await stand.price("97.5", BTC)
    await stand.venue.on_funding(SOL, D("0.00012345"), stand.now)
    await stand.buy(1, symbol=BTC, reduce_only=True)
    await stand.sell("1.11", reduce_only=True)
    await stand.venue.announce(SOL, D("0.0001"), stand.now + timedelta(hours=3), 8.0)
    await stand.venue.prepare(BTC, 4)
    return stand


# ---------------------------------------------------------------- restart


async def test_a_restart_finds_everything_as_it_was() -> None:
    stand = await a_busy_stand()

    other = await stand.restarted()

    assert other.venue.state == stand.venue.state
    assert await other.venue.positions() == await stand.venue.positions()
    assert await other.venue.balance() == await stand.venue.balance()
    assert other.venue.state.deposited == D(1000)  # a changed deposit is not a deposit


async def test_after_a_restart_the_stop_still_triggers_and_ids_go_on() -> None:
    stand = await a_busy_stand()
    other = await stand.restarted()

    await other.price(90)
    await other.buy(1)

    assert await other.venue.order(SOL, "pp2") != await stand.venue.order(SOL, "pp2")
    ids = [fill.id for fill in other.venue.state.fills]
    assert ids == sorted(set(ids))


async def test_a_state_is_the_same_after_any_number_of_round_trips() -> None:
    state = (await a_busy_stand()).venue.state

    text = to_text(state)

    assert to_text(from_text(VenueState, text)) == text
    assert state_text(state) == text


async def test_an_account_that_cannot_be_read_is_an_error_never_a_new_account() -> None:
    stand = await a_busy_stand()
    stand.memory.texts["venue:bench"] = '{"deposited": "many"}'

    with pytest.raises(JournalError, match="cannot be read"):
        await stand.restarted()


async def test_two_accounts_in_one_storage_do_not_meet() -> None:
    memory = Memory()
    one, other = Stand(memory=memory), Stand(memory=memory, name="second", deposit=50)
    await one.buy(1)

    await other.venue.open()

    assert await other.position() is None
    assert other.venue.state.wallet == D(50)


# ---------------------------------------------------------------- saving


async def test_a_failed_save_changes_nothing() -> None:
    stand = await a_busy_stand()
    before = stand.venue.state
    stand.memory.is_failing = True

    for attempt in (
        stand.buy(1),
        stand.venue.cancel(SOL, "pp2"),
        stand.price(90),
        stand.venue.on_funding(SOL, D("0.001"), later(hours=1)),
        stand.venue.prepare(BTC, 2),
    ):
        with pytest.raises(JournalError, match="disk is full"):
            await attempt

    assert stand.venue.state == before
    stand.memory.is_failing = False
    assert await stand.price(90)  # the stop that could not be recorded is still due


async def test_marks_alone_are_saved_once_a_minute_and_at_once_with_anything_that_happened() -> None:
    stand = Stand()
    await stand.buy(1)
    saves = stand.memory.saves

    for second in range(59):
        await stand.price(100 + second / 100)
    assert stand.memory.saves == saves
    await stand.price(101)
    assert stand.memory.saves == saves + 1

    await stand.stop(1, 95)
    await stand.price(94)
    assert stand.memory.saves == saves + 3


async def test_after_a_crash_the_last_seen_time_is_never_later_than_the_prices_that_count() -> None:
    stand = Stand()
    await stand.buy(1)
    for _ in range(90):
        await stand.price(102)

    other = await stand.restarted()

    seen = other.venue.state.seen_at[SOL]
    assert timedelta(0) <= stand.now - seen <= timedelta(seconds=60)
    assert other.venue.state.marks[SOL] == D(102)
    assert other.venue.state.unrealised == D(2)


async def test_the_balance_says_as_of_when_its_marks_are() -> None:
    stand = Stand()
    assert (await stand.venue.balance()).at == stand.now
    await stand.buy(1)
    bought_at = stand.now
    stand.now = later(minutes=10)

    assert (await stand.venue.balance()).at == bought_at


# ---------------------------------------------------------------- time


async def test_a_price_older_than_the_last_one_changes_nothing() -> None:
    stand = Stand()
    await stand.buy(1)
    await stand.stop(1, 95)
    await stand.price(100, seconds=10)
    before = stand.venue.state
    stand.prices[SOL] = D(90)

    assert not await stand.venue.on_quote(stand.quote(at=stand.now - timedelta(seconds=5)))

    assert stand.venue.state == before


async def test_an_order_that_comes_with_an_old_price_does_not_turn_the_mark_back() -> None:
    stand = Stand()
    await stand.buy(1)
    await stand.price(105, seconds=10)
    stand.now -= timedelta(seconds=5)
    stand.prices[SOL] = D(100)

    await stand.buy(1)

    assert stand.venue.state.marks[SOL] == D(105)
    assert stand.venue.state.seen_at[SOL] == stand.now + timedelta(seconds=5)


async def test_what_a_past_price_triggers_is_dated_then_and_never_before_the_entry() -> None:
    stand = Stand()
    await stand.buy(1)
    entered_at = stand.now
    await stand.stop(1, 95)
    stand.now = later(hours=5)
    stand.prices[SOL] = D(94)

    await stand.venue.on_quote(stand.quote(at=entered_at + timedelta(hours=2)))

    assert [fill.at for fill in stand.venue.state.fills] == [entered_at, entered_at + timedelta(hours=2)]


async def test_prices_of_symbols_without_exposure_are_not_kept() -> None:
    stand = Stand()

    assert not await stand.price(101)

    assert stand.venue.state == VenueState(deposited=D(1000))
    assert stand.memory.saves == 0


async def test_ids_do_not_come_from_the_clock() -> None:
    stand = Stand()
    for _ in range(5):
        await stand.buy(1)  # all at one moment

    assert len({fill.id for fill in stand.venue.state.fills}) == 5
    assert len({order.venue_id for order in stand.venue.state.orders}) == 5


# ---------------------------------------------------------------- memory


async def test_old_rows_are_forgotten_but_never_those_of_an_open_position() -> None:
    stand = Stand(an_instrument(), an_instrument(symbol=BTC, base="BTC"), deposit=100_000)
    await stand.buy(1)
    await stand.stop(1, 50, client_id="stop")
    for hour in range(1, 150):
        stand.now = later(hours=hour)
        await stand.price(100)
        await stand.venue.on_funding(SOL, D("0.0001"), stand.now)
        await stand.buy(1, symbol=BTC)
        await stand.sell(1, symbol=BTC, reduce_only=True)

    assert len(await stand.venue.funding(SOL, later(hours=0))) == 149
    assert len(await stand.venue.fills(SOL, later(hours=0))) == 1
    assert await stand.venue.order(SOL, "pp1") is not None
    assert await stand.venue.order(SOL, "stop") is not None
    assert len(stand.venue.state.fills) <= NEWEST_KEPT + 3
    assert len(stand.venue.state.orders) <= NEWEST_KEPT + 4


# ---------------------------------------------------------------- funding


@pytest.mark.parametrize(("side", "expected"), [(Side.LONG, "-0.05"), (Side.SHORT, "0.05")])
async def test_longs_pay_positive_funding_on_the_notional_at_mark_and_shorts_receive_it(
    side: Side, expected: str
) -> None:
    stand = Stand()
    await (stand.buy(5) if side is Side.LONG else stand.sell(5))
    before = stand.venue.state.wallet
    await stand.price(100)

    assert await stand.venue.on_funding(SOL, D("0.0001"), stand.now)

    assert stand.venue.state.wallet - before == D(expected)
    assert [row.amount for row in await stand.venue.funding(SOL, later(hours=-1))] == [D(expected)]


async def test_funding_of_one_time_is_paid_once_whatever_milliseconds_it_is_recorded_with() -> None:
    stand = Stand()
    await stand.buy(5)
    at = later(hours=3)

    assert await stand.venue.on_funding(SOL, D("0.0001"), at)
    assert not await stand.venue.on_funding(SOL, D("0.0001"), at)
    assert not await stand.venue.on_funding(SOL, D("0.0001"), at + timedelta(milliseconds=7))
    assert not await stand.venue.on_funding(SOL, D("0.0001"), at - timedelta(milliseconds=7))


async def test_announced_funding_is_settled_once_by_the_first_price_at_its_time_at_the_newest_rate() -> None:
    stand = Stand()
    await stand.buy(5)
    due = later(hours=1)
    await stand.venue.announce(SOL, D("0.0001"), due, 8.0)
    await stand.venue.announce(SOL, D("0.0003"), due, 8.0)

    stand.now = due - timedelta(seconds=2)
    await stand.price(100)
    assert stand.venue.state.payments == ()
    await stand.price(100)
    await stand.price(100)

    assert [row.amount for row in stand.venue.state.payments] == [D("-0.15")]


async def test_announced_funding_is_paid_at_the_mark_of_the_price_that_settles_it() -> None:
    stand = Stand()
    await stand.buy(5)
    await stand.venue.announce(SOL, D("0.0001"), later(hours=1), 8.0)
    stand.now = later(hours=1)

    await stand.price(120)

    assert [row.amount for row in stand.venue.state.payments] == [D("-0.06")]


async def test_funding_that_names_its_mark_is_paid_at_it() -> None:
    stand = Stand()
    await stand.buy(5)
    await stand.price(100)

    await stand.venue.on_funding(SOL, D("0.0001"), stand.now, D(140))

    assert [row.amount for row in stand.venue.state.payments] == [D("-0.07")]


async def test_a_sleeper_owes_every_settlement_it_slept_through_at_the_last_known_rate() -> None:
    stand = Stand()
    await stand.buy(5)
    await stand.venue.announce(SOL, D("0.0001"), later(hours=1), 8.0)
    await stand.price(100, seconds=61)  # saved
    other = await stand.restarted()
    other.now = later(hours=20)

    await other.price(100)

    assert [row.at for row in other.venue.state.payments] == [later(hours=h) for h in (1, 9, 17)]


async def test_a_settlement_that_is_due_is_not_given_up_for_the_next_one() -> None:
    stand = Stand()
    await stand.buy(5)
    due = later(hours=1)
    await stand.venue.announce(SOL, D("0.0001"), due, 8.0)
    stand.now = due + timedelta(seconds=1)

    await stand.venue.announce(SOL, D("0.0002"), due + timedelta(hours=8), 8.0)
    await stand.price(100)

    assert [row.amount for row in stand.venue.state.payments] == [D("-0.05")]


async def test_a_changed_schedule_replaces_what_was_announced() -> None:
    stand = Stand()
    await stand.buy(5)
    await stand.venue.announce(SOL, D("0.0001"), later(hours=8), 8.0)
    await stand.venue.announce(SOL, D("0.0001"), later(hours=2), 2.0)

    stand.now = later(hours=2)
    await stand.price(100)

    assert [row.at for row in stand.venue.state.payments] == [later(hours=2)]


async def test_who_opened_after_the_settlement_pays_nothing() -> None:
    stand = Stand()
    await stand.buy(5, kind=OrderKind.LIMIT, price=90)
    await stand.venue.announce(SOL, D("0.0001"), later(hours=1), 8.0)
    stand.now = later(hours=1)
    await stand.buy(5)

    await stand.price(100)

    assert stand.venue.state.payments == ()


async def test_funding_of_the_moment_of_entry_or_before_is_not_owed() -> None:
    stand = Stand()
    await stand.buy(5)

    assert not await stand.venue.on_funding(SOL, D("0.0001"), stand.now)
    assert not await stand.venue.on_funding(SOL, D("0.0001"), later(hours=-1))
    assert await stand.venue.on_funding(SOL, D("0.0001"), later(minutes=2))


async def test_funding_beyond_the_free_wallet_eats_the_margin_and_no_more() -> None:
    stand = Stand(deposit=100)
    await stand.venue.prepare(SOL, 5)
    await stand.buy("4.9")
    free = stand.venue.state.available
    margin = stand.venue.state.margin

    await stand.venue.on_funding(SOL, D("0.02"), later(hours=1))
    assert stand.venue.state.margin == margin + free - D("9.8")
    for hour in range(2, 40):
        await stand.venue.on_funding(SOL, D("0.02"), later(hours=hour))

    assert stand.venue.state.wallet == 0
    assert stand.venue.state.margin == 0
    await stand.price(100)
    assert await stand.position() is None  # nothing left to hold it
    assert stand.venue.state.equity == 0


# ---------------------------------------------------------------- leverage


async def test_leverage_is_capped_by_the_bracket_and_fixed_while_a_position_is_open() -> None:
    stand = Stand()

    assert await stand.venue.prepare(SOL, 500) == 75
    await stand.buy(1)
    assert await stand.venue.prepare(SOL, 75) == 75
    with pytest.raises(NotAllowed, match="open position at 75x"):
        await stand.venue.prepare(SOL, 3)
    with pytest.raises(NotAllowed, match="at least 1"):
        await stand.venue.prepare(SOL, 0)


async def test_an_order_is_shown_with_what_was_asked_and_what_was_filled() -> None:
    stand = Stand()
    bought = await stand.buy(2)

    assert bought.result is Result.DONE
    assert bought.order is not None
    assert (bought.order.quantity, bought.order.filled) == (D(2), D(2))
    assert bought.order.status is OrderStatus.FILLED
    assert isinstance(bought.order.average, Decimal)


async def test_an_account_that_was_not_loaded_yet_is_read_before_it_is_called_flat() -> None:
    stand = Stand()
    await stand.buy(1)
    again = Stand(memory=stand.memory)

    positions = await again.venue.positions()

    assert [position.quantity for position in positions] == [1]
