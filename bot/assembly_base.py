"""What all else stands on: storage with its lock, settings with the chat's changes, market, account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.assembly_live import LiveSide
from bot.book import chat_changes
from bot.house import LEASE
from bot.instance import place_name, take_lease
from bot.settings import Settings, SettingsError, load_settings
from bot.stage import Stage
from core.adapters.exchange.market import CcxtMarket
from core.errors import JournalError
from core.journal import AccountState, Mode
from core.trading import notices
from db.journal import SqlJournal
from db.session import AsyncDatabase, open_database
from db.setup import prepare


@dataclass(frozen=True, slots=True)
class Base:
    """What everything else stands on."""

    settings: Settings
    """With what was changed in chat."""
    stage: Stage
    database: AsyncDatabase
    journal: SqlJournal
    market: CcxtMarket
    live: LiveSide | None


async def open_base(settings: Settings, stage: Stage) -> tuple[Base, list[str]]:
    """With what of the chat's changes no longer fits. Raises `PerpilotError` with the mend."""
    database, journal = await open_storage(settings, stage)
    try:
        settings, left_out = await with_chat(settings, journal, stage.account)
        market = _market(settings, stage)
        live = await _live_side(settings, stage, market)
    except BaseException:
        await database.close()
        raise
    return Base(settings, stage, database, journal, market, live), left_out


async def close_base(base: Base) -> None:
    if base.live is not None:
        await base.live.close()
    await base.market.close()
    await base.database.close()


async def open_storage(settings: Settings, stage: Stage) -> tuple[AsyncDatabase, SqlJournal]:
    """The database with its schema, and the lease on it. Raises `JournalError` or `AlreadyRunning`."""
    database = open_database(settings.database_url)
    try:
        await prepare(database)
        journal = SqlJournal(database, stage.clock.now)
        journal.fence(LEASE, await take_lease(journal, place_name(), stage.clock))
    except BaseException:
        await database.close()
        raise
    return database, journal


async def with_chat(settings: Settings, journal: SqlJournal, account: str) -> tuple[Settings, list[str]]:
    """The settings with what was changed in chat; changes that no longer fit are left out and named."""
    changes = chat_changes(await journal.setting_changes(account))
    changes.pop("TRADING_MODE", None)  # the account keeps it; see `_account`
    left_out: list[str] = []
    while True:
        try:
            loaded = load_settings(settings.environ, changes, require=settings.require, uses=settings.uses)
            return loaded, left_out
        except SettingsError as error:
            wrong = {name for fault in error.faults for name in fault.names} & set(changes)
            if not wrong:
                raise
            left_out += [f"{name}={changes.pop(name)} from the chat no longer fits" for name in sorted(wrong)]


async def open_account(base: Base) -> AccountState:
    """The account; the environment's mode holds unless the chat ever asked for another."""
    settings, stage, journal, live = base.settings, base.stage, base.journal, base.live
    now = stage.clock.now()
    capital = (
        settings.initial_capital if live is None else await _opening_wallet(journal, stage.account, live)
    )
    state = await journal.open_account(stage.account, stage.is_paper, capital, settings.trading_mode, now)
    await journal.begin_chain(stage.account)
    asked = chat_changes(await journal.setting_changes(stage.account)).get("TRADING_MODE")
    wanted = Mode(asked) if asked is not None else settings.trading_mode
    if state.mode is wanted:
        return state
    await journal.set_mode(stage.account, wanted, "chat" if asked else "environment", now)
    return await journal.account_state(stage.account)


async def _opening_wallet(journal: SqlJournal, account: str, live: LiveSide) -> Decimal:
    """What a live account holds when it is opened; later starts ask nobody. Raises what a read raises."""
    try:
        return (await journal.account_state(account)).initial_capital
    except JournalError:
        await live.venue.measure_clock()
        return (await live.venue.balance()).wallet


async def _live_side(settings: Settings, stage: Stage, market: CcxtMarket) -> LiveSide | None:
    """None on paper. Raises `NotAllowed` where this exchange, or without keys nothing, can trade live."""
    if settings.use_paper_trading:
        return None
    live = LiveSide(settings, market, stage.clock)
    await live.open()
    live.venue.doubt = market.doubt  # rules that an order was refused for are read again
    return live


def teller(journal: SqlJournal) -> Callable[[str, str], Awaitable[None]]:
    async def tell(key: str, text: str) -> None:
        await journal.tell([notices.system(key, text)])

    return tell


def _market(settings: Settings, stage: Stage) -> CcxtMarket:
    return CcxtMarket(
        settings.exchange,
        clock=stage.clock,
        url=settings.exchange_url,
        ws_url=settings.exchange_ws_url,
        testnet=settings.exchange_testnet,
        quote_max_age_s=30.0 * stage.speed,
    )
