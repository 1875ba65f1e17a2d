"""What real markets look like through these features: nothing missing, sane shares, no look ahead."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest

from core.analysis import FlagLimits, describe, red_flags
from core.market import Candles, Regime, Side, canonical_symbol
from core.opinion import Features
from tests.core.analysis.bars import background, recorded, recorded_4h, recorded_frames

COINS = ("BTC", "ETH", "SOL")
SCANS = 160
"""Per coin, evenly over about four years; two seconds in all."""


@dataclass
class Shares:
    scans: int = 0
    count: Counter[str] = field(default_factory=Counter)

    def of(self, name: str) -> float:
        return self.count[name] / self.scans


@cache
def scanned() -> tuple[tuple[Features, ...], Shares]:
    shares, seen = Shares(), []
    for coin in COINS:
        bars = len(recorded(f"{coin}USDT-15m"))
        for at in np.linspace(40_000, bars - 1, SCANS).astype(int):
            features = describe(canonical_symbol(coin), recorded_frames(coin, int(at)), background())
            flags = red_flags(features, FlagLimits())
            shares.scans += 1
            shares.count.update({flag.name for flag in flags.struck})
            shares.count.update([f"regime {features.regime}", *(["both"] if flags.strike_both else [])])
            shares.count.update(f"open {side}" for side in Side if not flags.strikes(side))
            seen.append(features)
    return tuple(seen), shares


def test_nothing_is_missing_but_a_level_at_the_edge() -> None:
    seen, _ = scanned()

    assert {name for features in seen for name in features.missing} <= {"support", "resistance"}


def test_the_regimes_keep_their_shares() -> None:
    _, shares = scanned()

    assert 0.02 < shares.of(f"regime {Regime.VOLATILE}") < 0.15
    assert 0.25 < shares.of(f"regime {Regime.TRENDING}") < 0.50
    assert 0.40 < shares.of(f"regime {Regime.RANGING}") < 0.70


def test_no_flag_strikes_all_the_time_and_none_never_does() -> None:
    _, shares = scanned()

    assert 0.001 < shares.of("rsi") < 0.05
    assert 0.10 < shares.of("volume") < 0.40
    assert 0.15 < shares.of("middle") < 0.45
    assert 0.03 < shares.of("divergence") < 0.20
    assert 0.02 < shares.of("volatile") < 0.15


def test_about_a_quarter_of_the_scans_stays_open_for_one_side() -> None:
    _, shares = scanned()

    assert 0.60 < shares.of("both") < 0.85
    assert 0.05 < shares.of("open long") < 0.25
    assert 0.05 < shares.of("open short") < 0.25


def test_levels_are_a_few_atr_apart() -> None:
    seen, _ = scanned()

    gaps = [
        (features.resistance - features.support) / features.frames["1h"].atr
        for features in seen
        if features.support and features.resistance and features.frames["1h"].atr
    ]

    assert 2.0 < float(np.median(gaps)) < 6.0
    assert len(gaps) > 0.9 * len(seen)


@pytest.mark.parametrize("coin", COINS)
def test_features_at_a_bar_are_the_same_whatever_came_after(coin: str) -> None:
    """The bars that follow lie right behind the arrays' ends; garbage there must not be read."""
    at = len(recorded(f"{coin}USDT-15m")) - 3_000
    known = describe(canonical_symbol(coin), recorded_frames(coin, at), background())

    frames = {}
    for timeframe, bars in recorded_frames(coin, at).items():
        room = np.full((len(bars) + 50, 6), 1e12)
        room[: len(bars)] = bars.rows
        frames[timeframe] = Candles(bars.symbol, timeframe, room[: len(bars)])

    assert describe(canonical_symbol(coin), frames, background()) == known


def test_the_resampled_four_hours_are_whole() -> None:
    rows = recorded_4h("BTC")

    assert (np.diff(rows[:, 0]) == 14_400_000).all()
    assert (rows[:, 0] % 14_400_000 == 0).all()
