"""Market facts at the border: what enters is finite, positive, closed, gapless and fresh, or it doesn't
enter.

Laws:
- Nothing is mended here. A row too few, too many or out of place makes the whole answer `BadMarketFacts`,
  which names symbol, timeframe and what was wrong.
- Comparisons are written so that NaN denies.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.adapters.exchange.calls import BadShape
from core.errors import BadMarketFacts
from core.market import TIMEFRAMES, Candles, Quote, from_ms
from core.money import NotFinite, exact

STALE_TIMEFRAMES = 1.5
"""Age of the newest close at which candles are too old to act on."""

MAX_DEVIATION = Decimal("0.10")
"""Of last trade or mid from the mark price: beyond it one of them is a false print."""

Rows = NDArray[np.float64]


def rows_from(raw: Any) -> Rows:
    """`(n, 6) float64` from a venue's list of bars (numbers or their text; further columns are dropped)."""
    if not isinstance(raw, list) or not all(isinstance(bar, list) and len(bar) >= 6 for bar in raw):
        raise BadShape("candles were expected as a list of bars with six columns")
    if not raw:
        return np.empty((0, 6))
    return np.array([bar[:6] for bar in raw], dtype=np.float64)


def closed_only(rows: Rows, timeframe: str, closed_by_ms: int) -> Rows:
    """Bars whose close isn't after `closed_by_ms`."""
    return rows[rows[:, 0] + TIMEFRAMES[timeframe] <= closed_by_ms]


def checked_candles(symbol: str, timeframe: str, rows: Rows, closed_by_ms: int) -> Candles:
    """`rows` are closed bars already. Raises `BadMarketFacts`."""
    problem = _problem(rows, TIMEFRAMES[timeframe], closed_by_ms)
    if problem:
        raise BadMarketFacts(f"{symbol} {timeframe}: {problem}")
    rows.flags.writeable = False  # shared by everybody who asks for this bar
    return Candles(symbol, timeframe, rows)


def _problem(rows: Rows, length: int, closed_by_ms: int) -> str:
    if not len(rows):
        return "no closed candle"
    return (
        _order_problem(rows[:, 0], length) or _price_problem(rows) or _age_problem(rows, length, closed_by_ms)
    )


def _order_problem(opens: NDArray[np.float64], length: int) -> str:
    if not np.isfinite(opens).all():
        return "a candle without a time"
    if (opens % length != 0).any():
        return (
            f"the candle of {_stamp(opens[opens % length != 0][0])} doesn't start on the timeframe's border"
        )
    steps = np.diff(opens)
    if (steps == length).all():
        return ""
    at = int(np.argmax(steps != length))
    fault = "a duplicate of" if steps[at] == 0 else "out of order after" if steps[at] < 0 else "a gap after"
    return f"{fault} {_stamp(opens[at])}"


def _price_problem(rows: Rows) -> str:
    prices, volume = rows[:, 1:5], rows[:, 5]
    good = (np.isfinite(prices) & (prices > 0)).all(axis=1) & np.isfinite(volume) & (volume >= 0)
    if not good.all():
        return f"a price or volume that can't be in the candle of {_stamp(rows[~good][0, 0])}"
    sane = (rows[:, 2] >= prices.max(axis=1)) & (rows[:, 3] <= prices.min(axis=1))
    if not sane.all():
        return f"open or close outside high and low in the candle of {_stamp(rows[~sane][0, 0])}"
    return ""


def _age_problem(rows: Rows, length: int, closed_by_ms: int) -> str:
    age = (closed_by_ms - (rows[-1, 0] + length)) / length
    if age <= STALE_TIMEFRAMES:
        return ""
    return f"the newest candle closed {age:.1f} timeframes ago, at {_stamp(rows[-1, 0] + length)}"


def _stamp(milliseconds: float) -> str:
    return f"{from_ms(int(milliseconds)):%Y-%m-%d %H:%M} UTC"


def checked_quote(symbol: str, *, bid: Any, ask: Any, last: Any, mark: Any, at: datetime) -> Quote:
    """Raises `BadMarketFacts` for zero, NaN, crossed or far-off prices."""
    prices = {"bid": bid, "ask": ask, "last": last, "mark": mark}
    exacts = {name: _price(symbol, name, value) for name, value in prices.items()}
    quote = Quote(symbol, at=at, **exacts)
    if not quote.bid <= quote.ask:
        raise BadMarketFacts(f"{symbol}: bid {quote.bid} is above ask {quote.ask}")
    for name, price in (("last trade", quote.last), ("mid", quote.mid)):
        deviation = abs(price / quote.mark - 1)
        if not deviation <= MAX_DEVIATION:
            raise BadMarketFacts(f"{symbol}: {name} {price} is {deviation:.0%} from mark {quote.mark}")
    return quote


def _price(symbol: str, name: str, value: Any) -> Decimal:
    try:
        price = exact(value)
    except NotFinite as error:
        raise BadMarketFacts(f"{symbol}: {name} is {str(value)[:20]!r}") from error
    if not price > 0:
        raise BadMarketFacts(f"{symbol}: {name} is {price}")
    return price
