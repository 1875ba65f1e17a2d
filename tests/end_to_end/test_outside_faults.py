"""The exchange away, advisers broken: entries are refused, the chat stays readable, it mends itself."""

from __future__ import annotations

import pytest

from bot.demo.ai import AiFault
from bot.demo.exchange_faults import Failure
from tests.end_to_end.theatre import TELL_S, Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"SYMBOLS": "SOL,ETH", "AI_TIMEOUT_SECONDS": "2", "AI_MAX_RETRIES": "1", "AI_CACHE_SECONDS": "0"}
FOREVER = 10**9
ADVISERS = ("claude", "gpt", "grok", "deepseek")
MEND_S = 40.0


async def test_an_exchange_that_fails_refuses_entries_and_recovers(stage: Theatre) -> None:
    stage.exchange.faults.fail_next(FOREVER, Failure.UNAVAILABLE)
    try:
        refused = await stage.ask("/long ETH 0.5%", "No card", MEND_S)
        health = await stage.until_health("exchange", "down", "degraded")
    finally:
        stage.exchange.faults.heal()

    assert "the market cannot be read" in refused.body and "Traceback" not in refused.body
    assert health["status"] != "healthy"
    assert stage.approvals("ETH") == []
    card = await stage.card("/long ETH 0.5%", MEND_S)
    await stage.until_health("exchange", "ok")
    assert (await stage.tap(card, "Reject")).text.startswith("Rejected")


async def test_a_start_without_an_exchange_is_degraded_and_mends_itself(stage: Theatre) -> None:
    await stage.bot.kill9()
    await stage.exchange.stop()
    try:
        await stage.bot.launch()
        await until(lambda: "http server listens" in stage.bot.output, 30, "it listens")
        answer = await stage.ask("/status", "halted")
        refused = await stage.ask("/long SOL 0.5%", "No card", MEND_S)
        health = await stage.get_json("/health")
        mark = stage.chat.mark
    finally:
        await stage.exchange.start()

    assert health["status"] != "healthy"
    assert "starting" in answer.body
    assert "the market cannot be read" in refused.body
    await stage.chat.wait_for("Perpilot is running", MEND_S, after=mark)
    await stage.until_health("exchange", "ok")
    assert "Traceback" not in stage.bot.output


@pytest.mark.parametrize(
    "faults",
    [
        {"claude": AiFault.HANG, "gpt": AiFault.GARBAGE},
        {"gpt": AiFault.BAD_KEY, "grok": AiFault.SERVER_ERROR},
        {"grok": AiFault.RESET, "deepseek": AiFault.NOT_JSON},
        dict.fromkeys(ADVISERS, AiFault.SERVER_ERROR),
    ],
    ids=", ".join,
)
async def test_advisers_that_fail_abstain_and_the_others_go_on(
    stage: Theatre, faults: dict[str, AiFault]
) -> None:
    for name, fault in faults.items():
        stage.ai.break_next(name, fault)
    mark, cards = stage.chat.mark, len(stage.bot.rows("SELECT 1 FROM approvals"))

    answer = await stage.ask("/analyze SOL", "Advisers:", 20)

    stage.ai.mend()
    silent = {name for name in ADVISERS if f"{name}: no answer" in answer.body}
    assert silent == set(faults)
    assert "key-of-" not in answer.body and "Traceback" not in answer.body
    assert len(stage.bot.rows("SELECT 1 FROM approvals")) == cards
    await stage.chat.wait_for(lambda m: m.photo is not None, TELL_S, after=mark)
