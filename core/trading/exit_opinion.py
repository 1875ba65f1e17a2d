"""Whether the advisers would still be in an open trade: asked at every 15-minute close.

Laws:
- It may only tighten the stop or close. Silence, a fault, a hold, a single opinion and a weak one change
  nothing and end the count.
- One judgement per trade and bar, recorded before it acts: a restart within the bar asks nobody again.
- It takes two closes in a row to close: the first close against the trade only tightens.
- The question is a scan's own, so that one answer serves both. Flags do not matter: they bar entries.
- Never a part of a guard's pass: guarding waits for no adviser.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from core.advice.brief import write_brief
from core.advice.strategy_voice import decided_by_strategies
from core.advice.verdict import agree
from core.errors import PerpilotError
from core.market import TIMEFRAMES, Instrument, bar_open
from core.money import ONE
from core.notice import Notice
from core.opinion import Brief, Decider, Features, Flags, Panel, Purpose, Verdict
from core.plan import Decision, Reason, StayOut
from core.ports import Clock, Venue
from core.risk.limits import Limits
from core.risk.stop_moves import Held, tightened
from core.trade import ExitReason, Position, StopBy, Trade, Want
from core.trading.accounts import AccountJournal
from core.trading.decide import Circle, Rules, mood_of, study, trade_terms
from core.trading.executor import Executor
from core.trading.exits import must_wait_for_profit
from core.trading.guard import Guard
from core.trading.ids import derived
from core.trading.recording import Recorder, Subject
from core.trading.records import record_of
from core.trading.tape import Kind

log = logging.getLogger("perpilot.exits")

JUDGED, HELD, NET = "judged", "held", "net"
"""What a tape calls the trade with its new count, how it stands, and what leaving would make."""
GATE = "exit"
"""Where these decisions end in the journal."""
FRAME = "15m"
BAR = timedelta(milliseconds=TIMEFRAMES[FRAME])
CLOSES_TO_LEAVE = 2
BY = "the advisers"
UNSEEN = "its position is not seen, so nothing is done"


class ExitOpinion:
    def __init__(
        self,
        circle: Circle,
        venue: Venue,
        journal: AccountJournal,
        executor: Executor,
        guard: Guard,
        rules: Callable[[], Rules],
    ) -> None:
        self._circle = circle
        self._venue = venue
        self._journal = journal
        self._executor = executor
        self._guard = guard
        self._rules = rules

    async def listen(self) -> None:
        """Hears the advisers on every open trade whose newest close was not heard yet.

        What could not be known or recorded is tried again by the next call, until the bar is over. Raises
        what reading the open trades raises, and an unforeseen error after every other trade was heard.
        """
        rules = self._rules()
        if not rules.limits.is_exit_opinion_on:
            return
        bar = bar_open(self._circle.clock.now(), FRAME)
        due = [t for t in await self._journal.open_trades(self._circle.account) if is_due(t, bar)]
        if not due:
            return
        hearings = (self._hear(trade, bar, rules) for trade in due)
        for trade, end in zip(due, await asyncio.gather(*hearings, return_exceptions=True), strict=True):
            if isinstance(end, PerpilotError):
                log.warning("exit opinion not heard: symbol=%s error=%s", trade.symbol, end)
            elif isinstance(end, BaseException):
                raise end

    async def _hear(self, trade: Trade, bar: datetime, rules: Rules) -> None:
        if await self._position(trade) is None:
            return
        subject = Subject(Kind.EXIT, trade.symbol, bar.isoformat(), Purpose.EXIT)
        recorder = Recorder(self._circle, rules, subject)
        heard = await hear(trade.symbol, bar, recorder.circle, rules, decision_id(trade, bar))
        if heard is None:
            return  # the market shows this close late: the next call sees it
        judged = await self._record(trade, bar, heard.verdict, rules.limits)
        if judged is None:
            return
        recorder.note(JUDGED, judged)
        step = await step_of(judged, heard.verdict, rules.limits, _Noted(self, recorder))
        decision = decision_of(judged, bar, heard, step, recorder.circle.clock)
        tape = recorder.sealed(decision)
        try:
            await self._journal.record_decisions([record_of(decision, judged.account, None, tape)], None)
        except PerpilotError as error:
            # The count is recorded, so nobody is asked again in this bar: less risk must not hang on a tape.
            log.error("exit opinion acted on without its record: symbol=%s error=%s", trade.symbol, error)
        await self._act(judged, step)

    async def _record(self, trade: Trade, bar: datetime, verdict: Verdict, limits: Limits) -> Trade | None:
        """The trade with its new count; None when it is over, or wanted closed in the meantime."""
        stands_against = is_against(trade, verdict, limits)

        def heard(current: Trade) -> tuple[Trade, list[Notice]]:
            closes = closes_against(current, bar, stands_against)
            return replace(current, against_bar=bar, against_count=closes), []

        judged = await self._executor.change(trade, heard)
        return judged if judged is not None and judged.want is Want.OPEN else None

    async def _act(self, trade: Trade, step: Step) -> None:
        if step.leaves:
            log.info("exit opinion: symbol=%s closing", trade.symbol)
            await self._guard.close([trade], ExitReason.ADVISER, ONE, BY)
        elif step.stop is not None:
            is_moved, words = await self._executor.move_stop(
                trade, step.stop, StopBy.ADVISER, may_loosen=False, told=step.words
            )
            log.info("exit opinion: symbol=%s moved=%s %s", trade.symbol, is_moved, words)
            if is_moved:
                await self._executor.advance(trade)

    async def held(self, trade: Trade) -> AtVenue | None:
        position = await self._position(trade)
        if position is None:
            return None
        quote = await self._circle.market.quote(trade.symbol)
        return AtVenue(position, quote.mark, await self._circle.market.instrument(trade.symbol))

    async def net(self, trade: Trade) -> Decimal | None:
        return await self._executor.net_if_left(trade)

    async def _position(self, trade: Trade) -> Position | None:
        found = await self._venue.positions()
        return next((p for p in found if p.symbol == trade.symbol and p.side is trade.side), None)


class _Noted:
    """The same sight, noted on the decision's tape."""

    def __init__(self, sight: Sight, recorder: Recorder) -> None:
        self._sight = sight
        self._recorder = recorder

    async def held(self, trade: Trade) -> AtVenue | None:
        return await self._recorder.taken(HELD, self._sight.held(trade))

    async def net(self, trade: Trade) -> Decimal | None:
        return await self._recorder.taken(NET, self._sight.net(trade))


# ---------------------------------------------------------------- the rule


@dataclass(frozen=True, slots=True)
class AtVenue:
    """How a trade stands at the venue."""

    position: Position
    mark: Decimal
    instrument: Instrument


class Sight(Protocol):
    """What a step looks at; None where the position is not seen. Raises what reading the venue raises."""

    async def held(self, trade: Trade) -> AtVenue | None: ...

    async def net(self, trade: Trade) -> Decimal | None:
        """USDT that leaving now would make of the whole trade."""
        ...


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the advisers said of one close."""

    features: Features
    verdict: Verdict
    brief: Brief


async def hear(symbol: str, bar: datetime, circle: Circle, rules: Rules, name: str) -> Hearing | None:
    """None while the market does not show the close `bar`; `name` is the decision's id."""
    features, candles = await study(symbol, circle)
    if features.bar_closed_at != bar:
        return None
    mood = await mood_of(symbol, bar, circle)
    brief = write_brief(features, candles, trade_terms(rules.limits), mood)
    brief = replace(brief, decision_id=name, purpose=Purpose.EXIT, strategies=rules.strategies)
    opinions, abstentions = await circle.panel.ask(brief)
    panel = Panel(opinions, abstentions)
    verdict = agree(panel, Flags(), rules.decider, rules.roles, Purpose.EXIT, rules.strategies)
    return Hearing(features, verdict, brief)


async def step_of(trade: Trade, verdict: Verdict, limits: Limits, sight: Sight) -> Step:
    if not trade.against_count:
        return Step(f"nothing stands against this {trade.side.value}: {_gist(verdict)}")
    said = f"{_gist(verdict)}, against this {trade.side.value}, close {trade.against_count} in a row"
    try:
        if trade.against_count < CLOSES_TO_LEAVE:
            seen = await sight.held(trade)
            if seen is None:
                return Step(f"{said}; {UNSEEN}")
            return tightening(Held(trade, seen.position, seen.mark, seen.instrument, limits), said)
        net = await sight.net(trade)
    except PerpilotError as error:
        return Step(f"{said}; nothing is done, because its position cannot be read: {error}")
    return leaving(limits, net, said) if net is not None else Step(f"{said}; {UNSEEN}")


def decision_of(trade: Trade, bar: datetime, heard: Hearing, step: Step, clock: Clock) -> Decision:
    """Its id names trade and bar: there is one per close."""
    outcome = StayOut(trade.symbol, GATE, (Reason(GATE, step.words),))
    name, now = decision_id(trade, bar), clock.now()
    known = (heard.features, Flags(), heard.verdict, heard.brief)
    return Decision(name, trade.symbol, now, outcome, *known)


@dataclass(frozen=True, slots=True)
class Step:
    """What a judgement leads to, in words for the journal."""

    words: str
    stop: Decimal | None = None
    """Where the stop goes; None: it stays."""
    leaves: bool = False


def decision_id(trade: Trade, bar: datetime) -> str:
    return derived("exit", trade.id, bar.isoformat())


def is_due(trade: Trade, bar: datetime) -> bool:
    """`bar` closed while the trade was open, and was not heard yet."""
    is_new = trade.against_bar is None or trade.against_bar < bar
    return trade.want is Want.OPEN and trade.created_at < bar and is_new


def is_against(trade: Trade, verdict: Verdict, limits: Limits) -> bool:
    """It stands on the other side, is more than one answer, and is sure enough to have been traded."""
    is_opposite = verdict.stance.side is trade.side.opposite
    return is_opposite and not verdict.is_single and verdict.confidence >= limits.min_confidence


def closes_against(trade: Trade, bar: datetime, stands_against: bool) -> int:
    """How many closes in a row; a bar that nobody was heard on breaks the row."""
    if not stands_against:
        return 0
    is_next = trade.against_bar is not None and bar - trade.against_bar == BAR
    return trade.against_count + 1 if is_next else 1


def tightening(held: Held, said: str) -> Step:
    stop = tightened(held)
    if stop == held.trade.stop:
        return Step(f"{said}; the stop {stop} is as near as it may be")
    return Step(f"{said}: the stop goes from {held.trade.stop} to {stop}", stop=stop)


def leaving(limits: Limits, net: Decimal, said: str) -> Step:
    """`net`: USDT that leaving now would make of the whole trade."""
    rules = limits.exits
    if must_wait_for_profit(rules, float(net)):
        least = f"MIN_PROFIT_USD {rules.min_profit_usd:.2f}"
        return Step(f"{said}; a gain of {net:.2f} waits until it is at least {least}")
    return Step(f"{said}: closing at about {net:+.2f} USDT", leaves=True)


def _gist(verdict: Verdict) -> str:
    who = "the rules are" if verdict.decider is Decider.RULES else "advisers are"
    who = "the strategies are" if decided_by_strategies(verdict) else who
    alone = " (one answer only)" if verdict.is_single else ""
    return f"{who} for {verdict.stance.value} at {verdict.confidence:.2f}{alone}"
