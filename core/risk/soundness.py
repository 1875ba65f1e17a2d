"""Whether the figures can be judged at all: finite, of one symbol, and true.

The checks compare what a plan says of itself with the limits. So first it must be known that every number can
be compared, that all of them speak of the same thing, and that the plan does not flatter itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import Any

from core.money import ONE, ZERO
from core.plan import Reason
from core.risk.case import Case
from core.risk.sizing import with_size

LARGEST, SMALLEST = Decimal("1e18"), Decimal("1e-18")
"""No price, quantity or sum of any market lies outside; within, no product of ours leaves decimal's range."""


def finite(case: Case) -> Iterator[Reason]:
    """Later checks compare, and neither NaN nor infinity can be compared."""
    parts: tuple[Any, ...] = (case.plan, case.quote, case.account, case.instrument, case.limits)
    parts += (*case.plan.targets, *case.account.open_risks, *case.instrument.tiers)
    for part in parts:
        for field in fields(part):
            value = getattr(part, field.name)
            if isinstance(value, Decimal) and not (value.is_finite() and abs(value) <= LARGEST):
                yield Reason("finite", f"{field.name} is {value}, not a number that can be")


def positive(case: Case) -> Iterator[Reason]:
    """Prices and steps; what may be zero is at least not negative."""
    quote, rules = case.quote, case.instrument
    above = {"bid": quote.bid, "ask": quote.ask, "mark": quote.mark, "tick": rules.tick, "lot": rules.lot}
    above |= {"entry": case.plan.entry}
    for name, value in above.items():
        if not value >= SMALLEST:
            yield Reason("finite", f"{name} {value} must be above 0")
    if not 0 < case.plan.size_share <= 1:
        yield Reason("finite", f"size share {case.plan.size_share} must be above 0 and at most 1")
    if not quote.bid <= quote.ask:
        yield Reason("finite", f"bid {quote.bid} must not be above ask {quote.ask}")
    least = {"taker fee": rules.taker_fee, "slippage": case.limits.slippage}
    least |= {"expected funding": case.plan.funding_cost}
    least |= {f"open risk of {risk.symbol}": risk.loss_at_stop for risk in case.account.open_risks}
    for name, value in least.items():
        if not value >= 0:
            yield Reason("finite", f"{name} {value} must not be below 0")


def of_one_symbol(case: Case) -> Iterator[Reason]:
    plan = case.plan
    for name, symbol in (("quote", case.quote.symbol), ("instrument", case.instrument.symbol)):
        if symbol != plan.symbol:
            yield Reason("symbol", f"the {name} is of {symbol}, the plan of {plan.symbol}")
    if case.account.name != plan.account:
        yield Reason("account", f"the plan is for account {plan.account}, not {case.account.name}")


def true_to_itself(case: Case) -> Iterator[Reason]:
    """Loss, gain, margin and liquidation are what entry, stop, targets, quantity and leverage make them."""
    plan = case.plan
    if not (plan.quantity > 0 and plan.leverage >= 1):
        return  # reported by the checks of size and leverage
    true = with_size(plan, case.instrument, case.limits)
    pairs = (
        ("notional", plan.notional, true.notional, plan.notional == true.notional),
        ("margin", plan.margin, true.margin, plan.margin == true.margin),
        ("loss at stop", plan.loss_at_stop, true.loss_at_stop, plan.loss_at_stop >= true.loss_at_stop),
        ("cost", plan.cost, true.cost, plan.cost >= true.cost),
        ("gain", plan.gain_at_targets, true.gain_at_targets, plan.gain_at_targets <= true.gain_at_targets),
        ("R:R", plan.reward_risk, true.reward_risk, plan.reward_risk <= true.reward_risk),
        (
            "liquidation",
            plan.liquidation,
            true.liquidation,
            (plan.liquidation - true.liquidation) * plan.side.sign >= 0,
        ),
        ("R", plan.full_size_loss, plan.loss_at_stop, plan.full_size_loss >= plan.loss_at_stop),
    )
    for name, told, found, holds in pairs:
        if not holds:
            yield Reason("figures", f"the plan's {name} {told:.4f} does not hold, it is {found:.4f}")


def sensible_targets(case: Case) -> Iterator[Reason]:
    plan = case.plan
    if not plan.targets or sum((target.share for target in plan.targets), ZERO) != ONE:
        yield Reason("targets", "the shares of the targets must sum to 1")
    for target in plan.targets:
        if not (target.price > 0 and target.share > 0):
            yield Reason("targets", f"target {target.price} and its share {target.share} must be above 0")
        if not (target.price - plan.entry) * plan.side.sign > 0:
            side = "above" if plan.side.sign > 0 else "below"
            yield Reason(
                "targets", f"target {target.price} must be {side} entry {plan.entry} for a {plan.side}"
            )
