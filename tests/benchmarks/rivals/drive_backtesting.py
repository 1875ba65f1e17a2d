"""backtesting.py on the comparison's candles: `drive_backtesting.py whole|engine FOLDER OUT [ROUNDS]`.

It has no funding, no liquidation and no account for several symbols: they are run one after the other.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting import backtesting as inner
from pandas_cross import frame_of, signals, terms_of

CASH = 1e9
UNIT = 1e-6
"""Of a coin: it trades whole units only, so prices are told for one of these."""


class Cross(Strategy):
    idea = None

    def init(self):
        pass

    def next(self):
        idea, up, down = self.idea, self.data.Up[-1], self.data.Down[-1]
        if (up and self.position.is_short) or (down and self.position.is_long):
            self.position.close()
        elif self.position:
            return
        price = self.data.Close[-1]
        size = round(idea["stake"] * idea["leverage"] / price)
        if self.data.Long[-1]:
            self.buy(size=size, sl=price * (1 - idea["stop"]), tp=price * (1 + idea["target"]))
        elif self.data.Short[-1]:
            self.sell(size=size, sl=price * (1 + idea["stop"]), tp=price * (1 - idea["target"]))


def ready(folder, coin, idea):
    frame = frame_of(folder, coin)
    long, short, up, down = signals(frame, idea)
    frame[["Open", "High", "Low", "Close"]] *= UNIT
    for name, values in zip(("Long", "Short", "Up", "Down"), (long, short, up, down), strict=True):
        frame[name] = values
    return Backtest(
        frame, Cross, cash=CASH, commission=idea["fee"], margin=1 / idea["leverage"], finalize_trades=True
    )


def engine_s(test, idea):
    """Seconds of the loop: its table of statistics is taken out."""
    counted = [0.0]
    compute = inner.compute_stats

    def timed(*given, **named):
        started = time.perf_counter()
        found = compute(*given, **named)
        counted[0] += time.perf_counter() - started
        return found

    inner.compute_stats = timed
    started = time.perf_counter()
    result = test.run(idea=idea)
    took = time.perf_counter() - started
    inner.compute_stats = compute
    return took - counted[0], result


def main():
    kind, folder, out, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int((sys.argv[4:] or [1])[0])
    terms = terms_of(folder)
    idea, trades, seconds = terms["idea"], [], [0.0] * rounds
    for place, coin in enumerate(terms["coins"]):
        test = ready(folder, coin, idea)
        for at in range(rounds):
            took, result = engine_s(test, idea)
            seconds[at] += took
        made = result["_trades"]
        if kind == "whole":
            print(coin, result.drop(["_strategy", "_equity_curve", "_trades"]).to_string(), sep="\n")
        sides = np.sign(made["Size"]).astype(int)
        for one, side in zip(made.itertuples(), sides, strict=True):
            entered, left = (pd.Timestamp(at).value // 10**6 for at in (one.EntryTime, one.ExitTime))
            prices = (one.EntryPrice / UNIT, one.ExitPrice / UNIT)
            # Its PnL has been told after commissions since 0.6.
            trades.append([place, int(side), entered, left, *prices, float(one.PnL), 0.0, ""])
    Path(out).write_text(json.dumps({"engine_s": seconds, "trades": trades}))


if __name__ == "__main__":
    main()
