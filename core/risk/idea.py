"""What a plan is drawn from, and what its side is expected to pay for holding it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite, isnan, nan

from core.advice.strategy_voice import is_strategy
from core.market import Side
from core.money import ONE, ceil_to, exact
from core.opinion import Features, Opinion, Verdict, behind
from core.plan import Origin, ScoreTerms
from core.risk.limits import Limits

BAR_H = 0.25
"""Hours of one bar that advisers count in."""
UNKNOWN_FUNDING = 0.001
"""Per 8 h, paid: what a side may be charged at most before its flag strikes, where nobody said."""
UNTIMED_H = 36.0
"""Hours of funding where neither an adviser nor a time stop bounds the trade: half of the usual time stop."""
FUNDING_STEP = Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class Idea:
    """Everything a plan is drawn from, whoever had it."""

    id: str
    decision_id: str
    account: str
    symbol: str
    side: Side
    origin: Origin
    verdict: Verdict | None
    features: Features
    score: ScoreTerms
    leverage_wanted: int
    risk: Decimal
    """Fraction of equity, before any ceiling."""
    stop_named: Decimal | None = None
    """A price that the owner named; it stands where it was named, whatever the swing says."""
    target_named: Decimal | None = None
    """A price that the owner named, for the whole position."""
    beta: Decimal | None = None
    """To BTC; None: unknown."""
    chance: float | None = None
    """Calibrated probability that the target is met before the stop; None: no record supports one."""
    capital: Decimal = ONE
    """What strategies ask for of one trade's risk and margin, above 0 and at most 1."""

    @property
    def agreeing(self) -> tuple[Opinion, ...]:
        """Of the side's voters, each one's opinion; of strategies only where no model stands beside them.

        Distances decide what passes the checks, and strategies must not make that easier for models.
        """
        voters = behind(self.verdict, self.side)
        return tuple(one for one in voters if not is_strategy(one.adviser)) or voters

    @property
    def horizon_h(self) -> float | None:
        """Mean of what they expect."""
        hours = _mean(one.horizon_bars * BAR_H for one in self.agreeing if one.horizon_bars)
        return None if isnan(hours) else hours

    @property
    def stop_atr(self) -> float:
        """Mean distance of their stops in 1h ATR; NaN: nobody named one."""
        return _mean(one.stop_atr for one in self.agreeing if one.stop_atr)

    @property
    def reward_risk(self) -> float:
        """Mean of their own ratios of target to stop; NaN: nobody named both."""
        return _mean(
            one.target_atr / one.stop_atr for one in self.agreeing if one.stop_atr and one.target_atr
        )


def funding_cost(idea: Idea, limits: Limits) -> Decimal:
    """Expected funding that the side pays until the exit, fraction of the notional, rounded up."""
    rate = idea.features.funding_per_8h
    paid = UNKNOWN_FUNDING if rate is None or not isfinite(rate) else max(rate * idea.side.sign, 0.0)
    longest = limits.exits.time_stop_h
    hours = idea.horizon_h
    if hours is None:
        hours = longest / 2 if longest > 0 else UNTIMED_H
    elif longest > 0:
        hours = min(hours, longest)
    return ceil_to(exact(paid) * exact(hours) / 8, FUNDING_STEP)


def _mean(values: Iterable[float]) -> float:
    """Of those that are finite; NaN where there is none."""
    known = [value for value in values if isfinite(value)]
    return sum(known) / len(known) if known else nan
