"""Cards of /orders, /balance and /sync."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Block, Card, bold, card, esc, lines
from bot.cards_numbers import badge, many, moment, price, quantity, usdt
from core.account_views import BalanceView, OrderView, SyncReport
from core.market import coin

MAX_ORDERS = 30
PURPOSES = {
    "stop": "🛡 stop",
    "target": "🎯 target",
    "entry": "entry",
    "exit": "exit",
    "stray": "⚠️ mine, of no open trade",
    "foreign": "not mine",
}


def orders_card(views: Sequence[OrderView], account: str, is_paper: bool) -> Card:
    if not views:
        return card(_title("Open orders", account, is_paper), lines("There is none, of either kind."))
    left_out = len(views) - MAX_ORDERS
    more = lines(f"and {left_out} more") if left_out > 0 else None
    return card(_title("Open orders", account, is_paper), *map(_order, views[:MAX_ORDERS]), more)


def balance_card(view: BalanceView, account: str, is_paper: bool) -> Card:
    counted = None
    if view.cap is not None:
        counted = f"Sizing counts on {usdt(view.sizing)} (cap {usdt(view.cap)}, /golive)"
    return card(
        _title("Balance", account, is_paper),
        lines(
            f"Wallet {usdt(view.wallet)}",
            f"Unrealised {usdt(view.unrealised)}",
            f"Equity <b>{usdt(view.equity)}</b>",
        ),
        lines(f"Bound as margin {usdt(view.margin)}", f"Available {usdt(view.available)}", counted),
        lines(f"As of {moment(view.at)}"),
    )


def sync_card(report: SyncReport) -> Card:
    sign = "✅" if report.is_clean else "⚠️"
    return card(
        lines(f"{sign} {bold('Reconciled')} in {report.took_s:.1f} s"),
        lines(
            f"Agreeing: {_names(report.matched)}",
            f"Over now: {_names(report.gone)}" if report.gone else None,
            f"Not mine: {_names(report.foreign)} (left alone; /positions)" if report.foreign else None,
            *(f"• {bold(coin(symbol))}: {esc(why)}" for symbol, why in report.open_ends),
        ),
        lines(f"{many(report.kept, 'open order')} kept, {report.cancelled} of mine cancelled"),
        lines(f"As of {moment(report.at)}"),
    )


def _title(words: str, account: str, is_paper: bool) -> Block:
    return lines(f"{bold(words)} · {badge(account, is_paper)}")


def _order(view: OrderView) -> Block:
    order = view.order
    asked = order.trigger if order.trigger is not None else order.price
    at = f" at {price(asked)}" if asked is not None else ""
    only = " · reduce-only" if order.reduce_only else ""
    return lines(
        f"{bold(coin(order.symbol))} {esc(order.side.value)} {quantity(order.quantity - order.filled)}{at}",
        f"{PURPOSES[view.purpose]} · {esc(order.kind.value.replace('_', ' '))}{only}",
    )


def _names(symbols: Sequence[str]) -> str:
    return esc(", ".join(map(coin, symbols))) or "nothing is open"
