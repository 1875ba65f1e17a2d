"""USE_PAPER_TRADING=false: it starts, says that live trading is not built yet, and sends nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.theatre import theatre

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_without_paper_it_is_disarmed_and_says_so(tmp_path: Path) -> None:
    settings = {"USE_PAPER_TRADING": "false", "TRADING_MODE": "auto", "MIN_OPPORTUNITY_SCORE": "40"}
    async with theatre(tmp_path, **settings) as stage:
        await stage.start()

        told = stage.chat.messages[0].body
        status = await stage.ask("/status", "disarmed")
        refused = await stage.ask("/long SOL 0.5%", "No card")
        over_http = await stage.get_json("/status")
        asked = [path for path in stage.exchange.requests if "order" in path.lower()]

        assert "live trading is not built yet" in told
        assert "live trading is not built yet" in status.body
        assert "not built yet" in refused.body
        assert (over_http["trading_state"], over_http["paper"]) == ("disarmed", False)
        assert asked == []
        assert stage.bot.rows("SELECT 1 FROM trades") == stage.bot.rows("SELECT 1 FROM approvals") == []
        assert (await stage.bot.terminate()).code == 0
