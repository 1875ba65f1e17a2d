"""Every command by chat, on one running bot with one position: what it answers and what it does."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from tests.end_to_end.theatre import TELL_S, Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"SYMBOLS": "SOL,ETH", "MAX_LEVERAGE": "4"}


async def test_an_idea_of_ones_own_for_either_side_becomes_a_card_with_the_asked_for_levels(
    stage: Theatre,
) -> None:
    price, mark = stage.market.price("ETHUSDT", stage.market.now_ms()), stage.chat.mark
    await stage.chat.say("/chart ETH")  # a card goes without its picture where the first one takes too long
    await stage.chat.wait_for(lambda m: m.photo is not None, 20, after=mark)

    card = await stage.card(f"/short ETH 0.5% 2x stop {price * Decimal('1.06'):.2f}")

    assert "ETH" in card.body and "SHORT" in card.body.upper() and "2x" in card.body
    assert f"{price * Decimal('1.06'):,.2f}"[:6] in card.body
    assert card.photo is not None
    await stage.tap(card, "Why")
    await stage.chat.wait_for("Why ETH", TELL_S)
    await stage.tap(card, "Reject")
    await stage.enter("/long SOL 0.5%")


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("/start", "You can lose all of it"),
        ("/help", "/closeall"),
        ("/status", "Equity"),
        ("/metrics", "Net of every cost"),
        ("/costs", "Costs of the advisers"),
        ("/risk", "If every stop is hit"),
        ("/positions", "SOL"),
        ("/breakers", "Daily loss"),
        ("/history", "Closed trades"),
        ("/daily", "Since"),
        ("/weekly", "Since"),
        ("/monthly", "Since"),
        ("/why", "scan"),
        ("/why SOL", "SOL"),
        ("/version", "0.1.0"),
        ("/config", "MAX_LEVERAGE"),
        ("/config MAX_LEVERAGE", "From: environment"),
        ("/mode", "semi_auto"),
        ("/doctor", "Doctor"),
    ],
)
async def test_a_look_is_answered(stage: Theatre, command: str, wanted: str) -> None:
    answer = await stage.ask(command, wanted)

    assert "went wrong" not in answer.body


async def test_the_menu_offers_what_help_names(stage: Theatre) -> None:
    helped = await stage.ask("/help", "/closeall")

    menu = [entry["command"] for entry in stage.chat.world.commands_for(stage.chat.owner.id)]

    assert menu and all(f"/{name}" in helped.body for name in menu)


async def test_analyze_shows_progress_then_the_verdict_and_a_picture_and_trades_nothing(
    stage: Theatre,
) -> None:
    mark, trades = stage.chat.mark, len(stage.bot.rows("SELECT 1 FROM trades"))

    answer = await stage.ask("/analyze ETH", "Advisers:", 20)
    picture = await stage.chat.wait_for(lambda m: m.photo is not None and "ETH" in m.body, TELL_S, after=mark)

    assert any("asking the advisers" in draft["text"] for draft in stage.chat.drafts)
    assert {"claude", "gpt", "grok", "deepseek"} <= set(answer.body.replace(":", " ").split())
    assert "ETH" in picture.body
    assert len(stage.bot.rows("SELECT 1 FROM trades")) == trades


async def test_a_chart_of_an_open_position_is_a_picture(stage: Theatre) -> None:
    mark = stage.chat.mark
    await stage.chat.say("/chart SOL 15m")

    picture = await stage.chat.wait_for(
        lambda m: m.photo is not None and "SOL 15m" in m.body, TELL_S, after=mark
    )

    assert picture.photo is not None and picture.photo.content.startswith(b"\x89PNG")
    assert "SOL 15m" in picture.body


async def test_a_scan_by_hand_edits_its_message_into_the_ranking(stage: Theatre) -> None:
    answer = await stage.ask("/scan", "2 symbols", 20)

    assert answer.edit_date is not None
    assert "Why" in "".join(answer.buttons)


async def test_raising_the_mode_asks_and_lowering_it_does_not(stage: Theatre) -> None:
    asked = await stage.ask("/mode auto", "Raise the autonomy")
    assert stage.bot.rows("SELECT mode FROM accounts")[0]["mode"] == "semi_auto"
    await stage.tap(asked, "Keep it")

    await stage.ask("/mode watch", "The mode is watch now")
    raised = await stage.ask("/mode semi_auto", "Raise the autonomy")
    await stage.tap(raised, "Yes")

    row = stage.bot.rows("SELECT mode, mode_by FROM accounts")[0]
    assert tuple(row) == ("semi_auto", f"telegram:{stage.chat.owner.id}")


async def test_a_part_is_closed_after_an_estimate_and_a_tap(stage: Theatre) -> None:
    before = Decimal(str(stage.held("SOL")["quantity"]))  # type: ignore[index]

    asked = await stage.ask("/close SOL 50", "Estimated result")
    assert Decimal(str(stage.held("SOL")["quantity"])) == before  # type: ignore[index]
    await stage.tap(asked, "Close SOL")

    await until(lambda: Decimal(stage.held("SOL")["quantity"]) < before, what="half is closed")  # type: ignore[index]
    left = Decimal(stage.held("SOL")["quantity"])  # type: ignore[index]
    await until(
        lambda: [Decimal(one["quantity"]) for one in stage.resting("SOL")] == [left], what="the stop fits"
    )
    assert Decimal("0.45") < left / before < Decimal("0.55")


async def test_a_change_of_a_setting_is_shown_confirmed_and_survives_a_restart(stage: Theatre) -> None:
    asked = await stage.ask("/config RISK_PER_TRADE 0.01", "Nothing has changed yet")
    assert "→" in asked.body and "worst loss of one trade" in asked.body
    changes = "SELECT * FROM setting_changes WHERE name = 'RISK_PER_TRADE'"
    assert stage.bot.rows(changes) == []
    await stage.tap(asked, "Change it")
    await until(lambda: stage.bot.rows(changes), what="recorded")

    await stage.bot.terminate()
    await stage.start()

    shown = await stage.ask("/config RISK_PER_TRADE", "RISK_PER_TRADE")
    row = stage.bot.rows(changes)[0]
    assert "0.01" in shown.body and "From: chat" in shown.body
    assert (row["old_value"], row["new_value"]) == ("0.02", "0.01")
    assert row["changed_by"] == f"telegram:{stage.chat.owner.id}"


async def test_a_looser_risk_than_the_environments_does_not_hold_and_says_so(stage: Theatre) -> None:
    await stage.ask("/config MAX_LEVERAGE 9", "the environment's 4 is stricter and holds")

    assert (await stage.ask("/config MAX_LEVERAGE", "From: environment")).body.startswith("MAX_LEVERAGE = 4")
    assert stage.bot.rows("SELECT 1 FROM setting_changes WHERE name = 'MAX_LEVERAGE'") == []


async def test_paused_survives_a_restart_refuses_ideas_and_still_guards(stage: Theatre) -> None:
    await stage.ask("/pause", "no new entries")
    await stage.bot.kill9()
    await stage.start()

    status = await stage.get_json("/status")
    refused = await stage.ask("/long ETH 0.5%", "No card")

    assert status["trading_state"] == "paused"
    assert "pause" in refused.body
    stage.move("SOL", -0.09)
    closed = await stage.chat.wait_for("Closed SOL", 20)
    assert "stop hit" in closed.body
    await stage.ask("/resume", "Running")
    await stage.until_state("scanning")


async def test_a_note_is_kept_with_its_trade_and_exported(stage: Theatre) -> None:
    [trade] = stage.bot.rows("SELECT * FROM trade_history")
    await stage.ask(f'/note {trade["id"]} waited, "too" long & <late>', "Noted")

    mark = stage.chat.mark
    await stage.chat.say("/export")
    sent = await stage.chat.wait_for(lambda m: m.document is not None, TELL_S, after=mark)

    assert sent.document is not None and sent.document.name.endswith(".csv")
    [row] = list(csv.DictReader(io.StringIO(sent.document.content.decode("utf-8-sig"))))
    assert row["id"] == trade["id"]
    assert Decimal(row["net_pnl"]) == Decimal(trade["net_pnl"])
    assert 'waited, "too" long & <late>' in row["notes"]
    shown = await stage.ask("/history", trade["id"])
    assert "<late>" in shown.body


async def test_panic_takes_two_taps_closes_everything_and_pauses(stage: Theatre) -> None:
    await stage.enter("/short ETH 0.5%")
    asked = await stage.ask("/panic", "Panic")
    await stage.tap(asked, "Panic")
    last = await stage.chat.wait_for(lambda m: m.message_id == asked.message_id and "Last question" in m.body)
    assert stage.held("ETH") is not None

    await stage.tap(last, "Yes")

    await until(lambda: stage.held("ETH") is None, what="closed")
    status = await stage.get_json("/status")
    assert status["trading_state"] == "paused"
    assert stage.resting("ETH") == []
    await stage.chat.wait_for("Closed ETH", TELL_S)


async def test_closeall_with_nothing_open_says_so(stage: Theatre) -> None:
    answer = await stage.ask("/closeall")

    assert "no open position" in answer.body
    assert answer.buttons == []


async def test_nothing_of_all_this_left_a_traceback(stage: Theatre) -> None:
    assert "Traceback" not in stage.bot.stdout
    assert not any("went wrong" in message.body for message in stage.chat.messages)
