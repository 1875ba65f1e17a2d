"""`python main.py demo`: the real bot against stand-ins on loopback, in a process of their own."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.cli.run import run
from bot.instance import LOCK_NAME, LockFile
from bot.settings import load_settings
from bot.stage import Stage
from core.adapters.clock import ScaledClock, SystemClock
from core.errors import PerpilotError
from core.ports import Clock

HOME = Path("data") / "demo"
LIVE_HOME = Path("data") / "demo-live"
HISTORY = "history"
"""Where backtests in the chat keep candles, in the home."""
CAPITAL = "1000"
SCAN_S = "30"
"""Faster than usual, so that a newcomer sees something happen."""
APPROVAL_S = 300
LONGEST_APPROVAL_S = 3_600
ROOT = Path(__file__).parents[2]
WORLD = [sys.executable, "-m", "bot.demo.world"]


def run_demo(options: argparse.Namespace) -> int:
    _say("Perpilot demo: everything here is simulated, no key, no account, no network.")
    if options.live and options.speed != 1:
        raise PerpilotError("--live runs at the clock's own speed: an exchange waits for nobody")
    home = LIVE_HOME if options.live else HOME
    is_ahead = ran_ahead(home / "perpilot.db", datetime.now(UTC))
    if is_ahead and not (options.fresh or options.live):
        _say("The clock of an earlier demo (--speed) ran ahead of today's: that demo is forgotten.")
    if options.fresh or options.live or is_ahead:  # the exchange starts anew, so what is known of it must too
        shutil.rmtree(home, ignore_errors=True)
    if not LockFile(home / LOCK_NAME).is_held:
        shutil.rmtree(home / HISTORY, ignore_errors=True)  # of another market: each start makes a new one
    with world(options) as addresses:
        if "error" in addresses:
            raise PerpilotError(addresses["error"])
        settings = load_settings(demo_environment(options, addresses), require=("telegram",))
        stage = demo_stage(options, addresses, home)
        if (home / "perpilot.db").exists():
            _say("The account of an earlier demo goes on; its market starts anew (--fresh forgets it).")
        return run(settings, stage, lambda: _say(f"chat {addresses['page']}"), console_level="WARNING")


def ran_ahead(database: Path, now: datetime) -> bool:
    """An account of the future would go on showing its own newest scan. False where none can be read, and
    where a demo runs on it."""
    if not database.is_file() or LockFile(database.parent / LOCK_NAME).is_held:
        return False
    address = f"{database.resolve().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(address, uri=True)) as journal:
            (newest,) = journal.execute("SELECT max(ended_at) FROM scans").fetchone()
    except sqlite3.Error:
        return False
    return newest is not None and datetime.fromisoformat(newest) > now


def demo_stage(options: argparse.Namespace, addresses: Mapping[str, Any], home: Path) -> Stage:
    account = "demo-live" if options.live else "demo"
    clock = demo_clock(options, addresses)
    return Stage(account, not options.live, clock, home, "demo exchange", options.speed, is_demo=True)


def demo_environment(options: argparse.Namespace, addresses: Mapping[str, Any]) -> dict[str, str]:
    """Only the demo's own settings: nothing of `.env` reaches it."""
    coins = ",".join(symbol.removesuffix("USDT") for symbol in addresses["symbols"][:10])
    home = LIVE_HOME if options.live else HOME
    return {
        "TELEGRAM_BOT_TOKEN": addresses["token"],
        "TELEGRAM_CHAT_ID": str(addresses["owner"]),
        "TELEGRAM_API_URL": addresses["telegram"],
        "EXCHANGE": "binanceusdm",
        "EXCHANGE_URL": addresses["exchange"],
        "EXCHANGE_WS_URL": addresses["exchange_ws"],
        "EXCHANGE_API_KEY": addresses["key"],
        "EXCHANGE_SECRET": addresses["secret"],
        "USE_PAPER_TRADING": "false" if options.live else "true",
        "SYMBOLS": coins,
        "ANTHROPIC_API_KEY": "demo-key-of-claude",
        "ANTHROPIC_BASE_URL": addresses["anthropic"],
        "OPENAI_API_KEY": "demo-key-of-gpt",
        "OPENAI_BASE_URL": addresses["openai"],
        "XAI_API_KEY": "demo-key-of-grok",
        "XAI_BASE_URL": addresses["xai"],
        "ENABLE_GROK": "true",
        "DEEPSEEK_API_KEY": "demo-key-of-deepseek",
        "DEEPSEEK_BASE_URL": addresses["deepseek"],
        "NEWS_FEEDS": addresses["news"],
        "SOCIAL_FEEDS": addresses["social"],
        "FEAR_GREED_URL": addresses["fear_greed"],
        "DATABASE_URL": f"sqlite+aiosqlite:///{home / 'perpilot.db'}",
        "HTTP_PORT": "0",
        "INITIAL_CAPITAL": CAPITAL,
        "TRADING_MODE": "auto" if options.auto else "semi_auto",
        "SCAN_INTERVAL_SECONDS": SCAN_S if options.speed == 1 else "300",
        "APPROVAL_TIMEOUT_SECONDS": str(min(int(APPROVAL_S * options.speed), LONGEST_APPROVAL_S)),
    }


def demo_clock(options: argparse.Namespace, addresses: Mapping[str, Any]) -> Clock:
    if options.speed == 1:
        return SystemClock()
    origin = datetime.fromtimestamp(addresses["origin_ms"] / 1000, tz=UTC)
    return ScaledClock(origin, options.speed)


@contextlib.contextmanager
def world(options: argparse.Namespace) -> Iterator[Mapping[str, Any]]:
    """The stand-ins' process and their addresses; it ends with this one, however this one ends."""
    command = [*WORLD, "--seed", str(options.seed), "--port", str(options.port)]
    command += ["--speed", str(options.speed), "--origin-ms", str(time.time_ns() // 1_000_000)]
    if options.replay is not None:
        command += ["--replay", str(options.replay.resolve())]
    if options.live:
        command += ["--deposit", CAPITAL]
    if options.start_from is not None:
        command += ["--start-from", options.start_from]
    process = subprocess.Popen(  # noqa: S603 - our own module; its own session, so that Ctrl+C is the bot's
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, cwd=ROOT
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        line = process.stdout.readline()
        yield json.loads(line) if line else {"error": "the stand-ins did not start"}
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
