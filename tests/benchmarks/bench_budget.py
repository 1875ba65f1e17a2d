"""What advisers cost a day: ten symbols, a scan every five minutes, recorded candles, the real price table.

Models are simulated: their answers are drawn, their tokens are those of the question as it is written, never
read from a provider's cache, and of answers with a little reasoning.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from core.adapters.advisers.prices import AS_OF, PriceBook, Usage
from core.advice.brief import TradeTerms, write_brief
from core.advice.staged import Cost, StagedPanel, Ways
from core.analysis.features import describe
from core.analysis.flags import FlagLimits, red_flags
from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, Background, Candles, to_ms
from core.opinion import Brief, Decider, Opinion, Purpose, Stance
from tests.benchmarks.rig import show
from tests.core.advice.pictures import opinion
from tests.core.advice.test_panel import HandClock

BUDGET = Decimal("0.50")
DAYS = tuple(datetime(2025, month, 12, tzinfo=UTC) for month in (5, 8, 11))
SERIES = [(coin, 0) for coin in ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE")] + [
    (coin, 30) for coin in ("ETH", "SOL", "XRP", "DOGE")
]
"""Coin, and how many days earlier it is read: six coins are recorded finely enough, the others are theirs."""
SCANS_A_BAR = 3
PROSE, FIGURES = 4.0, 1.9
"""Characters a token, of the rubric and of a question full of figures."""
TOKENS_OUT = {"claude-haiku-5-5": 500, "gpt-6-luna": 500, "deepseek-flash": 320, "grok-4.3": 900}
DEFAULT = ("claude-haiku-5-5", "gpt-6-luna", "deepseek-flash")
HOLD_RATES = {"models hold as often as they take a side": 0.5, "no model ever holds": 0.0}
SAME_MIND = 0.6
"""How often a model says what the picture says to all of them."""
BARS = 400
TERMS = TradeTerms(0.002, 0.05, 0.10)
PRICES = PriceBook()


@dataclass
class Bill:
    usd: Decimal = Decimal(0)
    calls: Counter[str] = field(default_factory=Counter)


class Model:
    """Draws its answer from the bar, so that the same question has the same answer."""

    def __init__(self, name: str, hold_rate: float, bill: Bill) -> None:
        self.name = name
        self._hold_rate = hold_rate
        self._bill = bill

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion:
        tokens_in = round(len(brief.system) / PROSE + len(brief.question) / FIGURES)
        usage = Usage(tokens_in=tokens_in, tokens_out=TOKENS_OUT[self.name])
        cost = PRICES.cost(self.name, usage, brief.features.bar_closed_at)
        assert cost is not None
        self._bill.usd += cost
        self._bill.calls[self.name] += 1
        return opinion(self.name, self._stance(brief).value)

    def _stance(self, brief: Brief) -> Stance:
        common = random.Random(f"{brief.symbol} {brief.features.bar_closed_at}")
        own = random.Random(f"{brief.symbol} {brief.features.bar_closed_at} {self.name}")
        dice = common if own.random() < SAME_MIND else own
        return Stance.HOLD if dice.random() < self._hold_rate else dice.choice([Stance.LONG, Stance.SHORT])


@dataclass(frozen=True)
class Screened:
    briefs: tuple[Brief, ...]
    bars: int
    brief_chars: int


def bench_default_advisers_stay_under_their_budget() -> None:
    screened = screen()
    told = [
        f"prices as of {AS_OF}; {len(SERIES)} symbols, 5-minute scans, {len(DAYS)} days; "
        f"question {screened.brief_chars:,} characters on average",
        f"code screens end {1 - len(screened.briefs) / screened.bars:.1%} of {screened.bars:,} "
        "bars before anybody is asked; the cache answers "
        f"{SCANS_A_BAR - 1} of {SCANS_A_BAR} scans of the rest",
    ]
    days: list[Decimal] = []
    for words, hold_rate in HOLD_RATES.items():
        for models in (DEFAULT, (*DEFAULT, "grok-4.3")):
            bill = asyncio.run(asked(models, screened.briefs, hold_rate))
            day = bill.usd / len(DAYS)
            if models == DEFAULT:
                days.append(day)
            at_once = len(models) * len(screened.briefs)
            told.append(
                f"{words}, {len(models)} models{' with grok-4.3' if models != DEFAULT else ''}: "
                f"{day:.3f} USD a day; {sum(bill.calls.values()) / at_once:.0%} of the calls of asking all "
                f"({', '.join(f'{name} {count // len(DAYS)}' for name, count in bill.calls.items())} a day)"
            )
    trade = asyncio.run(an_open_trade(screened.briefs))
    told.append(f"an open trade judged at each of 96 closes: {trade:.3f} USD a day (at most {BUDGET / 2})")
    show("what the advisers cost", *told, f"budget {BUDGET} USD a day; no entry is asked for beside a trade")
    assert max(days) < BUDGET
    assert trade < BUDGET / 2


async def asked(models: tuple[str, ...], briefs: tuple[Brief, ...], hold_rate: float) -> Bill:
    bill = Bill()
    panel = staged(models, hold_rate, bill)
    for brief in briefs:
        await panel.ask(brief)
    return bill


async def an_open_trade(briefs: tuple[Brief, ...]) -> Decimal:
    bill = Bill()
    panel = staged(DEFAULT, 0.0, bill)
    for bar in range(96):
        features = replace(
            briefs[bar % len(briefs)].features, bar_closed_at=DAYS[0] + timedelta(minutes=15 * bar)
        )
        await panel.ask(replace(briefs[bar % len(briefs)], features=features, purpose=Purpose.EXIT))
    return bill.usd


def staged(models: tuple[str, ...], hold_rate: float, bill: Bill) -> StagedPanel:
    costs = {name: Cost(PRICES.is_cheap(name), price.out) for name in models if (price := PRICES.of(name))}
    advisers = [Model(name, hold_rate, bill) for name in models]
    return StagedPanel(advisers, HandClock(), 100, costs, lambda: Ways(Decider.AI, {}))


@cache
def screen() -> Screened:
    """Every symbol at every 15-minute close, and the questions that the code screens leave."""
    briefs: list[Brief] = []
    bars = 0
    for day in DAYS:
        for bar in range(96):
            for coin, earlier in SERIES:
                bars += 1
                brief = question(coin, day + timedelta(minutes=15 * bar) - timedelta(days=earlier))
                if brief is not None:
                    briefs.append(replace(brief, symbol=f"{coin}{earlier}"))
    chars = sum(len(brief.system) + len(brief.question) for brief in briefs) // len(briefs)
    return Screened(tuple(briefs), bars, chars)


def question(coin: str, at: datetime) -> Brief | None:
    candles = {timeframe: until(coin, timeframe, at) for timeframe in SCAN_TIMEFRAMES}
    around = Background(f"{coin}/USDT:USDT", 0.0001, 8.0, None, 1e9, None, at)
    features = describe(f"{coin}/USDT:USDT", candles, around)
    flags = red_flags(features, FlagLimits())
    return None if flags.strike_both else write_brief(features, candles, TERMS)


def until(coin: str, timeframe: str, at: datetime) -> Candles:
    rows = series(coin)[timeframe]
    end = int(np.searchsorted(rows[:, 0], to_ms(at) - TIMEFRAMES[timeframe], side="right"))
    return Candles(f"{coin}/USDT:USDT", timeframe, rows[end - BARS : end])


@cache
def series(coin: str) -> Mapping[str, NDArray[np.float64]]:
    root = os.environ.get("PERPILOT_DATA")
    if not root:
        pytest.skip("PERPILOT_DATA names no folder with recorded candles")
    frame = pd.read_csv(Path(root) / "candles" / f"{coin}USDT-5m.csv.gz")
    return {timeframe: merged(frame, TIMEFRAMES[timeframe]) for timeframe in SCAN_TIMEFRAMES}


def merged(frame: pd.DataFrame, length_ms: int) -> NDArray[np.float64]:
    names = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    grouped = frame.groupby(frame["timestamp"] // length_ms * length_ms).agg(names)
    return grouped.reset_index().to_numpy(dtype=np.float64)
