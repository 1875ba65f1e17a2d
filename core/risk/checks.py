"""Every rule a plan must hold, all run, all reasons reported. The only maker of `Cleared`.

Laws:
- Unknown refuses. Comparisons are written so that NaN and None can only refuse.
- A check looks at the plan's own figures against the account and the limits; it repairs nothing.
- A refusal for size names the setting and the value that would allow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from core.market import Side
from core.money import floor_to
from core.plan import _SEAL, Cleared, Origin, Plan, Reason, Refused
from core.risk import soundness, standing
from core.risk.analysed import bars_still_hold
from core.risk.case import EARLIEST_S, Case, Check
from core.risk.ceilings import share_left, size_ceilings
from core.risk.margin import distance, room
from core.risk.mends import mend, smallest_order
from core.risk.planning import tolerated_drift
from core.risk.sizing import Ticket, entry_fee, smallest_quantity

__all__ = ["CHECKS", "Case", "Check", "examine"]

BEST_SCORE = 100.0


def examine(case: Case) -> Cleared[Plan] | Refused:
    """Runs every check; clears the plan only when none objects."""
    reasons = tuple(soundness.finite(case))
    reasons = reasons or tuple(soundness.positive(case))
    reasons = reasons or tuple(reason for check in CHECKS for reason in check(case))
    if reasons:
        return Refused(case.plan, reasons)
    return Cleared(case.plan, case.now, _SEAL)


def _stop_in_place(case: Case) -> Iterator[Reason]:
    plan, limits = case.plan, case.limits
    if not plan.stop > 0:
        yield Reason("stop", f"stop {plan.stop} must be a price above 0")
        return
    away = (plan.entry - plan.stop) * plan.side.sign
    if not away > 0:
        side = "below" if plan.side is Side.LONG else "above"
        yield Reason("stop", f"stop {plan.stop} must be {side} entry {plan.entry} for a {plan.side}")
        return
    if floor_to(plan.stop, case.instrument.tick) != plan.stop:
        yield Reason("stop", f"stop {plan.stop} must be a multiple of the tick {case.instrument.tick}")
    share = distance(plan.entry, plan.stop)
    if not away >= limits.min_stop * plan.entry:
        text = f"stop distance {share:.4f} is under MIN_STOP_LOSS_PERCENT {limits.min_stop}"
        yield Reason("stop_distance", text)
    if not away <= limits.max_stop * plan.entry:
        text = f"stop distance {share:.4f} is over MAX_STOP_LOSS_PERCENT {limits.max_stop}"
        yield Reason("stop_distance", text)


def _loss_bounded(case: Case) -> Iterator[Reason]:
    plan, limits, equity = case.plan, case.limits, case.account.sizing_equity
    if equity is None or not equity > 0:
        return  # reported by `standing.equity_known`
    if not plan.loss_at_stop > 0:
        if plan.quantity > 0:
            yield Reason("loss_at_stop", f"loss at stop {plan.loss_at_stop:.2f} must be above 0")
        return
    if plan.origin is Origin.SCAN and not plan.loss_at_stop <= equity * limits.risk_per_trade:
        yield Reason(
            "loss_at_stop",
            f"loss at stop {plan.loss_at_stop:.2f} is over RISK_PER_TRADE "
            f"{limits.risk_per_trade} of {case.account.sizing_words}",
        )
    if not plan.loss_at_stop <= equity * limits.max_trade_loss:
        yield Reason(
            "loss_at_stop",
            f"loss at stop {plan.loss_at_stop:.2f} is over MAX_TRADE_LOSS_PERCENT "
            f"{limits.max_trade_loss} of {case.account.sizing_words}",
        )


def _leverage_bounded(case: Case) -> Iterator[Reason]:
    plan, limits = case.plan, case.limits
    if not 1 <= plan.leverage <= limits.max_leverage:
        yield Reason(
            "leverage", f"leverage {plan.leverage} must be between 1 and MAX_LEVERAGE {limits.max_leverage}"
        )
    allowed, most = case.instrument.tier_for(plan.notional).max_leverage, case.instrument.tiers[-1].cap
    if not plan.leverage <= allowed:
        text = f"leverage {plan.leverage} is over the {allowed}x that the venue allows"
        yield Reason("leverage", f"{text} at {plan.notional:.0f} USDT")
    if not plan.notional <= most:
        text = f"size {plan.notional:.0f} USDT is over the venue's largest position {most:.0f}"
        yield Reason("leverage", text)


def _margin_bounded(case: Case) -> Iterator[Reason]:
    plan, account, equity = case.plan, case.account, case.account.sizing_equity
    if equity is not None and not plan.margin <= equity * case.limits.position_size:
        yield Reason(
            "margin",
            f"margin {plan.margin:.2f} is over POSITION_SIZE_PERCENT {case.limits.position_size} "
            f"of {account.sizing_words}",
        )
    fee = entry_fee(plan.notional, case.instrument)
    available = account.sizing_available
    if available is not None and not plan.margin + fee <= available:
        under = "" if available == account.available else f" under the capital cap {account.cap:.2f}"
        yield Reason(
            "margin",
            f"margin {plan.margin:.2f} and the entry fee {fee:.2f} are over the available "
            f"{available:.2f}{under}",
        )


def _venue_minimums(case: Case) -> Iterator[Reason]:
    plan, rules = case.plan, case.instrument
    if not rules.is_active:
        yield Reason("minimums", f"{plan.symbol} is not open for trading")
    if floor_to(plan.quantity, rules.lot) != plan.quantity or not plan.quantity <= rules.max_quantity:
        yield Reason(
            "minimums",
            f"quantity {plan.quantity} must be whole lots of {rules.lot} up to {rules.max_quantity}",
        )
    measured = plan.quantity * min(plan.entry, case.quote.mark)  # the venue may measure at either
    if plan.quantity > 0 and plan.quantity >= rules.min_quantity and measured >= rules.min_notional:
        return
    yield Reason(
        "minimums",
        f"size {plan.quantity} ({measured:.2f} USDT) is under the venue's smallest order "
        f"({rules.min_quantity}, {rules.min_notional} USDT)",
        _mend_of_size(case),
    )


def _mend_of_size(case: Case) -> str:
    """For this very plan's stop and leverage; empty where the size is not what stands in the way."""
    plan, equity = case.plan, case.account.sizing_equity
    if equity is None or not (plan.stop > 0 and plan.leverage >= 1):
        return ""
    least, rules = smallest_quantity(case.instrument, min(plan.entry, case.quote.mark)), case.instrument
    if not (least <= rules.max_quantity and least * plan.entry <= rules.tiers[-1].cap):
        return ""
    ticket = Ticket(plan.side, plan.entry, plan.stop, case.quote.mark, plan.funding_cost)
    small = smallest_order(ticket, plan.leverage, case.instrument, case.limits)
    if not (small.loss > 0 and equity > 0):
        return ""
    if plan.full_size_loss > plan.loss_at_stop and small.loss <= plan.full_size_loss:
        return "the full size"
    share, is_manual = _share(case), plan.origin is Origin.MANUAL
    return mend(small, plan.side, plan.beta, case.account, case.limits, share, is_manual=is_manual)


def _share(case: Case) -> Decimal:
    """What the ceilings leave of a size now."""
    plan = case.plan
    return share_left(size_ceilings(plan.origin, plan.verdict, plan.regime, case.account, case.limits))


def _liquidation_far(case: Case) -> Iterator[Reason]:
    plan, limits = case.plan, case.limits
    if not plan.quantity > 0:
        return
    away = room(plan.side, plan.entry, plan.liquidation)
    stop = distance(plan.entry, plan.stop)
    if not away >= limits.liquidation_per_stop * stop:
        yield Reason(
            "liquidation", f"liquidation {away:.4f} away is nearer than twice the stop distance {stop:.4f}"
        )
    if not away >= limits.min_liquidation_distance:
        yield Reason("liquidation", f"liquidation {away:.4f} away is under {limits.min_liquidation_distance}")


def _worth_it(case: Case) -> Iterator[Reason]:
    plan, limits = case.plan, case.limits
    if not plan.quantity > 0:
        return
    if not plan.reward_risk >= limits.min_reward_risk:
        yield Reason("reward_risk", f"R:R {plan.reward_risk:.2f} is under {limits.min_reward_risk}")
    needed = min(limits.min_profit_usd, limits.min_profit_in_r * plan.full_size_loss)
    if not plan.gain_at_targets >= needed:
        yield Reason(
            "min_profit",
            f"net gain at targets {plan.gain_at_targets:.2f} is under {needed:.2f} "
            f"(the lesser of MIN_PROFIT_USD {limits.min_profit_usd} and "
            f"{limits.min_profit_in_r} R of {plan.full_size_loss:.2f})",
        )


def _likely_enough(case: Case) -> Iterator[Reason]:
    """The second gate: only where the advisers' record supports a calibrated probability."""
    plan = case.plan
    if plan.chance is None or not plan.quantity > 0:
        return
    needed = break_even(plan)
    if not needed <= plan.chance <= 1:
        yield Reason(
            "chance",
            f"chance {plan.chance:.3f} of the target before the stop is under break-even {needed:.3f} "
            f"at R:R {plan.reward_risk:.2f} after costs",
        )


def break_even(plan: Plan) -> float:
    """Chance at which nothing is won or lost; 1 where nothing can be won.

    p · gain = (1 - p) · R, both after costs, so p = 1 ÷ (1 + gain ÷ R). With the gross ratio RR and the costs
    c in R of the bare stop distance, gain ÷ R is (RR - c) ÷ (1 + c): it is (1 + c) ÷ (1 + RR), as in
    `core.advice.brief.break_even_probability`.
    """
    return float(1 / (1 + plan.reward_risk)) if plan.reward_risk > 0 else 1.0


def _facts_fresh(case: Case) -> Iterator[Reason]:
    quote_age = (case.now - case.quote.at).total_seconds()
    if not EARLIEST_S <= quote_age <= case.limits.max_quote_age_s:
        limit = case.limits.max_quote_age_s
        yield Reason("freshness", f"the price is {quote_age:.0f} s old, limit {limit:.0f} s")
    bars_age = (case.now - case.plan.bar_closed_at).total_seconds()
    if case.plan.origin is Origin.SCAN and not EARLIEST_S <= bars_age <= case.limits.max_bars_age_s:
        limit = case.limits.max_bars_age_s
        text = f"the last closed bar is {bars_age / 60:.1f} min old, limit {limit / 60:.1f} min"
        yield Reason("freshness", text)
    if not case.quote.spread_fraction <= case.limits.max_spread:
        yield Reason("spread", f"spread {case.quote.spread_fraction:.4f} is over {case.limits.max_spread}")


def _price_near(case: Case) -> Iterator[Reason]:
    """Loss and size were worked out at the plan's entry; an order pays what the market asks now."""
    plan, price = case.plan, case.quote.taking(case.plan.side)
    drift, most = distance(plan.entry, price), tolerated_drift(case.limits)
    if not drift <= most:
        text = f"the price {price} is {drift:.4f} from the plan's entry {plan.entry}, limit {most}"
        yield Reason("drift", text)


def _judged_well(case: Case) -> Iterator[Reason]:
    """A manual idea is the owner's own judgement: these are printed for it, not enforced."""
    plan, limits = case.plan, case.limits
    if plan.origin is not Origin.SCAN:
        return
    if case.flags.strikes(plan.side):
        names = ", ".join(flag.name for flag in case.flags.struck)
        yield Reason("flags", f"red flags against a {plan.side}: {names}")
    if plan.verdict is None:
        yield Reason("verdict", "no verdict stands behind this plan")
        return
    if plan.verdict.stance.side is not plan.side:
        yield Reason("verdict", f"the verdict is {plan.verdict.stance}, the plan is {plan.side}")
    if not 0 <= plan.verdict.confidence <= 1:
        yield Reason("confidence", f"confidence {plan.verdict.confidence} must be between 0 and 1")
    if not plan.verdict.confidence >= limits.min_confidence:
        yield Reason(
            "confidence",
            f"confidence {plan.verdict.confidence:.2f} is under MIN_AI_CONFIDENCE {limits.min_confidence}",
        )
    if not plan.score.total <= BEST_SCORE:
        yield Reason("score", f"score {plan.score.total} must be between 0 and {BEST_SCORE:.0f}")
    if not plan.score.total >= limits.min_score:
        yield Reason(
            "score", f"score {plan.score.total:.0f} is under MIN_OPPORTUNITY_SCORE {limits.min_score:.0f}"
        )


CHECKS: tuple[Check, ...] = (
    standing.entries_allowed,
    standing.equity_known,
    soundness.of_one_symbol,
    _stop_in_place,
    soundness.sensible_targets,
    soundness.true_to_itself,
    _loss_bounded,
    _leverage_bounded,
    _margin_bounded,
    standing.places_left,
    _venue_minimums,
    _liquidation_far,
    _worth_it,
    _likely_enough,
    standing.drawdown_bearable,
    standing.size_within_ceilings,
    standing.room_in_budgets,
    standing.same_direction,
    standing.cooled_down,
    _facts_fresh,
    _price_near,
    bars_still_hold,
    _judged_well,
)
