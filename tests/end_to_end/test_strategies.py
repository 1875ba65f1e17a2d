"""The running bot with strategies: the owner's own works alone, one without end stops nobody, a profile is
adopted whole, and what was decided is played again equal without the file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from bot.tuned_profile import TunedProfile, write_profile
from tests.end_to_end.theatre import Theatre, theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWN = """
import numpy as np

from core.backtest.strategies import Features, Signals, Strategy


class Always(Strategy):
    def entries(self, features: Features) -> Signals:
        rises = features.close[-1] > features.close[-200]
        return Signals(np.full(len(features), 1 if rises else -1, dtype=np.int8))


class Endless(Strategy):
    def entries(self, features: Features) -> Signals:
        while True:
            pass
"""
SETTINGS = {
    "SYMBOLS": "SOL,ETH",
    "DECIDER": "rules",
    "STRATEGY_ROLE": "alone",
    "STRATEGIES": "mine.py:Always@15m:0.5,mine.py:Endless@15m:0.25,trend@4h:0.25",
    "FLAG_RSI": "false",
    "FLAG_VOLUME": "false",
    "FLAG_MIDDLE": "false",
    "FLAG_DIVERGENCE": "false",
    "FLAG_VOLATILE": "false",
    "FLAG_TIMEFRAMES": "false",
    "ALLOW_VOLATILE": "true",
    "MIN_OPPORTUNITY_SCORE": "0",
}
ANALYSED_S = 40.0
NEWEST = "SELECT id FROM decisions WHERE symbol LIKE 'SOL%' AND scan_id IS NULL ORDER BY at DESC LIMIT 1"
TUNED = TunedProfile(
    name="calm",
    made_at="2026-10-01T12:00:00+00:00",
    strategy="trend",
    timeframe="4h",
    symbols=("SOL/USDT:USDT",),
    parameters={},
    settings={"RISK_PER_TRADE": "0.01", "MAX_LEVERAGE": "3"},
    evidence={"in_sample": {"net": 10}, "out_of_sample": {"net": -3}, "verdict": "it does not hold"},
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Theatre]:
    home = tmp_path_factory.mktemp("bot")
    async with theatre(home, **SETTINGS) as opened:
        (opened.bot.home / "mine.py").write_text(OWN)
        for profile in (TUNED, replace(TUNED, name="fast", parameters={"fast": 12})):
            write_profile(profile, opened.bot.home / "data" / "profiles")
        await opened.start()
        yield opened


async def test_the_owners_strategy_decides_by_its_share_and_is_not_called_ai(stage: Theatre) -> None:
    await until(lambda: stage.bot.rows("SELECT 1 FROM scans"), ANALYSED_S, "the first scan has ended")

    body = (await stage.ask("/analyze SOL", "Strategies decide, no AI:", ANALYSED_S)).body

    assert "strategy-Always@15m:" in body
    assert "strategy-Endless@15m: no answer (later than the deadline)" in body
    assert "risk × 0.5: the strategies' share of the capital" in body


async def test_what_they_decided_is_played_again_equal_without_the_file(stage: Theatre) -> None:
    ((decision_id,),) = stage.bot.rows(NEWEST)
    (stage.bot.home / "mine.py").rename(stage.bot.home / "gone.txt")
    try:
        answer = await stage.ask(f"/replay {decision_id}", "Decision", 20)
    finally:
        (stage.bot.home / "gone.txt").rename(stage.bot.home / "mine.py")

    assert "every step came out equal" in answer.body


async def test_a_profile_with_other_parameters_beside_a_file_is_refused(stage: Theatre) -> None:
    shown = await stage.ask("/config profile fast", "It can't be adopted", 10)

    assert "only the environment may name, never the chat" in shown.body
    assert shown.buttons == []


async def test_a_profile_is_adopted_whole_and_taken_back(stage: Theatre) -> None:
    shown = await stage.ask("/config profile calm", "it does not hold", 10)
    await stage.chat.tap(shown, "Adopt it all the same")
    adopted = (await stage.ask("/config RISK_PER_TRADE", "RISK_PER_TRADE", 10)).body

    back = await stage.ask("/config profile back", "Before the profile calm", 10)
    is_warned = "raises the risk" in back.body
    await stage.chat.tap(back, "Go back")
    restored = (await stage.ask("/config RISK_PER_TRADE", "RISK_PER_TRADE", 10)).body

    assert "= 0.01" in adopted and "From: chat" in adopted
    assert "= 0.02" in restored and "From: chat" not in restored
    assert is_warned
    names = [row["name"] for row in stage.bot.rows("SELECT name FROM setting_changes ORDER BY id")]
    assert names == ["MAX_LEVERAGE", "RISK_PER_TRADE"] * 2
