"""The public answers of the demo's Bybit: `result` of each path. Prices are text, lists are newest first."""

from __future__ import annotations

from typing import Any, Final

from bot.demo.bybit_question import Row, Told, Wanted
from bot.demo.exchange_rules import rules_of
from bot.demo.market import FUNDING_MS, scaled
from bot.demo.market_series import DAY_MS, HOUR_MS, MINUTE_MS, Ints

INTERVALS: Final = {
    "1": MINUTE_MS, "5": 5 * MINUTE_MS, "15": 15 * MINUTE_MS, "30": 30 * MINUTE_MS, "60": HOUR_MS,
    "240": 4 * HOUR_MS, "D": DAY_MS,
}  # fmt: skip
PERIODS: Final = {
    "5min": 5 * MINUTE_MS, "15min": 15 * MINUTE_MS, "30min": 30 * MINUTE_MS, "1h": HOUR_MS,
    "4h": 4 * HOUR_MS, "1d": DAY_MS,
}  # fmt: skip
NAMES: Final = {
    "1m": MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "30m": 30 * MINUTE_MS, "1h": HOUR_MS,
    "4h": 4 * HOUR_MS, "1d": DAY_MS,
}  # fmt: skip
"""How the switches call an interval."""


def server_time(wanted: Wanted) -> Row:
    told = wanted.now_ms + wanted.faults.clock_skew_ms
    return {"timeSecond": str(told // 1000), "timeNano": f"{told}000000"}


def instruments(wanted: Wanted) -> Row:
    """One page; nothing is listed before its launch."""
    wanted.linear()
    rows = [_listing(wanted, symbol) for symbol in wanted.symbols()]
    if wanted.has("status"):
        rows = [row for row in rows if row["status"] == wanted.text("status")]
    return {"category": "linear", "list": rows, "nextPageCursor": ""}


def _listing(wanted: Wanted, symbol: str) -> Row:
    each = wanted.unified.account.listed(symbol)
    tick, lot = f"{scaled(1, each.price_decimals):f}", f"{scaled(1, each.lot_decimals):f}"
    most = str(each.max_quantity)
    return {
        "symbol": symbol,
        "contractType": "LinearPerpetual",
        "status": "Delivering" if symbol in wanted.faults.delisted else "Trading",
        "baseCoin": each.base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(each.price_decimals),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{each.brackets[0].leverage}.00",
            "leverageStep": "0.01",
        },
        "priceFilter": {"minPrice": tick, "maxPrice": f"{round(each.price * 100)}", "tickSize": tick},
        "lotSizeFilter": {
            "maxOrderQty": most,
            "minOrderQty": lot,
            "qtyStep": lot,
            "postOnlyMaxOrderQty": most,
            "maxMktOrderQty": most,
            "minNotionalValue": str(each.min_notional_usdt),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 60 * wanted.market.funding(symbol, wanted.at_ms).interval_hours,
        "isPreListing": False,
    }


def tickers(wanted: Wanted) -> Row:
    wanted.linear()
    return {"category": "linear", "list": [_ticker(wanted, symbol) for symbol in wanted.symbols()]}


def _ticker(wanted: Wanted, symbol: str) -> Row:
    market, at, shown = wanted.market, wanted.at_ms, wanted.faults.shown
    day, funding, interest = (
        market.day(symbol, at),
        market.funding(symbol, at),
        market.open_interest(symbol, at),
    )
    bids, asks = _sides(wanted, symbol, 1)
    bid, ask = (bids or [["0", "0"]])[0], asks[0]
    return {
        "symbol": symbol,
        "lastPrice": shown(symbol, f"{day.last:f}"),
        "indexPrice": f"{market.index_price(symbol, at):f}",
        "markPrice": shown(symbol, f"{market.mark_price(symbol, at):f}"),
        "prevPrice24h": f"{day.open:f}",
        "price24hPcnt": f"{(day.last - day.open) / day.open:.6f}",
        "highPrice24h": f"{day.high:f}",
        "lowPrice24h": f"{day.low:f}",
        "prevPrice1h": f"{day.open:f}",
        "openInterest": f"{interest:f}",
        "openInterestValue": f"{interest * day.last:.2f}",
        "turnover24h": f"{day.turnover:f}",
        "volume24h": f"{day.volume:f}",
        "fundingRate": f"{funding.rate:.8f}",
        "nextFundingTime": str(funding.next_ms),
        "bid1Price": shown(symbol, bid[0]),
        "bid1Size": bid[1],
        "ask1Price": shown(symbol, ask[0]),
        "ask1Size": ask[1],
    }


def _sides(wanted: Wanted, symbol: str, levels: int) -> tuple[list[list[str]], list[list[str]]]:
    book, listed = wanted.market.book(symbol, wanted.at_ms, levels), wanted.market.instruments[symbol]

    def written(ticks: Ints, lots: Ints) -> list[list[str]]:
        pairs = zip(ticks.tolist(), lots.tolist(), strict=True)
        return [
            [f"{scaled(each, listed.price_decimals):f}", f"{scaled(size, listed.lot_decimals):f}"]
            for each, size in pairs
        ]

    return written(book.bid_ticks, book.bid_lots), written(book.ask_ticks, book.ask_lots)


def order_book(wanted: Wanted) -> Row:
    wanted.linear()
    symbol = wanted.symbol()
    bids, asks = _sides(wanted, symbol, wanted.limit(25, 500))
    at = wanted.at_ms
    return {"s": symbol, "b": bids, "a": asks, "ts": at, "u": at, "seq": at, "cts": at}


def candles(wanted: Wanted) -> Row:
    wanted.linear()
    symbol, step = wanted.symbol(), wanted.one_of("interval", INTERVALS)
    limit = wanted.limit(200, 1_000)
    end = min(wanted.whole("end", wanted.at_ms), wanted.at_ms)
    first = end // step * step - (limit - 1) * step
    if wanted.has("start"):
        first = max(first, -(-wanted.whole("start", 0) // step) * step)
    else:
        first = max(first, wanted.market.first_ms(symbol))
    rows = _candle_rows(wanted, symbol, step, (first, end))
    return {"category": "linear", "symbol": symbol, "list": rows[::-1]}


def _candle_rows(wanted: Wanted, symbol: str, step: int, span: tuple[int, int]) -> list[list[str]]:
    bars = wanted.market.candles(symbol, step, *span, wanted.at_ms, "last")
    tick, lot = wanted.market.decimals(symbol, "last")
    prices = [(column / 10.0**tick).tolist() for column in (bars.open, bars.high, bars.low, bars.close)]
    columns = zip(
        bars.start_ms.tolist(), *prices, (bars.volume / 10.0**lot).tolist(),
        (bars.turnover * 10.0 ** -(tick + lot)).tolist(), strict=True,
    )  # fmt: skip
    rows = [
        [str(at), *(f"{price:.{tick}f}" for price in four), f"{volume:.{lot}f}", f"{turnover:.5f}"]
        for at, *four, volume, turnover in columns
    ]
    name = next(name for name, length in NAMES.items() if length == step)
    lost = wanted.faults.lost_candles(symbol, name)
    if rows and int(rows[-1][0]) + step > wanted.at_ms:
        rows[-1][4] = wanted.faults.shown(symbol, rows[-1][4])
    return [row for row in rows if int(row[0]) not in lost]


def funding_history(wanted: Wanted) -> Row:
    wanted.linear()
    symbol, limit = wanted.symbol(), wanted.limit(200, 200)
    if wanted.has("startTime") and not wanted.has("endTime"):
        raise Told(10001, "params error: Passing only startTime returns an error")
    end = min(wanted.whole("endTime", wanted.at_ms), wanted.at_ms)
    start = wanted.whole("startTime", end - limit * FUNDING_MS)
    rows: list[Row] = [
        {"symbol": symbol, "fundingRate": f"{each.rate:.8f}", "fundingRateTimestamp": str(each.at_ms)}
        for each in wanted.market.settlements(symbol, start, end)
    ]
    return {"category": "linear", "list": rows[::-1][:limit]}


def open_interest(wanted: Wanted) -> Row:
    wanted.linear()
    symbol, step = wanted.symbol(), wanted.one_of("intervalTime", PERIODS)
    newest, limit = wanted.at_ms // step * step, wanted.limit(50, 200)
    first = -(-wanted.market.first_ms(symbol) // step) * step
    rows = [
        {"openInterest": f"{wanted.market.open_interest(symbol, at):f}", "timestamp": str(at)}
        for at in range(newest, max(first, newest - limit * step), -step)
    ]
    return {"symbol": symbol, "category": "linear", "list": rows, "nextPageCursor": ""}


def risk_limit(wanted: Wanted) -> Row:
    wanted.linear()
    rows: list[dict[str, Any]] = []
    for symbol in wanted.symbols():
        rules = rules_of(wanted.unified.account.listed(symbol))
        for number, tier in enumerate(rules.tiers, start=1):
            rows.append(
                {
                    "id": number,
                    "symbol": symbol,
                    "riskLimitValue": f"{tier.cap:f}",
                    "maintenanceMargin": f"{tier.maintenance_rate:f}",
                    "initialMargin": f"{1 / tier.max_leverage:.6f}",
                    "isLowestRisk": int(number == 1),
                    "maxLeverage": f"{tier.max_leverage}.00",
                    "mmDeduction": f"{tier.maintenance_deduction:f}",
                }
            )
    return {"category": "linear", "list": rows, "nextPageCursor": ""}
