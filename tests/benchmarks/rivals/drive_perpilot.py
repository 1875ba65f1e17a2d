"""Ours on the comparison's candles, in turns with a bare compiled pass: `drive_perpilot FOLDER OUT ROUNDS`.

Leverage, fees, funding and liquidation are on. As the clock starts, bars, signals and settlements are ready.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from core.adapters.history.reading import read_history
from core.backtest.engine import Run, Setup, Signals, run
from core.backtest.engine_past import Past, past_of
from core.backtest.engine_words import REASONS
from core.backtest.features import Features
from core.backtest.history import History
from core.backtest.shipped import EmaCross
from core.backtest.strategies import signals_of
from core.market import Instrument, Tier
from core.risk.limits import Limits
from core.trading.exits import ExitRules
from core.trading.exits_compiled import compile_modules
from tests.benchmarks.rivals import bare
from tests.benchmarks.rivals.made import IDEA, START_MS

RATE = Decimal("0.005")
"""Maintenance margin, fraction of the notional."""


def fixed_setup() -> Setup:
    """Each trade the same margin; leverage, fees, funding and liquidation on."""
    exits = ExitRules(break_even_after=0, trail_atr=0.0, time_stop_h=0.0, min_profit_usd=0.0)
    limits = Limits(
        exits=exits, slippage=Decimal(0), cooldown_s=0.0, max_open_positions=99, max_consecutive_losses=10**9
    )
    return Setup(
        limits=limits, stake=IDEA.stake, leverage=IDEA.leverage, stop=IDEA.stop, target=IDEA.target,
        is_shared=False, half_spread=0.0,
    )  # fmt: skip


def instrument(coin: str, tick: float, lot: float) -> Instrument:
    fee, least = Decimal(str(IDEA.fee)), Decimal(repr(lot))
    tiers = (Tier(Decimal(0), Decimal(10**9), 50, RATE, Decimal(0)),)
    return Instrument(
        f"{coin}/USDT:USDT", coin, Decimal(repr(tick)), least, least, Decimal(10**9), Decimal(5), fee, fee,
        tiers,
    )  # fmt: skip


def ready(histories: list[History], instruments: list[Instrument]) -> tuple[Past, list[Signals]]:
    signals = [signals_of(EmaCross(), one.symbol, Features(one.bars)) for one in histories]
    return past_of(histories, instruments), signals


def bare_work(past: Past, signals: list[Signals]) -> Callable[[], list[np.ndarray]]:
    """The bare pass over the same arrays; its trades by symbol."""
    made = compile_modules((bare,), {})
    assert made is not None
    passed = made["bare_pass"]
    terms = (IDEA.stop, IDEA.target, IDEA.fee, IDEA.stake, float(IDEA.leverage), float(RATE))
    given = []
    for part, said in zip(past.parts, signals, strict=True):
        columns = [np.ascontiguousarray(part.bars[:, at]) for at in range(1, 5)]
        due = np.zeros(len(part.bars))
        due[part.funding[:, 0].astype(np.int64)] = part.funding[:, 2]
        given.append((*columns, said.side, due, terms))
    room = [np.empty((int(np.count_nonzero(each[4])), bare.COLUMNS)) for each in given]

    def work() -> list[np.ndarray]:
        return [out[: passed(*each, out)] for each, out in zip(given, room, strict=True)]

    return work


def rows(found: Run, past: Past) -> list[list[object]]:
    """As the other programs' drivers write them; times are the candles' opens."""
    told = []
    for trade in found.trades:
        bars = past.parts[int(trade["symbol"])].bars
        times = [int(bars[trade[name], 0]) for name in ("entry_bar", "exit_bar")]
        prices = [float(trade[name]) for name in ("entry_price", "exit_price")]
        net, funding = float(trade["net"] - trade["funding"]), float(trade["funding"])
        place, side = int(trade["symbol"]), int(trade["side"])
        told.append([place, side, *times, *prices, net, funding, REASONS[trade["reason"]]])
    return told


def bare_rows(found: list[np.ndarray]) -> list[list[object]]:
    return [
        [place, int(row[0]), *(START_MS + int(at) * 300_000 for at in row[1:3]), *map(float, row[3:7]), ""]
        for place, table in enumerate(found)
        for row in table
    ]


def main() -> None:
    folder, out, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    terms = json.loads((folder / "terms.json").read_text())
    histories = [read_history(folder, coin, "5m") for coin in terms["coins"]]
    listed = [instrument(coin, terms["tick"], lot) for coin, lot in terms["lots"].items()]
    past, signals = ready(histories, listed)
    bare_pass = bare_work(past, signals)
    setup, taken = fixed_setup(), ([], [], [])
    one_account = replace(setup, is_shared=True, capital=1e7)
    works = (lambda: run(past, signals, setup), bare_pass, lambda: run(past, signals, one_account))
    first = [work() for work in works]  # machine code is made, or read from disk
    for _ in range(rounds):
        for work, seconds in zip(works, taken, strict=True):
            started = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
    told = {"engine_s": taken[0], "bare_s": taken[1], "shared_s": taken[2], "trades": rows(first[0], past)}
    told |= {"bare_trades": bare_rows(first[1]), "shared_trades": rows(first[2], past)}
    out.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
