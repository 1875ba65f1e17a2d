"""The doctor without a running bot: nothing that trades is assembled, nothing of the account is changed."""

from __future__ import annotations

import importlib
from typing import Any

from bot import doctor
from bot.assembly_live import LiveSide
from bot.assembly_probe import lines_without_bot
from bot.assembly_strategies import check_strategies
from bot.settings import Settings
from bot.stage import Stage
from core.adapters.exchange.market import CcxtMarket
from core.desk import DoctorLine
from core.errors import JournalError, PerpilotError
from core.ports import Market
from db.journal import SqlJournal
from db.session import open_database
from db.setup import prepare

MEND_TOKEN = "take the present token from @BotFather; check TELEGRAM_API_URL and the network"  # noqa: S105


async def examine(settings: Settings, stage: Stage, notify: bool = False) -> tuple[DoctorLine, ...]:
    """Every line, in the order in which they are needed."""
    lines = [*doctor.settings_lines(settings), *doctor.adviser_lines(settings)]
    lines += await _strategies(settings)
    lines += await lines_without_bot(settings, stage.clock)
    lines += [await _database(settings, stage), *await _telegram(settings, notify)]
    market = CcxtMarket(
        settings.exchange,
        clock=stage.clock,
        url=settings.exchange_url,
        ws_url=settings.exchange_ws_url,
        testnet=settings.exchange_testnet,
    )
    try:
        lines += await _market_lines(market, settings)
        if not settings.use_paper_trading:
            lines += await _live_lines(market, settings, stage)
    finally:
        await market.close()
    return tuple(lines)


async def _strategies(settings: Settings) -> list[DoctorLine]:
    """Each is made, for which the owner's files are run."""
    lines = doctor.strategy_lines(settings)
    try:
        await check_strategies(settings.strategies_in_use)
    except PerpilotError as error:
        return [DoctorLine(False, True, "strategies", str(error), "mend it, or take it out of STRATEGIES")]
    return lines


async def _live_lines(market: CcxtMarket, settings: Settings, stage: Stage) -> list[DoctorLine]:
    try:
        live = LiveSide(settings, market, stage.clock)
        await live.open()
    except PerpilotError as error:
        mend = "" if "USE_PAPER_TRADING" in str(error) else "USE_PAPER_TRADING=true"
        return [DoctorLine(False, True, "live", str(error), mend)]
    try:
        return await live.doctor_lines()
    finally:
        await live.close()


async def _database(settings: Settings, stage: Stage) -> DoctorLine:
    async def look() -> str:
        database = open_database(settings.database_url)
        try:
            await prepare(database)
            journal, name = SqlJournal(database, stage.clock.now), database.address.name
            try:
                state = await journal.account_state(stage.account)
            except JournalError:
                return f"{name}; the first start opens the account {stage.account}"
            return f"{name}, account {state.account}, capital {state.current_capital}"
        finally:
            await database.close()

    return await doctor.probe("database", look, "run python setup_database.py to see which step fails")


async def _market_lines(market: CcxtMarket, settings: Settings) -> list[DoctorLine]:
    async def look() -> str:
        await market.open()
        return f"{settings.exchange} answers"

    first = await doctor.probe("exchange", look, "check EXCHANGE, EXCHANGE_URL and the network")
    if not first.is_ok:
        return [first]
    lines = [first, doctor.skew_line(market.clock_offset_s)]
    try:
        symbols = await _symbols(settings, market)
    except PerpilotError as error:
        return [*lines, DoctorLine(False, True, "symbols", str(error), "check SYMBOLS")]
    equity = settings.initial_capital if settings.use_paper_trading else settings.live_capital_cap
    lines += await doctor.symbol_lines(symbols, market, settings, equity)
    return [*lines, doctor.profit_line(settings, equity), *doctor.budget_lines(settings, equity)]


async def _symbols(settings: Settings, market: Market) -> tuple[str, ...]:
    universe = settings.symbols
    return universe.listed if universe.top is None else await market.symbols_by_volume(universe.top)


async def _telegram(settings: Settings, notify: bool) -> list[DoctorLine]:
    telegram: Any = importlib.import_module("bot.doctor_telegram")
    return [line async for line in telegram.lines(settings, notify)]
