"""/replay in the running demo: what /analyze just decided comes out again."""

from __future__ import annotations

import pytest

from tests.end_to_end.theatre import Theatre

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"SYMBOLS": "SOL,ETH"}
NEWEST = "SELECT id FROM decisions WHERE symbol LIKE 'ETH%' AND scan_id IS NULL ORDER BY at DESC LIMIT 1"


async def test_what_was_just_analysed_is_played_again_equal(stage: Theatre) -> None:
    await stage.ask("/analyze ETH", "Advisers:", 20)
    ((decision_id,),) = stage.bot.rows(NEWEST)

    answer = await stage.ask(f"/replay {decision_id}", "Decision", 20)

    assert "every step came out equal" in answer.body
