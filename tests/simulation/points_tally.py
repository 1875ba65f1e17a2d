"""Many kills: chosen, played side by side, counted, and the failing ones named; and what the shell says."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.points import Kill, end, every_faulty_kill, every_kill, kill_of, undisturbed
from tests.simulation.points_stories import STORIES

FIRST = "entry"
"""Where most flows begin: a point that was passed in the very same way is killed there."""
PER_TASK = 12


@dataclass(slots=True)
class PointTally:
    runs: int = 0
    recovered_s: float = 0.0
    """The longest; virtual seconds of the first pass."""
    waited_s: float = 0.0
    """The longest; virtual seconds for the receive window."""
    wrong: list[str] = field(default_factory=list)
    """How to replay it, and what was violated."""

    def add(self, kill: Kill) -> None:
        ended = end(kill)
        self.runs += 1
        self.recovered_s = max(self.recovered_s, ended.recovered_s)
        self.waited_s = max(self.waited_s, ended.waited_s)
        if ended.violations:
            what = "; ".join(ended.violations)
            self.wrong.append(f"python -m tests.simulation points {kill.flow} {kill.words}: {what}")

    def join(self, other: PointTally) -> None:
        self.runs += other.runs
        self.recovered_s = max(self.recovered_s, other.recovered_s)
        self.waited_s = max(self.waited_s, other.waited_s)
        self.wrong += other.wrong

    def words(self, name: str) -> str:
        line = (
            f"{name}: {self.runs} kills, {len(self.wrong)} wrong; recovered within {self.recovered_s:.1f} s, "
            f"and {self.waited_s:.1f} s more where an order's fate was open"
        )
        return "\n".join([line, *self.wrong])


def tally_of(kills: Iterable[Kill]) -> PointTally:
    tally = PointTally()
    for kill in kills:
        tally.add(kill)
    return tally


# ---------------------------------------------------------------- which ones


def all_kills(flow: str) -> list[Kill]:
    """Every point of the flow that `FIRST` did not pass alike, and every faulty request among them."""
    beyond = "" if flow == FIRST else FIRST
    return [*every_kill(flow, beyond), *every_faulty_kill(flow, beyond)]


def some_kills(kills: Sequence[Kill], seed: int, share: int) -> list[Kill]:
    """One in so many, others with another seed; at least one."""
    dice = random.Random(f"{seed} {kills[0].flow}")
    return sorted(dice.sample(kills, max(len(kills) // share, 1)), key=lambda kill: (kill.point, kill.words))


# ---------------------------------------------------------------- all of them


def every_point(say: Callable[[str], None], workers: int | None = None) -> int:
    """Every kill of every flow, in as many processes as there are processors; 1 where any is wrong."""
    is_wrong = False
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        for flow in STORIES:
            kills, tally, began = all_kills(flow), PointTally(), time.monotonic()
            batches = [kills[place : place + PER_TASK] for place in range(0, len(kills), PER_TASK)]
            for part in pool.map(tally_of, batches):
                tally.join(part)
            shown = f"{flow}, {len(undisturbed(flow).passed)} points, {time.monotonic() - began:.0f} s"
            say(tally.words(shown))
            is_wrong |= bool(tally.wrong)
    return int(is_wrong)


def main(words: list[str]) -> int:
    """`points`: all; `points FLOW`: one flow's; `points FLOW K`: one kill with its trace."""
    match words:
        case []:
            return every_point(_say)
        case [flow] if flow in STORIES:
            tally = tally_of(all_kills(flow))
            _say(tally.words(flow))
            return int(bool(tally.wrong))
        case [flow, kill] if flow in STORIES:
            return _replay(kill_of(flow, kill))
    _say(f"{main.__doc__} FLOW: {', '.join(STORIES)}. K: N or N:FAULT:END; 0 kills nowhere.")
    return 2


def _replay(kill: Kill) -> int:
    ended = end(kill, keeps_trace=True)
    for line in ended.lines:
        _say(line)
    died = f"killed at {kill.words}, {ended.died_at}" if ended.died_at else "not killed"
    _say(f"{kill.flow}: {died}; recovered in {ended.recovered_s:.1f} s, waited {ended.waited_s:.1f} s more")
    _say("\n".join(ended.violations) or "nothing is violated")
    return int(bool(ended.violations))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
