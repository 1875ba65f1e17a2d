"""The live path as a person meets it: disarmed, armed by a sentence, trading, and interfered with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.demo.exchange_records import AlgoRecord
from core.risk.arming import OVERRIDE
from core.trading.ids import is_ours
from tests.end_to_end.theatre import KEY, SECRET, Theatre, theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVE = {"USE_PAPER_TRADING": "false", "LIVE_CAPITAL_CAP": "5000"}


@asynccontextmanager
async def live(home: Path, *, is_armed: bool = True, **settings: str) -> AsyncIterator[Theatre]:
    async with theatre(home, **LIVE, **settings) as stage:
        await stage.start()
        if is_armed:
            await stage.ask(f"/golive {OVERRIDE}", "Recorded", 30.0)
            await stage.until_state("scanning", 30.0)
        yield stage


def stops(stage: Theatre, coin: str = "SOL") -> list[AlgoRecord]:
    """Ours that rest at the exchange."""
    resting = stage.exchange.account.open_algos(f"{coin}USDT")
    return [each for each in resting if each.type == "STOP_MARKET" and is_ours(each.client_id)]


def held(stage: Theatre, coin: str = "SOL") -> Decimal:
    found = stage.exchange.account.state.holdings.get(f"{coin}USDT")
    return found.quantity if found is not None else Decimal(0)


async def test_disarmed_it_watches_says_so_and_sends_nothing(tmp_path: Path) -> None:
    async with live(tmp_path, is_armed=False, TRADING_MODE="auto", MIN_OPPORTUNITY_SCORE="40") as stage:
        status = await stage.ask("/status", "disarmed")
        refused = await stage.ask("/long SOL 0.5%", "No card")
        over_http = await stage.get_json("/status")
        sent = [path for path in stage.exchange.requests if path.startswith("POST") and "rder" in path]

        assert "/golive" in status.body
        assert "not armed" in refused.body
        assert (over_http["trading_state"], over_http["paper"]) == ("disarmed", False)
        assert over_http["capital"]["initial"] == 10_000
        assert sent == []


async def test_armed_it_trades_at_the_exchange_and_mends_what_hands_undo(tmp_path: Path) -> None:
    async with live(tmp_path) as stage:
        await stage.enter("/long SOL 0.5%")
        first = await until(lambda: stops(stage), 15.0, "a stop rests")
        orders = await stage.ask("/orders", "stop")
        balance = await stage.ask("/balance", "Wallet")
        agreed = await stage.ask("/sync", "Reconciled", 30.0)
        stage.exchange.hands.cancel(first[0].client_id)
        again = await until(lambda: stops(stage), 15.0, "the stop rests again")
        mark = stage.chat.mark
        stage.exchange.hands.close("SOLUSDT")
        await stage.chat.wait_for("Closed", 30.0, after=mark)
        left = await stage.ask("/orders", "There is none", 15.0)

        assert held(stage) == 0 and first[0].quantity == again[0].quantity
        assert first[0].client_id != again[0].client_id
        assert "SOL" in orders.body and "reduce-only" in orders.body
        assert "cap" in balance.body
        assert "Agreeing: SOL" in agreed.body
        assert left.body
        closed = stage.bot.rows("SELECT * FROM trade_history")
        assert [(row["account"], row["exit_reason"]) for row in closed] == [("live:binanceusdm", "outside")]


async def test_what_is_open_survives_a_kill_with_its_stop(tmp_path: Path) -> None:
    async with live(tmp_path) as stage:
        await stage.enter("/short SOL 0.5%")
        before = await until(lambda: stops(stage), 15.0, "a stop rests")
        await stage.bot.kill9()
        stage.exchange.hands.cancel(before[0].client_id)
        await stage.start()
        after = await until(lambda: stops(stage), 15.0, "the stop rests again")
        status = await stage.ask("/positions", "SOL")

        assert after[0].quantity == held(stage) > 0
        assert "SHORT" in status.body.upper()
        assert (await stage.bot.terminate()).code == 0
        assert stops(stage) == after


async def test_a_key_that_may_withdraw_is_refused_whatever_sentence_is_typed(tmp_path: Path) -> None:
    async with theatre(tmp_path, **LIVE) as stage:
        stage.exchange.account.permissions["enableWithdrawals"] = True
        await stage.start()
        status = await stage.ask("/status", "disarmed")
        refused = await stage.ask(f"/golive {OVERRIDE}", "withdraw", 30.0)
        doctor = await stage.ask("/doctor", "❌", 30.0)

        assert "withdraw" in status.body and "withdraw" in doctor.body
        assert refused.body
        assert stage.bot.rows("SELECT 1 FROM armings") == []


async def test_hedge_mode_is_named_and_set_after_a_tap(tmp_path: Path) -> None:
    async with theatre(tmp_path, **LIVE) as stage:
        stage.exchange.account.is_hedged = True
        await stage.start()
        doctor = await stage.ask("/doctor", "hedge mode", 30.0)
        answer = await stage.tap(doctor, "Set the account's modes", 30.0)

        assert "read back" in answer.text
        assert not stage.exchange.account.is_hedged


async def test_no_secret_reaches_log_output_or_database(tmp_path: Path) -> None:
    async with live(tmp_path, LOG_LEVEL="DEBUG") as stage:
        await stage.enter("/long SOL 0.5%")
        stage.exchange.faults.refuse_next(2, -2015, "Invalid API-key, IP.", path="/fapi/")
        await stage.ask("/doctor", "Doctor", 40.0)
        await stage.bot.terminate()
        sinks = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "bot.env"]

        assert len(sinks) >= 3
        assert [path.name for path in sinks if SECRET.encode() in path.read_bytes()] == []
        assert [path.name for path in sinks if KEY.encode() in path.read_bytes()] == []


async def test_a_telegram_that_refuses_the_bot_leaves_nothing_unguarded(tmp_path: Path) -> None:
    async with live(tmp_path) as stage:
        await stage.enter("/long SOL 0.5%")
        before = await until(lambda: stops(stage), 15.0, "a stop rests")
        await stage.bot.kill9()
        stage.exchange.hands.cancel(before[0].client_id)
        await stage.bot.start(TELEGRAM_BOT_TOKEN=f"987654321:{'w' * 35}")
        after = await until(lambda: stops(stage), 15.0, "the stop rests again")
        status = await stage.bot.command("status")

        assert after[0].quantity == held(stage) > 0
        assert "Telegram refuses" in status.output
