"""/close and /closeall while a position, or its price, cannot be seen: they ask all the same."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from core.desk import CloseEstimate
from tests.handlers import samples
from tests.handlers.conftest import Chat

BTC, ETH = samples.BTC, samples.ETH
BY = "telegram:1001"


async def no_price(symbol: str, share: Decimal) -> CloseEstimate | None:
    return None


def unseen(chat: Chat, *symbols: str) -> None:
    chat.desk.view = replace(chat.desk.view, positions=(), unseen=symbols)


async def test_a_position_that_cannot_be_seen_can_be_closed(chat: Chat) -> None:
    unseen(chat, BTC)

    question = await chat.telegram.ask("/close BTC 50")
    asked = question.body
    await chat.telegram.tap(question, "Close BTC")

    assert "cannot be seen" in asked
    assert chat.desk.asked == [("close", BTC, Decimal("0.5"), BY)]


async def test_positions_that_cannot_be_seen_can_be_closed_all_at_once(chat: Chat) -> None:
    unseen(chat, BTC, ETH)

    question = await chat.telegram.ask("/closeall")
    asked = question.body
    await chat.telegram.tap(question, "Close all")

    assert "BTC, ETH" in asked and "cannot be seen" in asked
    assert chat.desk.asked == [("close_all", BY)]


async def test_closing_all_names_the_seen_and_the_unseen(chat: Chat) -> None:
    chat.desk.view = replace(chat.desk.view, unseen=(ETH,))

    question = await chat.telegram.ask("/closeall")

    assert "Close all 1 positions?" in question.body and "Close ETH?" in question.body


@pytest.mark.parametrize(("said", "button"), [("/close BTC", "Close BTC"), ("/closeall", "Close all")])
async def test_a_position_without_a_price_can_be_closed(chat: Chat, said: str, button: str) -> None:
    chat.desk.close_estimate = no_price  # type: ignore[method-assign]

    question = await chat.telegram.ask(said)
    await chat.telegram.tap(question, button)

    assert len(chat.desk.asked) == 1


async def test_status_names_what_cannot_be_seen(chat: Chat) -> None:
    unseen(chat, ETH)

    card = await chat.telegram.ask("/positions")

    assert "No open position" not in card.body and "ETH" in card.body and "unknown" in card.body


async def test_what_is_not_open_at_all_is_still_refused(chat: Chat) -> None:
    unseen(chat, ETH)

    answer = await chat.telegram.ask("/close BTC")

    assert "There is no open position in BTC" in answer.body and answer.buttons == []
