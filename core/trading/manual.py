"""A person's own idea: the same planning, checks and card; flags and score are printed, not enforced."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.analysis.flags import red_flags
from core.desk import ManualIdea
from core.market import Quote
from core.money import ONE
from core.opinion import Features, Flags
from core.plan import Cleared, Origin, Plan, Reason, Refused
from core.risk.account import Account
from core.risk.planning import DEFAULT_REWARD_RISK, Idea
from core.trading.decide import NO_SCORE, Circle, Rules, plan_and_examine, study
from core.trading.ids import derived


async def plan_idea(
    idea: ManualIdea, circle: Circle, account: Account, rules: Rules, seed: str
) -> Cleared[Plan] | Refused | Reason:
    """A `Reason` when the words themselves cannot be: a stop on the wrong side, too much risk.

    Raises what the market port raises.
    """
    features, _ = await study(idea.symbol, circle)
    quote = await circle.market.quote(idea.symbol)
    distances = _distances(idea, quote, rules)
    if isinstance(distances, Reason):
        return distances
    risk = idea.risk if idea.risk is not None else rules.limits.risk_per_trade
    if not 0 < risk <= rules.limits.max_trade_loss:
        return Reason("risk", f"risk {risk} must be above 0 and at most {rules.limits.max_trade_loss}")
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
        leverage_wanted=idea.leverage or rules.limits.max_leverage,
        risk=risk,
        stop_fraction=distances[0],
        targets=((distances[1], ONE),),
    )
    outcome = await plan_and_examine(drawn, circle, account, rules, flags)
    return _with_notes(outcome, flags, features)


def _distances(idea: ManualIdea, quote: Quote, rules: Rules) -> tuple[Decimal, Decimal] | Reason:
    """Stop and target as fractions of the price that an entry would pay."""
    entry, sign = quote.taking(idea.side), idea.side.sign
    stop = rules.limits.min_stop
    if idea.stop is not None:
        if (entry - idea.stop) * sign <= 0:
            return Reason("stop", f"stop {idea.stop} is on the wrong side of the price {entry}")
        stop = (entry - idea.stop) * sign / entry
    target = stop * DEFAULT_REWARD_RISK
    if idea.target is not None:
        if (idea.target - entry) * sign <= 0:
            return Reason("target", f"target {idea.target} is on the wrong side of the price {entry}")
        target = (idea.target - entry) * sign / entry
    return stop, target


def _with_notes(
    outcome: Cleared[Plan] | Refused, flags: Flags, features: Features
) -> Cleared[Plan] | Refused:
    """Prints what the gates would have said; a cleared plan keeps its clearance."""
    notes = [f"red flag {flag.name} {flag.value} (not enforced)" for flag in flags.struck]
    side = outcome.plan.side
    notes.append(f"{features.share_leaning(side):.0%} of the timeframes lean {side}")
    told = (*outcome.plan.notes, *notes)
    if isinstance(outcome, Cleared):
        return outcome.annotated(told)
    return replace(outcome, plan=replace(outcome.plan, notes=told))
