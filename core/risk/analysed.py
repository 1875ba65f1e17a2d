"""Whether the market is still where it was analysed: an opinion is about closed bars, not about any price.

A plan is drawn from the present quote, so its own entry is always near it; what was judged may lie far away.
An idea without a verdict is exempt: its owner sees the price.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import isfinite

from core.market import Quote, Side
from core.money import exact
from core.plan import Reason
from core.risk.case import Case
from core.risk.idea import Idea
from core.risk.limits import Limits

LEFT_BARS = "left_bars"


def known(value: float | None) -> Decimal | None:
    """A figure of a bar; None where it is none that a market can have."""
    return exact(value) if value is not None and isfinite(value) and value > 0 else None


def idea_left_behind(idea: Idea, quote: Quote, limits: Limits) -> Reason | None:
    """Asked before a plan is drawn; None while the price is near what was analysed."""
    if idea.verdict is None:
        return None
    hour = idea.features.frames["1h"]
    return _left(idea.side, known(idea.features.close), known(hour.atr), quote, limits)


def bars_still_hold(case: Case) -> Iterator[Reason]:
    plan = case.plan
    if plan.verdict is not None:
        reason = _left(plan.side, plan.bar_close, plan.atr, case.quote, case.limits)
        if reason is not None:
            yield reason


def _left(
    side: Side, close: Decimal | None, atr: Decimal | None, quote: Quote, limits: Limits
) -> Reason | None:
    """Judged at the mark or at what an order pays now, whichever is further from the close."""
    if close is None or atr is None:
        missing = "last analysed close" if close is None else "1h ATR"
        return Reason(LEFT_BARS, f"how far the price has gone is unknown: the {missing} is n/a")
    prices, most = (quote.mark, quote.taking(side)), limits.max_bar_drift_atr
    if not all(price.is_finite() for price in prices):
        return Reason(LEFT_BARS, f"how far the price has gone is unknown: it is {prices[0]}")
    price = max(prices, key=lambda one: abs(one - close))
    if abs(price - close) <= most * atr:
        return None
    text = (
        f"the price {price:f} is {abs(price - close) / atr:.1f} ATR of 1h from {close:f}, "
        f"where the last analysed bar closed; limit MAX_BAR_DRIFT_ATR {most}"
    )
    return Reason(LEFT_BARS, text)
