"""Notices with their facts: the one place that knows which kind carries what.

`plan`, `trade`, `closed`, `position` and `performance` are plain forms (`core.codec.to_plain`) of the
words of those names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from core.codec import to_plain
from core.desk import ForeignView
from core.journal import Approval, ApprovalState, BreakerEvent
from core.notice import Notice, NoticeKind
from core.performance import Performance
from core.plan import Plan
from core.risk.breakers import title_of
from core.trade import ClosedTrade, Position, Trade


def system(key: str, text: str) -> Notice:
    """facts: text."""
    return Notice(NoticeKind.SYSTEM, key, {"text": text})


def started(
    key: str, account: str, is_paper: bool, mode: str, held: Sequence[str], warnings: Sequence[str]
) -> Notice:
    """facts: account, is_paper, mode, held (what was found open), warnings."""
    facts = {
        "account": account,
        "is_paper": is_paper,
        "mode": mode,
        "held": list(held),
        "warnings": list(warnings),
    }
    return Notice(NoticeKind.STARTED, key, facts)


def stopped(key: str, covered: int, bare: Sequence[str]) -> Notice:
    """facts: open_positions (seen under a stop), bare (coins that were not)."""
    return Notice(NoticeKind.STOPPED, key, {"open_positions": covered, "bare": list(bare)})


def approval_card(approval: Approval) -> Notice:
    """facts: approval_id."""
    return Notice(NoticeKind.APPROVAL, f"{approval.id}:card", {"approval_id": approval.id})


def approval_closed(approval_id: str, outcome: ApprovalState, reasons: Sequence[str]) -> Notice:
    """facts: approval_id, outcome, reasons."""
    facts = {"approval_id": approval_id, "outcome": outcome.value, "reasons": list(reasons)}
    return Notice(NoticeKind.APPROVAL_CLOSED, f"{approval_id}:closed", facts)


def signal(plan: Plan) -> Notice:
    """facts: plan."""
    return Notice(NoticeKind.SIGNAL, f"{plan.id}:signal", {"plan": to_plain(plan)})


def entry_sent(trade: Trade, by: str) -> Notice:
    """facts: trade, by."""
    return Notice(
        NoticeKind.ENTRY_SENT, f"{trade.id}:sent", {"trade": to_plain(trade), "by": by}, thread=trade.id
    )


def opened(trade: Trade, position: Position, stop_resting: bool) -> Notice:
    """facts: trade, position, stop_resting."""
    facts = {"trade": to_plain(trade), "position": to_plain(position), "stop_resting": stop_resting}
    return Notice(NoticeKind.OPENED, f"{trade.id}:opened", facts, thread=trade.id)


def changed(trade: Trade, key: str, text: str) -> Notice:
    """facts: trade, text."""
    facts = {"trade": to_plain(trade), "text": text}
    return Notice(NoticeKind.CHANGED, f"{trade.id}:{key}", facts, thread=trade.id)


def stop_moved(trade: Trade, text: str, at: datetime) -> Notice:
    """facts: trade (with the new stop), text."""
    return changed(trade, f"stop:{trade.stop}:{at.isoformat()}", text)


def part_closed(trade: Trade, client_id: str, text: str) -> Notice:
    """facts: trade, text. Told once per order."""
    return changed(trade, f"part:{client_id}", text)


def closed(trade: ClosedTrade) -> Notice:
    """facts: closed."""
    return Notice(NoticeKind.CLOSED, f"{trade.id}:closed", {"closed": to_plain(trade)}, thread=trade.id)


def entry_failed(trade: Trade, reason: str) -> Notice:
    """facts: trade, reason."""
    facts = {"trade": to_plain(trade), "reason": reason}
    return Notice(NoticeKind.ENTRY_FAILED, f"{trade.id}:failed", facts, thread=trade.id)


def naked(trade: Trade, detail: str, attempt: int | str) -> Notice:
    """facts: trade, detail. `attempt` tells one occasion from another."""
    facts = {"trade": to_plain(trade), "detail": detail}
    return Notice(NoticeKind.NAKED, f"{trade.id}:naked:{attempt}", facts, thread=trade.id)


def near_stop(trade: Trade, mark: Decimal) -> Notice:
    """facts: trade, mark."""
    facts = {"trade": to_plain(trade), "mark": format(mark, "f")}
    return Notice(NoticeKind.NEAR_STOP, f"{trade.id}:near_stop", facts, thread=trade.id)


def liquidation_ladder(trade: Trade, position: Position, rung: int) -> Notice:
    """facts: trade, position, rung (50, 25 or 10: percent of the distance that is left)."""
    facts = {"trade": to_plain(trade), "position": to_plain(position), "rung": rung}
    return Notice(NoticeKind.LIQUIDATION_LADDER, f"{trade.id}:liquidation:{rung}", facts, thread=trade.id)


def exit_refused(trade: Trade, reason: str) -> Notice:
    """facts: text. Told once per trade, however often the venue refuses."""
    text = f"{trade.symbol}: the venue refuses to close it ({reason}); it is being repeated until it is done"
    return Notice(NoticeKind.SYSTEM, f"{trade.id}:exit_refused", {"text": text}, thread=trade.id)


def trading_forbidden(trade: Trade, reason: str) -> Notice:
    """facts: text."""
    text = f"The venue forbids trading ({reason}): entries are stopped. Mend it and restart the bot."
    return Notice(NoticeKind.SYSTEM, f"{trade.id}:forbidden", {"text": text})


def outside_change(key: str, text: str, thread: str | None = None) -> Notice:
    """facts: text."""
    return Notice(NoticeKind.OUTSIDE_CHANGE, key, {"text": text}, thread=thread)


def foreign(view: ForeignView, key: str) -> Notice:
    """facts: foreign (a `ForeignView`)."""
    return Notice(NoticeKind.FOREIGN, key, {"foreign": to_plain(view)})


def adopted(trade: Trade, position: Position, text: str) -> Notice:
    """facts: trade, position, text (why it was taken over)."""
    facts = {"trade": to_plain(trade), "position": to_plain(position), "text": text}
    return Notice(NoticeKind.ADOPTED, f"{trade.id}:adopted", facts, thread=trade.id)


def breaker_tripped(event: BreakerEvent, clears: str) -> Notice:
    """facts: name, title, value, threshold, action, clears."""
    facts = {
        "name": event.name,
        "title": title_of(event.name),
        "value": event.value,
        "threshold": event.threshold,
        "action": event.action,
        "clears": clears,
    }
    return Notice(NoticeKind.BREAKER_TRIPPED, f"breaker:{event.name}:{event.created_at.isoformat()}", facts)


def breaker_cleared(name: str, by: str, at: datetime, reason: str = "") -> Notice:
    """facts: name, title, by, reason."""
    facts = {"name": name, "title": title_of(name), "by": by, "reason": reason}
    return Notice(NoticeKind.BREAKER_CLEARED, f"breaker:{name}:clear:{at.isoformat()}", facts)


def ai_degraded(key: str, silent: Sequence[str], answered: int) -> Notice:
    """facts: silent (adviser: why), answered."""
    return Notice(NoticeKind.AI_DEGRADED, key, {"silent": list(silent), "answered": answered})


def summary(key: str, period: str, performance: Performance, equity: Decimal | None) -> Notice:
    """facts: period, performance, equity."""
    facts = {
        "period": period,
        "performance": to_plain(performance),
        "equity": None if equity is None else format(equity, "f"),
    }
    return Notice(NoticeKind.SUMMARY, key, facts)
