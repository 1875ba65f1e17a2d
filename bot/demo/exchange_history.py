"""What an account did: trades and the ledger of its income."""

from __future__ import annotations

from typing import Final

from bot.demo.exchange_asked import Asked
from bot.demo.exchange_orders import WEEK_MS
from bot.demo.exchange_records import IncomeRecord, Row, income_row, trade_row

QUARTER_MS: Final = 90 * 86_400_000


def user_trades(asked: Asked) -> list[Row]:
    """Oldest first; without a start the newest ones, from an id or a start on the first ones."""
    asked.account.advance()
    symbol, limit = asked.symbol(), asked.limit(500, 1_000)
    start, end = asked.times(WEEK_MS, WEEK_MS)
    first, order_id = asked.whole("fromId", 0), asked.whole("orderId", 0)
    rows = [
        trade_row(each)
        for each in asked.account.trades
        if each.symbol == symbol
        and (not order_id or each.order_id == order_id)
        and (each.trade_id >= first if first else start <= each.at_ms <= end)
        and each.at_ms + asked.faults.query_lag_ms <= asked.now_ms
    ]
    return rows[:limit] if first or "startTime" in asked.params else rows[-limit:]


def income(asked: Asked) -> list[Row]:
    """Oldest first, page by page; without times the last seven days."""
    asked.account.advance()
    symbol = asked.symbol() if asked.params.get("symbol") else ""
    kind, limit, page = asked.params.get("incomeType", ""), asked.limit(100, 1_000), asked.whole("page", 0)
    start, end = asked.times(QUARTER_MS, WEEK_MS)

    def is_meant(row: IncomeRecord) -> bool:
        return symbol in ("", row.symbol) and kind in ("", row.kind) and start <= row.at_ms <= end

    rows = [income_row(each) for each in asked.account.ledger.rows if is_meant(each)]
    if page:
        return rows[(page - 1) * limit : page * limit]
    return rows[:limit] if "startTime" in asked.params else rows[-limit:]
