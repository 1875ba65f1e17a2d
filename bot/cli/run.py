"""`python main.py`: the bot as the settings say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from bot.application import Application
from bot.logs import configure_logs, stop_logs
from bot.settings import Settings, environment, load_settings
from bot.stage import Stage
from core.adapters.clock import SystemClock

HOME = Path("data")
"""Logs, lock, backups and, unless DATABASE_URL says otherwise, the database; under the working folder."""


def stage_of(settings: Settings) -> Stage:
    """Paper and live are separate accounts; nothing mixes them."""
    if settings.use_paper_trading:
        return Stage("paper", True, SystemClock(), HOME, f"paper over {settings.exchange}")
    where = f"{settings.exchange}:testnet" if settings.exchange_testnet else settings.exchange
    return Stage(f"live:{where}", False, SystemClock(), HOME, where)


def run_bot(env: Path) -> int:
    environ = environment(env)
    settings = load_settings(environ, require=("telegram",))
    if not settings.use_paper_trading:
        settings = load_settings(environ, require=("telegram", "exchange_keys"))
    return run(settings, stage_of(settings))


def run(
    settings: Settings,
    stage: Stage,
    is_ready: Callable[[], None] | None = None,
    console_level: str = "DEBUG",
) -> int:
    """Logs, runs until told to stop. Raises `PerpilotError` when it cannot start."""
    counter = configure_logs(
        settings.log_level,
        stage.home / "logs",
        settings.secrets(),
        now=stage.clock.now,
        console_level=console_level,
    )
    try:
        asyncio.run(Application(settings, stage, counter).run(is_ready))
    finally:
        stop_logs()
    return 0
