"""Plays a recorded decision again: the same functions over what the tape says that the world answered.

Laws:
- Nothing is asked of anybody. What the tape does not hold ends the replay with its name.
- Opinions are read again from the bodies in the journal, by the function that read them the first time; a
  shipped strategy reads the same bars again.
- Equal means: the hash of every result is the one recorded at the time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from core import errors
from core.advice.rules import judge
from core.advice.strategy_voice import is_strategy
from core.advice.verdict import RULES_NAME
from core.codec import from_plain, from_text
from core.errors import PerpilotError
from core.journal import DecisionRecord
from core.market import Background, Candles, Instrument, Quote
from core.mood import Mood
from core.opinion import Abstention, Brief, Features, Opinion, Silence
from core.plan import Decision, Reason
from core.ports import AdviserCall
from core.replay import Fate, ReplayJournal
from core.risk.account import Account
from core.trade import Trade
from core.trading.chunks import joined, listed, name_of, text_of, unpacked
from core.trading.decide import Circle, Heard, Rules, decide, trade_terms
from core.trading.exit_opinion import HELD, JUDGED, NET, AtVenue, decision_of, hear, step_of
from core.trading.recording import Recorder, Subject, results_of
from core.trading.records import record_of
from core.trading.tape import Answered, Kind, Read, Tape, unpack_tape

T = TypeVar("T")

ReadAnswer = Callable[[AdviserCall, Brief, bool], Opinion | Abstention]
"""(call, question, is_cached) → what the journalled answer says."""

FACTS_OF_THE_WORLD = frozenset({
    Silence.SWAPPED, Silence.RESTING, Silence.BUDGET, Silence.BARRED, Silence.NOT_NEEDED, Silence.DEADLINE,
})  # fmt: skip
"""Silences that no body tells: what was known beside it, and when, made them."""
STEPS_APART = 8
"""Turns of the event loop by which a later answer is held back: more than any answer needs to be heard."""
BROKEN = (
    errors.PerpilotError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip
"""What derivation by other rules than those of the time may end with."""


class OffTape(Exception):
    """Something was asked that nobody asked at the time."""


@dataclass(frozen=True, slots=True)
class Material:
    """One decision with everything it was made from."""

    tape: Tape
    pieces: Mapping[str, bytes]
    """Name → content."""
    calls: Mapping[str, AdviserCall]
    record: DecisionRecord


@dataclass(frozen=True, slots=True)
class Replayed:
    tape: Tape
    decision: Decision | None
    """None: it broke off, and `differences` says why."""
    results: Mapping[str, str]
    differences: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class Again:
    """One decision of the journal, and what playing it came to."""

    record: DecisionRecord
    fate: Fate
    replayed: Replayed | None = None
    """None where nothing could be played."""
    differences: tuple[str, ...] = ()

    @property
    def code(self) -> str:
        """Version of the program that decided; empty where no tape tells."""
        return self.replayed.tape.code if self.replayed is not None else ""


async def play_again(
    journal: ReplayJournal,
    decision_id: str,
    read_answer: ReadAnswer,
    apart: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Again | None:
    """None: there is no such decision. `apart` is entered while it is played, after everything was read."""
    found = await journal.taped(decision_id)
    if found is None:
        return None
    if found.body is None:
        return Again(found.record, Fate.NO_TAPE)
    try:
        material = await material_of(journal, found.record, found.body)
    except ValueError as error:
        return Again(found.record, Fate.UNREADABLE, None, (str(error),))
    with apart():
        replayed = await replay(material, read_answer)
    fate = Fate.EQUAL if replayed.is_equal else Fate.DIFFERS
    return Again(found.record, fate, replayed, replayed.differences)


async def material_of(journal: ReplayJournal, record: DecisionRecord, body: bytes) -> Material:
    """Raises `ValueError` for a tape that cannot be read, or whose pieces are not what they are named for."""
    tape = unpack_tape(body)
    pieces = await _pieces(journal, tape.pieces)
    inner = {name for content in pieces.values() for name in listed(content)}
    pieces |= await _pieces(journal, sorted(inner))
    wanted = [answer.call_id for answer in tape.answers if answer.call_id is not None]
    return Material(tape, pieces, await journal.calls(wanted), record)


async def _pieces(journal: ReplayJournal, names: Iterable[str]) -> dict[str, bytes]:
    wanted = tuple(names)
    found = {name: unpacked(body) for name, body in (await journal.pieces(wanted)).items()}
    for name in wanted:
        if name not in found:
            raise ValueError(f"piece {name[:16]} of the tape is gone")
        if name_of(found[name]) != name:
            raise ValueError(f"piece {name[:16]} of the tape was changed")
    return found


async def replay(material: Material, read_answer: ReadAnswer) -> Replayed:
    """Touches nothing but its arguments."""
    player = Player(material, read_answer)
    try:
        decision = await player.play()
    except OffTape as error:
        return Replayed(material.tape, None, {}, (f"the tape holds no {error}",))
    except BROKEN as error:
        return Replayed(material.tape, None, {}, (f"it broke off: {type(error).__name__}: {error}",))
    results = player.results(decision)
    return Replayed(material.tape, decision, results, _differences(material, results))


def _differences(material: Material, results: Mapping[str, str]) -> tuple[str, ...]:
    then = material.tape.results
    found = dict.fromkeys((*then, *results))
    differing = [f"{name} differs" for name in found if then.get(name) != results.get(name)]
    stored = results_of(material.record)
    unlike = [name for name, value in stored.items() if then.get(name) != value]
    return (*differing, *(f"the decision's row differs in {name}" for name in unlike))


@dataclass(slots=True)
class Reel:
    """What the tape says that ports answered, handed out once each."""

    tape: Tape
    pieces: Mapping[str, bytes]
    _places: dict[tuple[str, str], list[tuple[int, Read]]] = field(default_factory=dict)
    _clock: int = 0

    def __post_init__(self) -> None:
        for place, read in enumerate(self.tape.reads):
            self._places.setdefault((read.name, read.key), []).append((place, read))

    def now(self) -> datetime:
        if self._clock >= len(self.tape.clock):
            raise OffTape("further reading of the clock")
        self._clock += 1
        return self.tape.clock[self._clock - 1]

    async def taken(self, name: str, key: str, decode: Callable[[Any], T]) -> T:
        """The next answer to this question, or the error that came instead.

        Of reads at the same time the first error ends the decision, so errors come in their order, and what
        had not come by then comes last.
        """
        waiting = self._places.get((name, key))
        if not waiting:
            await _let_others(len(self.tape.reads) + 1)
            raise OffTape(f"{name} {key}".strip())
        place, read = waiting.pop(0)
        if not read.error:
            return decode(read.value)
        await _let_others(place + 1)
        raise _error(read)

    def text(self, name: str) -> str:
        return text_of(self.pieces[name])


class _Turn:
    """Awaited, it lets every other task of the event loop go on once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


async def _let_others(places: int) -> None:
    for _ in range(places * STEPS_APART):
        await _Turn()


def _error(read: Read) -> PerpilotError:
    kind = getattr(errors, read.error, None)
    if isinstance(kind, type) and issubclass(kind, PerpilotError):
        return kind(read.text)
    return PerpilotError(read.text)


class ReelClock:
    def __init__(self, reel: Reel) -> None:
        self._reel = reel

    def now(self) -> datetime:
        return self._reel.now()

    def monotonic(self) -> float:
        raise OffTape("stopwatch")

    async def sleep(self, seconds: float) -> None:
        raise OffTape("wait")


class ReelMarket:
    def __init__(self, reel: Reel) -> None:
        self._reel = reel

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        return await self._reel.taken("candles", f"{symbol} {timeframe}", self._window)

    def _window(self, name: str) -> Candles:
        return joined(self._reel.pieces[name], self._reel.pieces)

    async def quote(self, symbol: str) -> Quote:
        return await self._reel.taken("quote", symbol, lambda plain: _plain(Quote, plain))

    async def background(self, symbol: str) -> Background:
        return await self._reel.taken("background", symbol, lambda plain: _plain(Background, plain))

    async def instrument(self, symbol: str) -> Instrument:
        return await self._reel.taken(
            "instrument", symbol, lambda name: from_text(Instrument, self._reel.text(name))
        )

    async def symbols_by_volume(self, count: int) -> tuple[str, ...]:
        raise OffTape("list of symbols")


class ReelMoods:
    def __init__(self, reel: Reel) -> None:
        self._reel = reel

    async def mood(self, symbol: str, bar: datetime) -> Mood:
        return await self._reel.taken("mood", symbol, lambda plain: _plain(Mood, plain))


class ReelSight:
    """`exit_opinion.Sight`."""

    def __init__(self, reel: Reel) -> None:
        self._reel = reel

    async def held(self, trade: Trade) -> AtVenue | None:
        return await self._reel.taken(HELD, "", lambda plain: _maybe(AtVenue, plain))

    async def net(self, trade: Trade) -> Decimal | None:
        return await self._reel.taken(NET, "", lambda plain: _maybe(Decimal, plain))


def _plain(kind: type[T], plain: Any) -> T:
    value: T = from_plain(kind, plain)
    return value


def _maybe(kind: type[T], plain: Any) -> T | None:
    return None if plain is None else _plain(kind, plain)


class ReelPanel:
    """The same advisers in the same order; each answer is read again, none is taken on trust."""

    def __init__(self, material: Material, rules: Rules, read_answer: ReadAnswer) -> None:
        self._material = material
        self._rules = rules
        self._read_answer = read_answer

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(answered.adviser for answered in self._material.tape.answers)

    async def ask(
        self, brief: Brief, heard: Heard | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        answers = [await self._answer(answered, brief) for answered in self._material.tape.answers]
        opinions = tuple(answer for answer in answers if isinstance(answer, Opinion))
        return opinions, tuple(answer for answer in answers if isinstance(answer, Abstention))

    async def _answer(self, answered: Answered, brief: Brief) -> Opinion | Abstention:
        silence = answered.abstention
        if silence is not None and (answered.call_id is None or silence.why in FACTS_OF_THE_WORLD):
            return silence
        if answered.adviser == RULES_NAME:
            return judge(brief.features, trade_terms(self._rules.limits))
        if is_strategy(answered.adviser):
            return await self._strategy(answered, brief)
        if answered.call_id is None:
            raise OffTape(f"call of {answered.adviser}'s answer")
        call = self._material.calls.get(answered.call_id)
        if call is None:
            raise OffTape(f"call {answered.call_id} in the journal")
        return self._read_answer(call, brief, answered.is_cached)

    async def _strategy(self, answered: Answered, brief: Brief) -> Opinion | Abstention:
        """A shipped one says it again; what the owner's own said is a fact of the world."""
        if answered.opinion is not None:
            return answered.opinion
        part = next((one for one in self._rules.strategies.parts if one.name == answered.adviser), None)
        if part is None or part.is_own:
            raise OffTape(f"opinion of {answered.adviser}")
        from core.advice.strategy_adviser import adviser_of  # with the backtest's features: slow to import

        return await adviser_of(part).ask(brief, 0.0)


class Player:
    """Plays one tape once; listened to as the first time, so that the same results are hashed."""

    def __init__(self, material: Material, read_answer: ReadAnswer) -> None:
        self._material = material
        self._read_answer = read_answer
        self._heard: Mapping[str, str] = {}

    async def play(self) -> Decision:
        tape = self._material.tape
        reel = Reel(tape, self._material.pieces)
        rules = from_text(Rules, reel.text(tape.rules))
        circle = Circle(
            market=ReelMarket(reel),
            panel=ReelPanel(self._material, rules, self._read_answer),
            clock=ReelClock(reel),
            compute=_at_once,
            account=tape.account,
            moods=ReelMoods(reel) if tape.has_moods else None,
        )
        recorder = Recorder(circle, rules, Subject(tape.kind, tape.symbol, tape.seed, tape.purpose))
        play = _play_exit if tape.kind is Kind.EXIT else _play_entry
        decision = await play(tape, reel, recorder.circle, rules)
        self._heard = recorder.heard
        return decision

    def results(self, decision: Decision) -> dict[str, str]:
        return {**self._heard, **results_of(record_of(decision, self._material.tape.account, None))}


async def _at_once(work: Callable[[], Features]) -> Features:
    return work()


async def _play_entry(tape: Tape, reel: Reel, circle: Circle, rules: Rules) -> Decision:
    async def look() -> Account:
        return await reel.taken("look", "", lambda plain: _plain(Account, plain))

    async def screen() -> tuple[Reason, ...]:
        return await reel.taken("screen", "", lambda plain: from_plain(tuple[Reason, ...], plain))

    screened = screen if tape.has_screen else None
    return await decide(tape.symbol, circle, look, rules, tape.seed, screen=screened, purpose=tape.purpose)


async def _play_exit(tape: Tape, reel: Reel, circle: Circle, rules: Rules) -> Decision:
    bar = datetime.fromisoformat(tape.seed)
    heard = await hear(tape.symbol, bar, circle, rules, tape.decision_id)
    if heard is None:
        raise OffTape(f"close of {tape.seed}")
    judged = await reel.taken(JUDGED, "", lambda plain: _plain(Trade, plain))
    step = await step_of(judged, heard.verdict, rules.limits, ReelSight(reel))
    return decision_of(judged, bar, heard, step, circle.clock)
