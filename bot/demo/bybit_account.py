"""The account at the demo's Bybit: key, modes, wallet, positions, and what happened on it."""

from __future__ import annotations

from typing import Final

from bot.demo.bybit_orders import page
from bot.demo.bybit_question import WEEK_MS, Row, Told, Wanted
from bot.demo.bybit_rows import execution_rows, ledger_rows
from bot.demo.bybit_unified import STOP_LOSS, TAKE_PROFIT
from bot.demo.exchange_modes import set_leverage as engine_leverage
from bot.demo.exchange_positions import maintenance
from bot.demo.exchange_question import Refused
from bot.demo.exchange_records import money, plain
from core.market import Side
from core.sim.book import VenueState

DAY_MS: Final = 86_400_000
MARGIN_MODES: Final = ("ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN")
HEDGE: Final = 3


def key_facts(wanted: Wanted) -> Row:
    return dict(wanted.unified.key)


def account_info(wanted: Wanted) -> Row:
    return {
        "marginMode": wanted.unified.margin_mode,
        "updatedTime": str(wanted.now_ms),
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 0,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def wallet(wanted: Wanted) -> Row:
    """Under isolated margin nothing is told for the account as a whole: those fields stay empty."""
    if wanted.text("accountType") != "UNIFIED":
        raise Told(10001, "accountType only support UNIFIED.")
    wanted.unified.account.advance()
    state = wanted.faults.seen_balances(wanted.unified.account.state)
    usdt = {
        "coin": "USDT",
        "equity": money(state.equity),
        "walletBalance": money(state.wallet),
        "unrealisedPnl": money(state.unrealised),
        "cumRealisedPnl": money(state.realised - state.fees + state.funded),
        "totalPositionIM": money(state.margin),
        "totalOrderIM": "0",
        "totalPositionMM": "0",
        "locked": "0",
        "borrowAmount": "0",
        "availableToWithdraw": "",
        "marginCollateral": True,
    }
    whole = {
        "totalEquity": money(state.equity),
        "totalWalletBalance": money(state.wallet),
        "totalPerpUPL": money(state.unrealised),
        "totalMarginBalance": "",
        "totalAvailableBalance": "",
        "totalInitialMargin": "",
        "totalMaintenanceMargin": "",
    }
    return {"list": [{"accountType": "UNIFIED", **whole, "coin": [usdt]}]}


def positions(wanted: Wanted) -> Row:
    """By symbol also what is flat, with its leverage; by settlement coin only what is held."""
    wanted.linear()
    if not wanted.has("symbol") and not wanted.has("settleCoin"):
        raise Told(10001, "Missing some parameters that must be filled in, symbol or settleCoin")
    account = wanted.unified.account
    account.advance()
    state = wanted.faults.seen_positions(account.state)
    symbols = (wanted.symbol(),) if wanted.has("symbol") else tuple(sorted(state.holdings))
    indices = (1, 2) if account.is_hedged else (0,)
    rows = [
        _position(wanted, state, symbol) | {"positionIdx": each} for symbol in symbols for each in indices
    ]
    return {"category": "linear", "list": rows[: wanted.limit(20, 200)], "nextPageCursor": ""}


def _position(wanted: Wanted, state: VenueState, symbol: str) -> Row:
    account, held = wanted.unified.account, state.holdings.get(symbol)
    mark = state.marks.get(symbol) or wanted.market.mark_price(symbol, wanted.now_ms)
    row: Row = {
        "symbol": symbol,
        "side": "",
        "size": "0",
        "avgPrice": "0",
        "positionValue": "",
        "tradeMode": 0,
        "leverage": str(state.leverages[symbol]),
        "markPrice": plain(mark),
        "liqPrice": "",
        "bustPrice": "",
        "positionBalance": "0",
        "positionIM": "0",
        "positionMM": "0",
        "unrealisedPnl": "",
        "stopLoss": "",
        "takeProfit": "",
        "positionStatus": "Normal",
        "createdTime": "0",
        "updatedTime": "0",
    }
    if held is None:
        return row
    rules, profit = account.rules(symbol), held.unrealised(mark)
    liquidation, changed = held.liquidation(rules), account.changed_ms.get(symbol, wanted.now_ms)
    return row | {
        "side": "Buy" if held.side is Side.LONG else "Sell",
        "size": plain(held.quantity),
        "avgPrice": money(held.entry),
        "positionValue": money(held.cost),
        "leverage": str(held.leverage),
        "liqPrice": money(liquidation) if liquidation > 0 else "",
        "positionBalance": money(held.margin),
        "positionIM": money(held.margin),
        "positionMM": money(maintenance(rules, held.quantity * mark)),
        "unrealisedPnl": money(profit),
        "stopLoss": _own_price(wanted, symbol, STOP_LOSS),
        "takeProfit": _own_price(wanted, symbol, TAKE_PROFIT),
        "createdTime": str(changed),
        "updatedTime": str(changed),
    }


def _own_price(wanted: Wanted, symbol: str, which: str) -> str:
    found = wanted.unified.special(symbol, which)
    return plain(found.trigger) if found is not None else ""


# ---------------------------------------------------------------- settings


def set_leverage(wanted: Wanted) -> Row:
    wanted.linear()
    symbol, leverage = wanted.symbol(), wanted.text("buyLeverage")
    if leverage != wanted.text("sellLeverage"):
        raise Told(10001, "buy leverage not equal sell leverage")
    account = wanted.unified.account
    if leverage == str(account.leverage(symbol)):
        raise Told(110043, "leverage not modified")
    try:
        engine_leverage(wanted.engine({"symbol": symbol, "leverage": leverage}))
    except Refused as refused:
        raise Told(110013, "cannot set leverage due to risk limit level") from refused
    return {}


def set_margin_mode(wanted: Wanted) -> Row:
    mode, unified = wanted.text("setMarginMode"), wanted.unified
    unified.account.advance()
    if mode not in MARGIN_MODES:
        raise Told(10001, "params error: setMarginMode invalid")
    if mode != unified.margin_mode and not _is_flat(wanted):
        raise Told(3400045, "Set margin mode failed")
    unified.margin_mode = mode
    word = "ISOLATED" if mode == "ISOLATED_MARGIN" else "CROSSED"
    unified.account.margin_types = dict.fromkeys(unified.account.margin_types, word)
    return {"reasons": []}


def switch_isolated(wanted: Wanted) -> Row:
    raise Told(100028, "unified account is forbidden")


def switch_mode(wanted: Wanted) -> Row:
    wanted.linear()
    account = wanted.unified.account
    account.advance()
    is_hedged = wanted.one_of("mode", {"0": False, str(HEDGE): True})
    if is_hedged == account.is_hedged:
        raise Told(110025, "Position mode is not modified")
    if account.state.holdings:
        raise Told(110024, "You have an existing position, so position mode cannot be switched")
    if account.open_orders() or account.open_algos():
        raise Told(110028, "You have existing open orders, so position mode cannot be switched")
    account.is_hedged = is_hedged
    return {}


def _is_flat(wanted: Wanted) -> bool:
    account = wanted.unified.account
    return not (account.state.holdings or account.open_orders() or account.open_algos())


# ---------------------------------------------------------------- what happened


def executions(wanted: Wanted) -> Row:
    wanted.linear()
    wanted.unified.account.advance()
    symbol, start_end = wanted.symbol() if wanted.has("symbol") else "", wanted.times(WEEK_MS)
    start, end = start_end[0], min(start_end[1], wanted.now_ms - wanted.faults.query_lag_ms)
    kind, order = wanted.params.get("execType", ""), wanted.params.get("orderId", "")
    link = wanted.params.get("orderLinkId", "")
    rows = [
        row
        for row in execution_rows(wanted.unified)
        if symbol in ("", row["symbol"])
        and kind in ("", row["execType"])
        and order in ("", row["orderId"])
        and link in ("", row["orderLinkId"])
        and start <= int(row["execTime"]) <= end
    ]
    return page(wanted, rows, (50, 100), "execId")


def transactions(wanted: Wanted) -> Row:
    """Without times the last 24 hours."""
    wanted.unified.account.advance()
    start, end = wanted.times(DAY_MS)
    kind = wanted.params.get("type", "")
    rows = [
        row
        for row in ledger_rows(wanted.unified)
        if kind in ("", row["type"]) and start <= int(row["transactionTime"]) <= end
    ]
    return page(wanted, rows, (20, 50), "id")
