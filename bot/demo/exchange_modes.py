"""Settings of the account that a client may change: leverage, margin type, position mode, asset mode."""

from __future__ import annotations

from dataclasses import replace

from bot.demo.exchange_asked import Asked, malformed
from bot.demo.exchange_question import Refused
from bot.demo.exchange_records import Row, plain
from bot.demo.exchange_rules import largest_notional

SUCCESS = {"code": 200, "msg": "success"}


def set_leverage(asked: Asked) -> Row:
    account, symbol = asked.account, asked.symbol()
    account.advance()
    leverage, rules = asked.whole("leverage", 0), account.rules(symbol)
    if not 1 <= leverage <= rules.tiers[0].max_leverage:
        raise Refused(-4028, f"Leverage {leverage} is not valid")
    state, held = account.state, account.state.holdings.get(symbol)
    if held is not None and leverage < held.leverage:
        text = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
        raise Refused(-4161, text)
    most = largest_notional(rules, leverage)
    if held is not None and held.cost > most:
        raise Refused(-2027, "Exceeded the maximum allowable position at current leverage.")
    holdings = dict(state.holdings)
    if held is not None:
        holdings[symbol] = replace(held, leverage=leverage)
    account.state = replace(state, holdings=holdings, leverages={**state.leverages, symbol: leverage})
    return {"symbol": symbol, "leverage": leverage, "maxNotionalValue": plain(most)}


def set_margin_type(asked: Asked) -> Row:
    account, symbol, wanted = asked.account, asked.symbol(), asked.text("marginType")
    account.advance()
    if wanted not in ("ISOLATED", "CROSSED"):
        raise malformed("marginType")
    if wanted == "ISOLATED" and account.is_multi_assets:
        raise Refused(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")
    if account.margin_types[symbol] == wanted:
        raise Refused(-4046, "No need to change margin type.")
    if symbol in account.state.holdings:
        raise Refused(-4048, "Margin type cannot be changed if there exists position.")
    if account.open_orders(symbol) or account.open_algos(symbol):
        raise Refused(-4047, "Margin type cannot be changed if there exists open orders.")
    account.margin_types[symbol] = wanted
    return SUCCESS


def position_mode(asked: Asked) -> Row:
    return {"dualSidePosition": asked.account.is_hedged}


def set_position_mode(asked: Asked) -> Row:
    account = asked.account
    asked.text("dualSidePosition")
    wanted = asked.flag("dualSidePosition")
    account.advance()
    if account.is_hedged == wanted:
        raise Refused(-4059, "No need to change position side.")
    if account.open_orders() or account.open_algos():
        raise Refused(-4067, "Position side cannot be changed if there exists open orders.")
    if account.state.holdings:
        raise Refused(-4068, "Position side cannot be changed if there exists position.")
    account.is_hedged = wanted
    return SUCCESS


def asset_mode(asked: Asked) -> Row:
    return {"multiAssetsMargin": asked.account.is_multi_assets}


def set_asset_mode(asked: Asked) -> Row:
    account = asked.account
    asked.text("multiAssetsMargin")
    wanted = asked.flag("multiAssetsMargin")
    account.advance()
    if account.is_multi_assets == wanted:
        text = "Adjusted asset mode is currently set and does not need to be adjusted repeatedly."
        raise Refused(-4171, text)
    if account.open_orders() or account.open_algos():
        raise Refused(-4170, "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.")
    if wanted and "ISOLATED" in account.margin_types.values():
        text = (
            "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode."
        )
        raise Refused(-4167, text)
    account.is_multi_assets = wanted
    return SUCCESS


def change_margin(asked: Asked) -> Row:
    """Isolated margin added (type 1) or taken back (type 2)."""
    account, symbol, amount = asked.account, asked.symbol(), asked.needed("amount")
    account.advance()
    kind, held = asked.whole("type", 0), account.state.holdings.get(symbol)
    if kind not in (1, 2):
        raise malformed("type")
    if amount <= 0:
        raise Refused(-4055, "Amount must be positive.")
    if account.margin_types[symbol] != "ISOLATED":
        raise Refused(-4049, "Add margin only support for isolated position.")
    if held is None:
        raise Refused(-4054, "Cannot add position margin: position is 0.")
    change = amount if kind == 1 else -amount
    if change > account.state.available:
        raise Refused(-4050, "Cross balance insufficient.")
    if held.margin + change < held.cost / held.leverage:
        raise Refused(-4051, "Isolated balance insufficient.")
    grown = replace(held, margin=held.margin + change)
    account.state = replace(account.state, holdings={**account.state.holdings, symbol: grown})
    account.changed_ms[symbol] = asked.now_ms
    return {
        "amount": float(amount),
        "code": 200,
        "msg": "Successfully modify position margin.",
        "type": kind,
    }
