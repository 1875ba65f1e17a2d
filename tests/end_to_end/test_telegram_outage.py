"""Telegram away, slow, forgetful: trading goes on, nothing is lost, nothing is done or told twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from bot.demo.telegram import Message
from tests.end_to_end.theatre import TELL_S, Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

BACK_S = 40.0
"""The bot tries again after pauses that grow to some ten seconds."""


@asynccontextmanager
async def outage(stage: Theatre, kind: Literal["closed", "bad_gateway"] = "closed") -> AsyncIterator[None]:
    await stage.chat.outage(kind=kind)
    try:
        yield
    finally:
        await stage.chat.restore()


async def entered(stage: Theatre, words: str) -> None:
    card = await stage.card(words)
    await stage.tap(card, "Approve")
    coin = words.split()[1]
    await until(lambda: stage.resting(coin), what="the stop rests")
    await stage.chat.wait_for(f"Opened {coin}", TELL_S)


def told(stage: Theatre, words: str) -> list[Message]:
    return [message for message in stage.chat.messages if words in message.body]


async def test_an_outage_delays_alerts_and_nothing_else(stage: Theatre) -> None:
    await entered(stage, "/long SOL 0.5%")
    async with outage(stage):
        stage.move("SOL", -0.09)

        await until(lambda: stage.bot.rows("SELECT 1 FROM trade_history"), what="booked during the outage")
        health = await stage.until_health("telegram", "degraded", "down")
        assert health["status"] == "degraded"
        assert told(stage, "Closed SOL") == []
    closed = await stage.chat.wait_for("Closed SOL", BACK_S)

    assert "stop hit" in closed.body
    assert len(told(stage, "Closed SOL")) == 1


async def test_a_tap_during_an_outage_is_carried_out_once_when_it_ends(stage: Theatre) -> None:
    card = await stage.card("/short ETH 0.5%")
    async with outage(stage):
        for _ in range(2):
            await stage.chat.tap_data(card, card.button("Approve")["callback_data"], within_s=0)

    await until(lambda: stage.resting("ETH"), BACK_S, "the tap was carried out")
    await stage.chat.wait_for("Opened ETH", BACK_S)

    assert len(stage.trades("ETH")) == 1
    assert len(told(stage, "Opened ETH")) == 1


async def test_a_tap_whose_answer_never_arrives_stands(stage: Theatre) -> None:
    card = await stage.card("/long BTC 0.5%")
    stage.chat.lose_next_answer("editMessageCaption")
    stage.chat.lose_next_answer("answerCallbackQuery")

    await stage.chat.tap_data(card, card.button("Approve")["callback_data"], within_s=0)

    await until(lambda: stage.resting("BTC"), what="the stop rests")
    assert len(stage.trades("BTC")) == 1
    await stage.chat.wait_for(lambda m: m.message_id == card.message_id and "Approved" in m.body, BACK_S)


async def test_a_flood_limit_is_sat_out_and_nothing_is_told_twice(stage: Theatre) -> None:
    mark = stage.chat.mark
    stage.chat.rate_limit(2, times=2)
    stage.move("ETH", 0.09)

    closed = await stage.chat.wait_for("Closed ETH", BACK_S, after=mark)

    assert "stop hit" in closed.body
    assert len(told(stage, "Closed ETH")) == 1


async def test_a_message_whose_answer_was_lost_is_marked_when_it_comes_again(stage: Theatre) -> None:
    stage.chat.lose_next_answer("sendMessage")
    await stage.bot.command("pause")

    twice = await until(lambda: told(stage, "Paused by console")[1:], BACK_S, what="it comes again")

    assert "Possibly told already" in twice[0].body
    assert len(told(stage, "Paused by console")) == 2


async def test_a_gateway_that_fails_ends_no_task(stage: Theatre) -> None:
    async with outage(stage, "bad_gateway"):
        stage.move("BTC", -0.09)
        await stage.until_health("telegram", "degraded", "down")
        await stage.chat.say("/resume")

    await stage.chat.wait_for("Running: entries are possible again", BACK_S)
    await stage.chat.wait_for("Closed BTC", BACK_S)

    assert len(told(stage, "Closed BTC")) == 1
    assert "Traceback" not in stage.bot.stdout
    await stage.until_health("telegram", "ok")
