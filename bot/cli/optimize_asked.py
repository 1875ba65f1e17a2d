"""What a search is asked for, checked before anything is begun: ground, space, folds and fingerprint."""

from __future__ import annotations

import argparse
import hashlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bot.cli.backtest import NOT_PLAYED
from bot.cli.optimize_settings import (
    VariedSettings,
    setting_dimensions,
    setting_text,
    value_text,
    varied_settings,
)
from bot.optimise_report.words import Story
from bot.optimise_report.writing import profile_of
from bot.settings import environment
from bot.tuned_profile import TunedProfile
from core.adapters.clock import SystemClock
from core.adapters.history.instruments import instruments_of
from core.adapters.history.reading import read_history
from core.backtest import engine_compiled, features_loops
from core.backtest.baselines import Told
from core.backtest.own_strategy import strategy_class
from core.backtest.search_play import Play, Wanted
from core.backtest.search_space import BadSearch, Dimension, Space, parameter_dimensions
from core.backtest.search_spans import Fold, Ground, folds_of
from core.backtest.strategies import Strategy
from core.backtest.walk_forward import Choice, weigh
from core.backtest.walk_words import walk_verdict
from core.market import coin
from core.trading import exits_compiled

FORMAT: Final = 1
DAY_MS: Final = 86_400_000
MOST_STUDY_NAME: Final = 80
TOLD_SYMBOLS: Final = 8


@dataclass(frozen=True)
class Asked:
    """Everything that a search needs."""

    play: Play
    folds: tuple[Fold, ...]
    embargo: int
    study: str
    fingerprint: Mapping[str, Any]
    varied: VariedSettings
    timeframe: str
    notes: tuple[str, ...]

    def story(self, choices: Sequence[Choice], *, seed: int, runs: int, told: Told | None) -> Story:
        weighed = weigh(self.play, choices, seed=seed, runs=runs, told=told)
        return Story(
            title=self._title(),
            period=self._period(),
            space=self.play.space,
            wanted=self.play.wanted,
            weighed=weighed,
            verdict=walk_verdict(weighed),
            embargo=self.embargo,
            notes=self.notes,
        )

    def profile(self, story: Story, name: str, made_at: str) -> TunedProfile | None:
        newest = story.weighed.newest
        if newest is None or newest.choice.chosen is None:
            return None
        known = {one.name: one for one in strategy_class(self.play.strategy).parameters()}
        named = self.play.space.named(newest.choice.chosen.values, settings=True)
        return profile_of(
            story,
            name=name,
            made_at=made_at,
            strategy=self.play.strategy,
            timeframe=self.timeframe,
            symbols=tuple(one.symbol for one in self.play.ground.histories),
            given={each: known[each].read(text) for each, text in self.play.given.items()},
            settings={each: value_text(each, value) for each, value in named.items()},
        )

    def _title(self) -> str:
        fixed = ", ".join(f"{name}={text}" for name, text in self.play.given.items())
        searched = ", ".join(one.name for one in self.play.space.dimensions)
        return f"{self.play.strategy}({fixed}), searched: {searched}"

    def _period(self) -> str:
        ground = self.play.ground
        coins = [coin(one.symbol) for one in ground.histories]
        named = ", ".join(coins[:TOLD_SYMBOLS])
        more = f" and {len(coins) - TOLD_SYMBOLS} more" if len(coins) > TOLD_SYMBOLS else ""
        bars = sum(len(one.bars) for one in ground.histories)
        return f"{named}{more} · {self.timeframe} · {ground.whole.words} · {bars:,} bars"


def asked_of(options: argparse.Namespace) -> Asked:
    """Raises `PerpilotError` for the first thing that can't be."""
    wanted = Wanted(options.objectives, options.min_trades)
    varied = varied_settings(environment(options.env))
    strategy, given = strategy_class(options.strategy), dict(options.given)
    space = Space(_dimensions(strategy, given, varied, options))
    span = (options.timeframe, options.since, options.until)
    now = SystemClock().now()
    histories = tuple(read_history(options.data, symbol, *span, now=now) for symbol in options.symbols)
    rules = instruments_of(histories, options.data)
    notes = (*rules.remarks, NOT_PLAYED)
    ground = Ground(histories, rules.instruments, notes)
    embargo = DAY_MS // ground.bar_ms if options.embargo is None else options.embargo
    folds = folds_of(ground.whole.start_ms, ground.whole.end_ms, ground.bar_ms, options.folds, embargo)
    play = Play(ground, options.strategy, given, space, varied, wanted)
    fingerprint = _fingerprint(play, strategy, varied, options, embargo)
    study = options.study or _name(strategy, fingerprint)
    if len(study) > MOST_STUDY_NAME or not study.isprintable() or "/" in study or study.startswith("."):
        raise BadSearch(
            f"{study[:40]!r} is no name of a study: printable, without /, at most {MOST_STUDY_NAME}"
        )
    return Asked(play, folds, embargo, study, fingerprint, varied, options.timeframe, notes)


def _dimensions(
    strategy: type[Strategy], given: Mapping[str, str], varied: VariedSettings, options: argparse.Namespace
) -> tuple[Dimension, ...]:
    """Of the strategy, then of the settings, each in its own order."""
    names = [one.name for one in options.ranges]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadSearch(f"{twice} is varied twice: one range is enough")
    own = {one.name for one in strategy.parameters()}
    parameters = [one for one in options.ranges if one.name in own]
    settings = [one for one in options.ranges if one.name not in own]
    return (
        *parameter_dimensions(strategy, given, parameters),
        *setting_dimensions(varied, settings),
    )


def _fingerprint(
    play: Play, strategy: type[Strategy], varied: VariedSettings, options: argparse.Namespace, embargo: int
) -> dict[str, Any]:
    """What a set's numbers depend on; the number of sets, the sampler and the seed are none of it."""
    ground = play.ground
    varying = {one.name for one in play.space.dimensions}
    rules = (*exits_compiled.MODULES, *engine_compiled.MODULES, features_loops)
    return {
        "format": FORMAT,
        "strategy": strategy.name,
        "the strategy's code": _code(strategy),
        "fixed": play.given,
        "range": {one.name: _bounds(one) for one in play.space.dimensions},
        "objectives": list(play.wanted.objectives),
        "least trades": play.wanted.min_trades,
        "symbols": [one.symbol for one in ground.histories],
        "timeframe": options.timeframe,
        "span": f"{ground.whole.words}",
        "candles": _digest(ground),
        "folds": options.folds,
        "embargo": embargo,
        "setting": {name: text for name, text in setting_text(varied).items() if name not in varying},
        "the program's rules": exits_compiled.version_of(rules),
    }


def _bounds(one: Dimension) -> str:
    step = "" if one.grid is None else f" by {one.grid:g}"
    return f"{one.text(one.low)} to {one.text(one.top)}{step}"


def _code(strategy: type[Strategy]) -> str:
    """Of the file that it stands in, whatever the file is called here."""
    file = getattr(sys.modules.get(strategy.__module__), "__file__", None) or inspect.getfile(strategy)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:12]


def _digest(ground: Ground) -> str:
    digest = hashlib.sha256(repr(ground.instruments).encode())
    for one in ground.histories:
        for rows in (one.bars, one.mark, one.funding):
            digest.update(b"none" if rows is None else np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()[:12]


def _name(strategy: type[Strategy], fingerprint: Mapping[str, Any]) -> str:
    return f"{strategy.name}-{hashlib.sha256(repr(sorted(fingerprint.items())).encode()).hexdigest()[:10]}"
