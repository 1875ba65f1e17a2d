"""What a question costs on recorded candles: characters, answers that were known already, scans without any.

Verdicts are over ratios of one run on the same work. Without PERPILOT_DATA there is nothing to measure.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from core.adapters.advisers import Provider
from core.analysis.flags import FlagLimits
from tests.benchmarks.question import COINS, DAY, a_day_of_scans, screened, sizes
from tests.benchmarks.rig import show, verdict

LARGEST_RATIO = 0.25
LEAST_HIT_RATE = 0.60


def bench_size_of_the_brief_against_pretty_json() -> None:
    made = sizes()
    worst, usual = max(one.ratio for one in made), statistics.median(one.ratio for one in made)
    question = statistics.median(one.question for one in made)
    pretty = statistics.median(one.pretty for one in made)
    rubric = made[0].rubric
    show(
        f"characters of the brief, {len(made)} moments of {', '.join(COINS)} over the recorded years",
        f"facts of a decision: median {question:.0f}; the same rounded figures as indented JSON {pretty:.0f}",
        f"ratio: median {usual:.3f}, worst {worst:.3f} (at most {LARGEST_RATIO}), "
        f"{verdict(worst <= LARGEST_RATIO)}",
        f"the rubric, the same before every question and so in the providers' cache: {rubric}; "
        f"with it the ratio is {(question + rubric) / pretty:.2f}",
    )
    assert worst <= LARGEST_RATIO


async def bench_answers_known_already_in_a_day_of_scans(tmp_path: Path) -> None:
    day = await a_day_of_scans(COINS, tuple(Provider), tmp_path, FlagLimits())
    asked = day.gates["asked"]
    show(
        f"24 hours of recorded 15m candles ({', '.join(COINS)}, {DAY:%Y-%m-%d}), a scan every 300 s, "
        f"{len(Provider)} advisers over loopback, journal and cache in SQLite",
        f"looks at a symbol: {day.gates.total()}; ended by code screens {day.screened_share:.1%} "
        f"({_listed(day.gates)})",
        f"questions: {asked} looks × {len(Provider)} advisers = {day.hits + day.requests}; "
        f"answered from the cache {day.hits}, sent {day.sent}",
        f"hit rate {day.hit_rate:.1%} (at least {LEAST_HIT_RATE:.0%}; 2 of 3 scans of a bar can hit), "
        f"{verdict(day.hit_rate >= LEAST_HIT_RATE)}",
        f"model calls avoided by screens and cache together: "
        f"{1 - day.sent / (day.gates.total() * len(Provider)):.1%}",
    )
    assert day.sent == day.requests
    assert day.hit_rate >= LEAST_HIT_RATE


def bench_scans_ended_by_code_screens() -> None:
    ends = screened(every=180)
    show(
        f"looks at recorded bars ended by red flags, no token spent: {ends.total()} moments of "
        f"{', '.join(COINS)}, one every 45 hours since early 2023",
        f"default flags: {ends['ended'] / ends.total():.1%} ended, {ends['asked']} go on to the advisers",
    )
    assert ends["ended"] > 0
    assert ends["asked"] > 0


def _listed(gates: dict[str, int]) -> str:
    return ", ".join(f"{gate} {count}" for gate, count in sorted(gates.items()))
