"""Asks in stages: cheap models first, dear ones only about what is still alive.

Laws:
- Nobody is asked whose answer can't matter: once no answer that is still to come could make the verdict a
  side, the others abstain as NOT_NEEDED, which is no failure of theirs.
- Dear voters judge what survives: where cheap ones answered, at least one of them must speak for a side.
- Vetoes are asked only when the voters lean to a side. Shadows never decide whether anybody else is asked.
- A person who looks hears everybody at once; an open trade is judged by cheap models alone.
- Strategies cost nothing and are asked first, always; that they hold spares no model its question.
- One deadline over all stages; whoever has no time left abstains as late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from core.advice.panel import Answer, Listener, ParallelPanel, end, let_listen, report_broken, tell
from core.advice.strategy_voice import is_strategy
from core.advice.verdict import agree
from core.opinion import Abstention, Brief, Decider, Flags, Opinion, Panel, Purpose, Role, Silence, Stance
from core.ports import Adviser, Clock
from core.strategy_use import NO_STRATEGIES, Strategies

FIRST = 2
"""Voters asked first: the least that a verdict needs."""
NOT_NEEDED = "the answers so far settle the verdict"
CHEAP_ONLY = "only cheap models are asked about an open trade"
NO_LEANING = "the voters lean to no side"


@dataclass(frozen=True, slots=True)
class Cost:
    """Where an adviser stands in the order of asking."""

    is_cheap: bool = False
    usd: Decimal | None = None
    """Per million tokens of output; None: unknown, asked last."""


FREE = Cost(True, Decimal(0))
UNKNOWN = Cost()


@dataclass(frozen=True, slots=True)
class Ways:
    """What the order of asking depends on, as it holds when a question is put."""

    decider: Decider
    roles: Mapping[str, Role]
    strategies: Strategies = NO_STRATEGIES


class StagedPanel:
    """An `AdviserPanel` over `ParallelPanel`, which asks one stage."""

    def __init__(
        self,
        advisers: Sequence[Adviser],
        clock: Clock,
        deadline_s: float,
        costs: Mapping[str, Cost],
        ways: Callable[[], Ways],
    ) -> None:
        """`costs` by adviser; who is not named counts as dear."""
        self._all = ParallelPanel(advisers, clock, deadline_s)
        self._advisers = {adviser.name: adviser for adviser in advisers}
        self._clock = clock
        self._deadline_s = deadline_s
        self._costs = costs
        self._ways = ways

    @property
    def names(self) -> tuple[str, ...]:
        return self._all.names

    async def ask(
        self, brief: Brief, heard: Listener | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        """Answers in the advisers' order, whoever was asked when."""
        if brief.purpose is Purpose.LOOK:
            return await self._all.ask(brief, heard)
        listening: list[asyncio.Task[None]] = []

        async def hear(answer: Answer) -> None:
            if heard is not None:
                listening.append(asyncio.create_task(tell(heard, answer)))

        try:
            answers = await self._in_stages(brief, hear)
            await let_listen(listening, self._clock)
        finally:
            await end(listening)
            report_broken(listening)
        ordered = [answers[name] for name in self.names]
        opinions = tuple(answer for answer in ordered if isinstance(answer, Opinion))
        return opinions, tuple(answer for answer in ordered if isinstance(answer, Abstention))

    async def _in_stages(self, brief: Brief, hear: Listener) -> dict[str, Answer]:
        give_up_at = self._clock.monotonic() + self._deadline_s
        course = self._course(brief.purpose)
        answers: dict[str, Answer] = {}
        for stage in course.stages():
            if not course.is_worth(stage, answers):
                continue
            answers |= await self._stage(stage.names, brief, give_up_at, hear)
        unasked = [name for name in self.names if name not in answers]
        return answers | {name: course.unasked(name, answers) for name in unasked}

    async def _stage(
        self, names: Sequence[str], brief: Brief, give_up_at: float, hear: Listener
    ) -> dict[str, Answer]:
        left_s = give_up_at - self._clock.monotonic()
        if left_s <= 0:
            late = f"no time was left to ask: {self._deadline_s:g} s are over"
            return {name: Abstention(name, Silence.DEADLINE, late) for name in names}
        asked = ParallelPanel([self._advisers[name] for name in names], self._clock, left_s)
        opinions, abstentions = await asked.ask(brief, hear)
        heard: tuple[Answer, ...] = (*opinions, *abstentions)
        return {answer.adviser: answer for answer in heard}

    def _course(self, purpose: Purpose) -> Course:
        ways = self._ways()
        order = sorted(self.names, key=lambda name: _place(self._costs.get(name, UNKNOWN)))  # stable
        cheap = frozenset(name for name in order if self._costs.get(name, UNKNOWN).is_cheap)
        return Course(tuple(order), cheap, roles_in_effect(order, ways, purpose), ways, purpose)


@dataclass(frozen=True, slots=True)
class Stage:
    names: tuple[str, ...]
    decides: bool = False
    """Voters: asked while the verdict can still be a side."""
    needs_survivor: bool = False
    """Dear voters: not asked where every cheap one that answered holds."""
    needs_leaning: bool = False
    """Asked only where the voters lean to a side."""


@dataclass(frozen=True, slots=True)
class Course:
    """One question's way through the advisers; pure."""

    order: tuple[str, ...]
    """Cheapest first."""
    cheap: frozenset[str]
    roles: Mapping[str, Role]
    """Those in effect, by adviser."""
    ways: Ways
    purpose: Purpose

    def stages(self) -> Iterator[Stage]:
        """The cheap voters two first, with the cheap shadows; the dear ones; then vetoes and dear shadows."""
        cheap, dear = self._of(Role.VOTER, is_cheap=True), self._of(Role.VOTER, is_cheap=False)
        yield Stage(tuple(name for name in self.order if is_strategy(name)))
        if self.purpose is Purpose.EXIT:
            yield from self._voters(cheap, ())
            return
        yield from self._voters(cheap, self._of(Role.SHADOW, is_cheap=True))
        yield from self._voters(dear, (), needs_survivor=True)
        vetoes = tuple(name for name in self.order if self.roles[name] is Role.VETO)
        yield Stage((*vetoes, *self._of(Role.SHADOW, is_cheap=False)), needs_leaning=True)

    def _voters(
        self, voters: Sequence[str], beside: Sequence[str], *, needs_survivor: bool = False
    ) -> Iterator[Stage]:
        first, rest = voters[:FIRST], voters[FIRST:]
        yield Stage((*first, *beside), decides=bool(first), needs_survivor=needs_survivor)
        yield Stage(tuple(rest), decides=True, needs_survivor=needs_survivor)

    def _of(self, role: Role, *, is_cheap: bool) -> tuple[str, ...]:
        """Models and rules; strategies are asked before."""
        return tuple(
            name
            for name in self.order
            if self.roles[name] is role and (name in self.cheap) is is_cheap and not is_strategy(name)
        )

    def is_worth(self, stage: Stage, answers: Mapping[str, Answer]) -> bool:
        """Whether asking this stage can still do anything."""
        if not stage.names or (stage.needs_survivor and self._is_dead(answers)):
            return False
        if stage.decides:
            return can_be_side(answers, self._unheard_voters(answers), self.roles, self.ways, self.purpose)
        return not stage.needs_leaning or bool(self._leaning(answers))

    def unasked(self, name: str, answers: Mapping[str, Answer]) -> Abstention:
        why = NOT_NEEDED
        if self.purpose is Purpose.EXIT and name not in self.cheap:
            why = CHEAP_ONLY
        elif self.roles[name] is not Role.VOTER:
            why = NO_LEANING
        return Abstention(name, Silence.NOT_NEEDED, why)

    def _is_dead(self, answers: Mapping[str, Answer]) -> bool:
        voters = self._of(Role.VOTER, is_cheap=True)
        said = [answer for name in voters if isinstance(answer := answers.get(name), Opinion)]
        return bool(said) and all(opinion.stance is Stance.HOLD for opinion in said)

    def _unheard_voters(self, answers: Mapping[str, Answer]) -> tuple[str, ...]:
        """Who may still be asked."""
        is_exit = self.purpose is Purpose.EXIT
        voters = (name for name in self.order if self.roles[name] is Role.VOTER and name not in answers)
        return tuple(name for name in voters if name in self.cheap or not is_exit)

    def _leaning(self, answers: Mapping[str, Answer]) -> bool:
        return can_be_side(answers, (), self.roles, self.ways, self.purpose)


def can_be_side(
    answers: Mapping[str, Answer],
    unheard: Sequence[str],
    roles: Mapping[str, Role],
    ways: Ways,
    purpose: Purpose,
) -> bool:
    """Whether the voters' verdict is a side for some answers of those `unheard`.

    All of them agreeing on one side is the best that a side can hope for: it adds to its votes whatever it
    adds to the answers, and it lifts a single opinion to two.
    """
    said = [answer for name, answer in answers.items() if roles[name] is Role.VOTER]
    opinions = tuple(answer for answer in said if isinstance(answer, Opinion))
    abstentions = tuple(answer for answer in said if isinstance(answer, Abstention))
    for stance in (Stance.LONG, Stance.SHORT):
        hoped = tuple(_supposed(name, stance) for name in unheard)
        panel = Panel((*opinions, *hoped), abstentions)
        if agree(panel, Flags(), ways.decider, ways.roles, purpose, ways.strategies).stance is stance:
            return True
    return False


def roles_in_effect(names: Sequence[str], ways: Ways, purpose: Purpose) -> dict[str, Role]:
    """As the verdict will note them: models that do not decide are shadows."""
    silent = tuple(Abstention(name, Silence.NOT_NEEDED, "") for name in names)
    verdict = agree(Panel((), silent), Flags(), ways.decider, ways.roles, purpose, ways.strategies)
    return {answer.adviser: answer.role for answer in verdict.abstentions}


def _supposed(name: str, stance: Stance) -> Opinion:
    return replace(_ANY, adviser=name, stance=stance)


_ANY = Opinion(
    adviser="",
    stance=Stance.HOLD,
    confidence=1.0,
    p_target_first=None,
    stop_atr=None,
    target_atr=None,
    horizon_bars=None,
    reasons=(),
    evidence=(),
    invalidation="",
    model="",
    call_id="",
)


def _place(cost: Cost) -> tuple[bool, bool, Decimal]:
    """Known before unknown, low before high."""
    return not cost.is_cheap, cost.usd is None, cost.usd or Decimal(0)
