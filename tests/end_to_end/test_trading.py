"""The main job: a scan finds an idea, a tap or auto trades it, the stop ends it, and it is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.demo.telegram import Message
from tests.end_to_end.theatre import TELL_S, Theatre, theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCANNING = {
    "SYMBOLS": "BTC,SOL,XRP,AVAX,LINK",
    "INITIAL_CAPITAL": "1000",
    "MIN_OPPORTUNITY_SCORE": "40",
    "MIN_AI_CONFIDENCE": "0.4",
    "MAX_OPEN_POSITIONS": "1",
}
"""Lower gates than usual, so that the hour of the day can't decide whether there is an idea."""


async def test_an_idea_is_proposed_approved_guarded_stopped_booked_and_told(tmp_path: Path) -> None:
    async with theatre(tmp_path, **SCANNING) as stage:
        await stage.start()
        card = await stage.chat.wait_for("Answer by", 20)
        assert {"claude", "gpt", "grok", "deepseek"} <= set(card.body.replace(":", " ").split())
        answer = await stage.tap(card, "Approve")
        assert "Approved" in answer.text

        coin = await the_stop_rests_everywhere(stage)
        await the_price_falls_through_the_stop(stage, coin)

        await it_is_told_and_booked(stage, coin)
        shown = await stage.ask("/positions", "position")
        assert "No open position" in shown.body


async def test_in_auto_the_same_happens_without_a_tap(tmp_path: Path) -> None:
    async with theatre(tmp_path, **SCANNING, TRADING_MODE="auto") as stage:
        await stage.start()

        coin = await the_stop_rests_everywhere(stage)
        await the_price_falls_through_the_stop(stage, coin)

        await it_is_told_and_booked(stage, coin)
        assert not any("Answer by" in message.body for message in stage.chat.messages)


async def the_stop_rests_everywhere(stage: Theatre) -> str:
    """In the venue's book, over HTTP, in the database and in /positions; returns the coin."""
    await stage.chat.wait_for("Opened", 20)
    await stage.until_state("trading")
    coin, position = next(iter((await stage.positions()).items()))
    [stop] = stage.resting(coin)
    [row] = stage.bot.rows("SELECT * FROM active_position")
    said = await stage.ask("/positions", "top")
    assert Decimal(stop["quantity"]) == Decimal(row["quantity"]) == Decimal(str(position["quantity"]))
    assert Decimal(stop["trigger"]) == Decimal(row["stop_price"]) == Decimal(str(position["stop_price"]))
    assert coin in said.body
    assert f"{position['stop_price']:g}"[:4] in said.body.replace(",", "")
    return coin


async def the_price_falls_through_the_stop(stage: Theatre, coin: str) -> None:
    """Against the position, whichever its side."""
    side = (await stage.positions())[coin]["side"]
    stage.exchange.nudge(f"{coin}USDT", -0.13 if side == "long" else 0.13, 2)


async def it_is_told_and_booked(stage: Theatre, coin: str) -> None:
    closed: Message = await stage.chat.wait_for("Closed", 20)
    [trade] = stage.bot.rows("SELECT * FROM trade_history")
    [day] = stage.bot.rows("SELECT * FROM daily_performance")
    [config] = stage.bot.rows("SELECT * FROM trading_config")
    capital = Decimal(config["current_capital"])
    sent = next(m for m in stage.chat.messages if "Order sent" in m.body)
    opened = next(m for m in stage.chat.messages if "Opened" in m.body)
    assert "stop hit" in closed.body and coin in closed.body
    assert opened.reply_to == closed.reply_to == sent.message_id
    assert trade["exit_reason"] == "stop" and Decimal(trade["net_pnl"]) < 0
    assert Decimal(day["realised"]) == Decimal(trade["net_pnl"]) and day["trades"] == 1
    assert capital == Decimal(config["initial_capital"]) + Decimal(trade["net_pnl"])
    assert stage.resting(coin) == stage.resting(coin, "take_profit_market") == []
    assert len(stage.trades(coin)) == 1
    await until(lambda: not stage.bot.rows("SELECT * FROM active_position"), TELL_S, "nothing is active")
    assert (await stage.get_json("/metrics"))["total_trades"] == 1
