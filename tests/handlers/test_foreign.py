"""A position that is not ours: shown with three answers; closing it takes two taps, and viewers only look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.desk import Tap
from tests.handlers import samples
from tests.handlers.conftest import Chat

ETH = "ETH/USDT:USDT"
BY = "telegram:1001"


@pytest.fixture
def strange(chat: Chat) -> Chat:
    chat.desk.view = replace(chat.desk.view, foreign=(samples.foreign_view(),))
    return chat


async def opened(chat: Chat) -> object:
    card = await chat.telegram.ask("/positions")
    mark = chat.telegram.mark
    await chat.telegram.tap(card, "ETH, not mine")
    return await chat.telegram.wait_for("A position that is not mine", after=mark)


async def test_positions_name_it_and_lead_to_its_answers(strange: Chat) -> None:
    card = await strange.telegram.ask("/positions")
    listed = card.body
    question = await opened(strange)

    assert "ETH SHORT 10x, not mine" in listed and "no entry is made on it" in listed
    assert "a stop at 3,140; there it loses 71.55 USDT" in question.body
    assert "⚠️ its liquidation is near" in question.body and "PAPER" in question.body
    assert [button[2:].strip() for button in question.buttons] == ["Adopt", "Close", "Ignore"]
    assert strange.desk.asked == []


@pytest.mark.parametrize(("button", "done"), [("Adopt", "adopt"), ("Ignore", "ignore_foreign")])
async def test_adopting_and_ignoring_take_one_tap(strange: Chat, button: str, done: str) -> None:
    question = await opened(strange)

    await strange.telegram.tap(question, button)

    assert strange.desk.asked == [(done, ETH, BY)]
    assert f"Done: {done}" in question.body and question.buttons == []


async def test_closing_is_asked_twice_with_what_it_would_make(strange: Chat) -> None:
    question = await opened(strange)
    await strange.telegram.tap(question, "Close")
    second, before = question.body, list(strange.desk.asked)

    await strange.telegram.tap(question, "Yes, close ETH")

    assert "Close all of ETH SHORT 10x, which is not mine?" in second and "net +4.25 USDT" in second
    assert before == [] and strange.desk.asked == [("close_foreign", ETH, BY)]


async def test_leaving_it_closes_nothing(strange: Chat) -> None:
    question = await opened(strange)
    await strange.telegram.tap(question, "Close")

    await strange.telegram.tap(question, "Leave it")

    assert strange.desk.asked == [] and "nothing was done" in question.body


async def test_one_that_is_gone_is_not_asked_about_again(strange: Chat) -> None:
    question = await opened(strange)
    strange.desk.view = replace(strange.desk.view, foreign=())

    await strange.telegram.tap(question, "Close")

    assert "no foreign position in ETH any more" in question.body and strange.desk.asked == []


async def test_a_refusal_is_shown_in_its_words(strange: Chat) -> None:
    strange.desk.refusal = Tap(False, "The position in ETH has changed meanwhile.")
    question = await opened(strange)

    await strange.telegram.tap(question, "Adopt")

    assert "has changed meanwhile" in question.body


async def test_a_viewer_sees_it_without_answers(strange: Chat) -> None:
    telegram = strange.telegram
    card = await telegram.ask("/positions", user=strange.viewer)
    mark = telegram.mark
    await telegram.tap(card, "ETH, not mine", strange.viewer)

    question = await telegram.wait_for("A position that is not mine", after=mark)

    assert question.buttons == []


async def test_one_whose_owner_could_not_be_read_says_so_and_has_the_same_answers(chat: Chat) -> None:
    unsorted = replace(samples.foreign_view(), is_unsorted=True)
    chat.desk.view = replace(chat.desk.view, foreign=(unsorted,))
    card = await chat.telegram.ask("/positions")
    listed, mark = card.body, chat.telegram.mark
    await chat.telegram.tap(card, "ETH")
    question = await chat.telegram.wait_for("Whose position it is could not be read", after=mark)
    shown = question.body
    names = [button[2:].strip() for button in question.buttons]

    await chat.telegram.tap(question, "Close")

    assert "whose it is could not be read" in listed and "No entry is made anywhere" in listed
    assert "not mine" not in listed + shown and names == ["Adopt", "Close", "Ignore"]
    assert "which may be mine or not?" in question.body and chat.desk.asked == []
