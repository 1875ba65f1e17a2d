"""/backtest and “what it would have done”, over real sockets: who may, one at a time, Stop, what is shown."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.cards import visible_length
from core.errors import UnknownSymbol
from tests.handlers.conftest import Chat
from tests.handlers.fake_desk import PNG

CHANGE = "/config MAX_LEVERAGE 3"
WHAT_IF = "What it would have done"


async def until_ended(chat: Chat) -> None:
    while chat.switchboard.background.names:
        await asyncio.sleep(0.01)


def asked(chat: Chat, what: str) -> list[tuple[object, ...]]:
    return [one for one in chat.desk.asked if one[0] == what]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/backtest", "Name one symbol"),
        ("/backtest BTC 90 trend more", "Name one symbol"),
        ("/backtest B$C", "is not a symbol"),
        ("/backtest BTC 3", "'3' is not a number of days from 7 to 730"),
        ("/backtest BTC 9999", "'9999' is not a number of days"),
        ("/backtest BTC 90x", "'90x' is not a number of days"),
        ("/backtest BTC ٣٠", "'٣٠' is not a number of days"),
        ("/backtest BTC 30 60", "not two"),
        ("/backtest BTC trend breakout", "not two"),
    ],
)
async def test_what_cannot_be_played_is_one_sentence_with_an_example(
    chat: Chat, text: str, problem: str
) -> None:
    said = await chat.telegram.ask(text)

    assert problem in said.body and "/backtest BTC 90 trend" in said.body
    assert not asked(chat, "backtest")


async def test_told_to_be_quiet_it_edits_no_more_until_the_end(chat: Chat) -> None:
    """Telegram's patience is one for all messages: an alarm must not wait for a progress bar."""
    chat.desk.pace_s, chat.desk.backtest_tells_every_s = 3.4, 0.2
    chat.telegram.rate_limit(60, times=9, method="editMessageText")

    await chat.telegram.ask("/backtest BTC")
    while not chat.desk.backtest_run:
        await asyncio.sleep(0.01)
    await asyncio.sleep(3.2)

    assert chat.telegram.calls.count("editMessageText") == 1


async def test_a_viewer_may_not_spend_the_machine(chat: Chat) -> None:
    said = await chat.telegram.ask("/backtest BTC", user=chat.viewer)

    assert said.body == "You may look here, not touch."
    assert not asked(chat, "backtest")


async def test_a_viewer_can_neither_stop_nor_compare(chat: Chat) -> None:
    chat.desk.pace_s = 20.0
    running = await chat.telegram.ask("/backtest BTC")
    card = await chat.telegram.ask(CHANGE)

    stop = await chat.telegram.tap(running, "Stop", chat.viewer)
    compare = await chat.telegram.tap(card, WHAT_IF, chat.viewer)

    assert stop is not None and stop.text == "You may look here, not touch."
    assert compare is not None and compare.text == "You may look here, not touch."
    assert chat.switchboard.background.names == ("backtest",) and not asked(chat, "what_if")


async def test_a_second_one_is_told_that_one_runs(chat: Chat) -> None:
    chat.desk.pace_s = 20.0
    await chat.telegram.ask("/backtest BTC")

    second = await chat.telegram.ask("/backtest ETH")

    assert "one at a time" in second.body
    assert len(asked(chat, "backtest")) == 1


async def test_what_the_desk_refuses_stands_where_the_progress_stood(chat: Chat) -> None:
    chat.desk.failure = UnknownSymbol("binanceusdm lists no perpetual NOPE/USDT:USDT")

    first = await chat.telegram.ask("/backtest NOPE")
    done = await chat.telegram.wait_for("lists no perpetual NOPE")

    assert done.message_id == first.message_id and done.body.startswith("❌")
    assert done.buttons == []


async def test_it_is_shown_as_progress_then_as_a_table_and_a_picture(chat: Chat) -> None:
    chat.desk.pace_s = 1.5

    first = await chat.telegram.ask("/backtest btc 30d Mean_reversion")
    during = await chat.telegram.wait_for("random runs: 250 of 1,000")
    buttons = during.buttons
    done = await chat.telegram.wait_for("Win rate")
    picture = await chat.telegram.wait_for(lambda message: message.photo is not None)

    assert asked(chat, "backtest") == [("backtest", "BTC/USDT:USDT", 30, "Mean_reversion")]
    assert first.message_id == during.message_id == done.message_id
    assert buttons == ["⏹ Stop"] and done.buttons == []
    assert "Too few trades to tell from luck: 9 trades" in done.body
    assert "11.1% (3–31%, n=9)" in done.body and "Not played: red flags" in done.body
    assert "Too few trades" in picture.body and picture.photo is not None
    assert picture.photo.content == PNG


async def test_stop_ends_it_and_says_so(chat: Chat) -> None:
    chat.desk.pace_s = 20.0
    running = await chat.telegram.ask("/backtest BTC")

    answer = await chat.telegram.tap(running, "Stop")
    done = await chat.telegram.wait_for("stopped by you")
    await asyncio.wait_for(until_ended(chat), 3)

    assert answer is not None and answer.text == "Stopping."
    assert done.message_id == running.message_id and done.buttons == []
    assert not any(message.photo for message in chat.telegram.messages)


async def test_shutting_down_ends_it(chat: Chat) -> None:
    chat.desk.pace_s = 20.0
    await chat.telegram.ask("/backtest BTC")

    await chat.switchboard.close()

    assert chat.desk.backtests_ended == 1


async def test_telegram_down_holds_nothing_up(chat: Chat) -> None:
    chat.desk.pace_s = 1.5
    running = await chat.telegram.ask("/backtest BTC")
    chat.telegram.refuse("editMessageText", 500, "Internal Server Error", times=1)

    done = await chat.telegram.wait_for("Win rate", 8)

    assert done.message_id == running.message_id


async def test_only_what_a_backtest_plays_offers_to_show_it(chat: Chat) -> None:
    played, other = (
        await chat.telegram.ask(CHANGE),
        await chat.telegram.ask("/config REDIS_URL 9"),
    )

    assert any(WHAT_IF in text for text in played.buttons)
    assert other.buttons == ["Change it", "Leave it"]


async def test_a_change_waits_while_it_is_played_and_can_be_made_then(chat: Chat) -> None:
    card = await chat.telegram.ask(CHANGE)

    await chat.telegram.tap(card, WHAT_IF)
    found = await chat.telegram.wait_for("Liquidated")
    waiting = await chat.telegram.wait_for(lambda m: m.message_id == card.message_id)
    assert not asked(chat, "setting")
    await chat.telegram.tap(found, "Change it")

    assert asked(chat, "what_if") == [("what_if", "MAX_LEVERAGE", "3")]
    assert waiting.buttons == ["Change it", "Leave it"] and "follows below" in waiting.body
    assert asked(chat, "setting")[0][:3] == ("setting", "MAX_LEVERAGE", "3")


async def test_both_values_stand_side_by_side_with_their_counts(chat: Chat) -> None:
    await chat.telegram.tap(await chat.telegram.ask(CHANGE), WHAT_IF)
    found = await chat.telegram.wait_for("Liquidated")
    picture = await chat.telegram.wait_for(lambda message: message.photo is not None)

    rows = {row[:11].strip(): row[11:].split() for row in found.body.splitlines() if len(row) > 20}
    assert rows["Net"] == ["-0.84%", "+1.00%"] and rows["Trades"] == ["9", "8"]
    assert {"Drawdown", "Worst day", "Win rate"} <= set(rows) and rows[""] == ["n=9", "n=8"]
    assert "-3.00 to +6.00 points" in found.body and "MAX_LEVERAGE: 5 → 3" in picture.body


async def test_the_buttons_of_before_do_nothing_more(chat: Chat) -> None:
    card = await chat.telegram.ask(CHANGE)
    old = card.button("Change it")["callback_data"]
    await chat.telegram.tap(card, WHAT_IF)

    answer = await chat.telegram.tap_data(card, old)

    assert answer is not None and answer.text == "This button was used already."
    assert not asked(chat, "setting")


async def test_after_the_time_to_answer_the_change_is_not_made(chat: Chat) -> None:
    await chat.telegram.tap(await chat.telegram.ask(CHANGE), WHAT_IF)
    found = await chat.telegram.wait_for("Liquidated")
    chat.clock.at += timedelta(minutes=11)

    answer = await chat.telegram.tap(found, "Change it")

    assert answer is not None and answer.text == "This button has expired."
    assert not asked(chat, "setting")


async def test_while_another_runs_the_card_keeps_its_buttons(chat: Chat) -> None:
    chat.desk.pace_s = 20.0
    await chat.telegram.ask("/backtest BTC")
    card = await chat.telegram.ask(CHANGE)

    answer = await chat.telegram.tap(card, WHAT_IF)
    shown = await chat.telegram.wait_for(lambda m: m.message_id == card.message_id and len(m.buttons) == 3)

    assert answer is not None and "one at a time" in answer.text
    assert any(WHAT_IF in text for text in shown.buttons) and not asked(chat, "what_if")


async def test_a_stopped_comparison_leaves_the_change_to_be_decided(chat: Chat) -> None:
    chat.desk.pace_s = 20.0
    card = await chat.telegram.ask(CHANGE)
    await chat.telegram.tap(card, WHAT_IF)
    running = await chat.telegram.wait_for(lambda message: "⏹ Stop" in message.buttons)

    await chat.telegram.tap(running, "Stop")
    await chat.telegram.wait_for("stopped by you")
    await chat.telegram.tap(card, "Change it")

    assert asked(chat, "setting")


async def test_everything_it_says_fits_one_message(chat: Chat) -> None:
    await chat.telegram.ask("/backtest BTC")
    done = await chat.telegram.wait_for("Win rate")

    assert visible_length(done.body) < 4_096
    assert max(len(row) for row in done.body.splitlines() if row.startswith(("Net USDT", "Win rate"))) <= 36
