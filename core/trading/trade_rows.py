"""Trades as rows: made of a plan, and wanted closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from core.opinion import behind
from core.plan import Plan
from core.trade import ExitReason, Trade, Want


def trade_of(plan: Plan, now: datetime) -> Trade:
    return Trade(
        id=plan.id,
        account=plan.account,
        symbol=plan.symbol,
        side=plan.side,
        quantity=plan.quantity,
        entry_reference=plan.entry,
        stop=plan.stop,
        targets=plan.targets,
        leverage=plan.leverage,
        risk_usd=plan.loss_at_stop,
        want=Want.OPEN,
        created_at=now,
        decision_id=plan.decision_id,
        origin=plan.origin.value,
        score=plan.score.total,
        regime=plan.regime.value,
        opening_equity=plan.equity,
        first_stop=plan.stop,
        cost=plan.cost,
        atr=plan.atr,
        beta=plan.beta,
        advisers=tuple(one.adviser for one in behind(plan.verdict, plan.side)),
    )


def closing(trade: Trade, reason: ExitReason) -> Trade:
    """Wanted closed; the first reason stays."""
    if trade.want is Want.CLOSED:
        return trade
    return replace(
        trade,
        want=Want.CLOSED,
        exit_reason=reason,
        close_share=None,
        close_requests=trade.close_requests + 1,
    )
