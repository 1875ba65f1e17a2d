"""Searches small enough for tests: markets with and without something to be found, and who plays them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import numpy as np

from core.backtest.engine import Setup
from core.backtest.search_play import Play, State, Tried, Wanted
from core.backtest.search_space import Dimension, Space, ValueSet, parameter_dimensions
from core.backtest.search_spans import Ground
from core.backtest.shipped import SHIPPED
from tests.core.backtest.markets import a_market, free
from tests.core.backtest.worlds import a_history
from tests.core.builders import an_instrument

JUMP, DRIFT, LASTING = 0.02, 0.003, 24
"""A jump, and what an hour brings in its direction for a day."""
FOLLOW = '''
import numpy as np

from core.backtest.strategies import Features, Signals, Strategy, real, sides


class Follow(Strategy):
    """Goes with a bar that jumped by `least`."""

    least: float = real(0.2, low=0.005, high=0.5)

    def entries(self, features: Features) -> Signals:
        grown = features.close / features.open - 1.0
        return Signals(sides(grown > self.least, grown < -self.least))
'''


@dataclass(frozen=True)
class Flat:
    """`SetupOf` that knows no setting."""

    setup: Setup

    def __call__(self, named: Mapping[str, float]) -> Setup:
        return self.setup


def ground(*markets: np.ndarray) -> Ground:
    histories = [replace(a_history(bars, f"S{s}/USDT:USDT"), funding=None) for s, bars in enumerate(markets)]
    free_of_fees = {"taker_fee": Decimal(0), "maker_fee": Decimal(0)}
    instruments = tuple(an_instrument(symbol=one.symbol, **free_of_fees) for one in histories)
    return Ground(tuple(histories), instruments)


def noise(seed: int, count: int = 4_000) -> np.ndarray:
    return a_market(np.random.default_rng([7, seed]), count)


def after_jumps(seed: int, count: int = 9_000) -> np.ndarray:
    """A walk in which every jump is followed by a day that goes on in its direction."""
    dice = np.random.default_rng([8, seed])
    drift, left, sign = np.zeros(count), 0, 0
    jumps = np.where(dice.random(count) < 0.02, dice.choice([-1, 1], count), 0)
    for i in range(count):
        if left > 0:
            drift[i], left = sign * DRIFT, left - 1
        elif jumps[i]:
            drift[i], left, sign = jumps[i] * 2 * JUMP, LASTING, int(jumps[i])
    return a_market(dice, count, drift)


def a_play(
    strategy: str = "ema_cross",
    *markets: np.ndarray,
    given: Mapping[str, str] | None = None,
    objectives: Sequence[str] = ("expectancy_r",),
    min_trades: int = 5,
    space: Space | None = None,
    setup: Setup | None = None,
) -> Play:
    fixed = {"target": "0.10"} if given is None and strategy == "ema_cross" else dict(given or {})
    found = space or Space(parameter_dimensions(SHIPPED[strategy], fixed, []))
    return Play(
        ground(*(markets or (noise(1),))),
        strategy,
        fixed,
        found,
        Flat(setup or free()),
        Wanted(tuple(objectives), min_trades),
    )


def a_follower(folder: Path, *markets: np.ndarray) -> Play:
    """The strategy that knows what `after_jumps` holds."""
    file = folder / "follow.py"
    file.write_text(FOLLOW)
    space = Space((Dimension("least", 0.005, 0.5, is_log=True),))
    return Play(ground(*markets), str(file), {}, space, Flat(free()), Wanted(("expectancy_r",), 5))


def tried(number: int, values: ValueSet, *results: float, **fields: object) -> Tried:
    state = State.DONE if results else State.FEW
    made = Tried(number, values, state, results, 1.0, 50)
    return replace(made, **fields)  # type: ignore[arg-type]
