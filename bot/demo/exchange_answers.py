"""The venue's public answers, from a market: what each path asks for, its weight and its rows.

Each function takes the question and returns JSON text. Shapes, error codes and weights follow the public
documentation of Binance's USD-M futures; numbers that the venue sends as strings are strings here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bot.demo.exchange_klines import INTERVALS, TRADE_USDT, index_klines, klines, mark_klines
from bot.demo.exchange_question import Question, Refused
from bot.demo.instruments import Instrument
from bot.demo.market import FUNDING_MS, Market, scaled
from bot.demo.market_series import HOUR_MS, SECOND_MS, Ints

Row = dict[str, Any]

WEIGHT_LIMIT: Final = 2_400  # per minute and address
_PERIODS: Final = {
    **{name: INTERVALS[name] for name in ("5m", "15m", "30m", "1h", "4h", "1d")},
    "2h": 2 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "12h": 12 * HOUR_MS,
}
_DEPTHS: Final = (5, 10, 20, 50, 100, 500, 1_000)
_FOREVER_MS: Final = 4_133_404_800_000  # the delivery date of a perpetual
_LISTED_MS: Final = 1_569_398_400_000
_ORDER_TYPES: Final = (
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`weight` may depend on the parameters, before they are checked."""

    answer: Callable[[Question], str]
    weight: Callable[[Mapping[str, str]], int]


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _one_or_all(question: Question, row: Callable[[Question, str], Row]) -> str:
    rows = [row(question, symbol) for symbol in question.symbols()]
    return _dumped(rows[0] if question.params.get("symbol") else rows)


def ping(question: Question) -> str:
    return "{}"


def server_time(question: Question) -> str:
    return _dumped({"serverTime": question.now_ms})


def system_status(question: Question) -> str:
    return _dumped({"status": 0, "msg": "normal"})


def exchange_info(question: Question) -> str:
    most = question.weight_limit
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": most},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1_200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
    ]
    return _dumped(
        {
            "timezone": "UTC",
            "serverTime": question.now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": limits,
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-100"}],
            "symbols": [_listing(question, each) for each in question.market.instruments.values()],
        }
    )


def _listing(question: Question, each: Instrument) -> Row:
    each = question.faults.changed.get(each.symbol, each)
    return {
        "symbol": each.symbol,
        "pair": each.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _FOREVER_MS,
        "onboardDate": _LISTED_MS,
        "status": "SETTLING" if each.symbol in question.faults.delisted else "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": each.base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": each.price_decimals,
        "quantityPrecision": each.lot_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": _filters(each),
        "orderTypes": list(_ORDER_TYPES),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def _filters(each: Instrument) -> list[Row]:
    tick, lot = f"{scaled(1, each.price_decimals):f}", f"{scaled(1, each.lot_decimals):f}"
    most = str(each.max_quantity)
    prices = {"minPrice": tick, "maxPrice": f"{round(each.price * 100) + 1}", "tickSize": tick}
    shares = {"multiplierUp": "1.0500", "multiplierDown": "0.9500", "multiplierDecimal": "4"}
    return [
        {"filterType": "PRICE_FILTER", **prices},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": most, "stepSize": lot},
        {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": most, "stepSize": lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
        {"filterType": "MIN_NOTIONAL", "notional": str(each.min_notional_usdt)},
        {"filterType": "PERCENT_PRICE", **shares},
    ]


def ticker_day(question: Question) -> str:
    return _one_or_all(question, _day_row)


def _day_row(question: Question, symbol: str) -> Row:
    day = question.market.day(symbol, question.at_ms)
    change = day.last - day.open
    trades = int(float(day.turnover) / TRADE_USDT)
    last_id = question.at_ms // SECOND_MS
    mean = day.turnover / day.volume if day.volume else day.last
    places = question.market.decimals(symbol)[0]
    return {
        "symbol": symbol,
        "priceChange": f"{change:f}",
        "priceChangePercent": f"{100 * change / day.open:.3f}",
        "weightedAvgPrice": f"{mean:.{places + 2}f}",
        "lastPrice": question.faults.shown(symbol, f"{day.last:f}"),
        "lastQty": f"{_traded(question.market, symbol, question.at_ms):f}",
        "openPrice": f"{day.open:f}",
        "highPrice": f"{day.high:f}",
        "lowPrice": f"{day.low:f}",
        "volume": f"{day.volume:f}",
        "quoteVolume": f"{day.turnover:f}",
        "openTime": day.start_ms,
        "closeTime": question.at_ms,
        "firstId": last_id - trades,
        "lastId": last_id,
        "count": trades,
    }


def ticker_price(question: Question) -> str:
    return _one_or_all(question, _price_row)


def _price_row(question: Question, symbol: str) -> Row:
    price = f"{question.market.price(symbol, question.at_ms):f}"
    return {"symbol": symbol, "price": question.faults.shown(symbol, price), "time": question.at_ms}


def ticker_book(question: Question) -> str:
    return _one_or_all(question, _touch_row)


def _touch_row(question: Question, symbol: str) -> Row:
    bids, asks = _sides(question, symbol, 1)
    bid, ask = (bids or [["0", "0"]])[0], asks[0]
    return {
        "symbol": symbol,
        "bidPrice": question.faults.shown(symbol, bid[0]),
        "bidQty": bid[1],
        "askPrice": question.faults.shown(symbol, ask[0]),
        "askQty": ask[1],
        "time": question.at_ms,
        "lastUpdateId": question.at_ms,
    }


def depth(question: Question) -> str:
    symbol = question.symbol()
    limit = question.whole("limit", 500)
    if limit not in _DEPTHS:
        raise Refused(-4021, f"{limit} is not valid depth limit.")
    bids, asks = _sides(question, symbol, limit)
    for side in (bids, asks):
        if side:
            side[0][0] = question.faults.shown(symbol, side[0][0])
    at = question.at_ms
    return _dumped({"lastUpdateId": at, "E": at, "T": at, "bids": bids, "asks": asks})


def _sides(question: Question, symbol: str, levels: int) -> tuple[list[list[str]], list[list[str]]]:
    book = question.market.book(symbol, question.at_ms, levels)
    instrument = question.market.instruments[symbol]

    def written(ticks: Ints, lots: Ints) -> list[list[str]]:
        price, lot = instrument.price_decimals, instrument.lot_decimals
        pairs = zip(ticks.tolist(), lots.tolist(), strict=True)
        return [[f"{scaled(each, price):f}", f"{scaled(size, lot):f}"] for each, size in pairs]

    return written(book.bid_ticks, book.bid_lots), written(book.ask_ticks, book.ask_lots)


def premium_index(question: Question) -> str:
    return _one_or_all(question, _premium_row)


def _premium_row(question: Question, symbol: str) -> Row:
    market, at = question.market, question.at_ms
    mark, index, funding = (
        market.mark_price(symbol, at),
        market.index_price(symbol, at),
        market.funding(symbol, at),
    )
    return {
        "symbol": symbol,
        "markPrice": question.faults.shown(symbol, f"{mark:.8f}"),
        "indexPrice": f"{index:.8f}",
        "estimatedSettlePrice": f"{index:.8f}",
        "lastFundingRate": f"{funding.rate:.8f}",
        "interestRate": "0.00010000",
        "nextFundingTime": funding.next_ms,
        "time": at,
    }


def funding_rates(question: Question) -> str:
    """Oldest first; without startTime the latest ones; without a symbol, of all symbols."""
    limit = question.limit(100, 1_000)
    symbols = question.symbols()
    end = min(question.whole("endTime", question.at_ms), question.at_ms)
    start = question.whole("startTime", end - (limit // len(symbols) + 1) * FUNDING_MS)
    rows = [row for symbol in symbols for row in _settled_rows(question, symbol, start, end)]
    rows.sort(key=lambda row: int(row["fundingTime"]))
    return _dumped(rows[:limit] if "startTime" in question.params else rows[-limit:])


def _settled_rows(question: Question, symbol: str, start: int, end: int) -> list[Row]:
    return [
        {
            "symbol": symbol,
            "fundingTime": each.at_ms,
            "fundingRate": f"{each.rate:.8f}",
            "markPrice": f"{question.market.mark_price(symbol, each.at_ms):.8f}",
        }
        for each in question.market.settlements(symbol, start, end)
    ]


def funding_info(question: Question) -> str:
    return _dumped(
        [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": question.market.funding(symbol, question.at_ms).interval_hours,
                "disclaimer": False,
            }
            for symbol in question.market.symbols()
        ]
    )


def open_interest(question: Question) -> str:
    symbol = question.symbol()
    amount = question.market.open_interest(symbol, question.at_ms)
    return _dumped({"openInterest": f"{amount:f}", "symbol": symbol, "time": question.at_ms})


def open_interest_history(question: Question) -> str:
    symbol = question.symbol()
    period = question.one_of("period", _PERIODS)
    limit = question.limit(30, 500)
    start, end = question.window(period, limit)
    start = max(start, -(-question.market.first_ms(symbol) // period) * period)
    rows = [_interest_row(question, symbol, at) for at in range(start, end + 1, period)]
    return _dumped(rows[:limit])


def _interest_row(question: Question, symbol: str, at_ms: int) -> Row:
    amount = question.market.open_interest(symbol, at_ms)
    worth = amount * question.market.price(symbol, at_ms)
    return {
        "symbol": symbol,
        "sumOpenInterest": f"{amount:.8f}",
        "sumOpenInterestValue": f"{worth:.8f}",
        "timestamp": at_ms,
    }


def aggregate_trades(question: Question) -> str:
    symbol = question.symbol()
    rows = []
    for moment, price, amount, maker in _trades(question, symbol, question.limit(500, 1_000)):
        number = moment // SECOND_MS
        sizes = {"q": amount, "f": number, "l": number, "T": moment, "m": maker}
        rows.append({"a": number, "p": price, **sizes})
    return _dumped(rows)


def trades(question: Question) -> str:
    symbol = question.symbol()
    rows = []
    for moment, price, amount, maker in _trades(question, symbol, question.limit(500, 1_000)):
        money = {"qty": amount, "quoteQty": f"{Decimal(price) * Decimal(amount):.2f}"}
        rows.append(
            {"id": moment // SECOND_MS, "price": price, **money, "time": moment, "isBuyerMaker": maker}
        )
    return _dumped(rows)


def _trades(question: Question, symbol: str, limit: int) -> list[tuple[int, str, str, bool]]:
    """One trade a second (moment, price, amount, is the buyer the maker), oldest first."""
    end = min(question.whole("endTime", question.at_ms), question.at_ms) // SECOND_MS * SECOND_MS
    first = max(question.market.first_ms(symbol), end - (limit - 1) * SECOND_MS)
    if "startTime" in question.params:
        first = max(first, question.whole("startTime", 0) // SECOND_MS * SECOND_MS)
    rows = []
    for moment in range(first, end + 1, SECOND_MS):
        book = question.market.book(symbol, moment, 1)
        price = f"{question.market.price(symbol, moment):f}"
        amount = f"{_traded(question.market, symbol, moment):f}"
        rows.append((moment, price, amount, book.is_buyer_resting))
    return rows


def _traded(market: Market, symbol: str, at_ms: int) -> Decimal:
    """The size of the trade of a second: a part of what rests at the touch, in coin."""
    book = market.book(symbol, at_ms, 1)
    return scaled(max(1, int(book.ask_lots[0]) // 7), market.instruments[symbol].lot_decimals)


def _fixed(weight: int) -> Callable[[Mapping[str, str]], int]:
    return lambda params: weight


def _one_all(one: int, everything: int) -> Callable[[Mapping[str, str]], int]:
    return lambda params: one if params.get("symbol") else everything


def _by_limit(default: int, *steps: tuple[int, int]) -> Callable[[Mapping[str, str]], int]:
    """The weight of the first step (largest limit, weight) that covers the limit asked for."""

    def weight(params: Mapping[str, str]) -> int:
        asked = params.get("limit", "")
        limit = int(asked) if asked.isdigit() and len(asked) < 6 else default
        return next((weight for most, weight in steps if limit <= most), steps[-1][1])

    return weight


_KLINE_WEIGHT: Final = _by_limit(500, (99, 1), (499, 2), (1_000, 5), (1_500, 10))

ENDPOINTS: Final[dict[str, Endpoint]] = {
    "/fapi/v1/ping": Endpoint(ping, _fixed(1)),
    "/fapi/v1/time": Endpoint(server_time, _fixed(1)),
    "/fapi/v1/exchangeInfo": Endpoint(exchange_info, _fixed(1)),
    "/fapi/v1/klines": Endpoint(klines, _KLINE_WEIGHT),
    "/fapi/v1/markPriceKlines": Endpoint(mark_klines, _KLINE_WEIGHT),
    "/fapi/v1/indexPriceKlines": Endpoint(index_klines, _KLINE_WEIGHT),
    "/fapi/v1/ticker/24hr": Endpoint(ticker_day, _one_all(1, 40)),
    "/fapi/v1/ticker/price": Endpoint(ticker_price, _one_all(1, 2)),
    "/fapi/v2/ticker/price": Endpoint(ticker_price, _one_all(1, 2)),
    "/fapi/v1/ticker/bookTicker": Endpoint(ticker_book, _one_all(2, 5)),
    "/fapi/v1/depth": Endpoint(depth, _by_limit(500, (50, 2), (100, 5), (500, 10), (1_000, 20))),
    "/fapi/v1/premiumIndex": Endpoint(premium_index, _one_all(1, 10)),
    "/fapi/v1/fundingRate": Endpoint(funding_rates, _fixed(1)),
    "/fapi/v1/fundingInfo": Endpoint(funding_info, _fixed(1)),
    "/fapi/v1/openInterest": Endpoint(open_interest, _fixed(1)),
    "/futures/data/openInterestHist": Endpoint(open_interest_history, _fixed(1)),
    "/fapi/v1/aggTrades": Endpoint(aggregate_trades, _fixed(20)),
    "/fapi/v1/trades": Endpoint(trades, _fixed(5)),
    "/sapi/v1/system/status": Endpoint(system_status, _fixed(1)),
}
