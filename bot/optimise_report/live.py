"""A search while it goes on: a bar and a small table, drawn over itself, or plain lines now and then.

Laws:
- Drawing costs less than a twentieth of the search: the plateau, which compares every set with every other,
  is looked for at ever longer intervals.
- What is written are plain characters and, on a terminal alone, the codes that move the cursor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, TextIO

from bot.optimise_report.words import OBJECTIVE_WORDS, figure
from core.backtest.search_play import Wanted
from core.backtest.search_progress import Progress
from core.backtest.search_space import Space
from core.backtest.walk_forward import Choice, choose

BAR: Final = 30
PLAIN_EVERY_S: Final = 10.0
PLATEAU_EVERY_S: Final = 2.0
PLATEAU_SHARE: Final = 20
"""Times what looking for the plateau takes that pass until it is looked for again."""
SECOND_A_PAIR: Final = 4e-8
"""Of work, for every two sets."""


class Screen:
    """Draws on `out`; call it with every `Progress`."""

    def __init__(self, out: TextIO, space: Space, wanted: Wanted, folds: int, width: int) -> None:
        """`folds`: with the newest one; `width`: columns of the terminal."""
        self._out, self._space, self._wanted, self._folds, self._width = out, space, wanted, folds, width
        self._is_drawn = out.isatty()
        self.last: Progress | None = None
        self._lines = 0
        self._plain_s = 0.0
        self._choice: Choice | None = None
        self._chosen_s, self._fold = -math.inf, 0

    def __call__(self, progress: Progress) -> None:
        self.last = progress
        if self._is_drawn:
            self._draw(drawn(progress, self._look(progress), self._wanted, self._space, self._folds))
            return
        if (
            progress.is_last
            or progress.took_s - self._plain_s >= PLAIN_EVERY_S
            or progress.took_s < self._plain_s
        ):
            self._plain_s = 0.0 if progress.is_last else progress.took_s
            self._out.write(plain(progress, self._wanted, self._folds) + "\n")
            self._out.flush()

    def wipe(self) -> None:
        """Leaves nothing behind."""
        if self._is_drawn and self._lines:
            self._out.write(f"\x1b[{self._lines}F\x1b[0J")
            self._out.flush()
            self._lines = 0

    def _look(self, progress: Progress) -> Choice | None:
        """The best plateau so far, not too often."""
        cost_s = SECOND_A_PAIR * len(progress.tried) ** 2
        pause_s = max(PLATEAU_EVERY_S, PLATEAU_SHARE * cost_s)
        if progress.fold.number != self._fold or progress.took_s - self._chosen_s >= pause_s:
            self._fold, self._chosen_s = progress.fold.number, progress.took_s
            self._choice = choose(self._space, self._wanted, progress.fold, progress.tried)
        return self._choice

    def _draw(self, lines: Sequence[str]) -> None:
        up = f"\x1b[{self._lines}F" if self._lines else ""
        self._out.write(up + "".join(f"{line[: self._width - 1]}\x1b[0K\n" for line in lines) + "\x1b[0J")
        self._out.flush()
        self._lines = len(lines)


def drawn(progress: Progress, choice: Choice | None, wanted: Wanted, space: Space, folds: int) -> list[str]:
    """The bar and the table."""
    done, most = len(progress.tried), max(progress.most, 1)
    filled = min(BAR * done // most, BAR)
    left = "" if progress.left_s is None else f", {_seconds(progress.left_s)} left of this fold"
    counts = progress.counts
    lines = [
        f"fold {progress.fold.number} of {folds} [{'#' * filled}{'.' * (BAR - filled)}] "
        f"{done:,} of {progress.most:,} sets{left}",
        f"  {progress.trials_per_s:,.0f} sets/s, {progress.trades_per_s:,.0f} trades/s; pruned "
        f"{counts.pruned:,}, without a value {counts.valueless:,}, proposed again {counts.repeated:,}, "
        f"senseless {counts.skipped:,}",
    ]
    objective = wanted.objectives[0]
    words = OBJECTIVE_WORDS[objective]
    if choice is None or choice.chosen is None or choice.peak is None or choice.score is None:
        return [*lines, f"  no set has a {words} yet"]
    peak, chosen = choice.peak, choice.chosen
    return [
        *lines,
        f"  best {words} in sample {figure(objective, peak.results[0])}: {space.words(peak.values)}",
        f"  best plateau {figure(objective, choice.score)}: {space.words(chosen.values)}",
    ]


def plain(progress: Progress, wanted: Wanted, folds: int) -> str:
    """One line."""
    objective = wanted.objectives[0]
    rising = max((one for one in progress.tried if one.results), key=_by(wanted), default=None)
    best = "no value yet" if rising is None else f"best {figure(objective, rising.results[0])}"
    what = "done" if progress.is_last else f"of {progress.most:,}"
    kept = f" ({progress.counts.kept:,} kept from before)" if progress.counts.kept else ""
    return (
        f"fold {progress.fold.number} of {folds}: {len(progress.tried):,} sets {what}{kept}, {best} "
        f"{OBJECTIVE_WORDS[objective]} in sample, {progress.trials_per_s:,.0f} sets/s"
    )


def _by(wanted: Wanted) -> Callable[..., float]:
    return lambda one: wanted.rising(one.results)[0]


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
