"""/risk and the picture of /metrics, over the real dispatcher."""

from __future__ import annotations

from core.errors import PerpilotError
from tests.handlers.conftest import Chat


async def test_risk_is_answered_in_words_and_then_with_bars(chat: Chat) -> None:
    answer = await chat.telegram.ask("/risk")
    picture = await chat.telegram.wait_for(lambda message: message.photo is not None)

    assert "If every stop is hit: -4.13 USDT" in answer.text
    assert "PAPER" in answer.text
    assert picture.message_id > answer.message_id
    assert [bar.label for bar in chat.charts.bars][-3:] == [
        "Margin in use",
        "Lost at the stops",
        "Lost at a 10 % gap",
    ]


async def test_a_viewer_may_look_at_the_risk(chat: Chat) -> None:
    answer = await chat.telegram.ask("/risk", user=chat.viewer)

    assert "If every stop is hit" in answer.text


async def test_without_a_picture_the_words_stand_alone(chat: Chat) -> None:
    chat.charts.failure = PerpilotError("no worker")

    answer = await chat.telegram.ask("/risk")

    assert "If every stop is hit" in answer.text
    assert await chat.nothing_new(answer.changed)
