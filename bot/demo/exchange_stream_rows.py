"""What the market streams send: the public answers in the streams' own words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from bot.demo.exchange_answers import ENDPOINTS
from bot.demo.exchange_question import Question, Refused
from bot.demo.exchange_records import Row

USUAL_S: Final = 1.0
SLOW_MARK_S: Final = 3.0
BOOK_S: Final = 0.5


def stream_row(question: Question, name: str) -> tuple[Any, float]:
    """The present message of a stream and the seconds to the next; raises `Refused` for an unknown name."""
    if name in ("!markPrice@arr@1s", "!markPrice@arr"):
        rows = [_mark(question, symbol) for symbol in question.market.symbols()]
        return rows, USUAL_S if name.endswith("@1s") else SLOW_MARK_S
    coin, _, kind = name.partition("@")
    symbol = coin.upper()
    if symbol not in question.market.instruments or coin != coin.lower():
        raise Refused(-1121, "invalid stream")
    if kind in ("markPrice", "markPrice@1s"):
        return _mark(question, symbol), USUAL_S if kind.endswith("@1s") else SLOW_MARK_S
    if kind == "bookTicker":
        return _touch(question, symbol), BOOK_S
    if kind in ("miniTicker", "ticker"):
        return _day(question, symbol, kind), USUAL_S
    if kind.startswith("kline_"):
        return _bar(question, symbol, kind.removeprefix("kline_")), USUAL_S
    if kind in ("trade", "aggTrade"):
        return _trade(question, symbol, kind), USUAL_S
    raise Refused(-1121, "invalid stream")


def _answer(question: Question, path: str, **params: str) -> Any:
    return json.loads(ENDPOINTS[path].answer(replace(question, params=params)))


def _mark(question: Question, symbol: str) -> Row:
    row = _answer(question, "/fapi/v1/premiumIndex", symbol=symbol)
    return {
        "e": "markPriceUpdate",
        "E": question.at_ms,
        "s": symbol,
        "p": row["markPrice"],
        "i": row["indexPrice"],
        "P": row["estimatedSettlePrice"],
        "r": row["lastFundingRate"],
        "T": row["nextFundingTime"],
    }


def _touch(question: Question, symbol: str) -> Row:
    row = _answer(question, "/fapi/v1/ticker/bookTicker", symbol=symbol)
    return {
        "e": "bookTicker",
        "u": row["lastUpdateId"],
        "E": question.at_ms,
        "T": question.at_ms,
        "s": symbol,
        "b": row["bidPrice"],
        "B": row["bidQty"],
        "a": row["askPrice"],
        "A": row["askQty"],
    }


def _day(question: Question, symbol: str, kind: str) -> Row:
    row = _answer(question, "/fapi/v1/ticker/24hr", symbol=symbol)
    told: Row = {
        "e": "24hrMiniTicker" if kind == "miniTicker" else "24hrTicker",
        "E": question.at_ms,
        "s": symbol,
        "c": row["lastPrice"],
        "o": row["openPrice"],
        "h": row["highPrice"],
        "l": row["lowPrice"],
        "v": row["volume"],
        "q": row["quoteVolume"],
    }
    if kind == "ticker":
        told |= {"p": row["priceChange"], "P": row["priceChangePercent"], "w": row["weightedAvgPrice"]}
        told |= {"Q": row["lastQty"], "O": row["openTime"], "C": row["closeTime"]}
        told |= {"F": row["firstId"], "L": row["lastId"], "n": row["count"]}
    return told


def _bar(question: Question, symbol: str, interval: str) -> Row:
    row = _answer(question, "/fapi/v1/klines", symbol=symbol, interval=interval, limit="1")[-1]
    bar = {
        "t": row[0],
        "T": row[6],
        "s": symbol,
        "i": interval,
        "o": row[1],
        "c": row[4],
        "h": row[2],
        "l": row[3],
        "v": row[5],
        "n": row[8],
        "x": question.at_ms >= row[6],
        "q": row[7],
        "V": row[9],
        "Q": row[10],
    }
    return {"e": "kline", "E": question.at_ms, "s": symbol, "k": bar}


def _trade(question: Question, symbol: str, kind: str) -> Row:
    if kind == "aggTrade":
        row = _answer(question, "/fapi/v1/aggTrades", symbol=symbol, limit="1")[-1]
        return {"e": "aggTrade", "E": question.at_ms, "s": symbol, **row}
    row = _answer(question, "/fapi/v1/trades", symbol=symbol, limit="1")[-1]
    return {
        "e": "trade",
        "E": question.at_ms,
        "T": row["time"],
        "s": symbol,
        "t": row["id"],
        "p": row["price"],
        "q": row["qty"],
        "X": "MARKET",
        "m": row["isBuyerMaker"],
    }
