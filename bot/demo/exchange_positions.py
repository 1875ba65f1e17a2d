"""What an account holds: positions, balances, brackets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.demo.exchange_asked import Asked
from bot.demo.exchange_records import Row, money, plain
from bot.demo.exchange_rules import MAKER_FEE, TAKER_FEE, bracket_rows, largest_notional
from core.market import Instrument
from core.money import ZERO
from core.sim.book import Holding, VenueState


def _balances(asked: Asked) -> VenueState:
    """The present state, or what a fault shows in its place."""
    asked.account.advance()
    return asked.faults.seen_balances(asked.account.state)


def position_risk(asked: Asked) -> list[Row]:
    """Only symbols with a position or an open order, as version 3 of the endpoint does."""
    account = asked.account
    account.advance()
    state = asked.faults.seen_positions(account.state)
    symbols = set(state.holdings)
    symbols |= {each.symbol for each in account.open_orders()}
    if asked.params.get("symbol"):
        symbols &= {asked.symbol()}
    return [_risk_row(asked, state, symbol) for symbol in sorted(symbols)]


def _risk_row(asked: Asked, state: VenueState, symbol: str) -> Row:
    held = state.holdings.get(symbol)
    now_mark = asked.market.mark_price(symbol, asked.now_ms)
    row: Row = {
        "symbol": symbol,
        "positionSide": "BOTH",
        "positionAmt": "0",
        "entryPrice": "0.0",
        "breakEvenPrice": "0.0",
        "markPrice": f"{state.marks.get(symbol, now_mark):.8f}",
        "unRealizedProfit": "0.00000000",
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": "0",
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": "0",
        "maintMargin": "0",
        "positionInitialMargin": "0",
        "openOrderInitialMargin": "0",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": 0,
    }
    return row if held is None else row | _held(asked, state, symbol, held)


def _held(asked: Asked, state: VenueState, symbol: str, held: Holding) -> Row:
    rules = asked.account.rules(symbol)
    mark = state.marks[symbol]
    profit, notional = held.unrealised(mark), held.quantity * mark
    is_isolated = asked.account.margin_types[symbol] == "ISOLATED"
    initial = money(notional / held.leverage)
    fees = held.cost * TAKER_FEE / held.quantity * held.side.sign
    return {
        "positionAmt": plain(held.quantity * held.side.sign),
        "entryPrice": plain(_priced(held.entry)),
        "breakEvenPrice": plain(_priced(held.entry + fees)),
        "unRealizedProfit": money(profit),
        "liquidationPrice": plain(_priced(held.liquidation(rules))),
        "isolatedMargin": money(held.margin + profit) if is_isolated else "0",
        "notional": money(notional * held.side.sign),
        "isolatedWallet": money(held.margin) if is_isolated else "0",
        "initialMargin": initial,
        "maintMargin": money(maintenance(rules, notional)),
        "positionInitialMargin": initial,
        "adl": 1,
        "updateTime": asked.account.changed_ms[symbol],
    }


def _priced(price: Decimal) -> Decimal:
    """Prices that are no tick (entries, liquidations) have the venue's eight decimals at most."""
    return Decimal(money(price)).normalize()


def maintenance(rules: Instrument, notional: Decimal) -> Decimal:
    tier = rules.tier_for(notional)
    return notional * tier.maintenance_rate - tier.maintenance_deduction


def account(asked: Asked) -> Row:
    state = _balances(asked)
    rows = [_account_row(asked, state, symbol) for symbol in sorted(state.holdings)]
    initial, maintained = _total(rows, "initialMargin"), _total(rows, "maintMargin")
    free = money(max(state.available, ZERO))
    asset = {
        "walletBalance": money(state.wallet),
        "unrealizedProfit": money(state.unrealised),
        "marginBalance": money(state.equity),
        "maintMargin": maintained,
        "initialMargin": initial,
        "positionInitialMargin": initial,
        "openOrderInitialMargin": "0.00000000",
        "crossWalletBalance": money(state.available),
        "crossUnPnl": "0.00000000",
        "availableBalance": free,
        "maxWithdrawAmount": free,
    }
    return {
        "totalInitialMargin": initial,
        "totalMaintMargin": maintained,
        "totalWalletBalance": asset["walletBalance"],
        "totalUnrealizedProfit": asset["unrealizedProfit"],
        "totalMarginBalance": asset["marginBalance"],
        "totalPositionInitialMargin": initial,
        "totalOpenOrderInitialMargin": "0.00000000",
        "totalCrossWalletBalance": asset["crossWalletBalance"],
        "totalCrossUnPnl": "0.00000000",
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "assets": [{"asset": "USDT", **asset, "marginAvailable": True, "updateTime": asked.now_ms}],
        "positions": rows,
    }


def _account_row(asked: Asked, state: VenueState, symbol: str) -> Row:
    risk = _risk_row(asked, state, symbol)
    names = ("symbol", "positionSide", "positionAmt", "isolatedMargin", "notional", "isolatedWallet")
    kept = {name: risk[name] for name in (*names, "initialMargin", "maintMargin", "updateTime")}
    return kept | {"unrealizedProfit": risk["unRealizedProfit"]}


def _total(rows: list[Row], name: str) -> str:
    return money(sum((Decimal(row[name]) for row in rows), ZERO))


def balance(asked: Asked) -> list[Row]:
    state = _balances(asked)
    free = money(max(state.available, ZERO))
    return [
        {
            "accountAlias": "demo",
            "asset": "USDT",
            "balance": money(state.wallet),
            "crossWalletBalance": money(state.available),
            "crossUnPnl": "0.00000000",
            "availableBalance": free,
            "maxWithdrawAmount": free,
            "marginAvailable": True,
            "updateTime": asked.now_ms,
        }
    ]


def leverage_brackets(asked: Asked) -> list[Row]:
    return [bracket_rows(asked.account.listed(symbol)) for symbol in asked.symbols()]


def symbol_config(asked: Asked) -> list[Row]:
    account = asked.account
    return [
        {
            "symbol": symbol,
            "marginType": account.margin_types[symbol],
            "isAutoAddMargin": False,
            "leverage": account.leverage(symbol),
            "maxNotionalValue": plain(largest_notional(account.rules(symbol), account.leverage(symbol))),
        }
        for symbol in asked.symbols()
    ]


def account_config(asked: Asked) -> Row:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": asked.account.is_hedged,
        "updateTime": 0,
        "multiAssetsMargin": asked.account.is_multi_assets,
        "tradeGroupId": -1,
    }


def commission_rate(asked: Asked) -> Row:
    return {
        "symbol": asked.symbol(),
        "makerCommissionRate": plain(MAKER_FEE),
        "takerCommissionRate": plain(TAKER_FEE),
        "rpiCommissionRate": plain(MAKER_FEE),
    }


def api_restrictions(asked: Asked) -> Row:
    created: dict[str, Any] = {"createTime": asked.now_ms - 86_400_000}
    return created | asked.account.permissions
