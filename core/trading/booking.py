"""From the venue's own fills to one row of history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext

from core.money import ZERO
from core.trade import (
    ClosedTrade,
    ExitReason,
    Fill,
    FundingPayment,
    Intention,
    Purpose,
    StopBy,
    Trade,
)
from core.trading.ids import client_id, is_ours

STOPPED_BY = {StopBy.BREAK_EVEN: ExitReason.BREAK_EVEN, StopBy.TRAILING: ExitReason.TRAILING}
"""What a filled stop is called; any other is the stop."""


def opening_fills(trade: Trade) -> tuple[Fill, ...]:
    """What stands for the entry of an adopted trade; nothing for any other.

    Without a fee: what was paid before is not this trade's.
    """
    opening = trade.opening
    if opening is None:
        return ()
    return (
        Fill(
            id=f"opening-{trade.id}",
            client_id=client_id(trade.account, trade.id, Purpose.ENTRY, 0),
            symbol=trade.symbol,
            side=trade.entry_side,
            quantity=opening.quantity,
            price=opening.entry,
            fee=ZERO,
            at=opening.at,
        ),
    )


def closed_trade(
    trade: Trade, fills: Sequence[Fill], funding: Sequence[FundingPayment], intents: Sequence[Intention]
) -> ClosedTrade:
    """Raises `ValueError` when the fills do not add up to a closed position.

    What left beyond what had entered is another position, somebody else's, and not counted here.
    """
    entries = [fill for fill in fills if fill.side is trade.entry_side]
    entered = _quantity(entries)
    exits = _first(entered, [fill for fill in fills if fill.side is trade.exit_side])
    left = _quantity(exits)
    if not entered or entered != left:
        raise ValueError(f"fills of {trade.id} entered {entered} and left {left}")
    gross = (_notional(exits) - _notional(entries)) * trade.side.sign
    fees = sum((fill.fee for fill in (*entries, *exits)), ZERO)
    paid = sum((payment.amount for payment in funding), ZERO)
    net = gross - fees + paid
    with localcontext() as context:
        context.prec = 34
        entry_price, exit_price = _notional(entries) / entered, _notional(exits) / left
        r_multiple = net / trade.risk_usd if trade.risk_usd > 0 else ZERO
    best, worst = _excursions(trade, entry_price, exit_price, entered)
    return ClosedTrade(
        id=trade.id,
        account=trade.account,
        symbol=trade.symbol,
        side=trade.side,
        leverage=trade.leverage,
        quantity=entered,
        entry_price=entry_price,
        exit_price=exit_price,
        gross_pnl=gross,
        fees=fees,
        funding=paid,
        net_pnl=net,
        risk_usd=trade.risk_usd,
        r_multiple=r_multiple,
        exit_reason=exit_reason(trade, exits, intents),
        opened_at=min(fill.at for fill in entries),
        closed_at=max(fill.at for fill in exits),
        origin=trade.origin,
        decision_id=trade.decision_id,
        score=trade.score,
        regime=trade.regime,
        mfe=best,
        mae=worst,
        advisers=trade.advisers,
    )


def exit_reason(trade: Trade, exits: Sequence[Fill], intents: Sequence[Intention]) -> ExitReason:
    """What the last exit fill belongs to, whatever we may have wanted meanwhile."""
    last = max(exits, key=lambda fill: (fill.at, fill.id))
    if last.is_liquidation:
        return ExitReason.LIQUIDATED
    by_id = {intention.request.client_id: intention for intention in intents}
    intention = by_id.get(last.client_id)
    match intention.purpose if intention is not None else None:
        case Purpose.STOP:
            return _stop_reason(trade, intention)
        case Purpose.TARGET:
            return ExitReason.TARGET
        case Purpose.EXIT:
            return trade.exit_reason or ExitReason.OWNER
        case _:
            return _old_order_reason(trade, last) if is_ours(last.client_id) else ExitReason.OUTSIDE


def _old_order_reason(trade: Trade, last: Fill) -> ExitReason:
    """Of an order of ours that was sent before the trade was adopted: its purpose is in no journal."""
    gained = (last.price - trade.entry_reference) * trade.side.sign > 0
    protected_a_gain = (trade.stop - trade.entry_reference) * trade.side.sign > 0
    return ExitReason.TARGET if gained and not protected_a_gain else ExitReason.STOP


def _stop_reason(trade: Trade, stop: Intention | None) -> ExitReason:
    """By whoever put the stop there; one that filled where the plan had it was not moved in time."""
    was_moved = stop is not None and stop.request.trigger != trade.planned_stop
    return STOPPED_BY.get(trade.stop_by, ExitReason.STOP) if was_moved else ExitReason.STOP


def funding_of(
    payments: Iterable[FundingPayment], opened_at: datetime, closed_at: datetime
) -> tuple[FundingPayment, ...]:
    """Payments while the position was held."""
    return tuple(p for p in payments if opened_at <= p.at <= closed_at)


def _quantity(fills: Iterable[Fill]) -> Decimal:
    return sum((fill.quantity for fill in fills), ZERO)


def _notional(fills: Iterable[Fill]) -> Decimal:
    return sum((fill.quantity * fill.price for fill in fills), ZERO)


def _first(quantity: Decimal, exits: Iterable[Fill]) -> list[Fill]:
    """The exits, oldest first, until `quantity` has left; the fill that goes beyond it counts in part."""
    counted = []
    for fill in sorted(exits, key=lambda fill: (fill.at, fill.id)):
        taken = min(fill.quantity, quantity)
        if taken <= 0:
            break
        fee = fill.fee if taken == fill.quantity else fill.fee * taken / fill.quantity
        counted.append(replace(fill, quantity=taken, fee=fee))
        quantity -= taken
    return counted


def _excursions(
    trade: Trade, entry: Decimal, leaving: Decimal, quantity: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    """None when the price was never looked at while the trade was open."""
    if trade.best_mark is None or trade.worst_mark is None:
        return None, None
    moves = [(price - entry) * trade.side.sign for price in (trade.best_mark, trade.worst_mark, leaving)]
    return max(*moves, ZERO) * quantity, min(*moves, ZERO) * quantity
