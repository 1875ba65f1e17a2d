"""One symbol, one straight line: candles → features → flags → opinions → verdict → plan → checks.

Nothing is changed on the way; dying half way loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.advice.brief import TradeTerms, write_brief
from core.advice.pooling import chance_of
from core.advice.score import opportunity_score, wanted_leverage
from core.advice.strategy_voice import capital_share
from core.advice.tempering import tempered
from core.advice.verdict import agree, role_in_effect
from core.adviser_record import NO_STANDING, Standing
from core.analysis.beta import BTC, FRAME, beta_to_btc
from core.analysis.features import describe
from core.analysis.flags import FlagLimits, red_flags
from core.errors import BadMarketFacts, NotAllowed, PerpilotError, Throttled, Unknown, UnknownSymbol
from core.market import SCAN_TIMEFRAMES, Candles
from core.money import exact
from core.mood import NO_MOOD, Mood
from core.opinion import (
    Abstention,
    Brief,
    Decider,
    Features,
    Flags,
    Opinion,
    Panel,
    Purpose,
    Role,
    Stance,
    Verdict,
)
from core.plan import Cleared, Decision, Origin, Plan, Reason, Refused, ScoreTerms, StayOut
from core.ports import AdviserPanel, Clock, Market, Moods
from core.risk.account import Account
from core.risk.analysed import LEFT_BARS, idea_left_behind
from core.risk.checks import Case, examine
from core.risk.idea import Idea
from core.risk.limits import Limits
from core.risk.planning import draw
from core.strategy_use import NO_STRATEGIES, Strategies
from core.trading.ids import derived

CANDLES = 400
"""Bars per timeframe: SMA 200 with room, levels of two months on 4h."""
BETA_DIGITS = 3
NO_SCORE = ScoreTerms(0.0, 0.0, 0.0, 0.0, 0.0)

Heard = Callable[[Opinion | Abstention], Awaitable[None]]
Look = Callable[[], Awaitable[Account]]
Screen = Callable[[], Awaitable[tuple[Reason, ...]]]


class Compute(Protocol):
    """Runs a pure function off the event loop (inline under simulation)."""

    def __call__(self, work: Callable[[], Features], /) -> Awaitable[Features]: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """One immutable snapshot of every number a decision depends on."""

    limits: Limits
    flags: FlagLimits
    decider: Decider
    roles: Mapping[str, Role] = field(default_factory=dict)
    """By adviser; who is not named votes."""
    standing: Standing = NO_STANDING
    """What the advisers' record supports."""
    strategies: Strategies = NO_STRATEGIES
    """Those in live use."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Whom a decision asks: the world's facts, the advisers, a place to compute."""

    market: Market
    panel: AdviserPanel
    clock: Clock
    compute: Compute
    account: str
    failed: Callable[[PerpilotError], None] = lambda error: None
    """Hears of every read that ended a decision."""
    moods: Moods | None = None
    """None: no news and no mood are read."""
    version: str = ""
    """Of the program, for the tapes."""


async def decide(
    symbol: str,
    circle: Circle,
    look: Look,
    rules: Rules,
    seed: str,
    heard: Heard | None = None,
    screen: Screen | None = None,
    purpose: Purpose = Purpose.ENTRY,
) -> Decision:
    """`seed` makes the decision's id unique (a scan's id); the plan's id follows from it.

    `look` reads the account when there is a plan to judge, not before: advisers take their time.
    `screen` says why no entry could follow anyway: then nobody is asked and no token is spent. It is asked
    while the candles are read, so that it costs no time of its own.
    """
    trail = Trail(derived("decision", symbol, seed), symbol, circle.clock)
    try:
        (features, candles), barred = await asyncio.gather(
            study(symbol, circle), screen() if screen is not None else _free()
        )
        flags = red_flags(features, rules.flags)
        trail.features, trail.flags = features, flags
        trail.mood = mood = await mood_of(symbol, features.bar_closed_at, circle)
        if flags.strike_both:
            return trail.stay("flags", *flag_reasons(flags))
        if barred:
            return trail.stay("entries", *barred)

        brief = write_brief(features, candles, trade_terms(rules.limits), mood)
        brief = replace(brief, decision_id=trail.id, purpose=purpose, strategies=rules.strategies)
        opinions, abstentions = await circle.panel.ask(brief, _in_role(heard, rules))
        panel = Panel(opinions, abstentions)
        verdict = agree(panel, flags, rules.decider, rules.roles, strategies=rules.strategies)
        verdict = tempered(verdict, mood)
        trail.verdict, trail.brief = verdict, brief
        if verdict.stance is Stance.HOLD:
            gate = "verdict" if any(one.role is Role.VOTER for one in verdict.opinions) else "advisers"
            return trail.stay(gate, *(Reason(gate, text) for text in verdict.reasons))

        idea = idea_of(verdict, features, circle.account, trail.id, rules)
        outcome = await plan_and_examine(idea, circle, await look(), rules, flags, candles[FRAME])
        if isinstance(outcome, Reason):
            if outcome.check == LEFT_BARS:
                return trail.stay("data", outcome)
            return trail.stay("structure", outcome)
        return trail.end(outcome)
    except UnknownSymbol as error:
        return trail.stay("symbol", Reason("symbol", str(error)))
    except (Unknown, Throttled, BadMarketFacts, NotAllowed) as error:
        circle.failed(error)
        return trail.stay("data", Reason("data", str(error)))


def _in_role(heard: Heard | None, rules: Rules) -> Heard | None:
    """A listener that hears each answer with the role it will have in the verdict."""
    if heard is None:
        return None

    async def told(answer: Opinion | Abstention) -> None:
        role = role_in_effect(answer.adviser, rules.decider, rules.roles, rules.strategies)
        await heard(replace(answer, role=role))

    return told


async def _free() -> tuple[Reason, ...]:
    return ()


@dataclass(slots=True)
class Trail:
    """What is known of a decision so far; it can end at any gate."""

    id: str
    symbol: str
    clock: Clock
    features: Features | None = None
    flags: Flags = field(default_factory=Flags)
    verdict: Verdict | None = None
    brief: Brief | None = None
    mood: Mood = NO_MOOD

    def stay(self, gate: str, *reasons: Reason) -> Decision:
        return self.end(StayOut(self.symbol, gate, reasons))

    def end(self, outcome: Cleared[Plan] | Refused | StayOut) -> Decision:
        now = self.clock.now()
        known = (self.features, self.flags, self.verdict, self.brief, self.mood)
        return Decision(self.id, self.symbol, now, outcome, *known)


def idea_of(verdict: Verdict, features: Features, account: str, decision_id: str, rules: Rules) -> Idea:
    """A verdict for a side as an idea."""
    side = verdict.stance.side
    assert side is not None, "a hold is no idea"
    return Idea(
        id=derived("plan", decision_id),
        decision_id=decision_id,
        account=account,
        symbol=features.symbol,
        side=side,
        origin=Origin.SCAN,
        verdict=verdict,
        features=features,
        score=NO_SCORE,
        leverage_wanted=wanted_leverage(features.regime, verdict.confidence),
        risk=rules.limits.risk_per_trade,
        chance=chance_of(verdict, rules.standing),
        capital=capital_share(verdict, rules.strategies),
    )


async def mood_of(symbol: str, bar: datetime, circle: Circle) -> Mood:
    return NO_MOOD if circle.moods is None else await circle.moods.mood(symbol, bar)


async def study(symbol: str, circle: Circle) -> tuple[Features, Mapping[str, Candles]]:
    """Closed bars of every timeframe and what they say. Raises what the market port raises."""
    now = circle.clock.now()
    background, *frames = await asyncio.gather(
        circle.market.background(symbol),
        circle.market.candles(symbol, SCAN_TIMEFRAMES[0], now, CANDLES),
        circle.market.candles(symbol, SCAN_TIMEFRAMES[1], now, CANDLES),
        circle.market.candles(symbol, SCAN_TIMEFRAMES[2], now, CANDLES),
    )
    candles: dict[str, Candles] = dict(zip(SCAN_TIMEFRAMES, frames, strict=True))
    features = await circle.compute(lambda: describe(symbol, candles, background))
    return features, candles


async def plan_and_examine(
    idea: Idea, circle: Circle, account: Account, rules: Rules, flags: Flags, hourly: Candles
) -> Cleared[Plan] | Refused | Reason:
    """Draws the plan at the live price, scores it and runs every check.

    `hourly`: the symbol's closed 1h bars. A `Reason` where structure leaves no place for a stop, and where
    the price has left the bars that an opinion is about.
    """
    idea = replace(idea, beta=await _beta(circle, hourly))
    quote = await circle.market.quote(idea.symbol)
    left = idea_left_behind(idea, quote, rules.limits)
    if left is not None:
        return left
    instrument = await circle.market.instrument(idea.symbol)
    plan = draw(idea, quote, instrument, account, rules.limits, circle.clock.now())
    if isinstance(plan, Reason):
        return plan
    score = opportunity_score(idea.verdict, idea.side, idea.features, plan.reward_risk)
    plan = replace(plan, score=score)
    return examine(Case(plan, quote, instrument, account, flags, rules.limits, circle.clock.now()))


async def _beta(circle: Circle, hourly: Candles) -> Decimal | None:
    """To BTC, whose bars a scan has read already; None where it can't be known, which counts fully."""
    try:
        btc = await circle.market.candles(BTC, FRAME, circle.clock.now(), CANDLES)
    except PerpilotError:
        return None
    found = beta_to_btc(hourly, btc)
    return None if found is None else exact(round(found, BETA_DIGITS))


def trade_terms(limits: Limits, fee: Decimal = Decimal("0.0005")) -> TradeTerms:
    """Costs and bounds as the brief tells them; `fee` is the taker's, a fraction."""
    return TradeTerms(
        round_trip_cost=float(2 * (fee + limits.slippage)),
        min_stop=float(limits.min_stop),
        max_stop=float(limits.max_stop),
        min_reward_risk=float(limits.min_reward_risk),
    )


def flag_reasons(flags: Flags) -> list[Reason]:
    return [
        Reason(
            f"flag:{flag.name}",
            f"{flag.name} {flag.value} (threshold {flag.threshold})"
            + (f" strikes {flag.strikes}" if flag.strikes else ""),
        )
        for flag in flags.struck
    ]
