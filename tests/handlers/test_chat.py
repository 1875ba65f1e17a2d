"""Every command, button and stranger, over real sockets against the stand-in."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from core.desk import BreakerView, ManualIdea, Tap
from core.errors import JournalError, Unknown
from core.journal import ApprovalState, Mode
from core.market import Side
from handlers.commands import COMMANDS
from tests.handlers import samples
from tests.handlers.conftest import Chat

BTC = samples.BTC
BY = "telegram:1001"

ANSWERS = {
    "/start": "You can lose all of it",
    "/help": "/panic: pause and close everything",
    "/status": "Equity 101.93 USDT",
    "/positions": "BTC LONG 3x",
    "/metrics": "Win rate 50.0% (n=2, 16–84%)",
    "/why": "RSI 82 above 80",
    "/why eth": "Why ETH",
    "/config": "Risk: 1 setting",
    "/config max_leverage": "Allowed: 1 to 10",
    "/config MAX_LEVERAGE 3": "5 → 3",
    "/mode": "auto: I trade by myself",
    "/mode auto": "Raise the autonomy to auto?",
    "/mode watch": "Done: mode",
    "/pause": "Done: pause",
    "/stopbot": "Done: pause",
    "/resume": "Done: resume",
    "/startbot": "Done: resume",
    "/close btc": "Close 100% of BTC?",
    "/close BTC 50": "Close 50% of BTC?",
    "/closeall": "Close all 1 positions?",
    "/stop btc 65,000": "Stop 63,955.4 → 65,000",
    "/panic": "New entries stop",
    "/history": "stop hit",
    "/history 1": "-3.40 USDT",
    "/daily": "Today",
    "/weekly": "This week",
    "/monthly": "This month",
    "/note t1 waited for the retest": "Done: note",
    "/breakers": "Losses in a row: 3, limit 3",
    "/long BTC 1% 3x stop 60000 target 70000": "Done: idea",
    "/short ETH": "Done: idea",
    "/version": "Perpilot 0.1.0",
    "/Status": "Equity 101.93 USDT",
    "/status@perpilot_bot": "Equity 101.93 USDT",
}


@pytest.mark.parametrize(("said", "answer"), ANSWERS.items())
async def test_a_command_is_answered(chat: Chat, said: str, answer: str) -> None:
    message = await chat.telegram.ask(said)

    assert answer in message.body


WRONG = {
    "/close": "Name the symbol to close",
    "/close BTC 33": "'33' is not 25, 50 or 100 percent. Example: /close BTC 50",
    "/close SOL": "There is no open position in SOL",
    "/stop": "Name one symbol and the stop's new price; to stop new entries say /pause",
    "/stop BTC": "Name one symbol and the stop's new price",
    "/stop BTC -5": "'-5' is not a positive number",
    "/stop BTC nan": "'nan' is not a positive number",
    "/stop SOL 100": "There is no open position in SOL",
    "/close <b>x</b>": "'<b>x</b>' is not a symbol",
    "/analyze": "Name one symbol",
    "/chart BTC 7m": "'7m' is none of 1m, 5m",
    "/chart 🚀": "is not a symbol like BTC",
    "/mode turbo": "'turbo' is none of watch, semi_auto, auto",
    "/history lots": "'lots' is not a count from 1 to 50",
    "/note": "Give a trade's id from /history and a text",
    "/note t9 hello": "There is no trade t9",
    "/config NOPE": "There is no setting 'NOPE'",
    "/config MAX_LEVERAGE 99": "MAX_LEVERAGE must be 1 to 10, not 99",
    "/config MAX_LEVERAGE <i>": "MAX_LEVERAGE must be 1 to 10, not <i>",
    "/long": "Name a symbol",
    "/long BTC 0%": "'0' is not a positive number",
    "/long BTC stop": "stop needs a price",
    "/long BTC 3x 4x": "leverage is given twice",
    "/why <script>": "is not a symbol like BTC",
    "/nope": "I don't know /nope",
    "/" + "<" * 60: "I don't know /<<<",
    "hello 🚀 <b>": "I understand commands only",
}


@pytest.mark.parametrize(("said", "answer"), WRONG.items())
async def test_a_wrong_message_gets_one_sentence_and_changes_nothing(
    chat: Chat, said: str, answer: str
) -> None:
    message = await chat.telegram.ask(said)

    assert answer in message.body
    assert "\n" not in message.body.strip()
    assert chat.desk.asked == []
    assert not message.buttons


async def test_an_unknown_symbol_ends_the_analysis_in_one_sentence(chat: Chat) -> None:
    progress = await chat.telegram.ask("/analyze NOPE")

    ended = await chat.telegram.wait_for("The exchange lists no perpetual NOPE/USDT:USDT.")

    assert ended.message_id == progress.message_id


async def test_every_command_of_the_table_is_answered(chat: Chat) -> None:
    needs = {
        "close": " BTC",
        "analyze": " BTC",
        "chart": " BTC",
        "note": " t1 x",
        "stop": " BTC 65000",
        "long": " BTC",
        "short": " BTC",
    }
    for entry in COMMANDS:
        message = await chat.telegram.ask(f"/{entry.name}{needs.get(entry.name, '')}")

        assert "I don't know" not in message.body, entry.name


async def test_scan_reports_progress_and_then_the_ranking(chat: Chat) -> None:
    chat.desk.pace_s = 0.6
    progress = await chat.telegram.ask("/scan")
    second = await chat.telegram.ask("/scan")

    done = await chat.telegram.wait_for("1 cleared", 8)

    assert "A scan is running already" in second.body
    assert done.message_id == progress.message_id
    assert len(done.history) <= 4
    assert any("1/2" in revision.body for revision in done.history)
    assert done.buttons == ["❓ Why"]
    assert chat.desk.asked == [("scan", BY)]


async def test_analyze_shows_each_opinion_then_the_verdict_and_a_chart(chat: Chat) -> None:
    chat.desk.pace_s = 1.1
    done = await chat.telegram.ask("/analyze BTC", 10)

    picture = await chat.telegram.wait_for(lambda m: m.photo is not None, 5)

    assert "Nothing was traded." in done.body
    drafts = [draft["text"] for draft in chat.telegram.drafts]
    assert any("Claude: long 82%" in text and "GPT" not in text for text in drafts)
    assert "reward 1.2 is below 1.5" in done.body
    assert "no answer (timeout)" in done.body
    assert "nothing was traded" in picture.body
    assert chat.desk.asked == []


async def test_a_picture_that_cannot_be_drawn_leaves_the_words(chat: Chat) -> None:
    chat.charts.failure = Unknown("the chart worker died")

    message = await chat.telegram.ask("/chart BTC")

    assert message.photo is None
    assert "BTC 1h" in message.body
    assert "There is no picture this time." in message.body


async def test_export_is_a_document(chat: Chat) -> None:
    message = await chat.telegram.ask("/export")

    assert message.document is not None
    assert message.document.name == "perpilot-trades.csv"
    assert message.document.content.startswith(b"id,net_pnl")


async def test_doctor_edits_its_own_message(chat: Chat) -> None:
    chat.desk.pace_s = 0.2
    progress = await chat.telegram.ask("/doctor")

    done = await chat.telegram.wait_for("check EXCHANGE_URL", 5)

    assert done.message_id == progress.message_id


async def test_background_work_that_fails_is_told_in_one_sentence(chat: Chat) -> None:
    chat.desk.failure = Unknown("The exchange does not answer.")

    await chat.telegram.say("/scan")

    assert (await chat.telegram.wait_for("❌ The exchange does not answer.")).body


# buttons


async def test_refresh_edits_the_card_in_place(chat: Chat) -> None:
    card = await chat.telegram.ask("/status")
    chat.desk.view = replace(chat.desk.view, equity=Decimal("99.00"))

    answer = await chat.telegram.tap(card, "Refresh")

    assert answer is not None
    assert "Equity 99.00 USDT" in card.body
    assert len(chat.telegram.messages) == 1


async def test_refresh_without_news_is_quiet(chat: Chat) -> None:
    card = await chat.telegram.ask("/status")

    answer = await chat.telegram.tap(card, "Refresh")

    assert answer is not None
    assert not answer.text


@pytest.mark.parametrize("button", ["Status", "Positions", "Metrics", "Help"])
async def test_the_buttons_of_start_open_views(chat: Chat, button: str) -> None:
    card = await chat.telegram.ask("/start")

    answer = await chat.telegram.tap(card, button)

    assert answer is not None
    assert not answer.show_alert


async def test_close_asks_once_and_then_closes(chat: Chat) -> None:
    question = await chat.telegram.ask("/close BTC 50")
    assert chat.desk.asked == []

    answer = await chat.telegram.tap(question, "Close BTC")

    assert answer is not None
    assert answer.text == "Done: close."
    assert chat.desk.asked == [("close", BTC, Decimal("0.5"), BY)]
    assert question.buttons == []


async def test_two_taps_close_once(chat: Chat) -> None:
    question = await chat.telegram.ask("/close BTC")
    data = question.button("Close BTC")["callback_data"]

    answers = await asyncio.gather(*(chat.telegram.tap_data(question, data) for _ in range(5)))

    assert len(chat.desk.asked) == 1
    assert (
        sorted(answer.text for answer in answers if answer)
        == ["Done: close."] + ["This button was used already."] * 4
    )


async def test_leave_it_changes_nothing_and_uses_up_the_question(chat: Chat) -> None:
    question = await chat.telegram.ask("/closeall")
    data = question.button("Close all")["callback_data"]

    await chat.telegram.tap(question, "Leave it")
    late = await chat.telegram.tap_data(question, data)

    assert chat.desk.asked == []
    assert late is not None
    assert late.text == "This button was used already."


async def test_panic_needs_two_taps(chat: Chat) -> None:
    question = await chat.telegram.ask("/panic")
    await chat.telegram.tap(question, "🚨 Panic")
    assert chat.desk.asked == []

    await chat.telegram.tap(question, "Yes, everything, now")

    assert chat.desk.asked == [("panic", BY)]


async def test_a_button_of_last_week_has_expired(chat: Chat) -> None:
    question = await chat.telegram.ask("/panic")
    chat.clock.at = chat.clock.at.replace(year=chat.clock.at.year + 1)

    answer = await chat.telegram.tap(question, "🚨 Panic")

    assert answer is not None
    assert answer.text == "This button has expired."
    assert chat.desk.asked == []


@pytest.mark.parametrize("data", ["b:never-offered", "b:", "zz", "v:nothing:", "v:status", "b:a:b", "🚀"])
async def test_a_made_up_button_is_answered_and_does_nothing(chat: Chat, data: str) -> None:
    card = await chat.telegram.ask("/status")

    answer = await chat.telegram.tap_data(card, data)

    assert answer is not None
    assert answer.text == "This button has expired."
    assert chat.desk.asked == []


async def test_raising_the_mode_asks_and_lowering_does_not(chat: Chat) -> None:
    question = await chat.telegram.ask("/mode auto")
    assert chat.desk.asked == []

    await chat.telegram.tap(question, "Yes, auto")
    await chat.telegram.ask("/mode watch")

    assert chat.desk.asked == [("mode", Mode.AUTO, BY), ("mode", Mode.WATCH, BY)]


async def test_the_mode_menu_asks_before_it_raises(chat: Chat) -> None:
    menu = await chat.telegram.ask("/mode")
    await chat.telegram.tap(menu, "auto")
    assert chat.desk.asked == []

    await chat.telegram.tap(menu, "Yes, auto")

    assert chat.desk.asked == [("mode", Mode.AUTO, BY)]


async def test_a_setting_is_changed_by_four_taps(chat: Chat) -> None:
    menu = await chat.telegram.ask("/config")
    assert menu.buttons == ["Risk", "Exchange"]
    await chat.telegram.tap(menu, "Risk")
    await chat.telegram.tap(menu, "MAX_LEVERAGE")
    assert menu.buttons == ["2", "3", "« Back"]

    await chat.telegram.tap(menu, "3")
    assert "5 → 3" in menu.body
    assert chat.desk.asked == []
    await chat.telegram.tap(menu, "Change it")

    assert chat.desk.asked == [("setting", "MAX_LEVERAGE", "3", BY)]


async def test_a_breaker_is_acknowledged_with_a_reason_in_two_taps(chat: Chat) -> None:
    card = await chat.telegram.ask("/breakers")
    assert card.buttons == ["Acknowledge Losses in a row"]
    await chat.telegram.tap(card, "Acknowledge Losses in a row")
    assert "Why?" in card.body and chat.desk.asked == []

    await chat.telegram.tap(card, "I accept the risk")

    assert chat.desk.asked == [("acknowledge", "consecutive_losses", BY, "I accept the risk")]


async def test_an_orange_drawdown_is_acknowledged_like_a_tripped_breaker(chat: Chat) -> None:
    orange = BreakerView("drawdown", "12.00 %", "20.00 %", False, None, "", title="Drawdown", is_barring=True)
    chat.desk.view = replace(chat.desk.view, breakers=(orange,))
    card = await chat.telegram.ask("/breakers")
    assert "until you acknowledge it" in card.body
    await chat.telegram.tap(card, "Acknowledge Drawdown")

    await chat.telegram.tap(card, "I accept the risk")

    assert chat.desk.asked == [("acknowledge", "drawdown", BY, "I accept the risk")]


@pytest.mark.parametrize("name", ["consecutive_losses", "Consecutive-Losses"])
async def test_a_typed_reason_is_confirmed_by_one_tap(chat: Chat, name: str) -> None:
    card = await chat.telegram.ask(f"/breakers ack {name} I was <asleep>")
    assert "I was <asleep>" in card.body and chat.desk.asked == []

    await chat.telegram.tap(card, "Yes, clear it")

    assert chat.desk.asked == [("acknowledge", "consecutive_losses", BY, "I was <asleep>")]


async def test_leaving_a_breaker_as_it_is_clears_nothing(chat: Chat) -> None:
    card = await chat.telegram.ask("/breakers ack consecutive_losses")

    await chat.telegram.tap(card, "Leave it")

    assert chat.desk.asked == []


@pytest.mark.parametrize("said", ["ack daily_loss because", "ack nonsense so", "ack", "clear daily_loss"])
async def test_what_is_not_tripped_or_not_understood_is_said_and_clears_nothing(
    chat: Chat, said: str
) -> None:
    card = await chat.telegram.ask(f"/breakers {said}")

    assert card.buttons == [] and chat.desk.asked == []
    assert "/breakers" in card.body


async def test_the_card_shows_policy_probe_and_history(chat: Chat) -> None:
    body = (await chat.telegram.ask("/breakers")).body

    assert "smaller size until a trade wins" in body and "stops go half-way" in body
    assert "Clears when you acknowledge it" in body
    assert "Daily loss 11 %, limit 10 %" in body


async def test_the_close_button_of_positions_only_asks(chat: Chat) -> None:
    card = await chat.telegram.ask("/positions")

    await chat.telegram.tap(card, "Close BTC")
    question = await chat.telegram.wait_for("Close 100% of BTC?")

    assert chat.desk.asked == []
    assert question.message_id != card.message_id


async def test_an_idea_of_ones_own_arrives_as_it_was_written(chat: Chat) -> None:
    await chat.telegram.ask("/short btc 1.5% 3X target 50,000 stop 70000.5")

    idea = ManualIdea(Side.SHORT, BTC, Decimal("0.015"), 3, Decimal("70000.5"), Decimal(50000))
    assert chat.desk.asked == [("idea", idea, BY)]


# who


async def test_a_stranger_gets_one_refusal_and_then_silence(chat: Chat) -> None:
    refusal = await chat.telegram.ask("/status", user=chat.stranger)
    mark = chat.telegram.mark
    for said in ["/status", "/panic", "hello"]:
        await chat.telegram.say(said, user=chat.stranger)

    assert refusal.body == "This is a private bot. It answers only to its owner."
    assert await chat.nothing_new(mark)
    assert chat.switchboard.gate.figures.strangers == 4
    assert chat.desk.asked == []


async def test_a_strangers_tap_is_answered_and_does_nothing(chat: Chat) -> None:
    question = await chat.telegram.ask("/panic")

    for button in question.buttons:
        answer = await chat.telegram.tap(question, button, user=chat.stranger)
        assert answer is not None
        assert "private bot" in answer.text

    again = await chat.telegram.tap(question, "🚨 Panic")
    assert again is not None
    assert again.text == "One more tap."


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
async def test_a_viewer_looks_and_never_touches(chat: Chat, entry: object) -> None:
    command = COMMANDS[COMMANDS.index(entry)]  # type: ignore[arg-type]

    message = await chat.telegram.ask(f"/{command.name}", user=chat.viewer)

    is_refused = message.body == "You may look here, not touch."
    assert is_refused == (command.viewer_args is None)
    assert chat.desk.asked == []


@pytest.mark.parametrize("said", ["/mode auto", "/config MAX_LEVERAGE 3", "/close BTC", "/PANIC", " /pause"])
async def test_a_viewer_may_not_change_anything_by_arguments(chat: Chat, said: str) -> None:
    message = await chat.telegram.ask(said, user=chat.viewer)

    assert message.body == "You may look here, not touch."
    assert chat.desk.asked == []


async def test_a_viewers_cards_have_no_buttons_that_act(chat: Chat) -> None:
    for said in ["/mode", "/config", "/breakers"]:
        assert (await chat.telegram.ask(said, user=chat.viewer)).buttons == []
    positions = await chat.telegram.ask("/positions", user=chat.viewer)
    answer = await chat.telegram.tap(positions, "Close BTC", user=chat.viewer)

    assert answer is not None
    assert answer.text == "You may look here, not touch."
    assert chat.desk.asked == []


async def test_a_viewer_cannot_press_the_owners_button(chat: Chat) -> None:
    question = await chat.telegram.ask("/closeall")

    answer = await chat.telegram.tap(question, "Close all", user=chat.viewer)

    assert answer is not None
    assert chat.desk.asked == []
    assert chat.journal.used == set()


@pytest.mark.parametrize("user", ["owner", "stranger"])
async def test_a_command_in_another_group_is_silence(chat: Chat, user: str) -> None:
    mark = chat.telegram.mark

    for kind in ("group", "supergroup"):
        await chat.telegram.say("/panic", user=getattr(chat, user), chat_type=kind)  # type: ignore[arg-type]

    assert await chat.nothing_new(mark)
    assert chat.desk.asked == []


@pytest.mark.parametrize(
    "fields",
    [
        {"forward_origin": {"type": "hidden_user", "date": 1, "sender_user_name": "x"}},
        {"via_bot": {"id": 5, "is_bot": True, "first_name": "inline"}},
        {"sender_chat": {"id": -100200, "type": "channel", "title": "c"}},
        {"is_automatic_forward": True},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_what_the_owner_did_not_write_here_is_no_command(chat: Chat, fields: dict[str, object]) -> None:
    mark = chat.telegram.mark

    await chat.telegram.say("/pause", **fields)

    assert await chat.nothing_new(mark)
    assert chat.desk.asked == []


async def test_an_edited_message_is_no_command(chat: Chat) -> None:
    said = await chat.telegram.say("/version")
    await chat.telegram.wait_for("Perpilot 0.1.0")
    mark = chat.telegram.mark

    await chat.telegram.say("/pause", edits=said)

    assert await chat.nothing_new(mark + 1)
    assert chat.desk.asked == []


async def test_a_message_of_ten_thousand_characters_gets_one_sentence(chat: Chat) -> None:
    message = await chat.telegram.ask("/note t1 " + "x" * 9_991)

    assert message.body == "That has 10,000 characters; a command has at most 4,096."
    assert chat.desk.asked == []


async def test_pictures_and_stickers_change_nothing(chat: Chat) -> None:
    await chat.telegram.say(
        None,
        sticker={
            "file_id": "s",
            "file_unique_id": "u",
            "type": "regular",
            "width": 1,
            "height": 1,
            "is_animated": False,
            "is_video": False,
        },
    )

    assert (await chat.telegram.wait_for("I understand commands only")).body


# once


async def test_a_redelivered_update_is_handled_once(chat: Chat) -> None:
    await chat.telegram.ask("/pause")
    mark = chat.telegram.mark

    chat.telegram.redeliver_last_update()

    assert await chat.nothing_new(mark)
    assert chat.desk.asked == [("pause", BY)]


async def test_a_redelivered_tap_is_handled_once(chat: Chat) -> None:
    question = await chat.telegram.ask("/close BTC")
    await chat.telegram.tap(question, "Close BTC")

    chat.telegram.redeliver_last_update()
    await chat.telegram.ask("/version")

    assert len(chat.desk.asked) == 1


async def test_an_update_handled_before_a_restart_is_not_handled_again(chat: Chat) -> None:
    class Everything(set[int]):
        def __contains__(self, update_id: object) -> bool:
            return True

    chat.journal.updates, kept = Everything(), chat.journal.updates
    mark = chat.telegram.mark
    await chat.telegram.say("/pause")
    while chat.switchboard.gate.figures.repeated == 0:
        await asyncio.sleep(0.01)
    chat.journal.updates = kept

    assert await chat.nothing_new(mark)
    assert chat.desk.asked == []


async def test_without_the_journal_looking_works_and_changing_does_not(chat: Chat) -> None:
    chat.journal.failure = JournalError("the database is locked")

    pause = await chat.telegram.ask("/pause")
    status = await chat.telegram.ask("/status")
    refreshed = await chat.telegram.tap(status, "Refresh")

    assert "nothing was done" in pause.body
    assert "Equity" in status.body
    assert refreshed is not None
    assert not refreshed.text
    assert chat.desk.asked == []


# trouble


async def test_a_refusal_of_the_desk_is_told_in_its_own_words(chat: Chat) -> None:
    chat.desk.failure = Unknown("The exchange does not answer <now>.")

    message = await chat.telegram.ask("/pause")

    assert message.body == "The exchange does not answer <now>."


async def test_a_bug_is_told_without_its_traceback(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    chat.desk.failure = RuntimeError("secret detail")

    message = await chat.telegram.ask("/pause")

    assert message.body.startswith("Something went wrong on my side")
    assert "secret detail" not in message.body
    assert "secret detail" in caplog.text
    assert chat.switchboard.gate.figures.errors == 1


async def test_a_bug_behind_a_button_is_answered_too(chat: Chat) -> None:
    question = await chat.telegram.ask("/close BTC")
    chat.desk.failure = RuntimeError("secret detail")

    answer = await chat.telegram.tap(question, "Close BTC")

    assert answer is not None
    assert answer.show_alert
    assert answer.text.startswith("Something went wrong on my side")


async def test_an_approval_that_could_not_be_known_is_asked_again(chat: Chat) -> None:
    question = await chat.telegram.ask("/version")
    approval = samples.approval("a1", chat.clock.now())
    chat.desk.approvals["a1"] = approval
    args = {"approval_id": "a1", "share": "1"}
    (token,) = await chat.buttons.offer([("approve", args)], chat.owner.id, 300)
    chat.desk.failure = Unknown("The exchange does not answer.")

    answer = await chat.telegram.tap_data(question, f"b:{token}")
    chat.desk.failure = None
    again = await chat.telegram.tap(question, "Approve")

    assert answer is not None
    assert answer.text == "The exchange does not answer."
    assert again is not None
    assert chat.desk.asked == [("approve", "a1", Decimal(1), BY)]
    assert chat.desk.approvals["a1"].state is ApprovalState.APPROVED
    assert question.body.startswith("✅ Approved")


async def test_an_approved_size_that_was_cut_is_told(chat: Chat) -> None:
    question = await chat.telegram.ask("/version")
    chat.desk.approvals["a1"] = samples.approval("a1", chat.clock.now())
    args = {"approval_id": "a1", "share": "1"}
    (token,) = await chat.buttons.offer([("approve", args)], chat.owner.id, 300)
    chat.desk.refusal = Tap(True, "Approved.", ("size 5 cut to 4.9: equity is 995.00 USDT now",))

    await chat.telegram.tap_data(question, f"b:{token}")

    assert "Approved." in (await chat.telegram.wait_for("size 5 cut to 4.9")).body


async def test_a_tap_during_an_outage_is_done_once_afterwards(chat: Chat) -> None:
    question = await chat.telegram.ask("/close BTC")
    await chat.telegram.outage(1.0)

    answer = await chat.telegram.tap(question, "Close BTC", within_s=8)

    assert answer is not None
    assert chat.desk.asked == [("close", BTC, Decimal(1), BY)]


async def test_a_lost_answer_does_not_repeat_the_command(chat: Chat) -> None:
    chat.telegram.lose_next_answer("sendMessage")

    await chat.telegram.say("/pause")
    await chat.telegram.ask("/version")

    assert chat.desk.asked == [("pause", BY)]


async def test_a_flood_limit_is_sat_out(chat: Chat) -> None:
    chat.telegram.rate_limit(1, method="sendMessage")

    message = await chat.telegram.ask("/status", within_s=5)

    assert "Equity" in message.body


async def test_status_is_answered_from_memory_in_a_few_milliseconds(chat: Chat) -> None:
    """Over sockets, with the stand-in's own work; the bound is SPEC 3's."""
    await chat.telegram.ask("/status")
    took = []
    for _ in range(20):
        began = time.perf_counter()
        await chat.telegram.ask("/status")
        took.append(time.perf_counter() - began)

    assert sorted(took)[10] < 0.15
