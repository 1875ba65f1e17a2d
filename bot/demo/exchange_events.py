"""Events of the user data stream, as the venue sends them."""

from __future__ import annotations

from decimal import Decimal

from bot.demo.exchange_records import AlgoRecord, OrderRecord, Row, TradeRecord, money, plain
from core.money import ZERO
from core.sim.book import VenueState


def order_event(order: OrderRecord, execution: str, at_ms: int, trade: TradeRecord | None = None) -> Row:
    """`execution`: NEW, TRADE, CANCELED, EXPIRED, AMENDMENT, CALCULATED."""
    row: Row = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side,
        "o": order.type,
        "f": order.time_in_force,
        "q": plain(order.quantity),
        "p": plain(order.price),
        "ap": plain(order.average),
        "sp": plain(order.trigger),
        "x": execution,
        "X": order.status,
        "i": order.order_id,
        "l": plain(trade.quantity) if trade else "0",
        "z": plain(order.filled),
        "L": plain(trade.price) if trade else "0",
        "T": at_ms,
        "t": trade.trade_id if trade else 0,
        "b": "0",
        "a": "0",
        "m": trade.is_maker if trade else False,
        "R": order.reduce_only,
        "wt": order.working_type,
        "ot": order.original_type or order.type,
        "ps": "BOTH",
        "cp": order.close_position,
        "rp": money(trade.realised) if trade else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
    }
    if trade is not None:
        row |= {"N": "USDT", "n": money(trade.fee)}
    return {"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": row}


def algo_event(algo: AlgoRecord, at_ms: int) -> Row:
    row: Row = {
        "caid": algo.client_id,
        "aid": algo.algo_id,
        "at": "CONDITIONAL",
        "o": algo.type,
        "s": algo.symbol,
        "S": algo.side,
        "ps": "BOTH",
        "f": algo.time_in_force,
        "q": plain(algo.quantity),
        "X": algo.status,
        "ai": str(algo.child.order_id) if algo.child else "",
        "tp": plain(algo.trigger),
        "p": plain(algo.price),
        "V": "EXPIRE_MAKER",
        "wt": algo.working_type,
        "pm": "NONE",
        "cp": algo.close_position,
        "pP": False,
        "R": algo.reduce_only,
        "tt": algo.triggered_ms,
        "gtd": 0,
        "rm": algo.reason,
    }
    if algo.child is not None:
        row |= {"ap": plain(algo.child.average), "aq": plain(algo.child.filled), "act": algo.child.type}
    return {"e": "ALGO_UPDATE", "E": at_ms, "T": at_ms, "o": row}


def account_event(
    state: VenueState, reason: str, symbol: str, change: Decimal, margin_type: str, at_ms: int
) -> Row:
    """`reason`: ORDER, FUNDING_FEE, DEPOSIT, MARGIN_TRANSFER ...; `change` is what neither profit nor fee is.

    `symbol` empty: no position is told.
    """
    balance = {
        "a": "USDT",
        "wb": money(state.wallet),
        "cw": money(state.available),
        "bc": money(change),
    }
    positions = [_position(state, symbol, margin_type)] if symbol else []
    told = {"m": reason, "B": [balance], "P": positions}
    return {"e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms, "a": told}


def _position(state: VenueState, symbol: str, margin_type: str) -> Row:
    held = state.holdings.get(symbol)
    return {
        "s": symbol,
        "pa": plain(held.quantity * held.side.sign) if held else "0",
        "ep": money(held.entry) if held else "0",
        "bep": money(held.entry) if held else "0",
        "cr": money(state.realised),
        "up": money(held.unrealised(state.marks[symbol])) if held else money(ZERO),
        "mt": "isolated" if margin_type == "ISOLATED" else "cross",
        "iw": money(held.margin) if held else "0",
        "ps": "BOTH",
        "ma": "USDT",
    }
