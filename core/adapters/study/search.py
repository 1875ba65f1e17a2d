"""A parameter search: `search(play, fold, plan)` gives every set that was tried over a fold's searched span.

    play = Play(ground, "ema_cross", {}, space, setup_of, Wanted(("net",), min_trades=30))
    fold = Fold(1, ground.whole, None)
    tried = search(play, fold, Plan(trials=500, sampler="random", is_pruning=False))

With more than one worker, and for a search over several folds, a crew and a keeper that outlive one call are
handed in: `crew_of(play, workers)`, `FileKeeper`, `SharedKeeper`. `walk` goes through all folds so.

Laws:
- A set is evaluated once. One that is proposed again is answered with what is known of it, and does not count
  as a trial; one that makes no sense is skipped, and does not count either.
- What is finished is put away before anybody hears of it.
- The search ends when so many sets were tried, or when nothing new is left or comes to the sampler's mind.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from core.adapters.study.crew import SHARED_BATCH_S, Alone, Crew, Job, Processes
from core.adapters.study.keeping import Claim, Forgetful, Keeper
from core.adapters.study.sampling import Sampler
from core.backtest.search_play import Play, State, Tried
from core.backtest.search_progress import Counts, Progress
from core.backtest.search_pruning import Pruner
from core.backtest.search_space import BadSearch, ValueSet
from core.backtest.search_spans import Fold
from core.backtest.walk_forward import Choice, choose

MOST_MISSES: Final = 2_000
"""Questions in a row that bring nothing new."""
FEW_MISSES: Final = 30
"""After so many, a small grid is gone through instead of asking on."""
MOST_LISTED: Final = 100_000
"""Sets of a grid that is small enough for that."""
TAKES_S: Final = 0.25
TOLD_EVERY_S: Final = 0.25
ORPHANS_EVERY_S: Final = 1.0
IDLE_S: Final = 0.1

Told = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search."""

    trials: int
    """Sets of each fold."""
    sampler: str = "tpe"
    """One of `sampling.SAMPLERS`."""
    seed: int = 0
    is_pruning: bool = True


def crew_of(play: Play, workers: int, *, is_shared: bool = False) -> Crew:
    """`is_shared`: somebody waits for this process's beats, so that it must not be busy itself."""
    play.warm()
    if is_shared:
        return Processes(play, workers, SHARED_BATCH_S)
    return Alone(play) if workers == 1 else Processes(play, workers)


def search(
    play: Play,
    fold: Fold,
    plan: Plan,
    *,
    crew: Crew | None = None,
    keeper: Keeper | None = None,
    told: Told | None = None,
) -> list[Tried]:
    """In the order in which they were finished. Raises `PerpilotError`."""
    hunt = _Hunt(play, fold, plan, crew or crew_of(play, 1), keeper or Forgetful(), told)
    hunt.run()
    return hunt.tried


def walk(
    play: Play,
    folds: Sequence[Fold],
    plan: Plan,
    *,
    crew: Crew | None = None,
    keeper: Keeper | None = None,
    told: Told | None = None,
) -> Iterator[Choice]:
    """Each fold's choice as soon as it is made."""
    crew, keeper = crew or crew_of(play, 1), keeper or Forgetful()
    for fold in folds:
        tried = search(play, fold, plan, crew=crew, keeper=keeper, told=told)
        yield choose(play.space, play.wanted, fold, tried)


@dataclass
class _Hunt:
    """One fold's search while it goes on."""

    play: Play
    fold: Fold
    plan: Plan
    crew: Crew
    keeper: Keeper
    told: Told | None
    tried: list[Tried] = field(default_factory=list)
    seen: dict[ValueSet, Tried | None] = field(default_factory=dict)
    """None: somebody evaluates it, or it makes no sense."""
    handles: dict[ValueSet, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    is_full: bool = False
    is_exhausted: bool = False
    refusal: str = ""

    def run(self) -> None:
        earlier = self.keeper.news(self.fold.number)
        seed = random.Random(f"{self.plan.seed} {self.fold.number} {len(earlier)}").getrandbits(32)
        self.dice = random.Random(seed)
        self.sampler = Sampler(self.play.space, self.play.wanted, self.plan.sampler, self._seed(seed))
        self.pruner = Pruner(is_on=self.plan.is_pruning)
        self.unlisted: Iterator[ValueSet] | None = None
        self.begun_s = self.told_s = self.orphans_s = time.monotonic()
        for one in earlier:
            self._learn(one)
        self.counts.kept = len(earlier)
        try:
            while not self._is_over():
                self._look_around()
                self._ask()
                self._hear(self.crew.take(TAKES_S))
                self._tell()
        except KeyboardInterrupt:
            self._tell(is_now=True)  # what is told to the person who stops it is what there is
            raise
        self._tell(is_last=True)

    def _seed(self, seed: int) -> int:
        """Of the sampler: whoever shares a study asks other questions than the others."""
        return random.SystemRandom().getrandbits(32) if self.keeper.is_shared else seed

    def _is_over(self) -> bool:
        if not self.crew.is_idle or not (self.is_full or self.is_exhausted):
            return False
        if not self.keeper.is_busy(self.fold.number):
            for one in self.keeper.news(self.fold.number):
                self._learn(one)
            return not self.keeper.is_shared or not self._has_unheard()
        time.sleep(IDLE_S)
        return False

    def _has_unheard(self) -> bool:
        """Others have finished what has not been read yet."""
        return self.is_full and len(self.tried) < self.plan.trials and not self.is_exhausted

    def _look_around(self) -> None:
        """What others finished, and what somebody who is no more had begun."""
        for one in self.keeper.news(self.fold.number):
            self._learn(one)
        now = time.monotonic()
        if self.keeper.is_shared and now - self.orphans_s >= ORPHANS_EVERY_S:
            self.orphans_s = now
            self._give(self.keeper.orphans(self.fold.number))

    def _ask(self) -> None:
        while (room := self.crew.room) and not (self.is_full or self.is_exhausted):
            proposed = self._new_sets(room)
            claims = self.keeper.claim(self.fold.number, proposed, self.plan.trials)
            self.is_full = claims.is_full
            granted = {claim.values for claim in claims.granted}
            for values in proposed:
                if values not in granted and values in self.handles:
                    self.sampler.withdraw(self.handles.pop(values))
            self._give(claims.granted)

    def _give(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        for claim in claims:
            self.seen.setdefault(claim.values, None)
        looks, median = self.pruner.looks, self.pruner.median
        jobs = [Job(number, values, median, looks) for number, values in claims]
        self.crew.give(self.fold.searched, jobs)

    def _new_sets(self, count: int) -> list[ValueSet]:
        """At most so many that nobody has evaluated or begun; none left: the search is exhausted."""
        found: list[ValueSet] = []
        misses = 0
        while len(found) < count:
            values = self._proposed(misses)
            if values is None:
                self.is_exhausted = True
                break
            if values in self.seen:
                misses += 1
                continue
            self.seen[values] = None
            if self.refusal_of(values):
                misses += 1
                continue
            found.append(values)
        if self.is_exhausted and not found and not self.tried and self.crew.is_idle and self.refusal:
            raise BadSearch(f"no set makes sense, the last one because {self.refusal}")
        return found

    def _proposed(self, misses: int) -> ValueSet | None:
        """The next set, new or not; what is known already is answered here. None: nothing new comes."""
        if misses >= FEW_MISSES and self._is_listed():
            return next((values for values in self._listed() if values not in self.seen), None)
        if misses >= MOST_MISSES:
            return None
        handle, values = self.sampler.ask()
        known = self.seen.get(values)
        if known is not None:
            self.counts.repeated += 1
            self.sampler.tell(handle, known)
        elif values in self.seen:
            self.sampler.withdraw(handle)
        else:
            self.handles[values] = handle
        return values

    def refusal_of(self, values: ValueSet) -> str:
        """Why a set makes no sense; empty: it does. The sampler hears of it."""
        refusal = self.play.refusal(values)
        if refusal:
            self.refusal = refusal
            self.counts.skipped += 1
            if values in self.handles:
                self.sampler.refuse(self.handles.pop(values))
        return refusal

    def _is_listed(self) -> bool:
        count = self.play.space.count
        return count is not None and count <= MOST_LISTED

    def _listed(self) -> Iterator[ValueSet]:
        """Every set of a small grid once, in an order of chance."""
        if self.unlisted is None:
            steps = [
                [one.low + place * (one.grid or 1.0) for place in range(one.count or 0)]
                for one in self.play.space.dimensions
            ]
            every = [self.play.space.nearest(values) for values in itertools.product(*steps)]
            self.dice.shuffle(every)
            self.unlisted = iter(every)
        return self.unlisted

    def _hear(self, found: Sequence[Tried]) -> None:
        for one in self.keeper.put(self.fold.number, found):
            self.counts.here += 1
            self.counts.trades += one.trades
            self._learn(one)

    def _learn(self, one: Tried) -> None:
        if self.seen.get(one.values) is not None:
            return
        self.seen[one.values] = one
        self.tried.append(one)
        self.pruner.learn(one)
        self.counts.pruned += one.state is State.PRUNED
        self.counts.valueless += one.state in (State.FEW, State.UNMEASURED)
        if one.values in self.handles:
            self.sampler.tell(self.handles.pop(one.values), one)
        else:
            self.sampler.learn(one)

    def _tell(self, *, is_last: bool = False, is_now: bool = False) -> None:
        now = time.monotonic()
        if self.told is None or (now - self.told_s < TOLD_EVERY_S and not (is_last or is_now)):
            return
        self.told_s = now
        most = len(self.tried) if is_last else self.plan.trials
        self.told(
            Progress(self.fold, tuple(self.tried), most, now - self.begun_s, self.counts.copy(), is_last)
        )
