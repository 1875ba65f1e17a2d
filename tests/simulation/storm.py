"""Many schedules: played side by side in processes, counted, and the failing ones named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from tests.simulation.schedule import Played, Schedule, killed_at, play, schedule_of

KILLED_FLOWS = (
    "entry",
    "hands",
    "trailing",
    "partial_exit",
    "exit",
    "panic",
    "approval",
    "config",
    "breaker",
    "opinion",
)
"""Each is killed at every effect; `hands` stands for fills and sizes that are not as asked for."""
PER_TASK = 20
MOST_WRONG = 50
"""Failing schedules that are kept; one is enough to go on with."""
NEVER = 10**9
LONGEST_P99_S = 5.0
"""Without a covering stop, restarts included; what is longest of all the checker judges in each schedule."""


@dataclass(slots=True)
class Tally:
    """What many schedules add up to."""

    schedules: int = 0
    fills: int = 0
    fewest_fills: int | None = None
    """Of one schedule; None before the first."""
    crashes: int = 0
    bare_s: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """(how to replay it, what was violated)."""

    def add(self, name: str, played: Played) -> None:
        self.schedules += 1
        self.fills += played.fills
        self.fewest_fills = _fewer(self.fewest_fills, played.fills)
        self.crashes += played.crashes
        self.bare_s += [seconds for seconds in played.bare_s if seconds > 0]
        self.counts += played.counts
        if played.violations and len(self.wrong) < MOST_WRONG:
            self.wrong.append((name, played.violations))

    def join(self, other: Tally) -> None:
        self.schedules += other.schedules
        self.fills += other.fills
        self.fewest_fills = _fewer(self.fewest_fills, other.fewest_fills)
        self.crashes += other.crashes
        self.bare_s += other.bare_s
        self.counts += other.counts
        self.wrong += other.wrong[: MOST_WRONG - len(self.wrong)]

    def bare_at(self, share: float) -> float:
        """Seconds without cover that `share` of the spans stay within; 0 where there was none."""
        spans = sorted(self.bare_s)
        return spans[min(int(len(spans) * share), len(spans) - 1)] if spans else 0.0

    def words(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        lines = [
            f"{self.schedules} schedules, {self.fills} fills, {self.fewest_fills or 0} at least in each, "
            f"{self.crashes} crashes, "
            f"{len(self.wrong)} wrong",
            f"without a covering stop: {len(self.bare_s)} spans, median {self.bare_at(0.5):.2f} s, "
            f"p99 {self.bare_at(0.99):.2f} s, worst {self.bare_at(1.0):.2f} s",
            f"injected: {faults}",
        ]
        lines += [f"python -m tests.simulation {name}: {'; '.join(why)}" for name, why in self.wrong]
        return "\n".join(lines)


def _fewer(one: int | None, other: int | None) -> int | None:
    return min((count for count in (one, other) if count is not None), default=None)


def named(name: str) -> Schedule:
    """A seed, or `FLOW:EFFECT:calm` and `FLOW:EFFECT:faulty` for a flow that is killed after one effect."""
    if ":" not in name:
        return schedule_of(int(name))
    flow, effect, weather = name.split(":")
    return killed_at(flow, int(effect), faulty=weather == "faulty")


def tally_of(names: Sequence[str]) -> Tally:
    tally = Tally()
    for name in names:
        tally.add(name, play(named(name)))
    return tally


def kill_points(step: int = 1, flows: Sequence[str] = KILLED_FLOWS) -> Iterator[str]:
    """Every effect of every flow, with and without faults; `step` takes one in so many."""
    for flow in flows:
        for weather in ("calm", "faulty"):
            effects = play(named(f"{flow}:{NEVER}:{weather}")).effects
            for effect in range(1, effects + 1, step):
                yield f"{flow}:{effect}:{weather}"


def blow(names: Iterable[str], told: Callable[[Tally], None], workers: int | None = None) -> Tally:
    """Plays them in as many processes as there are processors; `told` hears of the progress."""
    total, waiting = Tally(), iter(names)
    batches = iter(lambda: list(islice(waiting, PER_TASK)), [])
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        for tally in pool.map(tally_of, batches):
            total.join(tally)
            told(total)
    return total
