"""What live trading would have planned where a strategy signals: its own functions over the same candles.

Laws:
- Features, red flags, verdict, plan and score are live's, asked for every bar that signals an entry; nothing
  of them is written anew here.
- Only what was known at the open after the signal is looked at: candles that were closed, the open itself,
  the funding rate that was settled last.
- The strategy's word is the verdict, as where strategies work alone. Mood, spread and volume of 24 hours are
  none that candles show.
- What the account would say (size, budgets, places, breakers) is left to the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np

from core.advice.facts import hourly_atr
from core.advice.score import opportunity_score
from core.advice.verdict import RULES_NAME, agree
from core.analysis.beta import BTC, beta_to_btc
from core.analysis.flags import FlagLimits, red_flags
from core.backtest.as_live_frames import Frames
from core.backtest.engine import Signals
from core.backtest.engine_past import Past, Ready
from core.backtest.engine_terms import HALF_SPREAD
from core.backtest.engine_words import Floats
from core.errors import BadMarketFacts
from core.market import TIMEFRAMES, Quote, from_ms
from core.money import ZERO, exact, nearest_to
from core.opinion import Decider, Features, Flags, Opinion, Panel, Stance, Verdict
from core.plan import Plan
from core.risk.account import Account
from core.risk.idea import Idea
from core.risk.limits import Limits
from core.risk.planning import draw
from core.trading.decide import BETA_DIGITS, Rules, idea_of

RICH: Final = Decimal(10) ** 9
"""USDT: no plan is cut by the account here."""
ACCOUNT: Final = "backtest"
FRAME: Final = "15m"
GATES: Final = ("data", "flags", "structure")
"""Where a signal ends before there is a plan, in their order."""
PLANNED: Final = ("stop", "atr", "leverage", "share", "beta", "funding", "score", "last_r")
"""Of `Signals`: what a plan says."""


@dataclass(frozen=True, slots=True)
class LiveRules:
    """The numbers of live that a plan depends on."""

    limits: Limits
    flags: FlagLimits = field(default_factory=FlagLimits)
    half_spread: float = HALF_SPREAD
    """As in `Setup`."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Entries that were signalled, and where they ended before they came to the account."""

    signalled: int
    ended: Mapping[str, int]
    """By gate, `GATES`."""
    struck: Mapping[str, int]
    """Signals that each red flag alone would have ended."""

    @property
    def planned(self) -> int:
        return self.signalled - sum(self.ended.values())

    def lines(self) -> tuple[str, ...]:
        """For people."""
        ends = ", ".join(f"{count:,} at {gate}" for gate, count in self.ended.items() if count)
        flags = ", ".join(f"{name} {count:,}" for name, count in self.struck.items())
        told = f"As live: {self.signalled:,} entries signalled, {self.planned:,} planned"
        return (f"{told}; ended {ends or 'none'}.", *([f"Red flags: {flags}."] if flags else []))


@dataclass(frozen=True, slots=True)
class Judged:
    signals: tuple[Signals, ...]
    """One for each symbol; what would not have been planned only closes what is held against it."""
    funnel: Funnel


class LiveJudge:
    """Of one past; the features of a bar are worked out once, whatever is asked about it."""

    def __init__(self, past: Past) -> None:
        """Raises `BadMarketFacts` where live's candles can't be made from the bars."""
        if TIMEFRAMES[FRAME] % past.bar_ms:
            raise BadMarketFacts(
                "live decides on candles of 15 minutes, 1 hour and 4 hours, which can't be made from bars of "
                f"{past.bar_ms // 60_000} min: take 15m or shorter ones"
            )
        self._past = past
        self._frames = {part.symbol: Frames(part, past.bar_ms) for part in past.parts}

    def judged(self, signals: Sequence[Signals], rules: LiveRules, horizon_bars: int | None = None) -> Judged:
        """`horizon_bars`: how long the strategy expects to hold, in its own bars."""
        hours = None if horizon_bars is None else horizon_bars * self._past.bar_ms // TIMEFRAMES[FRAME]
        count, ended, struck = 0, dict.fromkeys(GATES, 0), dict[str, int]()
        made = list[Signals]()
        for part, said in zip(self._past.parts, signals, strict=True):
            places = _entries(said, len(part.bars))
            count += len(places)
            plans = dict[int, tuple[Plan, Idea]]()
            for place in places:
                found = self._decided(part, said, place, rules, hours)
                if isinstance(found, tuple):
                    plans[place] = found
                    continue
                ended[found if isinstance(found, str) else "flags"] += 1
                for name in {flag.name for flag in found.struck} if isinstance(found, Flags) else ():
                    struck[name] = struck.get(name, 0) + 1
            made.append(_with_plans(said, places, plans, rules.limits))
        return Judged(tuple(made), Funnel(count, ended, struck))

    def _decided(
        self, part: Ready, said: Signals, place: int, rules: LiveRules, horizon: int | None
    ) -> tuple[Plan, Idea] | Flags | str:
        """The plan and its idea; else the flags that struck, or the gate."""
        try:
            features, beta = self._studied(part.symbol, place)
        except BadMarketFacts:
            return "data"
        opinion = opinion_of(said, place, float(part.bars[place, 4]), features, horizon)
        if opinion is None:
            return "data"
        flags = red_flags(features, rules.flags)
        verdict = agree(Panel((opinion,), ()), flags, Decider.RULES)
        if verdict.stance is Stance.HOLD:
            against = (flag for flag in flags.struck if flag.strikes in (None, opinion.stance.side))
            return Flags(tuple(against))
        return _planned(part, place, verdict, features, beta, rules) or "structure"

    def _studied(self, symbol: str, place: int) -> tuple[Features, Decimal | None]:
        frames, btc = self._frames[symbol], self._frames.get(BTC)
        features = frames.features(place)
        if btc is None:
            return features, None
        try:
            leads = btc.hourly_at(frames.closes_ms(place))
        except BadMarketFacts:
            return features, None
        found = beta_to_btc(frames.hourly_at(frames.closes_ms(place)), leads)
        return features, None if found is None else exact(round(found, BETA_DIGITS))


def opinion_of(
    said: Signals, place: int, close: float, features: Features, horizon: int | None
) -> Opinion | None:
    """The signal as `core.advice.strategy_adviser` tells it, in the place of the rule-based opinion.

    `horizon`: bars of 15 minutes. None where it names distances and the 1h ATR that they are told in is n/a.
    """
    stop, target, atr = _named(said.stop, place), _named(said.target, place), hourly_atr(features)
    if atr is None and (stop or target):
        return None
    unit = close / atr if atr else 0.0
    confidence = _named(said.confidence, place)
    return Opinion(
        adviser=RULES_NAME,
        stance=Stance.LONG if said.side[place] > 0 else Stance.SHORT,
        confidence=1.0 if said.confidence is None else confidence or 0.0,
        p_target_first=None,
        stop_atr=stop * unit if stop else None,
        target_atr=target * unit if target else None,
        horizon_bars=horizon,
        reasons=(),
        evidence=(),
        invalidation="",
        model="strategy",
        call_id="",
    )


def _planned(
    part: Ready, place: int, verdict: Verdict, features: Features, beta: Decimal | None, rules: LiveRules
) -> tuple[Plan, Idea] | None:
    """None where structure leaves no place for a stop, or no plan could be drawn."""
    now = from_ms(int(part.bars[place + 1, 0]))
    drawn_by = Rules(rules.limits, rules.flags, Decider.RULES)
    idea = replace(idea_of(verdict, features, ACCOUNT, f"{part.symbol}:{place}", drawn_by), beta=beta)
    quote = _quote(part, float(part.bars[place + 1, 1]), rules.half_spread, now)
    account = Account(ACCOUNT, RICH, RICH, RICH, RICH, RICH, now)
    plan = draw(idea, quote, part.instrument, account, rules.limits, now)
    if not isinstance(plan, Plan) or not plan.stop > 0:
        return None
    return replace(plan, score=opportunity_score(verdict, idea.side, features, ZERO)), idea


def _quote(part: Ready, price: float, half_spread: float, now: datetime) -> Quote:
    """As `core.sim.history.HistoryMarket` shows a price."""
    tick = part.instrument.tick
    if not half_spread > 0:
        mark, half = exact(price), ZERO
    else:
        mark = nearest_to(exact(price), tick)
        half = max(nearest_to(mark * exact(half_spread), tick), tick)
    return Quote(part.symbol, mark - half, mark + half, mark, mark, now)


def last_rung(idea: Idea, limits: Limits) -> float:
    """R of the ladder's last target: what the strategy names, never nearer than the one before it."""
    *others, (last, _) = limits.targets
    named = idea.reward_risk
    if not named < float(last):
        return float(last)
    return max(named, float(others[-1][0])) if others else named


def _with_plans(
    said: Signals, places: Sequence[int], plans: Mapping[int, tuple[Plan, Idea]], limits: Limits
) -> Signals:
    side = said.side.copy()
    for place in places:
        if place not in plans:
            side[place] *= 2  # it still closes what is held against it
    arrays = {name: np.full(len(side), np.nan) for name in PLANNED}
    for place, (plan, idea) in plans.items():
        arrays["stop"][place] = float(abs(plan.entry - plan.stop) / plan.entry)
        arrays["atr"][place] = float(plan.atr or "nan")
        arrays["leverage"][place] = plan.leverage_wanted
        arrays["share"][place] = float(plan.size_share)
        arrays["beta"][place] = np.nan if plan.beta is None else float(plan.beta)
        arrays["funding"][place] = float(plan.funding_cost)
        arrays["score"][place] = plan.score.total
        arrays["last_r"][place] = last_rung(idea, limits)
    return Signals(side, confidence=said.confidence, **arrays)


def _entries(said: Signals, bars: int) -> list[int]:
    """Bars that say to enter and have one after them."""
    found: list[int] = np.flatnonzero(np.abs(said.side[: max(bars - 1, 0)]) == 1).tolist()
    return found


def _named(values: Floats | None, place: int) -> float | None:
    return float(values[place]) if values is not None and values[place] > 0.0 else None
