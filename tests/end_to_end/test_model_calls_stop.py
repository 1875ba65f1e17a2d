"""After /pause and /panic the running bot sends no further request for entries: counted at the providers."""

from __future__ import annotations

import pytest

from tests.end_to_end.theatre import Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"SYMBOLS": "SOL", "AI_CACHE_SECONDS": "0", "AI_DAILY_BUDGET_USD": "5"}
SCANNED_S = 40.0
SLOW_S = 3.0
"""Long enough to pause while the first ones think."""


async def asked_by_a_scan(stage: Theatre) -> int:
    """How many requests one scan by hand makes."""
    before = stage.ai.calls.total()
    await stage.ask("/scan", "Where they ended", SCANNED_S)
    await stage.ask("/version", "Perpilot")  # by then the chat has let go of the scan
    return stage.ai.calls.total() - before


async def resumed(stage: Theatre) -> None:
    """The scan that this wakes is over."""
    ended = len(stage.bot.rows("SELECT 1 FROM scans"))
    await stage.ask("/resume", "Running")
    await until(lambda: len(stage.bot.rows("SELECT 1 FROM scans")) > ended, SCANNED_S, "the woken scan")


async def test_a_paused_bot_scans_and_asks_nobody(stage: Theatre) -> None:
    await until(lambda: stage.bot.rows("SELECT 1 FROM scans"), SCANNED_S, "the first scan has ended")
    usual = await asked_by_a_scan(stage)

    await stage.ask("/pause", "no new entries")
    paused = await asked_by_a_scan(stage)

    await resumed(stage)
    assert usual >= 2 and paused == 0
    assert await asked_by_a_scan(stage) == usual


async def test_a_pause_while_the_first_ones_think_is_heard_by_the_next(stage: Theatre) -> None:
    usual, quick = await asked_by_a_scan(stage), stage.ai.latency_s
    before, mark = stage.ai.calls.total(), stage.chat.mark
    stage.ai.latency_s = (SLOW_S, SLOW_S)
    try:
        await stage.chat.say("/scan")
        await until(lambda: stage.ai.calls.total() > before, SCANNED_S, "somebody was asked")
        await stage.ask("/pause", "no new entries")
        await stage.chat.wait_for("Where they ended", SCANNED_S, after=mark)
    finally:
        stage.ai.latency_s = quick

    assert 0 < stage.ai.calls.total() - before < usual
    await resumed(stage)


async def test_after_a_panic_nobody_is_asked(stage: Theatre) -> None:
    usual = await asked_by_a_scan(stage)
    question = await stage.ask("/panic", "Panic")
    await stage.tap(question, "Panic")
    last = await stage.chat.wait_for(
        lambda m: m.message_id == question.message_id and "Last question" in m.body
    )

    await stage.tap(last, "Yes")
    await stage.until_state("paused")

    assert usual >= 2 and await asked_by_a_scan(stage) == 0
