"""`python main.py demo`: its address in time, a card within a minute, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.theatre import BotProcess, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADDRESS_S = 20.0
"""An idle machine needs two to three seconds."""


async def test_the_demo_shows_a_card_within_a_minute_and_ctrl_c_leaves_no_process(tmp_path: Path) -> None:
    bot = BotProcess(tmp_path, {})
    await bot.launch("demo", "--fresh")
    try:
        page = await address(bot)
        card = await a_card(page, within_s=60)
        children = descendants(bot.pid)
        assert children, "the stand-ins run in a process of their own"

        ended = await bot.terminate(signal.SIGINT)
    finally:
        if bot.is_running:
            await bot.kill9()

    assert "Approve" in str(card)
    assert ended.code in (0, 130) and ended.seconds < 8
    assert "Traceback" not in ended.output
    await until(lambda: not any(is_alive(child) for child in children), what="no process is left")


async def test_a_killed_demo_takes_its_stand_ins_with_it(tmp_path: Path) -> None:
    bot = BotProcess(tmp_path, {})
    await bot.launch("demo")
    await address(bot)
    children = descendants(bot.pid)
    were_alive = bool(children) and all(map(is_alive, children))

    await bot.kill9()

    await until(lambda: not any(is_alive(child) for child in children), what="no process is left")
    assert were_alive


async def test_a_folder_without_candles_is_refused_in_one_sentence(tmp_path: Path) -> None:
    ended = await BotProcess(tmp_path, {}).command("demo", "--replay", str(tmp_path))

    assert ended.code == 1
    assert "Traceback" not in ended.output and str(tmp_path) in ended.output


async def test_a_replay_of_recorded_candles_runs_fast_and_scans(tmp_path: Path) -> None:
    recorded = os.environ.get("PERPILOT_DATA")
    if recorded is None:
        pytest.skip("PERPILOT_DATA names no folder with recorded candles")
    bot = BotProcess(tmp_path, {})
    folder = str(Path(recorded) / "candles")
    await bot.launch("demo", "--replay", folder, "--speed", "60", "--auto")
    try:
        await address(bot, 60)
        found = await until(lambda: two_scans(tmp_path), 60, "two scans")
        ended = await bot.terminate(signal.SIGINT)
    finally:
        if bot.is_running:
            await bot.kill9()

    assert ended.code in (0, 130)
    assert "Traceback" not in ended.output
    judged = [gate for (funnel,) in found for gate in json.loads(funnel) if gate != "data"]
    assert judged, "no symbol got further than its data"


async def test_what_advisers_say_is_judged_by_what_the_market_does_after(tmp_path: Path) -> None:
    bot = BotProcess(tmp_path, {})
    await bot.launch("demo", "--fresh", "--speed", "600", "--auto")
    try:
        await address(bot)
        judged = await until(lambda: judgements(tmp_path), 120, "an answer met its target or its stop")
    finally:
        if bot.is_running:
            await bot.kill9()

    assert all(bar < ended for bar, ended in judged)


async def address(bot: BotProcess, within_s: float = ADDRESS_S) -> str:
    found = await until(
        lambda: re.search(r"chat (http://127\.0\.0\.1:\d+/)", bot.output), within_s, bot.output
    )
    assert time.monotonic() - bot.started_at < within_s
    return found[1]


def judgements(home: Path) -> list[Any]:
    """(bar, end) of each answer that the market has judged."""
    sql = "SELECT bar, ended_at FROM adviser_opinions WHERE state = 'ended' AND ended_at IS NOT NULL"
    return read_only(home, sql)


def two_scans(home: Path) -> list[Any]:
    """(funnel,) of each scan, once there are two; empty before."""
    found = read_only(home, "SELECT funnel FROM scans")
    return found if len(found) >= 2 else []


def read_only(home: Path, sql: str) -> list[Any]:
    """Nothing while the demo's database or its tables are being made."""
    path = home / "data" / "demo" / "perpilot.db"
    if not path.exists():
        return []
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
    try:
        return connection.execute(sql).fetchall()
    except sqlite3.OperationalError:  # the tables are being made
        return []
    finally:
        connection.close()


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            born = [int(child) for child in children.read_text().split()]
            found += born
            waiting += born
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def a_card(page: str, within_s: float) -> Any:
    """The first message with an Approve button, as the chat page is told of it."""
    deadline = time.monotonic() + within_s
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            for message in await messages(session, page):
                if "Approve" in str(message):
                    return message
            await asyncio.sleep(0.3)
    raise AssertionError(f"no card within {within_s} s")


async def messages(session: aiohttp.ClientSession, page: str) -> list[dict[str, Any]]:
    async with session.get(page + "chat/state") as answer:
        assert answer.status == 200, await answer.text()
        body = await answer.json()
    found: list[dict[str, Any]] = body["messages"]
    return found
