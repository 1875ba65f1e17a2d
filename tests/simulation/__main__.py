"""Replays one schedule: `python -m tests.simulation SEED`. Plays many: `... storm [COUNT [FIRST]]`.

A flow killed at each of its points: `... points [FLOW [K]]`; a storm ends with all of them.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from itertools import chain

from tests.simulation import points_tally
from tests.simulation.schedule import play
from tests.simulation.storm import LONGEST_P99_S, Tally, blow, kill_points, named

FULL = 10_000
TELL_EVERY_S = 15.0


@dataclass(slots=True)
class Progress:
    total: int
    began: float = field(default_factory=time.monotonic)
    told: float = 0.0
    named: int = 0
    """Failing schedules that were told already: a run that is broken off has not found them in vain."""

    def __call__(self, tally: Tally) -> None:
        now = time.monotonic()
        for name, why in tally.wrong[self.named :]:
            _say(f"python -m tests.simulation {name}: {'; '.join(why)}")
        self.named = len(tally.wrong)
        if now - self.told < TELL_EVERY_S:
            return
        self.told = now
        rate = tally.schedules / max(now - self.began, 1e-9)
        _say(
            f"{tally.schedules} of {self.total}, {rate:.1f} a second, {len(tally.wrong)} wrong, "
            f"worst {tally.bare_at(1.0):.2f} s without cover"
        )


def replay(name: str) -> int:
    played = play(named(name), keeps_trace=True)
    for line in played.lines:
        _say(line)
    plan = played.schedule
    _say(f"seed {name}: {plan.flow}, {plan.side.value}; {played.fills} fills, {played.crashes} crashes")
    _say(f"trace {played.trace_hash}")
    _say("\n".join(played.violations) or "nothing is violated")
    return 1 if played.violations else 0


def storm(count: int, first: int) -> int:
    """`count` seeds from `first` on, then every kill point."""
    points = list(kill_points())
    seeds = (str(seed) for seed in range(first, first + count))
    tally = blow(chain(seeds, points), Progress(count + len(points)))
    _say(tally.words())
    return 1 if tally.wrong or tally.bare_at(0.99) > LONGEST_P99_S else 0


def main(words: list[str]) -> int:
    match words:
        case ["storm", *numbers]:
            count, first = [*map(int, numbers), FULL, 0][:2] if not numbers else [*map(int, numbers), 0][:2]
            return storm(count, first) | points_tally.every_point(_say)
        case ["points", *which]:
            return points_tally.main(which)
        case [name]:
            return replay(name)
    _say(__doc__ or "")
    return 2


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
