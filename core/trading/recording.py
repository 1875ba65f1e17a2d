"""Listens to one decision: every value that its ports answer is noted, in order, on a tape.

Laws:
- A recorded decision is `decide` itself over ports that pass everything through; nothing is decided here.
- What is still on its way when the decision ends is not on its tape: it had no part in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from core.codec import to_plain, to_text
from core.errors import PerpilotError
from core.journal import DecisionRecord
from core.market import Background, Candles, Instrument, Quote
from core.mood import Mood
from core.opinion import Abstention, Brief, Opinion, Purpose
from core.plan import Decision, Reason
from core.ports import AdviserPanel, Clock, Market, Moods
from core.risk.account import Account
from core.trading.chunks import cut, listed, name_of, text_piece
from core.trading.decide import Circle, Heard, Look, Rules, Screen, decide
from core.trading.records import record_of
from core.trading.tape import (
    ANSWER,
    BRIEF,
    FEATURES,
    FLAGS,
    OUTCOME,
    PLAN,
    RECORD,
    VERDICT,
    Answered,
    Kind,
    Read,
    Tape,
    TapeRecord,
    hash_of,
    pack_tape,
)

T = TypeVar("T")


@dataclass(slots=True)
class Notes:
    """What was heard so far."""

    clock: list[datetime] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    """Name → content of every piece."""

    async def taken(self, name: str, key: str, work: Awaitable[T], plain: Callable[[T], Any] = to_plain) -> T:
        """What `work` gives or raises, noted."""
        try:
            value = await work
        except PerpilotError as error:
            self.reads.append(Read(name, key, None, type(error).__name__, str(error)))
            raise
        self.reads.append(Read(name, key, plain(value)))
        return value

    def piece(self, content: bytes) -> str:
        name = name_of(content)
        self.contents[name] = content
        return name

    def shared(self, value: object) -> str:
        """Its name, the value itself being a piece of its own."""
        return self.piece(text_piece(to_text(value)))

    def window(self, candles: Candles) -> str:
        listed, pieces = cut(candles)
        for content in pieces:
            self.piece(content)
        return self.piece(listed)


class NotedClock:
    def __init__(self, clock: Clock, notes: Notes) -> None:
        self._clock = clock
        self._notes = notes

    def now(self) -> datetime:
        now = self._clock.now()
        self._notes.clock.append(now)
        return now

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class NotedMarket:
    def __init__(self, market: Market, notes: Notes) -> None:
        self._market = market
        self._notes = notes

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        work = self._market.candles(symbol, timeframe, until, limit)
        return await self._notes.taken("candles", f"{symbol} {timeframe}", work, self._notes.window)

    async def quote(self, symbol: str) -> Quote:
        return await self._notes.taken("quote", symbol, self._market.quote(symbol))

    async def background(self, symbol: str) -> Background:
        return await self._notes.taken("background", symbol, self._market.background(symbol))

    async def instrument(self, symbol: str) -> Instrument:
        work = self._market.instrument(symbol)
        return await self._notes.taken("instrument", symbol, work, self._notes.shared)

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        return await self._market.symbols_by_volume(count)


class NotedPanel:
    def __init__(self, panel: AdviserPanel, notes: Notes, own: frozenset[str]) -> None:
        """`own`: names of the strategies from the owner's files."""
        self._panel = panel
        self._notes = notes
        self._own = own

    @property
    def names(self) -> tuple[str, ...]:
        return self._panel.names

    async def ask(
        self, brief: Brief, heard: Heard | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        opinions, abstentions = await self._panel.ask(brief, heard)
        self._notes.hashes[BRIEF] = brief.hash
        answers: tuple[Opinion | Abstention, ...] = (*opinions, *abstentions)
        for answer in answers:
            self._notes.answers.append(_answered(answer, is_own=answer.adviser in self._own))
            self._notes.hashes[f"{ANSWER}{answer.adviser}"] = hash_of(answer)
        return opinions, abstentions


def _answered(answer: Opinion | Abstention, *, is_own: bool) -> Answered:
    if isinstance(answer, Opinion):
        kept = answer if is_own else None
        return Answered(answer.adviser, True, answer.call_id, answer.is_cached, opinion=kept)
    return Answered(answer.adviser, False, answer.call_id, abstention=answer)


class NotedMoods:
    def __init__(self, moods: Moods, notes: Notes) -> None:
        self._moods = moods
        self._notes = notes

    async def mood(self, symbol: str, bar: datetime) -> Mood:
        return await self._notes.taken("mood", symbol, self._moods.mood(symbol, bar))


@dataclass(frozen=True, slots=True)
class Subject:
    """Which decision a tape is of."""

    kind: Kind
    symbol: str
    seed: str
    purpose: Purpose


class Recorder:
    """Of one decision: made before it, sealed after it."""

    def __init__(self, circle: Circle, rules: Rules, subject: Subject) -> None:
        self._notes = Notes()
        self._subject = subject
        self._rules = rules
        self._code = circle.version
        self._has_screen = False
        self._has_moods = circle.moods is not None
        own = frozenset(part.name for part in rules.strategies.parts if part.is_own)
        self.circle = replace(
            circle,
            market=NotedMarket(circle.market, self._notes),
            panel=NotedPanel(circle.panel, self._notes, own),
            clock=NotedClock(circle.clock, self._notes),
            moods=None if circle.moods is None else NotedMoods(circle.moods, self._notes),
        )
        """The same circle, listened to."""

    def look(self, look: Look) -> Look:
        async def noted() -> Account:
            return await self._notes.taken("look", "", look())

        return noted

    def screen(self, screen: Screen | None) -> Screen | None:
        if screen is None:
            return None
        self._has_screen = True

        async def noted() -> tuple[Reason, ...]:
            return await self._notes.taken("screen", "", screen())

        return noted

    def note(self, name: str, value: object) -> None:
        """A fact that came by no port."""
        self._notes.reads.append(Read(name, "", to_plain(value)))

    async def taken(self, name: str, work: Awaitable[T]) -> T:
        return await self._notes.taken(name, "", work)

    def sealed(self, decision: Decision) -> TapeRecord:
        """The tape of what was heard until now, which led to `decision`."""
        notes = self._notes
        record = record_of(decision, self.circle.account, None)
        rules = notes.shared(self._rules)
        inner = {name for content in notes.contents.values() for name in listed(content)}
        tape = Tape(
            code=self._code,
            kind=self._subject.kind,
            decision_id=decision.id,
            symbol=self._subject.symbol,
            account=self.circle.account,
            seed=self._subject.seed,
            purpose=self._subject.purpose,
            rules=rules,
            has_screen=self._has_screen,
            has_moods=self._has_moods,
            clock=tuple(notes.clock),
            reads=tuple(notes.reads),
            answers=tuple(notes.answers),
            results={**notes.hashes, **results_of(record)},
            pieces=tuple(sorted(set(notes.contents) - inner)),
        )
        return pack_tape(tape, dict(notes.contents))

    @property
    def heard(self) -> Mapping[str, str]:
        """Hashes of the question and of each answer."""
        return self._notes.hashes


def results_of(record: DecisionRecord) -> dict[str, str]:
    """Name of each result that a decision has → its hash."""
    named = {FEATURES: "features", FLAGS: "flags", VERDICT: "verdict", PLAN: "plan"}
    facts = {result: record.facts[name] for result, name in named.items()}
    hashes = {result: hash_of(value) for result, value in facts.items() if value is not None}
    hashes[OUTCOME] = hash_of([record.gate, record.reasons])
    parts = [record.id, record.symbol, record.at, record.gate, record.reasons, record.stance, record.score]
    return {**hashes, RECORD: hash_of([*parts, hashes])}


async def decide_recorded(
    symbol: str,
    circle: Circle,
    look: Look,
    rules: Rules,
    seed: str,
    heard: Heard | None = None,
    screen: Screen | None = None,
    purpose: Purpose = Purpose.ENTRY,
) -> tuple[Decision, TapeRecord]:
    """`decide`, and the tape of it."""
    recorder = Recorder(circle, rules, Subject(Kind.ENTRY, symbol, seed, purpose))
    decision = await decide(
        symbol, recorder.circle, recorder.look(look), rules, seed, heard, recorder.screen(screen), purpose
    )
    return decision, recorder.sealed(decision)
