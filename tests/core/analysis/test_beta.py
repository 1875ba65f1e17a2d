from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from core.analysis.beta import BTC, beta_to_btc
from core.market import Candles

HOUR_MS = 3_600_000
COIN = "SOL/USDT:USDT"


def hours(closes: NDArray[np.float64], symbol: str = COIN, first: int = 0) -> Candles:
    """Closed 1h bars with these closes, the first one opening `first` hours after a round time."""
    rows = np.repeat(closes[:, None], 6, axis=1)
    rows[:, 0] = 1_700_000_000_000 + HOUR_MS * (first + np.arange(len(closes)))
    return Candles(symbol, "1h", rows)


def walk(count: int, seed: int = 1, scale: float = 0.01) -> NDArray[np.float64]:
    """Log returns."""
    return np.random.default_rng(seed).normal(0.0, scale, count)


def prices(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    return 100.0 * np.exp(np.concatenate(([0.0], np.cumsum(returns))))


@pytest.mark.parametrize("slope", [0.4, 1.0, 1.7, -0.5])
def test_a_coin_that_moves_by_a_multiple_has_that_beta(slope: float) -> None:
    lead = walk(300)

    assert beta_to_btc(hours(prices(slope * lead)), hours(prices(lead), BTC)) == pytest.approx(slope)


def test_beta_is_the_least_squares_slope_of_log_returns() -> None:
    lead, own = walk(120, seed=2), walk(120, seed=3)
    coin = 0.8 * lead + own

    found = beta_to_btc(hours(prices(coin)), hours(prices(lead), BTC))

    expected = np.polyfit(lead, coin, 1)[0]
    assert found == pytest.approx(expected)


def test_btc_is_its_own_measure() -> None:
    flat = hours(np.full(10, 100.0), BTC)

    assert beta_to_btc(flat, flat) == 1


def test_bars_are_matched_by_their_time_not_by_their_place() -> None:
    lead = walk(200)
    coin = hours(prices(0.6 * lead)[40:], first=40)  # listed forty hours later
    btc = hours(prices(lead)[:-7], BTC)  # seven hours behind

    assert beta_to_btc(coin, btc) == pytest.approx(0.6)


def test_only_the_newest_two_hundred_bars_count() -> None:
    old, new = walk(300, seed=4), walk(199, seed=5)
    coin, btc = np.concatenate((3.0 * old, 0.5 * new)), np.concatenate((old, new))

    assert beta_to_btc(hours(prices(coin)), hours(prices(btc), BTC)) == pytest.approx(0.5)


def test_a_gap_is_no_bar_of_one_hour() -> None:
    lead = walk(150)
    whole = hours(prices(0.7 * lead))
    rows = np.delete(whole.rows, slice(60, 80), axis=0)
    rows[60:, 4] *= 3.0  # over the gap it tripled

    assert beta_to_btc(Candles(COIN, "1h", rows), hours(prices(lead), BTC)) == pytest.approx(0.7)


@pytest.mark.parametrize(("count", "is_known"), [(0, False), (1, False), (49, False), (50, True)])
def test_too_few_common_bars_say_nothing(count: int, is_known: bool) -> None:
    lead = prices(walk(300))
    coin = hours(lead[:count])

    assert (beta_to_btc(coin, hours(lead, BTC)) is not None) is is_known


def test_bars_of_other_hours_have_nothing_in_common() -> None:
    lead = prices(walk(100))

    assert beta_to_btc(hours(lead, first=500), hours(lead, BTC)) is None


def test_where_btc_stood_still_nothing_is_known() -> None:
    assert beta_to_btc(hours(prices(walk(100))), hours(np.full(101, 60_000.0), BTC)) is None


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 0.0, -1.0])
@pytest.mark.parametrize("whose", [0, 1])
def test_a_price_that_is_none_makes_it_unknown(wrong: float, whose: int) -> None:
    series = [prices(walk(100)), prices(walk(100))]
    series[whose][70] = wrong

    assert beta_to_btc(hours(series[0]), hours(series[1], BTC)) is None
