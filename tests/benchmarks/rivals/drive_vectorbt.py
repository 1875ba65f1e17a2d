"""vectorbt on the comparison's candles: `drive_vectorbt.py whole|engine FOLDER OUT [ROUNDS] [ENGINE]`, and
as many sets of five parameters as columns: `drive_vectorbt.py search FOLDER OUT SETS ENGINE JOBS`.

It knows no leverage, no funding and no liquidation: a position is worth the stake times the leverage.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt
from pandas_cross import adx, frame_of, terms_of

CASH = 1e7
CHUNK = 25
"""Sets at a time: more columns are no faster, and memory is not endless."""


def ready(folder, terms):
    """Frames with a column for each coin, and the four signals moved to the open that acts on them."""
    idea, coins = terms["idea"], terms["coins"]
    frames = {coin: frame_of(folder, coin) for coin in coins}
    prices = {
        name: pd.DataFrame({coin: frames[coin][name] for coin in coins})
        for name in ("Open", "High", "Low", "Close")
    }
    close = prices["Close"]
    fast = vbt.MA.run(close, idea["fast"], ewm=True).ma.to_numpy()
    slow = vbt.MA.run(close, idea["slow"], ewm=True).ma.to_numpy()
    # Wilder's mean over 14 is an exponential one of the span 27.
    strength = vbt.RSI.run(close, 27, ewm=True).rsi.to_numpy()
    trends = np.column_stack([adx(frames[coin]).to_numpy() for coin in coins]) > idea["least_adx"]
    above = fast > slow
    before = np.vstack([above[:1], above[:-1]])
    warm = (np.arange(len(close)) >= 28)[:, None]
    crosses_up, crosses_down = above & ~before & warm, ~above & before & warm
    long = crosses_up & trends & (strength < idea["most_rsi"])
    short = crosses_down & trends & (strength > 100 - idea["most_rsi"])
    return prices, [next_open(said) for said in (long, crosses_down, short, crosses_up)]


def next_open(said):
    return np.vstack([np.zeros((1, said.shape[1]), dtype=bool), said[:-1]])


def portfolio(prices, said, idea, engine, stop=None):
    """`stop`: one for each column instead of the idea's."""
    long, leave_long, short, leave_short = said
    return vbt.Portfolio.from_signals(
        prices["Close"],
        entries=long,
        exits=leave_long,
        short_entries=short,
        short_exits=leave_short,
        price=prices["Open"],
        open=prices["Open"],
        high=prices["High"],
        low=prices["Low"],
        size=idea["stake"] * idea["leverage"],
        size_type="value",
        fees=idea["fee"],
        sl_stop=idea["stop"] if stop is None else stop,
        tp_stop=idea["target"],
        stop_entry_price="fillprice",
        upon_opposite_entry="reverse",
        init_cash=CASH,
        freq="5min",
        engine=engine,
    )


class Grid:
    """Sets of (fast, slow, most RSI, least ADX, stop); every average is computed once."""

    def __init__(self, folder, terms, engine):
        self.idea, self.engine = terms["idea"], engine
        frame = frame_of(folder, terms["coins"][0])
        self.prices = {name: frame[[name]] for name in ("Open", "High", "Low", "Close")}
        close = frame["Close"]
        self.means = {bars: vbt.MA.run(close, bars, ewm=True).ma.to_numpy() for bars in range(5, 51)}
        self.strength = vbt.RSI.run(close, 27, ewm=True).rsi.to_numpy()[:, None]
        self.adx = adx(frame).to_numpy()[:, None]
        self.warm = (np.arange(len(close)) >= 28)[:, None]

    def play(self, sets):
        fast = np.column_stack([self.means[int(one[0])] for one in sets])
        slow = np.column_stack([self.means[int(one[1])] for one in sets])
        above = fast > slow
        before = np.vstack([above[:1], above[:-1]])
        up, down = above & ~before & self.warm, ~above & before & self.warm
        trends, most = self.adx > sets[:, 3], sets[:, 2]
        long, short = up & trends & (self.strength < most), down & trends & (self.strength > 100 - most)
        said = [next_open(each) for each in (long, down, short, up)]
        made = portfolio(self.prices, said, self.idea, self.engine, stop=sets[:, 4][None, :])
        return np.asarray(made.total_profit())


def sets_of(count, seed):
    dice = np.random.default_rng(seed)
    lows, highs = np.array([5, 21, 60, 10, 0.03]), np.array([21, 51, 80, 30, 0.07])
    drawn = dice.uniform(lows, highs, (count, 5))
    drawn[:, :2] = np.floor(drawn[:, :2])
    return drawn


def search(folder, terms, count, engine, jobs):
    """Seconds, from the candles in memory to the profit of every set; machine code is there already."""
    grid = Grid(folder, terms, engine)
    grid.play(sets_of(2, 1))
    started = time.perf_counter()
    grid = Grid(folder, terms, engine)
    chunks = np.array_split(sets_of(count, 0), max(count // CHUNK, jobs))
    if jobs == 1:
        profits = [grid.play(chunk) for chunk in chunks]
    else:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            profits = pool.map(grid.play, chunks, chunksize=1)
    found = np.concatenate(profits)
    assert len(found) == count
    return time.perf_counter() - started


def main():
    if sys.argv[1] == "search":
        folder, out, count, engine, jobs = sys.argv[2:7]
        took = search(folder, terms_of(folder), int(count), engine, int(jobs))
        Path(out).write_text(json.dumps({"search_s": took}))
        return
    kind, folder, out, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int((sys.argv[4:] or [1])[0])
    engine = (sys.argv[5:] or ["numba"])[0]
    terms = terms_of(folder)
    prices, said = ready(folder, terms)
    seconds = []
    if kind == "engine":
        portfolio(prices, said, terms["idea"], engine)  # compiled, or read from its cache
    for _ in range(rounds):
        started = time.perf_counter()
        made = portfolio(prices, said, terms["idea"], engine)
        seconds.append(time.perf_counter() - started)
    if kind == "whole":
        print(
            made.stats(agg_func=None).T.to_string() if len(terms["coins"]) > 1 else made.stats().to_string()
        )
    records = made.trades.records
    times = prices["Close"].index.as_unit("ms").asi8
    trades = [
        [
            int(one.col),
            1 if one.direction == 0 else -1,
            int(times[one.entry_idx]),
            int(times[one.exit_idx]),
            float(one.entry_price),
            float(one.exit_price),
            float(one.pnl),
            0.0,
            "",
        ]
        for one in records.itertuples()
    ]
    Path(out).write_text(json.dumps({"engine_s": seconds, "trades": trades}))


if __name__ == "__main__":
    main()
