"""The venue's candles: twelve columns a row, the last row unfinished."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

from bot.demo.exchange_question import Question
from bot.demo.market import Kind
from bot.demo.market_series import DAY_MS, HOUR_MS, MINUTE_MS, Bars

TRADE_USDT: Final = 900.0  # the mean size of a trade, from which trades are counted
INTERVALS: Final = {
    "1m": MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "4h": 4 * HOUR_MS,
    "1d": DAY_MS,
}


def klines(question: Question) -> str:
    return _candles(question, question.symbol(), "last")


def mark_klines(question: Question) -> str:
    return _candles(question, question.symbol(), "mark")


def index_klines(question: Question) -> str:
    return _candles(question, question.symbol("pair"), "index")


def _candles(question: Question, symbol: str, kind: Kind) -> str:
    interval = question.one_of("interval", INTERVALS)
    limit = question.limit(500, 1_500)
    start, end = question.window(interval, limit)
    if "startTime" not in question.params:
        start = max(start, question.market.first_ms(symbol))
    bars = question.market.candles(symbol, interval, start, end, question.at_ms, kind)
    rows = _kline_rows(bars, interval, question.market.decimals(symbol, kind))
    if kind == "last":
        rows = _damaged(question, symbol, bars, rows)
    return "[" + ",".join(rows) + "]"


def _kline_rows(bars: Bars, interval: int, decimals: tuple[int, int]) -> list[str]:
    tick, lot = decimals
    prices = [(column / 10.0**tick).tolist() for column in (bars.open, bars.high, bars.low, bars.close)]
    turnover = bars.turnover * 10.0 ** -(tick + lot)
    share = 0.5 + 0.25 * (bars.close - bars.open) / np.maximum(1, bars.high - bars.low)  # bought by takers
    counts = np.where(bars.volume > 0, 1 + turnover / TRADE_USDT, 0).astype(np.int64)
    price, volume = f"%.{tick}f", f"%.{lot}f"
    form = f'[%d,"{price}","{price}","{price}","{price}","{volume}",%d,"%.5f",%d,"{volume}","%.5f","0"]'
    columns = zip(
        bars.start_ms.tolist(), *prices, (bars.volume / 10.0**lot).tolist(),
        (bars.start_ms + (interval - 1)).tolist(), turnover.tolist(), counts.tolist(),
        (bars.volume * share / 10.0**lot).tolist(), (turnover * share).tolist(), strict=True,
    )  # fmt: skip
    return [form % row for row in columns]


def _damaged(question: Question, symbol: str, bars: Bars, rows: list[str]) -> list[str]:
    """The switched-on faults; with none on, the rows as they are."""
    interval = question.text("interval")
    running = len(bars) > 0 and int(bars.start_ms[-1]) + INTERVALS[interval] > question.at_ms
    if running and question.faults.is_spoilt(symbol):
        last = json.loads(rows[-1])
        last[4] = question.faults.shown(symbol, last[4])
        rows[-1] = json.dumps(last, separators=(",", ":"))
    lost = question.faults.lost_candles(symbol, interval)
    if not lost:
        return rows
    return [row for row, start in zip(rows, bars.start_ms.tolist(), strict=True) if start not in lost]
