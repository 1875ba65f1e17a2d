"""A backtest's strategy as a judge of the live market, beside models or instead of the rules.

Laws:
- It reads the closed candles of the question and nothing else, and says what a backtest says at that bar.
- An entry is said only at the close of a bar of its own timeframe, as a backtest acts only on the next open:
  at the closes in between, and when that bar is late, it holds.
- About an open trade it stands where its newest signal pointed, for `EXIT_BARS` bars, so that a signal to
  leave outlasts the two closes that leaving takes; then it holds.
- It states no probability of the target: no record supports a number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from core.advice.facts import hourly_atr
from core.advice.verdict import RULES_NAME
from core.backtest.features import Features as Arrays
from core.backtest.strategies import BadStrategy, Signals, Strategy, signals_of
from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, Candles
from core.opinion import Abstention, Brief, Opinion, Purpose, Silence, Stance
from core.ports import Adviser

PREFIX: Final = "strategy-"
CERTAIN: Final = 1.0
"""Of a strategy that states no confidence, as in a backtest."""
EXIT_BARS: Final = 2
BALANCED: Final = 1e-9
"""Shares of capital that differ by less cancel out."""
SHARE_TOTAL: Final = 1.0


class StrategyAdviser:
    """Answers at once; abstains only where its timeframe is missing or the strategy fails."""

    def __init__(self, strategy: Strategy, timeframe: str = SCAN_TIMEFRAMES[0], name: str = "") -> None:
        """`name` is its own among the advisers; by default made from the strategy's."""
        if timeframe not in SCAN_TIMEFRAMES:
            raise ValueError(f"a scan reads {', '.join(SCAN_TIMEFRAMES)}, not {timeframe}")
        self._strategy = strategy
        self._timeframe = timeframe
        self.name = name or PREFIX + strategy.name
        if self.name == RULES_NAME:
            raise ValueError(f"{RULES_NAME!r} is the name of the rule-based adviser")

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        candles = brief.candles.get(self._timeframe)
        if candles is None or not len(candles):
            return Abstention(self.name, Silence.FAILED, f"there are no {self._timeframe} candles")
        try:
            arrays = Arrays(candles.rows, is_plain=True)
            said = signals_of(self._strategy, brief.symbol, arrays)
        except BadStrategy as error:
            return Abstention(self.name, Silence.FAILED, str(error))
        return self._exit(brief, said) if brief.purpose is Purpose.EXIT else self._entry(brief, candles, said)

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
            model=self._strategy.words,
            call_id="",
        )


@dataclass(frozen=True, slots=True)
class Allotment:
    """A strategy and the fraction of the capital that it may use."""

    adviser: Adviser
    share: float


class StrategiesAlone:
    """Several strategies in the place of the rule-based adviser: their netted wish is its opinion."""

    name = RULES_NAME

    def __init__(self, allotments: Sequence[Allotment]) -> None:
        """Raises `ValueError` for shares that are none, or more than the whole in all."""
        shares = [one.share for one in allotments]
        if not allotments or not all(share > 0.0 for share in shares):
            raise ValueError("every strategy needs a share of the capital above 0")
        if not sum(shares) <= SHARE_TOTAL + BALANCED:
            raise ValueError(f"the shares make {sum(shares):g} of the capital, over {SHARE_TOTAL:g}")
        self._allotments = tuple(allotments)

    async def ask(self, brief: Brief, deadline_s: float) -> Opinion | Abstention:
        return (await self.net(brief, deadline_s))[0]

    async def net(self, brief: Brief, deadline_s: float) -> tuple[Opinion | Abstention, float]:
        """Its opinion and the fraction of the full size that it asks for; 0 for none."""
        answers = await asyncio.gather(*(one.adviser.ask(brief, deadline_s) for one in self._allotments))
        heard = [
            (answer, allotment.share)
            for answer, allotment in zip(answers, self._allotments, strict=True)
            if isinstance(answer, Opinion)
        ]
        if not heard:
            first = next(answer for answer in answers if isinstance(answer, Abstention))
            return replace(first, adviser=self.name), 0.0
        return netted(heard)


def netted(heard: Sequence[tuple[Opinion, float]]) -> tuple[Opinion, float]:
    """One opinion of several with their shares of the capital, and the share that is left of them.

    One symbol is held on one side only, so longs and shorts cancel; who holds or is silent leaves its share
    in cash. Distances and confidence are those of the winning side's, by share. `heard` must not be empty.
    """
    left = sum(share * _sign(opinion.stance) for opinion, share in heard)
    model = " + ".join(f"{share:g} {one.model}" for one, share in heard)
    if abs(left) <= BALANCED:
        return _nobody(heard, model), 0.0
    stance = Stance.LONG if left > 0 else Stance.SHORT
    winning = [(opinion, share) for opinion, share in heard if opinion.stance is stance]
    horizon = _mean([(one.horizon_bars, share) for one, share in winning])
    opinion = replace(
        winning[0][0],
        adviser=RULES_NAME,
        confidence=_mean([(one.confidence, share) for one, share in winning]) or 0.0,
        stop_atr=_mean([(one.stop_atr, share) for one, share in winning]),
        target_atr=_mean([(one.target_atr, share) for one, share in winning]),
        horizon_bars=None if horizon is None else round(horizon),
        reasons=tuple(reason for one, _ in winning for reason in one.reasons),
        model=model,
    )
    return opinion, abs(left)


def _nobody(heard: Sequence[tuple[Opinion, float]], model: str) -> Opinion:
    """A hold, because all hold or because they cancel out."""
    cancel = any(opinion.stance is not Stance.HOLD for opinion, _ in heard)
    return replace(
        heard[0][0],
        adviser=RULES_NAME,
        stance=Stance.HOLD,
        confidence=0.0,
        stop_atr=None,
        target_atr=None,
        horizon_bars=None,
        reasons=("Strategies, not AI: longs and shorts cancel out.",) if cancel else heard[0][0].reasons,
        invalidation="",
        model=model,
    )


def _mean(values: Sequence[tuple[float | None, float]]) -> float | None:
    """Weighted; of those that there are."""
    known = [(value, weight) for value, weight in values if value is not None]
    if not known:
        return None
    return sum(value * weight for value, weight in known) / sum(weight for _, weight in known)


def _sign(stance: Stance) -> int:
    return 0 if stance.side is None else stance.side.sign


def _last(values: np.ndarray | None) -> float | None:
    """None where there is no distance at the newest bar."""
    if values is None or not values[-1] > 0.0:
        return None
    return float(values[-1])


def _hour(moment: datetime) -> str:
    return f"{moment:%H:%M}"
