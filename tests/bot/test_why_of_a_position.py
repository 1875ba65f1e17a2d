"""/why of a symbol that is held: what the advisers said of the position, not that its place is taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from core.journal import DecisionRecord
from tests.bot.test_desk_leaving import Counter
from tests.core.builders import NOW, PAPER, SOL
from tests.core.trading.world import World

SCANNED = DecisionRecord(
    "d-scan", PAPER, None, SOL, NOW + timedelta(minutes=20), "entries", ("taken",), None, "hold", {}
)
JUDGED = replace(SCANNED, id="d-exit", at=NOW + timedelta(minutes=10), gate="exit", reasons=("tighten",))


async def desk(*records: DecisionRecord, holds: bool = True) -> Any:
    world = await World().open()
    if holds:
        await world.hold()
    await world.journal.record_decisions(records, None)
    counter = Counter(world, await world.journal.account_state(PAPER))
    await counter.guarded()
    return counter.desk


async def test_the_exit_opinion_stands_before_a_scan_that_only_found_the_place_taken() -> None:
    assert await (await desk(JUDGED, SCANNED)).why(SOL) == JUDGED


async def test_without_an_exit_opinion_the_scan_is_told() -> None:
    assert await (await desk(SCANNED)).why(SOL) == SCANNED


async def test_an_opinion_of_an_earlier_trade_is_not_this_ones() -> None:
    earlier = replace(JUDGED, at=NOW - timedelta(hours=1))

    assert await (await desk(earlier, SCANNED)).why(SOL) == SCANNED


async def test_once_the_position_is_gone_the_newest_decision_is_told() -> None:
    assert await (await desk(JUDGED, SCANNED, holds=False)).why(SOL) == SCANNED
