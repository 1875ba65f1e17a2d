"""The strategy with pandas, for the programs that bring no ADX of their own. Runs in a rival's environment.

Laws:
- Nothing of the project is imported: its libraries are not there.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd


def terms_of(folder):
    return json.loads((Path(folder) / "terms.json").read_text())


def frame_of(folder, coin):
    """Columns Open, High, Low, Close, Volume over their times, without a zone: vectorbt is slow with one."""
    frame = pd.read_feather(Path(folder) / "futures" / f"{coin}_USDT_USDT-5m-futures.feather")
    frame.columns = [name.capitalize() for name in frame.columns]
    frame["Date"] = frame["Date"].dt.tz_localize(None)
    return frame.set_index("Date")


def ema(close, bars):
    return close.ewm(span=bars, adjust=False).mean()


def rsi(close, bars=14):
    change = close.diff()
    up = change.clip(lower=0).fillna(0).ewm(alpha=1 / bars, adjust=False).mean()
    down = (-change.clip(upper=0)).fillna(0).ewm(alpha=1 / bars, adjust=False).mean()
    return 100 * up / (up + down)


def adx(frame, bars=14):
    """Directional movements over each other need no true range: it cancels."""
    rise, fall = frame["High"].diff(), -frame["Low"].diff()
    up = rise.where((rise > fall) & (rise > 0), 0.0)
    down = fall.where((fall > rise) & (fall > 0), 0.0)
    plus = up.ewm(alpha=1 / bars, adjust=False).mean()
    minus = down.ewm(alpha=1 / bars, adjust=False).mean()
    total = plus + minus
    index = (100 * (plus - minus).abs() / total.where(total > 0)).fillna(0)
    return index.ewm(alpha=1 / bars, adjust=False).mean()


def signals(frame, idea):
    """(long entries, short entries, crosses up, crosses down), bool arrays, known at each close."""
    close = frame["Close"]
    above = (ema(close, idea["fast"]) > ema(close, idea["slow"])).to_numpy()
    before = np.concatenate(([above[0]], above[:-1]))
    warm = np.arange(len(close)) >= 2 * 14
    up, down = above & ~before & warm, ~above & before & warm
    strength, trends = rsi(close), (adx(frame) > idea["least_adx"]).to_numpy()
    long = up & trends & (strength < idea["most_rsi"]).to_numpy()
    short = down & trends & (strength > 100 - idea["most_rsi"]).to_numpy()
    return long, short, up, down
