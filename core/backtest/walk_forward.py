"""A search weighed by what it did not see: each fold's choice is played once on the time that follows.

Laws:
- A choice is made by the plateau of the first objective, in sample; what judges it is played once, after.
- The judging parts are joined: the account of one is that of the next, nothing is held across a seam, and
  breakers begin anew with each part.
- A fold in which no set had a value trades nothing.
- Choosing was done in sample, so there the number of sets tried counts against a result (each fold's
  `deflated`); out of sample one choice was played once, and what would remain of it if it had been chosen
  there is told beside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.backtest import baselines, luck
from core.backtest.baselines import RANDOM_RUNS, RandomEntries, Told
from core.backtest.engine import Run, Setup
from core.backtest.engine_past import Past
from core.backtest.engine_words import REFUSALS, TRADE
from core.backtest.judgement import Judged, Search, judge, variance_of
from core.backtest.metrics import measured
from core.backtest.search_plateau import best, front, plateau
from core.backtest.search_play import Play, Played, State, Tried, Wanted
from core.backtest.search_space import BadSearch, Space
from core.backtest.search_spans import Fold, Ground, Span
from core.backtest.search_values import MINIMISED, Values, values_of

MOST_FRONT = 20
"""Sets of the front that are told."""


@dataclass(frozen=True)
class Choice:
    """What a fold's search came to."""

    fold: Fold
    tried: tuple[Tried, ...]
    chosen: Tried | None
    """By plateau; None: no set had a value."""
    score: float | None
    """Of the chosen one's plateau, in the first objective's own sense."""
    peak: Tried | None
    """The single best value; what a search without plateaus would have taken."""
    scores: tuple[float, ...]
    """Plateau of each tried set, as `score`; NaN: none."""
    front: tuple[Tried, ...]
    """What nothing beats on all objectives; the chosen one need not be among them."""

    def count(self, state: State) -> int:
        return sum(one.state is state for one in self.tried)


def choose(space: Space, wanted: Wanted, fold: Fold, tried: Sequence[Tried]) -> Choice:
    """`tried`: of this fold, in any order."""
    ordered = tuple(sorted(tried, key=lambda one: one.number))
    shape = (len(ordered), len(wanted.objectives))
    rising = np.array([wanted.rising(one.results) for one in ordered]).reshape(shape)
    first = rising[:, 0]
    scores = plateau(space, [one.values for one in ordered], first)
    at, peak = best(scores, first), best(first, first)
    sign = -1.0 if wanted.objectives[0] in MINIMISED else 1.0
    return Choice(
        fold=fold,
        tried=ordered,
        chosen=None if at is None else ordered[at],
        score=None if at is None else sign * float(scores[at]),
        peak=None if peak is None else ordered[peak],
        scores=tuple((sign * scores).tolist()),
        front=tuple(ordered[place] for place in front(rising)[:MOST_FRONT]),
    )


@dataclass(frozen=True)
class Part:
    """A fold's choice, in sample and after."""

    choice: Choice
    inside: Values | None
    """Of the chosen set over what was searched; None: nothing was chosen."""
    deflated: float | None
    """Probability that its Sharpe ratio in sample is above that of the luckiest of as many sets."""
    outside: Values | None
    """Of the chosen set over the judging span; None: nothing was chosen, or the span is not over."""
    defaults: Values | None
    """Of the strategy as it comes, over the judging span."""


@dataclass(frozen=True)
class Weighed:
    """What came of it all."""

    parts: tuple[Part, ...]
    """Of the folds that were judged."""
    newest: Part | None
    """Searched up to the end: the set that one would trade now, which nothing has judged yet."""
    judged: Judged
    """The joined parts, set against luck; as one set, for nothing was chosen by them."""
    outside: Values
    """Of the joined parts."""
    defaults: float | None
    """Return of the strategy as it comes over the same parts, fraction."""
    deflated: float | None
    """Probability that the joined Sharpe ratio beats that of the luckiest of all sets tried, as if they had
    been tried out of sample: stricter than the judgement needs to be."""
    search: Search
    """All folds' sets."""

    @property
    def inside_monthly(self) -> float | None:
        """Mean growth of thirty days in sample, over the folds that were judged."""
        found = [part.inside.monthly for part in self.parts if part.inside is not None]
        return sum(found) / len(found) if found else None

    @property
    def efficiency(self) -> float | None:
        """Growth of thirty days out of sample ÷ in sample: Pardo (2008) asks for a half; None: none gained
        in sample."""
        inside = self.inside_monthly
        return self.outside.monthly / inside if inside is not None and inside > 0 else None


def weigh(
    play: Play, choices: Sequence[Choice], *, seed: int = 0, runs: int = RANDOM_RUNS, told: Told | None = None
) -> Weighed:
    """`choices`: of folds that follow each other, the newest, unjudged one last or left out.

    Raises `BadSearch` where none of them can be judged.
    """
    judged = [choice for choice in choices if choice.fold.judged is not None]
    if not judged:
        raise BadSearch("no fold has anything after it that could judge it")
    setup = play.setup_of({})
    played, without = _chain(play, judged, setup), _chain(play, judged, setup, by_default=True)
    parts = tuple(
        _part(play, choice, one, other) for choice, one, other in zip(judged, played, without, strict=True)
    )
    tried = _search_of(choices)
    known = [one for one in played if one is not None]
    spans = [choice.fold.judged for choice in judged if choice.fold.judged is not None]
    whole, past = _joined(play.ground, Span(spans[0].start_ms, spans[-1].end_ms), known, setup)
    dice = np.random.default_rng(seed)
    dealt = _dealt(known, setup.capital, whole.final, dice, runs, told)
    found = judge(whole, past, (), setup, seed=seed, dealt=dealt)
    days = luck.moments(found.measured.returns)
    newest = [choice for choice in choices if choice.fold.judged is None]
    ended = [one for one in without if one is not None]
    return Weighed(
        parts=parts,
        newest=_part(play, newest[-1], None, None) if newest else None,
        judged=found,
        outside=values_of(whole, past, setup.capital),
        defaults=ended[-1].run.final / setup.capital - 1.0 if ended else None,
        deflated=None if days is None else luck.deflated(days, tried.tried, variance_of(tried)),
        search=tried,
    )


def _chain(
    play: Play, choices: Sequence[Choice], setup: Setup, *, by_default: bool = False
) -> list[Played | None]:
    """Each judging span with the account that the one before left; None: nothing was traded there."""
    found: list[Played | None] = []
    capital = setup.capital
    for choice in choices:
        span, chosen = choice.fold.judged, choice.chosen
        assert span is not None
        one = None
        if capital > 0 and by_default:
            one = play.defaults(span, capital)
        elif capital > 0 and chosen is not None:
            one = play.played(chosen.values, span, capital)
        capital = capital if one is None else one.run.final
        found.append(one)
    return found


def _part(play: Play, choice: Choice, outside: Played | None, defaults: Played | None) -> Part:
    inside, deflated = None, None
    if choice.chosen is not None:
        one = play.played(choice.chosen.values, choice.fold.searched)
        inside, deflated = one.values, _deflated(one, _search_of([choice]))
    return Part(
        choice,
        inside,
        deflated,
        None if outside is None else outside.values,
        None if defaults is None else defaults.values,
    )


def _deflated(one: Played, search: Search) -> float | None:
    days = luck.moments(measured(one.run, one.cut.past, one.setup.capital).returns)
    return None if days is None else luck.deflated(days, search.tried, variance_of(search))


def _search_of(choices: Sequence[Choice]) -> Search:
    every = [one for choice in choices for one in choice.tried]
    sharpes = tuple(one.sharpe for one in every if np.isfinite(one.sharpe))
    return Search(max(len(every), 1), sharpes)


def _joined(ground: Ground, span: Span, parts: Sequence[Played], setup: Setup) -> tuple[Run, Past]:
    """One run over the whole stretch, its trades and equity moved to where they belong there."""
    whole = ground.cut(span)
    begins = {place: first for place, (first, _) in zip(whole.places, whole.bounds, strict=True)}
    trades, equity = [np.zeros(0, dtype=TRADE)], [np.zeros((0, 2))]
    counts = dict.fromkeys(REFUSALS, 0)
    for part in parts:
        moved = part.run.trades.copy()
        places = np.array(part.cut.places)[moved["symbol"]]
        shift = np.array(
            [
                first - begins[place]
                for place, (first, _) in zip(part.cut.places, part.cut.bounds, strict=True)
            ]
        )
        for column in ("entry_bar", "exit_bar"):
            moved[column] += shift[part.run.trades["symbol"]]
        moved["symbol"] = [whole.places.index(place) for place in places.tolist()]
        trades.append(moved)
        equity.append(part.run.equity)
        counts = {name: counts.get(name, 0) + count for name, count in part.run.refused.items()}
    final = parts[-1].run.final if parts else setup.capital
    return Run(np.concatenate(trades), np.concatenate(equity), counts, final, whole.past.remarks), whole.past


def _dealt(
    parts: Sequence[Played],
    capital: float,
    final: float,
    dice: np.random.Generator,
    runs: int,
    told: Told | None,
) -> RandomEntries | None:
    """Random entries of each part under its own settings, one random part after another."""
    grown, trades = np.zeros(0), 0.0
    for place, part in enumerate(parts):

        def heard(done: int, of: int, place: int = place) -> None:
            if told is not None:
                told(place * of + done, of * len(parts))

        one = baselines.random_entries(
            part.cut.past, part.signals, part.setup, part.run.final, dice, runs=runs, told=heard
        )
        if one is not None:
            factors = np.maximum(dice.permutation(one.finals) / part.setup.capital, 0.0)
            least = min(len(grown) or len(factors), len(factors))
            grown = factors if len(grown) == 0 else grown[:least] * factors[:least]
            trades += one.trades
    return baselines.standing(grown * capital, trades, final) if len(grown) else None
