"""`python main.py status|pause|panic`: the running bot, reached through its database."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bot.cli.run import HOME
from bot.console import SHORT_WAIT_S, WAIT_S, ask_bot
from bot.instance import LOCK_NAME, LockFile
from bot.settings import environment, load_settings
from core.adapters.clock import SystemClock
from core.errors import PerpilotError
from db.journal import SqlJournal
from db.session import open_database
from db.setup import prepare

NO_BOT = "No bot answered on this database: it is not running, or DATABASE_URL names another one."


def run_console(env: Path, command: str) -> int:
    settings = load_settings(environment(env), uses=("storage",))
    sys.stderr.write("asking the running bot …\n")
    answer = asyncio.run(_ask(settings.database_url, command))
    if answer is None:
        raise PerpilotError(NO_BOT)
    sys.stdout.write(answer + "\n")
    return 0


async def _ask(url: str, command: str) -> str | None:
    clock = SystemClock()
    is_here = LockFile(HOME / LOCK_NAME).is_held
    database = open_database(url)
    try:
        await prepare(database)
        return await ask_bot(
            SqlJournal(database, clock.now), command, clock, WAIT_S if is_here else SHORT_WAIT_S
        )
    finally:
        await database.close()
