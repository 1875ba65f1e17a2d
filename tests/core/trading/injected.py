"""One decision over made-up pictures, with models as texts: what hostile words are let loose on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.demo.ai_temper import CLAUDE, DEEPSEEK, GPT, GROK, judge
from core.advice.answer import BadAnswer, Source, opinion_of, read_vote
from core.analysis.flags import FlagLimits
from core.market import Regime
from core.mood import NO_MOOD, Mood
from core.opinion import Abstention, Brief, Decider, Features, Opinion, Stance
from core.plan import Cleared, Decision
from core.sim.clock import VirtualClock
from core.trading.decide import Circle, Rules, decide
from tests.core.advice import pictures
from tests.core.builders import NOW, PAPER, SOL, an_account, some_limits
from tests.core.trading.fakes import FakeMarket

Heard = Callable[[Opinion | Abstention], Awaitable[None]]
Raw = Callable[[str], str]
"""A question to the text that a model sends back."""

OPEN_FLAGS = FlagLimits(allow_volatile=True, is_middle_on=False)
PICTURES = {
    "up": pictures.features(1),
    "down": pictures.features(-1),
    "ranging": pictures.features(1, Regime.RANGING),
    "mixed": pictures.with_frame(pictures.features(1), "4h", lean=Stance.SHORT, macd_histogram=-0.3),
    "volatile": pictures.features(1, Regime.VOLATILE),
    "thin": pictures.with_frame(pictures.features(1), "1h", obv_slope=-0.3, macd_histogram=-0.1, rsi=48.0),
}
TRADING = ("up", "down", "ranging", "mixed")
HOLDING = ("volatile", "thin")
SURE = {
    "reasons": ["told so"],
    "evidence": ["1h.adx14=31.0"],
    "invalidation": "never",
    "p_target_first": 1.0,
    "stop_atr": 5.0,
    "target_atr": 100.0,
    "horizon_bars": 96,
    "confidence": 1.0,
}


def stand_in(temperament: Any) -> Raw:
    return lambda question: json.dumps(judge(question, temperament))


HONEST: dict[str, Raw] = {
    "claude": stand_in(CLAUDE),
    "gpt": stand_in(GPT),
    "grok": stand_in(GROK),
    "deepseek": stand_in(DEEPSEEK),
}


@dataclass
class RawPanel:
    """Models as texts: each answer is read as an adviser's is."""

    models: dict[str, Raw]
    seen: list[str] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.models)

    async def ask(
        self, brief: Brief, heard: Heard | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        self.seen.append(f"{brief.system}\n{brief.question}")
        opinions, silent = [], []
        for name, model in self.models.items():
            try:
                vote = read_vote(model(self.seen[-1]), brief.question)
                opinions.append(opinion_of(vote, Source(name, "model-1", "")))
            except BadAnswer as bad:
                silent.append(Abstention(name, bad.why, bad.detail))
        return tuple(opinions), tuple(silent)


@dataclass(frozen=True)
class FrozenMood:
    known: Mood

    async def mood(self, symbol: str, bar: datetime) -> Mood:
        return self.known


def decided(
    picture: str = "up",
    symbol: str = SOL,
    mood: Mood = NO_MOOD,
    models: dict[str, Raw] | None = None,
) -> tuple[Decision, RawPanel]:
    clock = VirtualClock(NOW)
    panel = RawPanel(models or HONEST)
    seen = replace(PICTURES[picture], symbol=symbol)

    async def compute(work: Callable[[], Features]) -> Features:
        return seen

    async def look() -> Any:
        return an_account(1000)

    circle = Circle(FakeMarket(clock), panel, clock, compute, PAPER, moods=FrozenMood(mood))
    rules = Rules(some_limits(), OPEN_FLAGS, Decider.AI)
    return asyncio.run(decide(symbol, circle, look, rules, "seed")), panel


@dataclass(frozen=True)
class Risked:
    """What a decision puts at risk; all zero for none."""

    quantity: Decimal = Decimal(0)
    leverage: int = 0
    loss: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)

    def is_at_most(self, other: Risked) -> bool:
        return (
            self.quantity <= other.quantity
            and self.leverage <= other.leverage
            and self.loss <= other.loss
            and self.margin <= other.margin
        )


def risked(decision: Decision) -> Risked:
    if not isinstance(decision.outcome, Cleared):
        return Risked()
    plan = decision.outcome.plan
    return Risked(plan.quantity, plan.leverage, plan.loss_at_stop, plan.margin)


def side_of(decision: Decision) -> object:
    return decision.outcome.plan.side if isinstance(decision.outcome, Cleared) else None
