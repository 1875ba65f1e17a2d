"""A plan before the account of a later moment: cut to what that equity allows.

Laws:
- Only ever smaller, and only by what an equity that breathes can take away; more is for the checks to refuse.
- Nothing but the two sizes that are fractions of equity is looked at here.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Final

from core.market import Instrument
from core.money import ONE
from core.plan import Origin, Plan
from core.risk.account import Account
from core.risk.limits import Limits
from core.risk.planning import resized

MOST_CUT: Final = Decimal("0.05")
"""Of the size. Entry costs and the swings of other positions take less; after a greater fall the idea is for
a new scan to judge."""


def cut_to_equity(plan: Plan, account: Account, instrument: Instrument, limits: Limits) -> Plan:
    """The plan, or a slightly smaller one whose risk and margin are the asked-for fractions of equity again.

    Unchanged, and so for `examine` to refuse, where more than `MOST_CUT` would have to go or equity is
    unknown.
    """
    equity = account.sizing_equity
    if equity is None or not equity.is_finite() or not equity > 0:
        return plan
    share = _share(plan, equity, limits)
    if not ONE - MOST_CUT <= share < ONE:
        return plan
    smaller = resized(plan, share, instrument, limits)
    text = f"size {plan.quantity} cut to {smaller.quantity}: equity is {equity:.2f} USDT now"
    return replace(smaller, notes=(*smaller.notes, text))


def _share(plan: Plan, equity: Decimal, limits: Limits) -> Decimal:
    with localcontext() as context:
        context.prec = 28
        share = ONE
        if plan.origin is Origin.SCAN and plan.loss_at_stop > 0:
            risk = min(limits.risk_per_trade, limits.max_trade_loss) * plan.size_share
            share = min(share, equity * risk / plan.loss_at_stop)
        if plan.margin > 0:
            share = min(share, equity * limits.position_size / plan.margin)
        return share
