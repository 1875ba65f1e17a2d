"""The composition root: the only module that knows every other. Heavy libraries are imported where used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

from bot import __version__
from bot.account_desk import AccountDesk
from bot.advice_desk import AdviceDesk
from bot.assembly_advice import PRICES_TOLD
from bot.assembly_backtest import backtest_desk
from bot.assembly_base import Base, close_base, open_base, teller
from bot.assembly_core import Core, build_core
from bot.assembly_live import LiveSide, exchange_health
from bot.assembly_mood import add_mood_loop
from bot.assembly_record import keep_record
from bot.assembly_replay import code_version, read_answer
from bot.assembly_streams import LiveStreams
from bot.book import SettingsBook
from bot.buttons import JournalButtons
from bot.console import status_text
from bot.desk import TradingDesk
from bot.desk_reach import Reach
from bot.health import HealthBoard
from bot.house import House, console_commands
from bot.instance import place_name
from bot.late import Late
from bot.loops import Passes, add_loops
from bot.profile_desk import ProfileDesk
from bot.readiness import ReadinessDesk
from bot.record_keeper import RecordKeeper
from bot.replay_desk import ReplayDesk
from bot.reports import Reports
from bot.risk_report import RiskReport
from bot.settings import Settings
from bot.stage import Stage
from bot.starts import Starts
from bot.status import StatusBoard
from bot.steering import Steering
from bot.supervisor import Supervisor
from bot.vitals import Vitals
from bot.watches import Watches
from bot.web.server import WebServer, WebSettings
from core.adapters.advisers.asking import ModelAdviser
from core.adapters.exchange.market import CcxtMarket
from core.adapters.exchange.venue import CcxtVenue
from core.desk import DoctorLine, Tap, VersionView
from core.journal import AccountState
from core.ports import ComponentHealth, Venue
from core.sim.feed import PriceFeed
from core.trading.clock_watch import ClockWatch
from core.trading.delisting import DelistingWatch
from core.trading.kernel import Kernel
from core.trading.outage_watch import OutageWatch
from core.trading.reconcile import LIVE_TOLERANCE, SIM_TOLERANCE, Reconciler
from db.journal import SqlJournal
from db.session import AsyncDatabase

WebhookMount = tuple[str, Callable[[web.Request], Awaitable[web.Response]]]
"""Path, and who answers it."""

log = logging.getLogger("perpilot.assembly")


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
    live: LiveSide | None
    """None on paper, as are its streams."""
    streams: LiveStreams | None
    models: tuple[ModelAdviser, ...]
    kernel: Kernel
    book: SettingsBook
    supervisor: Supervisor
    board: StatusBoard
    desk: TradingDesk
    house: House
    starts: Starts
    watches: Watches
    health: HealthBoard
    buttons: JournalButtons
    late: Late


async def compose(settings: Settings, stage: Stage, errors_today: Callable[[], int]) -> Parts:
    """Builds every part; nothing runs yet. Raises `PerpilotError` with the mend."""
    base, left_out = await open_base(settings, stage)
    try:
        return await _compose(base, left_out, errors_today)
    except BaseException:
        await close_base(base)
        raise


async def _compose(base: Base, left_out: list[str], errors_today: Callable[[], int]) -> Parts:
    settings, stage, journal, market, live = base.settings, base.stage, base.journal, base.market, base.live
    core = await build_core(base)
    kernel, book, late = core.kernel, core.book, Late()
    supervisor = Supervisor(stage.clock, kernel.gate, teller(journal))
    board = StatusBoard(kernel, book, supervisor, stage.clock, core.state, stage.venue_name, core.advisers)
    board.warnings = (*settings.warnings, *left_out, *_capital_warning(settings, core.state))
    streams = _streams(base, late, book)
    readiness = _readiness(base, core, late)
    starts = Starts(journal, stage.clock, kernel.gate)
    record = keep_record(base, book, supervisor)
    desk = _desk(base, core, board, readiness, late, starts, record)
    vitals = _vitals(journal, stage, supervisor, base.database, errors_today, late, readiness)
    house = House(
        journal,
        desk.reports,
        kernel.keeper,
        kernel.gate,
        stage.clock,
        place_name(),
        vitals,
        console_commands(desk, lambda: status_text(desk)),
        _backup(base.database, stage),
    )
    parts = Parts(
        settings=settings,
        stage=stage,
        database=base.database,
        journal=journal,
        market=market,
        venue=core.venue,
        feed=core.feed,
        live=live,
        streams=streams,
        models=core.models,
        kernel=kernel,
        book=book,
        supervisor=supervisor,
        board=board,
        desk=desk,
        house=house,
        starts=starts,
        watches=_watches(base, core, starts),
        health=_health(supervisor, base, board, late, streams),
        buttons=JournalButtons(journal, stage.clock, stage.speed),
        late=late,
    )
    _connect(parts)
    if core.moods is not None:
        board.unheard = core.moods.missing
        add_mood_loop(supervisor, core.moods, stage.speed)
    return parts


def _desk(
    base: Base,
    core: Core,
    board: StatusBoard,
    readiness: ReadinessDesk,
    late: Late,
    starts: Starts,
    record: RecordKeeper,
) -> TradingDesk:
    kernel, book, clock, live = core.kernel, core.book, base.stage.clock, base.live
    again = ReplayDesk(base.journal, read_answer, code_version())
    advice = AdviceDesk(base.journal, clock, base.stage.account, book, PRICES_TOLD, record, again)
    reach = Reach(
        reports=Reports(base.journal, base.market, clock, base.stage.account),
        board=board,
        book=book,
        doctor=late.doctor,
        version=_teller_of_version(book, base.stage),
        wake=late.wake,
        steering=Steering(kernel, core.venue, base.market.guarding(), lambda: book.rules().limits),
        risk=RiskReport(kernel, board, book, clock),
        readiness=readiness,
        account=AccountDesk(kernel, core.venue, base.journal, clock),
        mend_account=live.mend_account if live is not None else _nothing_to_mend,
        forgive=starts.forgive,
        models=advice.models,
        costs=advice.costs,
        replay=advice.replay,
        profiles=ProfileDesk(book, base.journal, base.stage.account),
        backtests=backtest_desk(base, core),
    )
    return TradingDesk(kernel, base.journal, clock, reach, base.stage.account)


def _watches(base: Base, core: Core, starts: Starts) -> Watches:
    journal, clock, live, market = base.journal, base.stage.clock, base.live, base.market
    exchange: dict[str, CcxtMarket | CcxtVenue] = {"market": market}
    if live is not None:
        exchange["account"] = live.venue
    tolerance = LIVE_TOLERANCE if live is not None else SIM_TOLERANCE
    return Watches(
        core.kernel.gate,
        core.kernel.keeper,
        OutageWatch(exchange, journal, clock),
        DelistingWatch(market.guarding(), core.kernel.guard.close, journal, clock),
        Reconciler(journal, clock, base.stage.account, tolerance),
        starts,
        ClockWatch(exchange, journal, clock) if live is not None else None,
        live.keep_watch if live is not None else None,
    )


def _connect(parts: Parts) -> None:
    """What calls parts that were built after it, and the loops."""
    late, streams = parts.late, parts.streams
    hold = streams.hold if streams is not None else lambda rows: None
    clock = parts.stage.clock if parts.live is not None else None
    passes = Passes(
        parts.kernel,
        parts.desk,
        parts.board,
        parts.journal,
        parts.stage.account,
        late,
        hold,
        clock,
        lambda: parts.market.budget.used / parts.market.budget.limit,
    )
    late.parts, late.hint = parts, passes.hint
    late.examine = lambda: examine_running(parts)
    add_loops(parts.supervisor, passes, parts.house, parts.book, parts.feed, parts.stage.speed, parts.watches)


async def examine_running(parts: Parts) -> tuple[DoctorLine, ...]:
    from bot.checkup import examine_running as examine

    return await examine(parts)


def _streams(base: Base, late: Late, book: SettingsBook) -> LiveStreams | None:
    """What hints at a look; the venue tells it of every order that it took."""
    if base.live is None:
        return None
    streams = LiveStreams(
        base.live.access,
        base.market.budget,
        base.stage.clock,
        late.look_at_stops,
        lambda: late.wake("guard"),
        lambda: book.rules().limits,
    )
    base.live.venue.on_sending = streams.sending
    return streams


async def _nothing_to_mend(by: str) -> Tap:
    return Tap(False, "A paper account has no modes to set.")


def _capital_warning(settings: Settings, state: AccountState) -> list[str]:
    """Live, it is only where the cap begins."""
    if not state.is_paper or settings.initial_capital == state.initial_capital:
        return []
    return [
        f"INITIAL_CAPITAL is {settings.initial_capital}, but this account was opened with "
        f"{state.initial_capital}; what it was opened with holds"
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


def _readiness(base: Base, core: Core, late: Late) -> ReadinessDesk:
    stage, live = base.stage, base.live
    return ReadinessDesk(
        base.journal,
        core.book,
        stage.clock,
        late.doctor,
        stage.account,
        is_paper=stage.is_paper,
        is_demo=stage.is_demo,
        live=core.arming,
        never=live.never if live is not None else tuple,
        on_armed=lambda made: live.judge() if live is not None else None,
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
    supervisor: Supervisor, base: Base, board: StatusBoard, late: Late, streams: LiveStreams | None
) -> HealthBoard:
    looks = {
        "database": base.database.health,
        "exchange": lambda: exchange_health(base.market, base.live, streams),
        "telegram": late.telegram_health,
        "ai_models": lambda: _ai_health(board, base.settings),
    }
    return HealthBoard(supervisor, looks)


def _ai_health(board: StatusBoard, settings: Settings) -> ComponentHealth:
    """Per adviser, from the newest answers; rules and strategies alone are no AI and never degraded."""
    if not settings.advisers:
        who = (
            "strategies decide" if settings.strategies_in_use.is_alone else "the rule-based strategy decides"
        )
        return ComponentHealth("unused", f"no adviser has a key; {who}")
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
