"""A backtest's strategy as a judge of the live market, beside models or instead of the rules.

Laws:
- It reads the closed candles of the question and nothing else, and says what a backtest says at that bar.
- An entry is said only at the close of a bar of its own timeframe, as a backtest acts only on the next open:
  at the closes in between, and when that bar is late, it holds.
- About an open trade it stands where its newest signal pointed, for `EXIT_BARS` bars, so that a signal to
  leave outlasts the two closes that leaving takes; then it holds.
- It states no probability of the target: no record supports a number.
- What fails, gives no signals or is not ready in time abstains; nothing of it is guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

import numpy as np

from core.advice.facts import hourly_atr
from core.advice.strategy_voice import PREFIX
from core.advice.verdict import RULES_NAME
from core.backtest.features import Features as Arrays
from core.backtest.own_strategy import strategy_named
from core.backtest.strategies import BadStrategy, Signals, Strategy, signals_of
from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, Candles
from core.opinion import Abstention, Brief, Opinion, Purpose, Silence, Stance
from core.strategy_use import StrategyPart

CERTAIN: Final = 1.0
"""Of a strategy that states no confidence, as in a backtest."""
EXIT_BARS: Final = 2
MOST_HOLD_BARS: Final = 100_000
"""Years on any timeframe: more is no expectation but a mistake."""
MODEL_LENGTH: Final = 200


class Late(Exception):
    """A strategy was not ready in time; the text says how long it had."""


Compute = Callable[[Callable[[], Signals | BadStrategy]], Awaitable[Signals | BadStrategy | None]]
"""Runs a strategy; None: it ended without a result. Raises `Late`."""


async def inline(work: Callable[[], Signals | BadStrategy]) -> Signals | BadStrategy | None:
    return work()


class StrategyAdviser:
    """Abstains only where its timeframe is missing, the strategy fails or is late."""

    def __init__(
        self,
        strategy: Strategy,
        timeframe: str = SCAN_TIMEFRAMES[0],
        name: str = "",
        compute: Compute = inline,
    ) -> None:
        """`name` is its own among the advisers; by default made from the strategy's. `compute` runs what may
        take time, or never end, elsewhere."""
        if timeframe not in SCAN_TIMEFRAMES:
            raise ValueError(f"a scan reads {', '.join(SCAN_TIMEFRAMES)}, not {timeframe}")
        self._strategy = strategy
        self._timeframe = timeframe
        self._compute = compute
        self.name = name or PREFIX + strategy.name
        if self.name == RULES_NAME:
            raise ValueError(f"{RULES_NAME!r} is the name of the rule-based adviser")

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        candles = brief.candles.get(self._timeframe)
        if candles is None or not len(candles):
            return Abstention(self.name, Silence.FAILED, f"there are no {self._timeframe} candles")
        try:
            said = await self._compute(lambda: self._signals(brief.symbol, candles))
        except Late as error:
            return Abstention(self.name, Silence.DEADLINE, str(error))
        if said is None:
            return Abstention(self.name, Silence.FAILED, f"{self._strategy.name} ended without a result")
        if isinstance(said, BadStrategy):
            return Abstention(self.name, Silence.FAILED, str(said))
        return self._exit(brief, said) if brief.purpose is Purpose.EXIT else self._entry(brief, candles, said)

    def _signals(self, symbol: str, candles: Candles) -> Signals | BadStrategy:
        try:
            self._require_plausible()
            return signals_of(self._strategy, symbol, Arrays(candles.rows, is_plain=True))
        except BadStrategy as error:
            return error

    def _require_plausible(self) -> None:
        """What a backtest never looks at, and a plan is drawn from."""
        bars: object = self._strategy.hold_bars
        is_count = isinstance(bars, int) and not isinstance(bars, bool) and 0 < bars <= MOST_HOLD_BARS
        if bars is not None and not is_count:
            text = f"hold_bars must be None or from 1 to {MOST_HOLD_BARS}, not {bars!r:.30}"
            raise BadStrategy(f"{self._strategy.name}: {text}")

    def _entry(self, brief: Brief, candles: Candles, said: Signals) -> Opinion:
        sign = int(said.side[-1])
        if candles.closed_at != brief.features.bar_closed_at:
            return self._hold(f"its {self._timeframe} bar closed at {_hour(candles.closed_at)}, not now")
        if abs(sign) != 1:
            return self._hold("no entry at this close")
        stop, target = _last(said.stop), _last(said.target)
        atr = hourly_atr(brief.features)
        if atr is None and (stop or target):
            return self._hold("it names distances, and the 1h ATR that they are told in is n/a")
        unit = brief.features.close / atr if atr else 0.0
        return replace(
            self._opinion(sign, CERTAIN if said.confidence is None else float(said.confidence[-1])),
            stop_atr=stop * unit if stop else None,
            target_atr=target * unit if target else None,
            horizon_bars=self._horizon(),
            reasons=(f"Strategy, not AI: {self._strategy.words} enters on {self._timeframe}."[:120],),
            invalidation="The strategy turns.",
        )

    def _exit(self, brief: Brief, said: Signals) -> Opinion:
        newest = said.side[-EXIT_BARS:]
        spoken = newest[newest != 0]
        if not len(spoken):
            return self._hold("no signal of late")
        sign = int(np.sign(spoken[-1]))
        return replace(
            self._opinion(sign, CERTAIN),
            reasons=(f"Strategy, not AI: {self._strategy.words} turned on {self._timeframe}."[:120],),
        )

    def _horizon(self) -> int | None:
        """In bars of 15 minutes, as advisers count."""
        if self._strategy.hold_bars is None:
            return None
        return self._strategy.hold_bars * TIMEFRAMES[self._timeframe] // TIMEFRAMES["15m"]

    def _hold(self, reason: str) -> Opinion:
        return replace(self._opinion(0, 0.0), reasons=(f"Strategy, not AI: {reason}"[:120],))

    def _opinion(self, sign: int, confidence: float) -> Opinion:
        return Opinion(
            adviser=self.name,
            stance={1: Stance.LONG, -1: Stance.SHORT, 0: Stance.HOLD}[sign],
            confidence=confidence,
            p_target_first=None,
            stop_atr=None,
            target_atr=None,
            horizon_bars=None,
            reasons=(),
            evidence=(),
            invalidation="",
            model=self._strategy.words[:MODEL_LENGTH],
            call_id="",
        )


def adviser_of(part: StrategyPart, compute: Compute = inline) -> StrategyAdviser:
    """Raises `BadStrategy`; the owner's own file is run for it."""
    strategy = strategy_named(part.strategy, dict(part.given))
    return StrategyAdviser(strategy, part.timeframe, part.name, compute)


def _last(values: np.ndarray | None) -> float | None:
    """None where there is no distance at the newest bar."""
    if values is None or not values[-1] > 0.0:
        return None
    return float(values[-1])


def _hour(moment: datetime) -> str:
    return f"{moment:%H:%M}"
