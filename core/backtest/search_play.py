"""One parameter set, played over a span of time: its signals, its run, what it is worth.

Laws:
- The same set over the same span gives the same numbers, in whichever process.
- Features are computed once and kept, within `MOST_BYTES`, over the past up to the span's end: what comes
  after it can't be known, not even by a strategy that looks ahead.
- A set is given up early only where nobody could miss it: see `is_hopeless`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from core.backtest.engine import Run, Setup, Signals, run
from core.backtest.features import MOST_KEPT, Features
from core.backtest.own_strategy import strategy_class
from core.backtest.search_space import BadSearch, Space, ValueSet
from core.backtest.search_spans import Cut, Ground, Span, cut_signals
from core.backtest.search_values import MINIMISED, OBJECTIVES, Values, values_of
from core.backtest.strategies import BadStrategy, Strategy, signals_of

MOST_BYTES = 256 * 2**20
"""Of kept features in one process."""
LEAST_KEPT = 16
"""Arrays of each symbol, however long: fewer than one set needs would be computed again and again."""
ARRAYS_A_KEEP = 2
"""Some features are three arrays."""
EARLY_SHARE = 0.25
"""Of the span: the first part, on which a set may be given up."""
EARLY_TRADES = 20
WARM_BARS = 10
SURELY = 2.0
"""Standard errors that the mean R of the first part must lie below zero."""

SetupOf = Callable[[Mapping[str, float]], Setup]
"""Varied settings by name → how a run trades. Raises `ValueError` where they contradict each other."""


class State(StrEnum):
    DONE = "done"
    FEW = "few"
    """Too few trades to be worth anything."""
    PRUNED = "pruned"
    UNMEASURED = "unmeasured"
    """An objective means nothing here: no loss, no day, no fall."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A set that was evaluated."""

    number: int
    """From 0, in the order in which they were begun."""
    values: ValueSet
    state: State
    results: tuple[float, ...]
    """Of the objectives, as measured; empty unless it is done."""
    sharpe: float
    """NaN: none."""
    trades: int
    early: float = math.nan
    """Mean R of the first part; NaN where nobody looked."""
    is_early_loss: bool = False
    """The first part alone loses, surely."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a search is for."""

    objectives: tuple[str, ...]
    """Names of `OBJECTIVES`; the first one decides."""
    min_trades: int

    def __post_init__(self) -> None:
        strangers = [name for name in self.objectives if name not in OBJECTIVES]
        if strangers or not self.objectives or len(set(self.objectives)) != len(self.objectives):
            named = ", ".join(OBJECTIVES)
            raise BadSearch(
                f"objectives must be different ones of {named}, not {','.join(self.objectives)!r}"
            )

    def rising(self, results: Sequence[float]) -> tuple[float, ...]:
        """Turned so that more is better; NaN for all of what has none."""
        if not results:
            return (math.nan,) * len(self.objectives)
        pairs = zip(self.objectives, results, strict=True)
        return tuple(-value if name in MINIMISED else value for name, value in pairs)


@dataclass(frozen=True)
class Played:
    """A set over a span, with everything that judging it needs."""

    cut: Cut
    signals: tuple[Signals, ...]
    setup: Setup
    run: Run
    values: Values


class Play:
    """Everything that evaluating needs but the set itself; may be sent to another process."""

    def __init__(
        self,
        ground: Ground,
        strategy: str,
        given: Mapping[str, str],
        space: Space,
        setup_of: SetupOf,
        wanted: Wanted,
    ) -> None:
        """`strategy`: as `--strategy` takes it; `given`: its fixed parameters, as typed."""
        self.ground, self.strategy, self.given, self.space = ground, strategy, dict(given), space
        self.setup_of, self.wanted = setup_of, wanted
        self._forget()

    def _forget(self) -> None:
        self._is_warm = False
        self._class: type[Strategy] | None = None
        self._cuts: dict[Span, Cut] = {}
        self._features: dict[int, Features] = {}
        self._end_ms = math.nan
        self._setups: dict[tuple[float, ...], Setup] = {}

    def __getstate__(self) -> dict[str, object]:
        kept = ("ground", "strategy", "given", "space", "setup_of", "wanted")
        return {name: getattr(self, name) for name in kept}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._forget()

    def warm(self) -> None:
        """Has the loops compiled, or read from the disk, before anything is timed or copied."""
        if not self._is_warm:
            setup = self.setup_of({})
            start = self.ground.whole.start_ms
            cut = self.ground.cut(Span(start, start + WARM_BARS * self.ground.bar_ms))
            said = [Signals(np.zeros(last - first, dtype=np.int8)) for first, last in cut.bounds]
            run(cut.past, said, setup)
            self._is_warm = True

    def refusal(self, values: ValueSet) -> str:
        """Why the set makes no sense; empty: it does."""
        try:
            self.strategy_of(values)
            self._setup(values)
        except (BadStrategy, ValueError) as error:
            return str(error)
        return ""

    def strategy_of(self, values: ValueSet) -> Strategy:
        """Raises `BadStrategy` for values that make no sense together."""
        if self._class is None:
            self._class = strategy_class(self.strategy)
        named = self.space.named(values, settings=False)
        known = {one.name: one for one in self._class.parameters()}
        fixed = {name: known[name].read(text) for name, text in self.given.items()}
        whole = {name: int(value) for name, value in named.items() if known[name].bounds.is_whole}
        return self._class(**(fixed | named | whole))

    def evaluate(self, number: int, values: ValueSet, span: Span, median: float, *, early: bool) -> Tried:
        """`early`: look at the first part alone first; `median`: see `is_hopeless`, NaN gives nobody up."""
        strategy, setup, cut = self.strategy_of(values), self._setup(values), self._cut(span)
        signals = self._signals(strategy, cut, span, setup)
        entries = sum(int(np.count_nonzero(np.abs(said.side) == 1)) for said in signals)
        if entries < self.wanted.min_trades:
            return Tried(number, values, State.FEW, (), math.nan, entries)
        first, is_loss = self._early(span, cut, signals, setup) if early else (math.nan, False)
        if is_hopeless(first, median, is_loss=is_loss):
            return Tried(number, values, State.PRUNED, (), math.nan, 0, first, is_loss)
        worth = values_of(run(cut.past, signals, setup), cut.past, setup.capital)
        results = tuple(worth.of(name) for name in self.wanted.objectives)
        if worth.trades < self.wanted.min_trades:
            state = State.FEW
        else:
            state = State.DONE if all(map(math.isfinite, results)) else State.UNMEASURED
        results = results if state is State.DONE else ()
        return Tried(number, values, state, results, worth.sharpe, worth.trades, first, is_loss)

    def played(self, values: ValueSet, span: Span, capital: float | None = None) -> Played:
        """In full. `capital`: what the account begins with there, USDT; None: as the settings say."""
        setup = self._setup(values)
        return self._played(self.strategy_of(values), span, setup, capital)

    def defaults(self, span: Span, capital: float | None = None) -> Played | None:
        """The same of the strategy as it comes, with the settings as they are; None: it doesn't do so."""
        try:
            return self._played(
                strategy_class(self.strategy).given(self.given), span, self.setup_of({}), capital
            )
        except (BadStrategy, ValueError):
            return None

    def _played(self, strategy: Strategy, span: Span, setup: Setup, capital: float | None) -> Played:
        cut = self._cut(span)
        setup = setup if capital is None else replace(setup, capital=capital)
        signals = self._signals(strategy, cut, span, setup)
        found = run(cut.past, signals, setup)
        return Played(cut, tuple(signals), setup, found, values_of(found, cut.past, setup.capital))

    def _setup(self, values: ValueSet) -> Setup:
        named = self.space.named(values, settings=True)
        key = tuple(named.values())
        if key not in self._setups:
            self._setups = {key: self.setup_of(named)}
        return self._setups[key]

    def _cut(self, span: Span) -> Cut:
        if span not in self._cuts:
            while len(self._cuts) >= 4:
                del self._cuts[next(iter(self._cuts))]
            self._cuts[span] = self.ground.cut(span)
        return self._cuts[span]

    def _signals(self, strategy: Strategy, cut: Cut, span: Span, setup: Setup) -> list[Signals]:
        trails = setup.limits.exits.trail_atr > 0.0
        found = []
        for place, (first, last) in zip(cut.places, cut.bounds, strict=True):
            features = self._features_of(place, last, span)
            said = signals_of(strategy, self.ground.histories[place].symbol, features)
            if said.atr is None and trails and cut.past.has_hourly:
                said = replace(said, atr=self.ground.atr(place)[: len(said.side)])
            found.append(cut_signals(said, first, last))
        return found

    def _features_of(self, place: int, last: int, span: Span) -> Features:
        if span.end_ms != self._end_ms:
            self._features, self._end_ms = {}, span.end_ms
        if place not in self._features:
            bars = sum(len(one.bars) for one in self.ground.histories)
            most = MOST_BYTES // (8 * bars * ARRAYS_A_KEEP)
            self._features[place] = Features(
                self.ground.histories[place].bars[:last], most_kept=min(max(most, LEAST_KEPT), MOST_KEPT)
            )
        return self._features[place]

    def _early(self, span: Span, cut: Cut, signals: Sequence[Signals], setup: Setup) -> tuple[float, bool]:
        """Mean R of the first part, and whether it surely loses; NaN where too few trades tell."""
        part = self._cut(early_part(span, self.ground.bar_ms))
        whole = dict(zip(cut.places, zip(cut.bounds, signals, strict=True), strict=True))
        said = []
        for place, (first, last) in zip(part.places, part.bounds, strict=True):
            (begin, _), of_symbol = whole[place]
            said.append(cut_signals(of_symbol, first - begin, last - begin))
        multiples = run(part.past, said, setup).trades["r"]
        if len(multiples) < EARLY_TRADES:
            return math.nan, False
        mean, error = float(multiples.mean()), float(multiples.std(ddof=1)) / math.sqrt(len(multiples))
        return mean, mean < -SURELY * error


def early_part(span: Span, bar_ms: int) -> Span:
    bars = int((span.end_ms - span.start_ms) / bar_ms * EARLY_SHARE)
    return Span(span.start_ms, span.start_ms + max(bars, 1) * bar_ms)


def is_hopeless(early: float, median: float, *, is_loss: bool) -> bool:
    """Surely losing on the first part, and there worse than half of the sets that were played in full."""
    return is_loss and early < median
