"""The running bot and its advisers' roles: votes, vetoes, shadows, and an analysis that is stopped."""

from __future__ import annotations

import pytest

from bot.demo.ai import AiFault
from tests.end_to_end.theatre import Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {
    "SYMBOLS": "SOL,ETH",
    "AI_TIMEOUT_SECONDS": "20",
    "AI_MAX_RETRIES": "5",
    "AI_CACHE_SECONDS": "0",
    "XAI_ROLE": "veto",
}
ADVISERS = ("claude", "gpt", "grok", "deepseek")
ANALYSED_S = 30.0
SLOW_S = 3.0
"""Longer than the first pause between two tries of a call."""


async def analysed(stage: Theatre, coin: str) -> str:
    """The words of an analysis that is over: its picture came too."""
    mark = stage.chat.mark
    await stage.chat.say(f"/analyze {coin}")
    done = await stage.chat.wait_for("Advisers:", ANALYSED_S, after=mark)
    await stage.chat.wait_for(lambda m: m.photo is not None, ANALYSED_S, after=mark)
    return done.body


async def test_stop_ends_an_analysis_and_every_further_model_call(stage: Theatre) -> None:
    await until(lambda: stage.bot.rows("SELECT 1 FROM scans"), ANALYSED_S, "the first scan has ended")
    for name in ADVISERS:
        stage.ai.break_next(name, AiFault.SERVER_ERROR)
    asked = stage.ai.calls.total() + len(ADVISERS)
    stage.chat.drafts.clear()
    await stage.chat.say("/analyze SOL")
    draft = await stage.chat.wait_for_draft("asking the advisers")
    await until(lambda: stage.ai.calls.total() >= asked, ANALYSED_S, "everybody was asked once")
    mark = stage.chat.mark

    await stage.chat.stop_draft(draft["draft_id"])
    stopped = await stage.chat.wait_for("stopped by you", ANALYSED_S, after=mark)

    stage.ai.mend()
    before, quick = stage.ai.calls.total(), stage.ai.latency_s
    stage.ai.latency_s = (SLOW_S, SLOW_S)  # so long that a try of the stopped one would fall into it
    try:
        await analysed(stage, "ETH")
    finally:
        stage.ai.latency_s = quick
    assert "Nothing was traded." in stopped.body
    assert stage.ai.calls.total() == before + len(ADVISERS)


async def test_opinions_are_previewed_with_their_roles_until_the_message_comes(stage: Theatre) -> None:
    stage.chat.drafts.clear()
    stage.ai.break_next("gpt", AiFault.SERVER_ERROR, calls=1)  # it answers at its second try, the last of all

    body = await analysed(stage, "SOL")

    previews = [draft["text"] for draft in stage.chat.drafts]
    assert any("grok: " in text and "veto" in text and "gpt: " not in text for text in previews)
    assert all(f"{name}: " in body for name in ADVISERS)
    assert "/replay " in body


async def test_a_veto_that_is_not_heard_is_named_with_its_role(stage: Theatre) -> None:
    stage.ai.break_next("grok", AiFault.GARBAGE)

    body = await analysed(stage, "SOL")

    stage.ai.mend()
    assert "grok: no answer" in body
    assert any("grok" in line and "veto" in line for line in body.splitlines())


async def test_a_role_changed_in_chat_holds_from_the_next_decision_on(stage: Theatre) -> None:
    question = await stage.ask("/config OPENAI_ROLE shadow", "Nothing has changed yet")
    words = question.body

    await stage.tap(question, "Change it")
    body = await analysed(stage, "SOL")

    assert "recorded, and has no effect" in words
    assert "voters: claude, deepseek" in words
    line = next(line for line in body.splitlines() if "gpt: " in line)
    assert "shadow, no effect" in line


async def test_a_person_may_look_while_the_bot_is_paused(stage: Theatre) -> None:
    await stage.ask("/pause", "aused")
    before = stage.ai.calls.total()

    body = await analysed(stage, "ETH")

    assert stage.ai.calls.total() >= before + len(ADVISERS)
    assert "entries are closed" not in body
