"""Backtests for the chat put together: the bot's own exchange, budget and account, a folder for candles."""

from __future__ import annotations

from decimal import Decimal

from bot.assembly_base import Base
from bot.assembly_core import Core
from bot.backtest_desk import BacktestDesk, Source
from bot.backtest_process import BacktestProcess, Lender

HISTORY = "history"
"""In the run's home: for the real bot the folder that `download` fills and `backtest` reads."""


def backtest_desk(base: Base, core: Core) -> BacktestDesk:
    settings, clock, market = base.settings, base.stage.clock, base.market

    def capital() -> Decimal | None:
        """What sizes go by now; None where it is not known or nothing."""
        account = core.kernel.keeper.last_account
        found = account.sizing_equity if account is not None else None
        return found if found is not None and found > 0 else None

    folder = base.stage.home / HISTORY / settings.exchange
    source = Source(settings.exchange, settings.exchange_url, folder)
    process = BacktestProcess(Lender(market.budget, clock))
    return BacktestDesk(core.book, market, clock, source, process, capital)
