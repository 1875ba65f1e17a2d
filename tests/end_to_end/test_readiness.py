"""/readiness, /golive and the shadow of a rejected card, over the wire."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.risk.arming import OVERRIDE, SENTENCE
from tests.end_to_end.theatre import Theatre, theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_paper_shows_the_checklist_and_arms_nothing(stage: Theatre) -> None:
    checklist = await stage.ask("/readiness", "Readiness for real money")
    explained = await stage.ask("/golive", "Going live")
    refused = await stage.ask(f"/golive {OVERRIDE}", "This account is paper")

    assert "❌ 0 of 4 weeks" in checklist.body
    assert "USE_PAPER_TRADING=false" in explained.body
    assert "nothing was armed" in refused.body
    assert stage.bot.rows("SELECT 1 FROM armings") == []


async def test_every_minute_that_scanner_and_guard_run_leaves_a_heartbeat(stage: Theatre) -> None:
    def beating() -> set[str]:
        return {row["task"] for row in stage.bot.rows("SELECT task FROM heartbeats WHERE minutes > 0")}

    assert await until(lambda: beating() >= {"guard", "scanner"}, 70.0, "both have a minute")


async def test_a_rejected_idea_is_followed_and_told_in_metrics_and_why(stage: Theatre) -> None:
    card = await stage.card("/long XRP 0.5%")
    await stage.tap(card, "Reject")
    sql = "SELECT symbol FROM shadow_ideas WHERE gate = 'rejected'"
    shadows = await until(lambda: stage.bot.rows(sql), what="its shadow")
    await until(lambda: stage.bot.rows("SELECT 1 FROM scans"), 30.0, "the first scan")
    metrics = await stage.ask("/metrics", "Ideas not taken")
    why = await stage.ask("/why", "Ideas not taken")

    assert [row["symbol"] for row in shadows] == ["XRP/USDT:USDT"]
    assert "rejected by you: no result yet, 1 still followed" in metrics.body
    assert "rejected by you: no result yet, 1 still followed" in why.body
    assert "scanned" in why.body and "passed every check" in why.body


async def test_live_is_armed_by_the_exact_sentence_only_and_stays_armed(tmp_path: Path) -> None:
    async with theatre(tmp_path, USE_PAPER_TRADING="false", INITIAL_CAPITAL="100") as stage:
        await stage.start()
        asked = await stage.ask("/golive", "Going live")
        wrong = await stage.ask("/golive yes", "must be exactly")
        plain = await stage.ask(f"/golive {SENTENCE}", "do not hold")
        armed = await stage.ask(f"/golive {OVERRIDE} 80", "Recorded")
        await stage.bot.restart()
        again = await stage.ask("/readiness", "Readiness for real money")
        await stage.until_state("scanning", 30.0)

        assert OVERRIDE in asked.body
        assert OVERRIDE in wrong.body and "0 of 4 weeks" in plain.body
        assert "80" in armed.body
        assert "Live, armed" in again.body and "80.00 USDT" in again.body
        (row,) = stage.bot.rows("SELECT * FROM armings")
        assert (row["account"], row["sentence"]) == ("live:binanceusdm", OVERRIDE)
        assert stage.bot.rows("SELECT 1 FROM trades") == []
