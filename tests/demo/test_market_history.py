"""The days before the seeded market's history: there for who asks, and nothing after them is changed."""

from __future__ import annotations

from functools import cache

import numpy as np

from bot.demo.market import FUNDING_MS, SeededMarket
from bot.demo.market_history import OLDER_DAYS
from bot.demo.market_series import DAY_MS, HOUR_MS

NOW_MS = 20_000 * DAY_MS + 30 * 60_000
BTC = "BTCUSDT"


def market() -> SeededMarket:
    return SeededMarket(lambda: NOW_MS)


@cache
def asked_before() -> SeededMarket:
    """Of which somebody wanted the older days."""
    made = market()
    made.candles(BTC, HOUR_MS, 0, NOW_MS, NOW_MS)
    return made


def test_ninety_days_of_hours_are_there_without_a_hole() -> None:
    bars = asked_before().candles(BTC, HOUR_MS, NOW_MS - 90 * DAY_MS, NOW_MS, NOW_MS)

    assert len(bars) == 90 * 24 and (np.diff(bars.start_ms) == HOUR_MS).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all() and (bars.low > 0).all()


def test_the_price_goes_on_where_both_meet() -> None:
    one = asked_before()
    seam = one.first_ms(BTC)

    before, after = (one.candles(BTC, HOUR_MS, at, at, NOW_MS) for at in (seam - HOUR_MS, seam))

    assert abs(int(before.close[0]) - int(after.open[0])) <= 1


def test_asking_for_older_days_changes_nothing_after_them() -> None:
    asked, fresh = asked_before(), market()
    span = (asked.first_ms(BTC), NOW_MS, NOW_MS)

    assert (asked.candles(BTC, HOUR_MS, *span).close == fresh.candles(BTC, HOUR_MS, *span).close).all()
    moments = range(asked.first_ms(BTC), asked.first_ms(BTC) + 300_000, 7_000)
    assert [asked.price(BTC, at) for at in moments] == [fresh.price(BTC, at) for at in moments]


def test_the_same_seed_gives_the_same_older_days() -> None:
    one, other = (made.candles(BTC, HOUR_MS, 0, NOW_MS, NOW_MS) for made in (asked_before(), market()))

    assert (one.close == other.close).all()
    assert int(one.start_ms[0]) == asked_before().first_ms(BTC) - OLDER_DAYS * DAY_MS


def test_funding_was_settled_in_the_older_days_too() -> None:
    settled = asked_before().settlements(BTC, NOW_MS - 90 * DAY_MS, NOW_MS)

    assert len(settled) == 270 and {one.at_ms % FUNDING_MS for one in settled} == {0}
