"""`backtest --strategy recorded`: a journal's own judgements, read where the bot keeps them.

Laws:
- The database is only read, also while the bot runs.
- Without `--database` it is the one that the settings name, and the account that they trade.
"""

from __future__ import annotations

import argparse
import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.backtest.engine_past import Past
    from core.backtest.shipped_recorded import Recorded

RECORDED = "recorded"


def add_recorded(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database",
        metavar="URL",
        help="for --strategy recorded: the journal (default: DATABASE_URL); --set adviser=NAME plays one "
        "adviser's answers instead of the verdicts, --set account=NAME another account",
    )


def recorded_of(options: argparse.Namespace, past: Past) -> tuple[Recorded, str]:
    """The strategy and a line that counts it. Raises `PerpilotError` where nothing of it was recorded."""
    from bot.cli.replay import with_journal
    from bot.cli.run import stage_of
    from bot.settings import environment, load_settings
    from core.backtest.recorded_reading import Asked, asked_of, counted, recorded_strategy
    from core.market import TIMEFRAMES, from_ms

    environ = environment(options.env)
    if options.database is not None:
        environ = environ | {"DATABASE_URL": options.database}
    settings = load_settings(environ, uses=("storage", "risk"))
    account, adviser = asked_of(dict(options.given), stage_of(settings).account)
    bar_ms = TIMEFRAMES[options.timeframe]
    asked = Asked(
        account=account,
        adviser=adviser,
        symbols=tuple(part.symbol for part in past.parts),
        since=from_ms(min(int(part.bars[0, 0]) for part in past.parts)),
        until=from_ms(max(int(part.bars[-1, 0]) for part in past.parts)) + timedelta(milliseconds=bar_ms),
        bar_ms=bar_ms,
        least_stop=float(settings.min_stop_loss_percent),
    )
    found = asyncio.run(
        with_journal(settings.database_url, lambda journal: recorded_strategy(journal, asked))
    )
    return found, counted(found, asked)
