"""The composition root: the only module that knows every other. Heavy libraries are imported where used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from aiohttp import web

from bot import __version__
from bot.book import SettingsBook, chat_changes
from bot.buttons import JournalButtons
from bot.console import status_text
from bot.desk import Reach, TradingDesk
from bot.health import HealthBoard
from bot.house import LEASE, House, console_commands
from bot.instance import place_name, take_lease
from bot.limits import limits_of
from bot.loops import Passes, add_loops
from bot.readiness import ReadinessDesk
from bot.reports import Reports
from bot.risk_report import RiskReport
from bot.settings import Settings, SettingsError, load_settings
from bot.stage import Stage
from bot.status import StatusBoard
from bot.steering import Steering
from bot.supervisor import Supervisor
from bot.vitals import Vitals
from bot.web.server import WebServer, WebSettings
from bot.web.shapes import verdict
from core.adapters.advisers.asking import AdviserLimits, ModelAdviser
from core.adapters.advisers.build import AdviserAccess, build_advisers
from core.adapters.advisers.capabilities import Provider
from core.adapters.exchange.market import CcxtMarket
from core.advice.panel import ParallelPanel
from core.advice.rules import RulesAdviser
from core.desk import DoctorLine, VersionView
from core.journal import AccountState, Mode
from core.opinion import Decider, Features
from core.ports import Adviser, ComponentHealth, Venue
from core.sim.absent import AbsentVenue
from core.sim.feed import PriceFeed
from core.sim.venue import SimVenue
from core.trading import notices
from core.trading.decide import trade_terms
from core.trading.kernel import Kernel, Ports, build_kernel
from core.trading.perbar import PerBarMarket
from db.journal import SqlJournal
from db.session import AsyncDatabase, open_database
from db.setup import prepare

WebhookMount = tuple[str, Callable[[web.Request], Awaitable[web.Response]]]
"""Path, and who answers it."""

log = logging.getLogger("perpilot.assembly")

MIN_FREE_MB = 100
"""Below this nothing is opened: what is open must stay recordable."""
LIVE_UNBUILT = "live trading is not built yet (USE_PAPER_TRADING=false): no entry is made"


@dataclass(slots=True)
class Parts:
    """Everything of one running bot but its chat."""

    settings: Settings
    stage: Stage
    database: AsyncDatabase
    journal: SqlJournal
    market: CcxtMarket
    venue: Venue
    feed: PriceFeed | None
    models: tuple[ModelAdviser, ...]
    kernel: Kernel
    book: SettingsBook
    supervisor: Supervisor
    board: StatusBoard
    desk: TradingDesk
    house: House
    health: HealthBoard
    buttons: JournalButtons
    late: Late


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


async def compose(settings: Settings, stage: Stage, errors_today: Callable[[], int]) -> Parts:
    """Builds every part; nothing runs yet. Raises `PerpilotError` with the mend."""
    database, journal = await open_storage(settings, stage)
    try:
        return await _compose(settings, stage, errors_today, database, journal)
    except BaseException:
        await database.close()
        raise


async def _compose(
    settings: Settings,
    stage: Stage,
    errors_today: Callable[[], int],
    database: AsyncDatabase,
    journal: SqlJournal,
) -> Parts:
    settings, left_out = await with_chat(settings, journal, stage.account)
    state = await _account(settings, stage, journal)
    market = _market(settings, stage)
    venue, feed = _venue(settings, stage, state.initial_capital, market, journal)
    models = _models(settings, journal, stage)
    deadline_s = float(settings.ai_deadline_seconds) * stage.speed  # a person's seconds, not the clock's
    panel = ParallelPanel(_panel(settings, models), stage.clock, deadline_s)
    book = SettingsBook(settings, journal, market, stage.clock, stage.account)
    guard_market = market.guarding()
    scanned = PerBarMarket(market, stage.clock)
    ports = Ports(scanned, guard_market, venue, panel, journal, stage.clock, in_thread, stage.account)
    kernel = build_kernel(ports, book.rules, book.course)
    if not settings.use_paper_trading:
        kernel.gate.close("disarmed", LIVE_UNBUILT)
    supervisor = Supervisor(stage.clock, kernel.gate, _teller(journal))
    board = StatusBoard(kernel, book, supervisor, stage.clock, state, stage.venue_name, panel.names)
    board.warnings = (*settings.warnings, *left_out, *_capital_warning(settings, state.initial_capital))
    reports = Reports(journal, market, stage.clock, stage.account)
    late = Late()
    readiness = _readiness(journal, book, stage, late)
    steering = Steering(kernel, venue, guard_market, lambda: book.rules().limits)
    risk, version = RiskReport(kernel, board, book, stage.clock), _teller_of_version(book, stage)
    reach = Reach(reports, board, book, late.doctor, version, late.wake, steering, risk, readiness)
    desk = TradingDesk(kernel, journal, stage.clock, reach, stage.account)
    vitals = _vitals(journal, stage, supervisor, database, errors_today, late, readiness)
    house = House(
        journal,
        reports,
        kernel.keeper,
        kernel.gate,
        stage.clock,
        place_name(),
        vitals,
        console_commands(desk, lambda: status_text(desk)),
        _backup(database, stage),
    )
    parts = Parts(
        settings=settings,
        stage=stage,
        database=database,
        journal=journal,
        market=market,
        venue=venue,
        feed=feed,
        models=models,
        kernel=kernel,
        book=book,
        supervisor=supervisor,
        board=board,
        desk=desk,
        house=house,
        health=_health(supervisor, database, market, board, settings, late),
        buttons=JournalButtons(journal, stage.clock, stage.speed),
        late=late,
    )
    late.parts = parts
    passes = Passes(kernel, desk, board, journal, stage.account, late)
    add_loops(supervisor, passes, house, book, feed, stage.speed)
    return parts


class Late:
    """What the first-built parts call of those that are built or started after them."""

    def __init__(self) -> None:
        self.parts: Parts | None = None
        self.telegram: Callable[[], ComponentHealth] | None = None
        self.wake_outbox: Callable[[], None] | None = None
        self.recover: Callable[[], Awaitable[None]] | None = None

    async def recovery(self) -> None:
        """Raises until the recovery has worked through."""
        assert self.recover is not None, "loops start after the application has said how to recover"
        await self.recover()

    def disk_trouble(self) -> str:
        assert self.parts is not None, "loops start after assembly"
        health = self.parts.database.health()
        free_mb = health.more.get("free_mb")
        if free_mb is None or free_mb >= MIN_FREE_MB:
            return ""
        return f"{free_mb} MB free on the database's disk, {MIN_FREE_MB} MB are needed"

    def is_unhealthy(self) -> bool:
        """What `/health` says now."""
        assert self.parts is not None, "loops start after assembly"
        return verdict(self.parts.health.health()) == "unhealthy"

    async def doctor(self) -> tuple[DoctorLine, ...]:
        from bot.checkup import examine_running

        assert self.parts is not None, "the doctor is asked after assembly"
        return await examine_running(self.parts)

    def wake(self, name: str) -> None:
        if name == "outbox":
            if self.wake_outbox is not None:
                self.wake_outbox()
        elif self.parts is not None:
            self.parts.supervisor.poke(name)

    def telegram_health(self) -> ComponentHealth:
        return self.telegram() if self.telegram is not None else ComponentHealth("down", "not connected yet")


_COMPUTING = ThreadPoolExecutor(max_workers=1, thread_name_prefix="features")
"""One: Python computes on one thread at a time anyway, and the event loop would have to queue behind each."""


async def in_thread(work: Callable[[], Features]) -> Features:
    """Features are computed off the event loop, so that the chat never waits for them."""
    return await asyncio.get_running_loop().run_in_executor(_COMPUTING, work)


async def _account(settings: Settings, stage: Stage, journal: SqlJournal) -> AccountState:
    """The account; the environment's mode holds unless the chat ever asked for another."""
    now = stage.clock.now()
    state = await journal.open_account(
        stage.account, stage.is_paper, settings.initial_capital, settings.trading_mode, now
    )
    asked = chat_changes(await journal.setting_changes(stage.account)).get("TRADING_MODE")
    wanted = Mode(asked) if asked is not None else settings.trading_mode
    if state.mode is wanted:
        return state
    await journal.set_mode(stage.account, wanted, "chat" if asked else "environment", now)
    return await journal.account_state(stage.account)


def _market(settings: Settings, stage: Stage) -> CcxtMarket:
    return CcxtMarket(
        settings.exchange,
        clock=stage.clock,
        url=settings.exchange_url,
        ws_url=settings.exchange_ws_url,
        quote_max_age_s=30.0 * stage.speed,
    )


def _venue(
    settings: Settings, stage: Stage, deposit: Decimal, market: CcxtMarket, journal: SqlJournal
) -> tuple[Venue, PriceFeed | None]:
    if not settings.use_paper_trading:
        return AbsentVenue(LIVE_UNBUILT), None
    prices = market.guarding()
    venue = SimVenue(stage.account, deposit, prices.quote, prices.instrument, stage.clock.now, journal)
    return venue, PriceFeed(venue, prices, stage.clock)


def _models(settings: Settings, journal: SqlJournal, stage: Stage) -> tuple[ModelAdviser, ...]:
    """Those with a key."""
    accesses = [_access(settings, name) for name in settings.advisers]
    limits = AdviserLimits(
        timeout_s=float(settings.ai_timeout_seconds),
        tries=settings.ai_max_retries,
        cache_s=float(settings.ai_cache_seconds),
    )
    return build_advisers(accesses, journal, stage.clock, limits)


def _panel(settings: Settings, models: tuple[ModelAdviser, ...]) -> tuple[Adviser, ...]:
    """With the rule-based adviser where it decides, or where nobody else is there."""
    if settings.decider is not Decider.RULES and models:
        return models
    return (*models, RulesAdviser(trade_terms(limits_of(settings))))


def _access(settings: Settings, name: str) -> AdviserAccess:
    values = {key: getattr(settings, f"{name}_{key}") for key in ("api_key", "model", "base_url")}
    return AdviserAccess(Provider(name), **values)


def _teller(journal: SqlJournal) -> Callable[[str, str], Awaitable[None]]:
    async def tell(key: str, text: str) -> None:
        await journal.tell([notices.system(key, text)])

    return tell


def _capital_warning(settings: Settings, initial: Decimal) -> list[str]:
    if settings.initial_capital == initial:
        return []
    return [
        f"INITIAL_CAPITAL is {settings.initial_capital}, but this account was opened with {initial}; "
        "what it was opened with holds"
    ]


def _teller_of_version(book: SettingsBook, stage: Stage) -> Callable[[], VersionView]:
    """Its uptime counts from now."""
    started = stage.clock.now()

    def version() -> VersionView:
        uptime = (stage.clock.now() - started).total_seconds()
        return VersionView(__version__, commit(), book.settings.fingerprint(), started, uptime)

    return version


@cache
def commit() -> str:
    """The checkout's commit, short; empty where there is none."""
    import subprocess

    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def _readiness(journal: SqlJournal, book: SettingsBook, stage: Stage, late: Late) -> ReadinessDesk:
    return ReadinessDesk(
        journal,
        book,
        stage.clock,
        late.doctor,
        stage.account,
        is_paper=stage.is_paper,
        is_demo=stage.is_demo,
        live_bar=LIVE_UNBUILT,
    )


def _vitals(
    journal: SqlJournal,
    stage: Stage,
    supervisor: Supervisor,
    database: AsyncDatabase,
    errors_today: Callable[[], int],
    late: Late,
    readiness: ReadinessDesk,
) -> Vitals:
    return Vitals(
        journal,
        stage.account,
        stage.clock,
        is_running=supervisor.is_running,
        is_unhealthy=late.is_unhealthy,
        errors_today=errors_today,
        lost_connections=lambda: int(database.health().more["lost_connections"]),
        note_risk=readiness.note_risk,
    )


def _health(
    supervisor: Supervisor,
    database: AsyncDatabase,
    market: CcxtMarket,
    board: StatusBoard,
    settings: Settings,
    late: Late,
) -> HealthBoard:
    looks = {
        "database": database.health,
        "exchange": market.health,
        "telegram": late.telegram_health,
        "ai_models": lambda: _ai_health(board, settings),
    }
    return HealthBoard(supervisor, looks)


def _ai_health(board: StatusBoard, settings: Settings) -> ComponentHealth:
    """Per adviser, from the newest answers; rules alone are no AI and never degraded."""
    if not settings.advisers:
        return ComponentHealth("unused", "no adviser has a key; the rule-based strategy decides")
    silent = board.silent_advisers
    state = "degraded" if silent else "ok"
    more = {name: silent.get(name, "ok") for name in board.adviser_names}
    return ComponentHealth(state, "; ".join(f"{k}: {v}" for k, v in silent.items()), more={"advisers": more})


def _backup(database: AsyncDatabase, stage: Stage) -> Callable[[], Awaitable[None]] | None:
    """Nightly, SQLite only: a PostgreSQL server has its own."""
    path = database.address.path
    if path is None:
        return None

    async def backup() -> None:
        from db.backup import back_up

        await asyncio.to_thread(back_up, path, stage.home / "backups", stage.clock.now().date())

    return backup


def web_server(parts: Parts, webhook: WebhookMount | None = None) -> WebServer:
    settings = parts.settings
    where = WebSettings(
        settings.http_host, settings.http_port, settings.http_token, settings.http_loopback_published
    )
    return WebServer(where, parts.desk, parts.health, parts.stage.clock, webhook)
