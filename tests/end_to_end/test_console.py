"""The machine's console, and a second bot: what the first one is told, and who is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.theatre import BotProcess, Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {"SYMBOLS": "SOL"}


async def test_status_of_the_running_bot_from_the_console(stage: Theatre) -> None:
    ended = await stage.bot.command("status")

    assert ended.code == 0
    assert "paper (paper), mode semi_auto" in ended.output
    assert "equity 10000.00 USDT" in ended.output


async def test_a_second_bot_in_the_same_folder_is_refused_naming_the_first(stage: Theatre) -> None:
    ended = await stage.bot.command()

    assert ended.code == 1
    assert f"process {stage.bot.pid}" in ended.output
    assert len(ended.output.strip().splitlines()) == 1
    assert stage.bot.is_running


async def test_a_second_bot_on_the_same_database_is_refused_naming_the_first(
    stage: Theatre, tmp_path: Path
) -> None:
    address = f"sqlite+aiosqlite:///{stage.bot.database}"
    other = BotProcess(
        tmp_path, stage.bot.settings | {"DATABASE_URL": address, "TELEGRAM_BOT_TOKEN": "9:other"}
    )

    ended = await other.command()

    assert ended.code == 1
    assert str(stage.bot.home) in ended.output
    assert "Traceback" not in ended.output


async def test_a_second_bot_on_the_same_token_is_refused_naming_the_first(
    stage: Theatre, tmp_path: Path
) -> None:
    other = BotProcess(tmp_path, stage.bot.settings)

    ended = await other.command(TMPDIR=str(stage.bot.home))

    assert ended.code == 1
    assert f"process {stage.bot.pid}" in ended.output
    assert len(ended.output.strip().splitlines()) == 1


async def test_panic_from_the_console_pauses_and_closes_without_telegram(stage: Theatre) -> None:
    card = await stage.card("/long SOL 0.5%")
    await stage.tap(card, "Approve")
    await until(lambda: stage.resting("SOL"), what="the stop rests")
    await stage.chat.outage()

    ended = await stage.bot.command("panic")

    assert ended.code == 0 and "Paused" in ended.output and "SOL" in ended.output
    assert stage.held("SOL") is None and stage.resting("SOL") == []
    assert (await stage.get_json("/status"))["trading_state"] == "paused"
    await stage.chat.restore()


async def test_without_a_running_bot_the_console_says_so(stage: Theatre) -> None:
    await stage.bot.terminate()

    ended = await stage.bot.command("status")

    assert ended.code == 1
    assert "not running" in ended.output.splitlines()[-1]
    assert "Traceback" not in ended.output and ended.seconds < 10
