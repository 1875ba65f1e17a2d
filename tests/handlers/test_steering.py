"""The buttons of a position and /stop: shown first, one tap, two for more risk, and nothing for viewers."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.handlers import samples
from tests.handlers.conftest import Chat

BTC = samples.BTC
BY = "telegram:1001"
ALL = ["Break-even", "Tighten", "Loosen", "Take 25%", "Take 50%", "Close", "Chart"]


def offered(buttons: list[str]) -> list[str]:
    return [name for name in ALL if any(name in button for button in buttons)]


async def test_a_position_offers_every_move(chat: Chat) -> None:
    card = await chat.telegram.ask("/positions")

    assert offered(card.buttons) == ALL


async def test_what_makes_no_sense_is_not_offered(chat: Chat) -> None:
    safe = replace(samples.position_view(), may_break_even=False, parts=(Decimal("0.5"),))
    chat.desk.view = replace(chat.desk.view, positions=(safe,))

    card = await chat.telegram.ask("/positions")

    assert offered(card.buttons) == [name for name in ALL if name not in ("Break-even", "Take 25%")]


async def test_many_positions_each_lead_to_a_card_of_their_own(chat: Chat) -> None:
    coins = ("BTC", "ETH", "SOL")
    many = tuple(samples.position_view(f"{coin}/USDT:USDT") for coin in coins)
    chat.desk.view = replace(chat.desk.view, positions=many)

    card = await chat.telegram.ask("/positions")
    listed = list(card.buttons)
    await chat.telegram.tap(card, "🎚 ETH")

    assert listed[:2] == ["🎚 BTC", "✖️ Close BTC"]
    assert "ETH LONG" in card.body and "SOL" not in card.body
    assert offered(card.buttons) == ALL and "⬅️ All positions" in card.buttons


@pytest.mark.parametrize(
    ("button", "price", "gist"),
    [
        ("Break-even", "67400", "loses 3.37 USDT → locks in +0.07 USDT"),
        ("Tighten", "65977.7", "loses 3.37 USDT → loses 1.35 USDT"),
    ],
)
async def test_a_tightening_shows_old_and_new_and_takes_one_tap(
    chat: Chat, button: str, price: str, gist: str
) -> None:
    card = await chat.telegram.ask("/positions")
    mark = chat.telegram.mark
    await chat.telegram.tap(card, button)
    question = await chat.telegram.wait_for("Move the stop of BTC?", after=mark)
    asked = question.body
    before = list(chat.desk.asked)

    await chat.telegram.tap(question, "Move to")

    assert gist in asked and "63,955.4 →" in asked and "PAPER" in asked
    assert before == [] and chat.desk.asked == [("move_stop", BTC, Decimal(price), BY, False)]
    assert "Done: move_stop" in question.body and question.buttons == []


async def test_loosening_is_asked_twice_and_the_second_time_names_the_added_risk(chat: Chat) -> None:
    card = await chat.telegram.ask("/positions")
    mark = chat.telegram.mark
    await chat.telegram.tap(card, "Loosen")
    question = await chat.telegram.wait_for("away from the price", after=mark)

    await chat.telegram.tap(question, "Loosen it")
    second, before = question.body, list(chat.desk.asked)
    await chat.telegram.tap(question, "Yes, add this risk")

    assert "adds 0.82 USDT of risk to BTC: 0.80% of the equity 101.93 USDT" in second
    assert "loses 4.18 USDT" in second
    assert before == [] and chat.desk.asked == [("move_stop", BTC, Decimal(63143), BY, True)]


async def test_a_typed_stop_that_adds_risk_is_asked_twice_too(chat: Chat) -> None:
    question = await chat.telegram.ask("/stop BTC 63,000")

    await chat.telegram.tap(question, "Loosen it")

    assert "Last question" in question.body and chat.desk.asked == []


async def test_a_stop_that_moved_before_the_last_tap_is_asked_about_again(chat: Chat) -> None:
    """The risk that was named must be the risk that is added."""
    question = await chat.telegram.ask("/stop BTC 63000")
    await chat.telegram.tap(question, "Loosen it")
    chat.desk.stop = Decimal(66000)

    await chat.telegram.tap(question, "Yes, add this risk")
    again, before = question.body, list(chat.desk.asked)
    await chat.telegram.tap(question, "Yes, add this risk")

    assert "adds 3.00 USDT" in again and before == []
    assert chat.desk.asked == [("move_stop", BTC, Decimal(63000), BY, True)]


async def test_what_would_have_loosened_and_now_tightens_is_shown_as_such(chat: Chat) -> None:
    question = await chat.telegram.ask("/stop BTC 63000")
    chat.desk.stop = Decimal(62000)

    await chat.telegram.tap(question, "Loosen it")
    await chat.telegram.tap(question, "Move to")

    assert chat.desk.asked == [("move_stop", BTC, Decimal(63000), BY, False)]


async def test_a_refused_move_names_the_reason_and_offers_nothing(chat: Chat) -> None:
    chat.desk.stop_refusal = "the price 66000 is not beyond break-even 67400 (costs included) yet"
    card = await chat.telegram.ask("/positions")
    mark = chat.telegram.mark

    await chat.telegram.tap(card, "Break-even")

    answer = await chat.telegram.wait_for("not beyond break-even 67400", after=mark)
    assert answer.buttons == [] and chat.desk.asked == []


async def test_a_loosening_that_became_forbidden_ends_at_the_second_tap(chat: Chat) -> None:
    question = await chat.telegram.ask("/stop BTC 63000")
    chat.desk.stop_refusal = "loss at stop 12.00 is over MAX_TRADE_LOSS_PERCENT 0.10 of equity 100.00"

    await chat.telegram.tap(question, "Loosen it")

    assert "MAX_TRADE_LOSS_PERCENT" in question.body and question.buttons == []
    assert chat.desk.asked == []


async def test_leaving_it_does_nothing_and_uses_the_question_up(chat: Chat) -> None:
    question = await chat.telegram.ask("/stop BTC 65000")

    await chat.telegram.tap(question, "Leave it")

    assert "nothing was done" in question.body and chat.desk.asked == []


@pytest.mark.parametrize(("button", "share"), [("Take 25%", "0.25"), ("Take 50%", "0.5")])
async def test_a_part_is_taken_after_one_question(chat: Chat, button: str, share: str) -> None:
    card = await chat.telegram.ask("/positions")
    mark = chat.telegram.mark
    await chat.telegram.tap(card, button)
    question = await chat.telegram.wait_for(f"Close {share[2:].ljust(2, '0')}% of BTC?", after=mark)
    before = list(chat.desk.asked)

    await chat.telegram.tap(question, "Close BTC")

    assert before == [] and chat.desk.asked == [("close", BTC, Decimal(share), BY)]


@pytest.mark.parametrize("button", ["Break-even", "Tighten", "Loosen", "Take 25%", "Take 50%", "Close"])
async def test_a_viewer_may_look_and_move_nothing(chat: Chat, button: str) -> None:
    card = await chat.telegram.ask("/positions", user=chat.viewer)

    answer = await chat.telegram.tap(card, button, user=chat.viewer)

    assert answer is not None and "not touch" in answer.text and chat.desk.asked == []


async def test_a_viewer_may_not_type_a_stop_either(chat: Chat) -> None:
    answer = await chat.telegram.ask("/stop BTC 65000", user=chat.viewer)

    assert "Move the stop" not in answer.body and chat.desk.asked == []


async def test_somebody_elses_question_is_not_answered(chat: Chat) -> None:
    question = await chat.telegram.ask("/stop BTC 65000")

    await chat.telegram.tap(question, "Move to", user=chat.viewer)

    assert chat.desk.asked == []
