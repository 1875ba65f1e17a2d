"""What a backtest does at each turn, by hand-made bars."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from core.backtest.engine import Run, Setup, Signals, run
from core.backtest.engine_past import past_of
from core.backtest.engine_words import REASONS
from core.market import Instrument, Tier
from core.risk.limits import BreakerLimits
from tests.core.backtest.worlds import (
    CALM,
    HOUR_MS,
    START_MS,
    a_free_instrument,
    a_history,
    a_stake,
    free_limits,
    path,
    said,
)
from tests.core.builders import an_instrument

FLAT = (100.0, 100.5, 99.5, 100.0)


def ran(
    bars: np.ndarray,
    signals: Signals,
    setup: Setup | None = None,
    instrument: Instrument | None = None,
    funding: np.ndarray | None = None,
    mark: np.ndarray | None = None,
) -> Run:
    history = a_history(bars, funding=funding, mark=mark)
    return run(past_of([history], [instrument or a_free_instrument()]), [signals], setup or a_stake())


def reason(trade: np.void) -> str:
    return REASONS[int(trade["reason"])]


def test_a_signal_of_the_last_bar_enters_nothing() -> None:
    assert len(ran(path(FLAT, FLAT, FLAT), said(3, b2=1)).trades) == 0


def test_signals_that_do_not_fit_the_bars_are_refused() -> None:
    with pytest.raises(ValueError, match="2 values of side for 3 bars"):
        ran(path(FLAT, FLAT, FLAT), said(2))


@pytest.mark.parametrize("distance", [0.0, -0.05, 0.005, 0.2, np.inf])
def test_a_stop_that_the_limits_do_not_allow_is_no_trade(distance: float) -> None:
    signals = replace(said(3, b0=1), stop=np.full(3, distance))

    found = ran(path(FLAT, FLAT, FLAT), signals)

    assert (len(found.trades), found.refused["stop"]) == (0, 1)


def test_a_size_under_the_venues_smallest_is_no_trade() -> None:
    found = ran(path(FLAT, FLAT, FLAT), said(3, b0=1), instrument=a_free_instrument(min_quantity=Decimal(9)))

    assert (len(found.trades), found.refused["size"]) == (0, 1)


def test_a_signal_enters_at_the_next_open_and_not_at_its_own_close() -> None:
    found = ran(path(FLAT, (101.0, 101.5, 100.5, 101.0), FLAT), said(3, b0=1))

    assert (found.trades["entry_bar"].tolist(), found.trades["entry_price"].tolist()) == ([1], [101.0])


@pytest.mark.parametrize(("sign", "expected"), [(1, 95.0), (-1, 105.0)])
def test_the_stop_is_hit_in_the_entry_bar_too(sign: int, expected: float) -> None:
    found = ran(path(FLAT, (100.0, 106.0, 94.0, 100.0), FLAT), said(3, b0=sign))

    (trade,) = found.trades
    assert (reason(trade), trade["exit_bar"], trade["exit_price"]) == ("stop", 1, expected)
    assert trade["net"] == pytest.approx(-15.0)


@pytest.mark.parametrize(("sign", "price"), [(1, 95.0), (-1, 105.0)])
def test_a_bar_with_stop_and_target_is_a_stop_and_counted(sign: int, price: float) -> None:
    found = ran(path(FLAT, (100.0, 111.0, 89.0, 100.0), FLAT), said(3, b0=sign))

    (trade,) = found.trades
    assert (reason(trade), trade["ambiguous"], trade["exit_price"]) == ("stop", 1, price)


def test_a_target_leaves_at_its_price_and_a_gap_through_the_stop_at_the_open() -> None:
    up = ran(path(FLAT, FLAT, (101.0, 112.0, 100.0, 111.0), FLAT), said(4, b0=1))
    gap = ran(path(FLAT, FLAT, (90.0, 91.0, 89.0, 90.0), FLAT), said(4, b0=1))

    assert (reason(up.trades[0]), up.trades["exit_price"][0]) == ("target", pytest.approx(110.0))
    assert (reason(gap.trades[0]), gap.trades["exit_price"][0]) == ("stop", 90.0)


def test_the_other_side_closes_and_enters_at_one_open() -> None:
    found = ran(path(FLAT, FLAT, FLAT, (101.0, 101.5, 100.5, 101.0), FLAT), said(5, b0=1, b2=-1))

    assert found.trades["exit_bar"].tolist() == [3, 4]
    assert found.trades["entry_bar"].tolist() == [1, 3]
    assert [reason(trade) for trade in found.trades] == ["signal", "end"]


def test_a_closing_signal_closes_only_what_is_against_it_and_enters_nothing() -> None:
    long = ran(path(*[FLAT] * 6), said(6, b0=1, b2=-2))
    short = ran(path(*[FLAT] * 6), said(6, b0=-1, b2=-2))

    assert [(reason(t), int(t["exit_bar"])) for t in long.trades] == [("signal", 3)]
    assert [(reason(t), int(t["exit_bar"])) for t in short.trades] == [("end", 5)]


def test_a_strategy_that_does_not_turn_keeps_what_it_has() -> None:
    found = ran(path(*[FLAT] * 6), said(6, b0=1, b2=-1), a_stake(turns=False))

    assert [reason(trade) for trade in found.trades] == ["end"]


def test_a_small_gain_is_not_closed_by_a_signal_until_it_is_worth_it() -> None:
    limits = free_limits(exits=CALM._replace(min_profit_usd=2.5))
    bars = path(FLAT, FLAT, FLAT, (100.5, 100.6, 100.2, 100.5), (101.0, 101.2, 100.9, 101.0), FLAT)

    found = ran(bars, said(6, b0=1, b2=-2), a_stake(limits=limits))

    assert [(reason(t), int(t["exit_bar"])) for t in found.trades] == [("signal", 4)]


def test_fees_slippage_and_leverage_are_what_they_are_by_hand() -> None:
    setup = a_stake(limits=free_limits(slippage=Decimal("0.001")))
    bars = path(FLAT, FLAT, FLAT, (102.0, 102.0, 102.0, 102.0), FLAT)

    (trade,) = ran(bars, said(5, b0=1, b2=-2), setup, an_instrument()).trades

    paid, got = 100.0 * 1.001, 102.0 * 0.999
    assert (trade["entry_price"], trade["lots"]) == (paid, 300)
    assert trade["fees"] == pytest.approx(3.0 * (paid + got) * 0.0005)
    assert trade["net"] == pytest.approx(3.0 * (got - paid) - trade["fees"])
    assert trade["margin"] == pytest.approx(3.0 * paid / 3)
    assert trade["r"] == pytest.approx(trade["net"] / (3.0 * (paid - 95.0 + 0.003 * paid)))


def test_a_target_may_pay_the_makers_fee() -> None:
    history, instrument = (
        a_history(path(FLAT, (100.0, 111.0, 99.0, 110.0), FLAT), funding=None),
        an_instrument(),
    )

    found = [
        run(past_of([history], [instrument], target_is_maker=maker), [said(3, b0=1)], a_stake()).trades[0]
        for maker in (False, True)
    ]

    assert found[0]["fees"] - found[1]["fees"] == pytest.approx(3.0 * 110.0 * 0.0003)


@pytest.mark.parametrize(("sign", "paid"), [(1, -3.0), (-1, 3.0)])
def test_funding_is_paid_by_longs_to_shorts_for_what_is_held_at_its_hour(sign: int, paid: float) -> None:
    at = START_MS + np.array([1.0, 2.0, 4.0, 9.0]) * HOUR_MS
    funding = np.column_stack([at, np.full(4, 0.01)])

    (trade,) = ran(path(*[FLAT] * 6), said(6, b0=sign, b2=-2 * sign), funding=funding).trades

    assert (trade["entry_bar"], trade["exit_bar"]) == (1, 3)
    assert trade["funding"] == pytest.approx(paid)  # that of hour 2: hour 1 is the entry's own


def test_funding_of_the_hour_of_a_signals_exit_is_still_paid() -> None:
    funding = np.array([[START_MS + 3.0 * HOUR_MS, 0.01]])

    (trade,) = ran(path(*[FLAT] * 6), said(6, b0=1, b2=-2), funding=funding).trades

    assert trade["funding"] == pytest.approx(-3.0)


def levered(**fields: object) -> Setup:
    """20 times, the stop too far away to save it."""
    limits = free_limits(
        max_leverage=20, max_stop=Decimal("0.5"), exits=CALM._replace(nearest_liquidation=0.0)
    )
    return a_stake(limits=limits, leverage=20, stop=0.4, **fields)


def one_tier() -> Instrument:
    return a_free_instrument(tiers=(Tier(Decimal(0), Decimal(10**9), 50, Decimal("0.01"), Decimal(0)),))


@pytest.mark.parametrize("sign", [1, -1])
def test_liquidation_takes_the_whole_margin_and_no_more(sign: int) -> None:
    wild = (100.0, 130.0, 70.0, 100.0)

    (trade,) = ran(path(FLAT, FLAT, wild, FLAT), said(4, b0=sign), levered(), one_tier()).trades

    assert reason(trade) == "liquidation"
    assert trade["net"] == pytest.approx(-100.0)


def test_a_mark_price_that_stays_away_liquidates_nothing() -> None:
    bars = path(FLAT, FLAT, (100.0, 100.0, 70.0, 100.0), FLAT)
    mark = np.column_stack([bars[:, 0], *[np.full(4, 100.0)] * 4])

    (trade,) = ran(bars, said(4, b0=1), levered(), one_tier(), mark=mark).trades

    assert reason(trade) == "end"


def test_a_mark_price_alone_liquidates() -> None:
    bars = path(*[FLAT] * 5)
    mark = np.column_stack([bars[:, 0], *[np.full(5, 100.0)] * 4])
    mark[3, 3] = 90.0

    (trade,) = ran(bars, said(5, b0=1), levered(), one_tier(), mark=mark).trades

    assert (reason(trade), trade["exit_bar"], trade["net"]) == ("liquidation", 3, pytest.approx(-100.0))


def test_the_guard_leaves_before_the_venue_takes_the_position() -> None:
    bars = path(*[FLAT] * 5)
    mark = np.column_stack([bars[:, 0], *[np.full(5, 100.0)] * 4])
    mark[3, 3] = 97.0
    setup = levered()
    limits = replace(setup.limits, exits=CALM._replace(nearest_liquidation=0.02))

    (trade,) = ran(bars, said(5, b0=1), replace(setup, limits=limits), one_tier(), mark=mark).trades

    assert (reason(trade), trade["exit_price"]) == ("guard", 99.5)


def test_the_extremes_on_the_way_are_fractions_of_the_entry() -> None:
    bars = path(FLAT, FLAT, (100.0, 104.0, 97.0, 100.0), FLAT)

    (trade,) = ran(bars, said(4, b0=1)).trades

    assert (trade["mfe"], trade["mae"]) == (pytest.approx(0.04), pytest.approx(0.03))


def test_a_time_stop_counts_the_hours_of_a_gap() -> None:
    bars = path(*[FLAT] * 8)
    bars[4:, 0] += 20 * HOUR_MS
    limits = free_limits(exits=CALM._replace(time_stop_h=12.0))

    (trade,) = ran(bars, said(8, b0=1), a_stake(limits=limits)).trades

    assert (reason(trade), trade["exit_bar"]) == ("time", 4)


def test_one_account_has_no_more_positions_than_its_slots() -> None:
    histories = [a_history(path(*[FLAT] * 6), f"S{s}/USDT:USDT") for s in range(3)]
    past = past_of(histories, [a_free_instrument()] * 3)
    setup = a_stake(is_shared=True, limits=free_limits(max_open_positions=2))

    found = run(past, [said(6, b0=1)] * 3, setup)

    assert found.trades["symbol"].tolist() == [0, 1]
    assert found.refused["slots"] == 1


def test_a_stake_that_is_not_in_the_account_is_not_taken() -> None:
    histories = [a_history(path(*[FLAT] * 6), f"S{s}/USDT:USDT") for s in range(3)]
    past = past_of(histories, [a_free_instrument()] * 3)

    found = run(past, [said(6, b0=1)] * 3, a_stake(is_shared=True, capital=250.0))

    assert len(found.trades) == 2
    assert found.refused["margin"] == 1


def test_a_day_that_lost_too_much_ends_at_midnight() -> None:
    down = (100.0, 100.0, 94.0, 100.0)
    bars = path(FLAT, down, *[FLAT] * 22, *[FLAT] * 6)
    setup = a_stake(
        is_shared=True,
        capital=120.0,
        limits=free_limits(
            daily_loss=Decimal("0.1"),
            orange_drawdown=Decimal(1),
            breakers=BreakerLimits(rolling_loss=Decimal(1)),
        ),
    )

    found = run(past_of([a_history(bars)], [a_free_instrument()]), [said(30, b0=1, b5=1, b24=1)], setup)

    assert found.trades["entry_bar"].tolist() == [1, 25]
    assert found.refused["breaker"] == 1
