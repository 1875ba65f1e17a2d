"""`python -m tests.adapters.study.searcher STORAGE TRIALS [WORKERS]`: a search in a process of its own.

Writes `begun`, and at the end the number of sets that it knows. It may be killed at any moment.
"""

from __future__ import annotations

import sys
from pathlib import Path

from core.adapters.study.keeping import Keeper, is_shared_address
from core.adapters.study.keeping_file import FileKeeper
from core.adapters.study.keeping_shared import SharedKeeper
from core.adapters.study.search import Plan, crew_of, search
from core.backtest.search_play import Play
from core.backtest.search_spans import Fold
from tests.core.backtest.searches import a_play, noise

STUDY, FINGERPRINT = "kills", {"made": "for a test"}
STALE_S = 1.5
BARS = 30_000


def a_slow_play() -> Play:
    """A few milliseconds a set."""
    return a_play("ema_cross", noise(1, BARS))


def fold_of(play: Play) -> Fold:
    return Fold(1, play.ground.whole, None)


def main(storage: str, trials: str, workers: str = "1") -> None:
    play = a_slow_play()
    is_shared = is_shared_address(storage)
    crew = crew_of(play, int(workers), is_shared=is_shared)
    keeper: Keeper
    if is_shared:
        keeper = SharedKeeper(storage, STUDY, FINGERPRINT, stale_s=STALE_S)
    else:
        keeper = FileKeeper(Path(storage), STUDY, FINGERPRINT)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    plan = Plan(int(trials), "random", seed=1, is_pruning=False)
    tried = search(play, fold_of(play), plan, crew=crew, keeper=keeper)
    keeper.close()
    crew.close()
    sys.stdout.write(f"{len(tried)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
