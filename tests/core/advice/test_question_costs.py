"""The question on recorded candles: small, and known already when the next scan of the bar asks it."""

from __future__ import annotations

from pathlib import Path

from core.adapters.advisers import Provider
from core.analysis.flags import FlagLimits
from tests.benchmarks.question import a_day_of_scans, screened, sizes


def test_the_facts_are_a_quarter_of_the_same_facts_as_indented_json() -> None:
    made = sizes(every=20_000)

    assert made
    assert max(one.ratio for one in made) <= 0.25


async def test_three_of_five_questions_of_a_day_are_answered_from_the_cache(tmp_path: Path) -> None:
    day = await a_day_of_scans(("SOL",), (Provider.OPENAI,), tmp_path, FlagLimits(), hours=24)

    assert day.gates["asked"] > 30
    assert day.sent == day.requests
    assert day.hits + day.requests == day.gates["asked"]
    assert day.hit_rate >= 0.60


def test_code_screens_end_some_scans_and_let_some_go_on() -> None:
    ends = screened(every=5_000)

    assert ends["ended"] > ends["asked"] > 0
