"""An order book around a price, made from the second it is asked in: two looks in one second agree."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from bot.demo.instruments import Instrument
from bot.demo.market_series import SECOND_MS, Floats, Ints

_DEEPEST: Final = 1_000
_LEVEL_SHARE: Final = 6e-6  # of a day's volume, resting at one level near the touch


@dataclass(frozen=True, slots=True)
class Book:
    """Ticks and lots, best first; `is_buyer_resting` tells on which side the last trade was."""

    bid_ticks: Ints
    bid_lots: Ints
    ask_ticks: Ints
    ask_lots: Ints
    is_buyer_resting: bool


def book_around(ticks: int, instrument: Instrument, at_ms: int, levels: int) -> Book:
    """`levels` on each side; one side's best is the last price itself. Never a bid below one tick."""
    dice = np.random.default_rng([zlib.crc32(instrument.symbol.encode()), at_ms // SECOND_MS, 5])
    buyer_rests = bool(dice.random() < 0.5)
    spread = max(1, round(instrument.spread_fraction * ticks * float(dice.uniform(0.7, 1.6))))
    best_bid = ticks if buyer_rests else ticks - spread
    best_ask = ticks + spread if buyer_rests else ticks
    gap = max(1.0, instrument.spread_fraction * ticks * 0.6)
    usual = instrument.day_volume_usdt * _LEVEL_SHARE / (ticks * instrument.tick * instrument.lot)
    gaps = np.rint(dice.uniform(0.5, 1.8, (2, _DEEPEST)) * gap).astype(np.int64).clip(min=1)
    gaps[:, 0] = 0
    away = np.cumsum(gaps, axis=1)
    bids, asks = best_bid - away[0], best_ask + away[1]
    lots = _sizes(dice, usual)
    kept = (bids > 0)[:levels]
    return Book(bids[:levels][kept], lots[0][:levels][kept], asks[:levels], lots[1][:levels], buyer_rests)


def _sizes(dice: np.random.Generator, usual: float) -> Ints:
    growth: Floats = 1.0 + np.arange(_DEEPEST) / 12.0
    sizes = usual * growth * np.exp(dice.normal(-0.2, 0.8, (2, _DEEPEST)))
    return np.maximum(1, np.rint(sizes)).astype(np.int64)
