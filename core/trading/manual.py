"""A person's own idea: the same planning, checks and card; flags and score are printed, not enforced."""

from __future__ import annotations

from dataclasses import replace

from core.advice.score import wanted_leverage
from core.analysis.beta import FRAME
from core.analysis.flags import red_flags
from core.desk import ManualIdea
from core.market import Quote
from core.opinion import Features, Flags
from core.plan import Cleared, Origin, Plan, Reason, Refused
from core.risk.account import Account
from core.risk.idea import Idea
from core.risk.limits import Limits
from core.trading.decide import NO_SCORE, Circle, Rules, plan_and_examine, study
from core.trading.ids import derived


async def plan_idea(
    idea: ManualIdea, circle: Circle, account: Account, rules: Rules, seed: str
) -> Cleared[Plan] | Refused | Reason:
    """A `Reason` when the words themselves cannot be (a stop on the wrong side, too much risk), or when no
    stop was named and structure leaves no place for one.

    Raises what the market port raises.
    """
    wrong = _impossible(idea, rules.limits)
    if wrong is not None:
        return wrong
    features, candles = await study(idea.symbol, circle)
    wrong = _wrong_side(idea, await circle.market.quote(idea.symbol))
    if wrong is not None:
        return wrong
    flags = red_flags(features, rules.flags)
    drawn = Idea(
        id=derived("manual", account.name, idea.symbol, seed),
        decision_id=derived("manual-decision", account.name, idea.symbol, seed),
        account=account.name,
        symbol=idea.symbol,
        side=idea.side,
        origin=Origin.MANUAL,
        verdict=None,
        features=features,
        score=NO_SCORE,
        leverage_wanted=idea.leverage or wanted_leverage(features.regime, confidence=0.0),
        risk=idea.risk if idea.risk is not None else rules.limits.risk_per_trade,
        stop_named=idea.stop,
        target_named=idea.target,
    )
    outcome = await plan_and_examine(drawn, circle, account, rules, flags, candles[FRAME])
    return outcome if isinstance(outcome, Reason) else _with_notes(outcome, flags, features)


def _impossible(idea: ManualIdea, limits: Limits) -> Reason | None:
    """What no market could make right."""
    if idea.risk is not None and not (idea.risk.is_finite() and 0 < idea.risk <= limits.max_trade_loss):
        most = limits.max_trade_loss
        return Reason("risk", f"risk {idea.risk} must be above 0 and at most MAX_TRADE_LOSS_PERCENT {most}")
    if idea.leverage is not None and not idea.leverage >= 1:
        return Reason("leverage", f"leverage {idea.leverage} must be at least 1")
    for name, price in (("stop", idea.stop), ("target", idea.target)):
        if price is not None and not (price.is_finite() and price > 0):
            return Reason(name, f"{name} {price} must be a price above 0")
    return None


def _wrong_side(idea: ManualIdea, quote: Quote) -> Reason | None:
    entry, sign = quote.taking(idea.side), idea.side.sign
    if idea.stop is not None and (entry - idea.stop) * sign <= 0:
        return Reason("stop", f"stop {idea.stop} is on the wrong side of the price {entry}")
    if idea.target is not None and (idea.target - entry) * sign <= 0:
        return Reason("target", f"target {idea.target} is on the wrong side of the price {entry}")
    return None


def _with_notes(
    outcome: Cleared[Plan] | Refused, flags: Flags, features: Features
) -> Cleared[Plan] | Refused:
    """Prints what the gates would have said; a cleared plan keeps its clearance."""
    plan, side = outcome.plan, outcome.plan.side
    against = [flag for flag in flags.struck if flag.strikes is None or flag.strikes is side]
    notes = [f"red flag {flag.name} {flag.value} (not enforced)" for flag in against]
    notes.append(f"score {plan.score.total:.0f} (not enforced)")
    notes.append(f"{features.share_leaning(side):.0%} of the timeframes lean {side}")
    told = (*plan.notes, *notes)
    if isinstance(outcome, Cleared):
        return outcome.annotated(told)
    return replace(outcome, plan=replace(plan, notes=told))
