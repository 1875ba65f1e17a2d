"""What can't work is said in one sentence with the mend, and the process ends with an error."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.end_to_end.theatre import BotProcess, Ended, Theatre, theatre

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Theatre]:
    """Stand-ins without a bot."""
    async with theatre(tmp_path_factory.mktemp("refused")) as opened:
        yield opened


async def started(house: Theatre, home: Path, **changes: str) -> Ended:
    return await BotProcess(home, house.bot.settings | changes).command()


def is_one_sentence(ended: Ended) -> bool:
    """Nothing but the sentence on the last line, and log lines before it at most."""
    return "Traceback" not in ended.output and len(sentences(ended)) == 1


def sentences(ended: Ended) -> list[str]:
    lines = ended.output.strip().splitlines()
    return [line for line in lines if not line[:4].isdigit()]


async def test_a_token_that_telegram_does_not_know(house: Theatre, tmp_path: Path) -> None:
    ended = await started(house, tmp_path, TELEGRAM_BOT_TOKEN="123456:an-invalid-token-of-a-bot")

    assert ended.code == 1
    assert "TELEGRAM_BOT_TOKEN" in ended.output and "an-invalid" not in ended.output
    assert is_one_sentence(ended), ended.output


async def test_a_token_that_telegram_does_not_know_though_paper_trades_are_open(tmp_path: Path) -> None:
    async with theatre(tmp_path) as stage:
        await stage.start()
        await stage.enter("/long SOL 0.5%")
        await stage.bot.kill9()

        ended = await stage.bot.command(TELEGRAM_BOT_TOKEN=f"987654321:{'w' * 35}")

        assert stage.held("SOL") is not None
    assert ended.code == 1
    assert "TELEGRAM_BOT_TOKEN" in ended.output and "w" * 35 not in ended.output
    assert is_one_sentence(ended), ended.output


async def test_a_port_that_is_taken(house: Theatre, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        ended = await started(house, tmp_path, HTTP_PORT=str(port))

    assert ended.code == 1
    assert f"127.0.0.1:{port} is taken" in ended.output and "HTTP_PORT" in ended.output
    assert is_one_sentence(ended), ended.output


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("sqlite+aiosqlite:////proc/nowhere/bot.db", "/proc/nowhere"),
        ("postgresql+asyncpg://me:canary-word@127.0.0.1:9/nothing", "127.0.0.1:9"),
        ("mysql://me@127.0.0.1/x", "DATABASE_URL"),
    ],
)
async def test_a_database_that_can_not_be_opened(
    house: Theatre, tmp_path: Path, address: str, wanted: str
) -> None:
    ended = await started(house, tmp_path, DATABASE_URL=address)

    assert ended.code == 1
    assert wanted in ended.output and "canary-word" not in ended.output
    assert is_one_sentence(ended), ended.output


async def test_a_file_that_is_no_database(house: Theatre, tmp_path: Path) -> None:
    (tmp_path / "note.db").write_text("shopping list: eggs, milk\n" * 100)

    ended = await started(house, tmp_path, DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/note.db")

    assert ended.code == 1
    assert "note.db" in ended.output
    assert is_one_sentence(ended), ended.output
    assert (tmp_path / "note.db").read_text().startswith("shopping list")


async def test_wrong_settings_are_all_named_at_once(house: Theatre, tmp_path: Path) -> None:
    wrong = {"MAX_LEVERAGE": "99", "RISK_PER_TRADE": "two", "TRADING_MODE": "yolo", "TELEGRAM_CHAT_ID": ""}

    ended = await started(house, tmp_path, **wrong)

    assert ended.code == 1
    assert all(name in ended.output for name in wrong)
    assert "Traceback" not in ended.output
    assert len(ended.output.strip().splitlines()) == len(wrong) + 1


async def test_an_unknown_exchange_is_told_in_the_chat_and_nothing_trades(
    house: Theatre, tmp_path: Path
) -> None:
    bot = BotProcess(tmp_path, house.bot.settings | {"EXCHANGE": "nosuchexchange"})
    await bot.launch()
    try:
        await house.chat.wait_for("EXCHANGE='nosuchexchange' is no exchange", 30)
        status = await house.ask("/status", "halted")
        ended = await bot.terminate()
    finally:
        if bot.is_running:
            await bot.kill9()

    assert "nosuchexchange" in status.body
    assert ended.code == 0
    assert not any("Traceback" in message.body for message in house.chat.messages)


async def test_wrong_arguments_and_a_folder_that_can_not_be_written(house: Theatre, tmp_path: Path) -> None:
    bot = BotProcess(tmp_path, house.bot.settings)

    ended = await bot.command("nonsense")
    (tmp_path / "data").write_text("a file where the folder should be")
    blocked = await bot.command()

    assert ended.code == 2 and len(ended.output.strip().splitlines()) == 1
    assert blocked.code == 1 and is_one_sentence(blocked), blocked.output
