"""The one door to the running bot: what a person sees and may ask for, over the trading core."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.account_desk import AccountDesk
from bot.book import SettingsBook
from bot.owner_line import TOKEN_GATE
from bot.readiness import ReadinessDesk
from bot.reports import ReportJournal, Reports
from bot.risk_report import RiskReport
from bot.status import StatusBoard
from bot.steering import Steering
from core.account_views import BalanceView, OrderView, SyncReport
from core.desk import (
    Analysis,
    ChartView,
    CloseEstimate,
    DoctorLine,
    ForeignView,
    ManualIdea,
    MetricsView,
    Period,
    PeriodView,
    ProposedChange,
    ReadinessView,
    RiskView,
    ScanProgress,
    ScanReport,
    SettingView,
    StatusView,
    StopMove,
    StopProposal,
    Tap,
    VersionView,
)
from core.errors import NotAllowed, PerpilotError, UnknownSymbol
from core.journal import Approval, BreakerEvent, DecisionRecord, Mode, SettingChange
from core.market import coin
from core.money import floor_to
from core.opinion import Abstention, Opinion
from core.plan import Plan, Reason, Refused
from core.ports import Clock
from core.risk import breakers
from core.risk.margin import profit
from core.trade import ClosedTrade, ExitReason, Trade
from core.trading import exit_opinion, notices
from core.trading.decide import decide
from core.trading.kernel import Kernel
from core.trading.manual import plan_idea
from core.trading.scanner import record_of

log = logging.getLogger("perpilot.desk")

MAX_NOTE = 1_000
MAX_REASON = 200
"""Characters of one journal note."""
PAUSE_FIRST_S = 1.0
"""Longest that a panic's closing waits for the pause to be recorded: a locked database holds up nothing."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What the desk calls that is not the trading core."""

    reports: Reports
    board: StatusBoard
    book: SettingsBook
    doctor: Callable[[], Awaitable[tuple[DoctorLine, ...]]]
    version: Callable[[], VersionView]
    wake: Callable[[str], None]
    """Lets a loop (`guard`, `outbox`) run now."""
    steering: Steering
    risk: RiskReport
    readiness: ReadinessDesk
    account: AccountDesk
    mend_account: Callable[[str], Awaitable[Tap]]
    forgive: Callable[[], Awaitable[None]]
    """A person has seen that the bot crashed in a loop."""


class TradingDesk:
    """Implements `core.desk.Desk`."""

    def __init__(
        self, kernel: Kernel, journal: ReportJournal, clock: Clock, reach: Reach, account: str
    ) -> None:
        self._kernel = kernel
        self._journal = journal
        self._clock = clock
        self._reach = reach
        self._account = account

    @property
    def reports(self) -> Reports:
        return self._reach.reports

    # ------------------------------------------------------------ looking

    def status(self) -> StatusView:
        return self._reach.board.view()

    async def metrics(self) -> MetricsView:
        view = await self._reach.reports.metrics()
        return replace(view, success=await self._reach.readiness.success())

    async def period(self, period: Period) -> PeriodView:
        return await self._reach.reports.period(period)

    async def history(self, limit: int) -> tuple[ClosedTrade, ...]:
        return await self._reach.reports.history(limit)

    async def export_csv(self) -> tuple[str, bytes]:
        return await self._reach.reports.export_csv()

    async def last_scan(self) -> ScanReport | None:
        found = await self._journal.last_scan(self._account)
        return ScanReport(*found, await self._reach.reports.gates()) if found else None

    async def why(self, symbol: str) -> DecisionRecord | None:
        """Of an open trade the newest exit opinion: a scan only says that its place is taken."""
        held = next((trade for trade, _, _ in self._reach.board.rows if trade.symbol == symbol), None)
        judged = await self._journal.last_decision(self._account, symbol, exit_opinion.GATE) if held else None
        if held is not None and judged is not None and judged.at >= held.created_at:
            return judged
        return await self._journal.last_decision(self._account, symbol)

    async def chart(self, symbol: str, timeframe: str) -> ChartView:
        for trade, position, _ in self._reach.board.rows:
            if trade.symbol == symbol:
                return await self._reach.reports.chart(symbol, timeframe, trade, position)
        return await self._reach.reports.chart(symbol, timeframe, None, None)

    async def plan_chart(self, plan: Plan) -> ChartView:
        return await self._reach.reports.plan_chart(plan)

    async def breaker_history(self, limit: int) -> tuple[BreakerEvent, ...]:
        return await self._journal.breaker_events(self._account, limit)

    async def risk(self) -> RiskView:
        return await self._reach.risk.view()

    async def readiness(self) -> ReadinessView:
        return await self._reach.readiness.view()

    async def orders(self) -> tuple[OrderView, ...]:
        return await self._reach.account.orders()

    async def balance(self) -> BalanceView:
        return await self._reach.account.balance()

    async def sync(self, by: str) -> SyncReport:
        report = await self._reach.account.sync(by)
        self._reach.wake("guard")
        self._reach.wake("outbox")
        return report

    async def mend_account(self, by: str) -> Tap:
        return await self._reach.mend_account(by)

    async def approval(self, approval_id: str) -> Approval | None:
        return await self._journal.approval(approval_id)

    async def doctor(self) -> tuple[DoctorLine, ...]:
        return await self._reach.doctor()

    def version(self) -> VersionView:
        return self._reach.version()

    def settings(self) -> tuple[SettingView, ...]:
        return self._reach.book.views()

    # ------------------------------------------------------------ ideas

    async def scan_now(
        self, by: str, progress: Callable[[ScanProgress], Awaitable[None]] | None = None
    ) -> ScanReport:
        async def passed(done: int, total: int, symbol: str, gate: str) -> None:
            if progress is not None:
                await progress(ScanProgress(done, total, symbol, gate))

        async with self._reach.board.scanning():
            scan = await self._kernel.engine.scan(passed)
        self._reach.board.note_scan(scan)
        self._reach.wake("guard")
        self._reach.wake("outbox")
        found = await self._journal.last_scan(self._account)
        return ScanReport(*found) if found else ScanReport(scan.record, ())

    async def analyze(
        self, symbol: str, heard: Callable[[Opinion | Abstention], Awaitable[None]] | None = None
    ) -> Analysis:
        seed = f"analyze:{self._clock.now().isoformat()}"
        rules = self._reach.book.rules()
        decision = await decide(
            symbol, self._kernel.circle, self._kernel.keeper.look, rules, seed, heard=heard
        )
        await self._journal.record_decisions([record_of(decision, self._account, None)], None)
        verdict = decision.verdict
        try:
            candles = (await self._reach.reports.chart(symbol, "1h", None, None)).candles
        except PerpilotError:
            candles = None
        return Analysis(
            decision=decision,
            opinions=verdict.opinions if verdict else (),
            abstentions=verdict.abstentions if verdict else (),
            candles=candles,
        )

    async def propose_idea(self, idea: ManualIdea, by: str) -> Tap:
        self._refuse_more_risk()
        async with self._kernel.executor.entering:  # two cards must not take one place
            tap = await self._propose_idea(idea, by)
        self._reach.wake("outbox")
        return tap

    async def _propose_idea(self, idea: ManualIdea, by: str) -> Tap:
        seed = f"{by}:{self._clock.now().isoformat()}"
        try:
            account = await self._kernel.keeper.look()
            found = await plan_idea(idea, self._kernel.circle, account, self._reach.book.rules(), seed)
        except UnknownSymbol:
            raise
        except PerpilotError as error:
            return Tap(
                False, "No card: the market cannot be read right now, so nothing is proposed.", (str(error),)
            )
        if isinstance(found, Reason):
            return Tap(False, f"No card: {found.text}.")
        if isinstance(found, Refused):
            return Tap(False, "No card: the checks refuse it.", tuple(_told(r) for r in found.reasons))
        lifetime = self._reach.book.settings.approval_timeout_seconds
        if not await self._kernel.approvals.propose(found, lifetime):
            return Tap(False, f"No card: {coin(idea.symbol)} already has an open one.")
        return Tap(True, f"A card for {idea.side} {coin(idea.symbol)} follows.")

    async def approve(self, approval_id: str, share: Decimal, by: str) -> Tap:
        self._refuse_more_risk()
        book = self._reach.book
        lifetime = book.settings.approval_timeout_seconds
        tap = await self._kernel.approvals.approve(approval_id, share, book.rules().limits, by, lifetime)
        log.info("card answered: id=%s share=%s by=%s done=%s", approval_id, share, by, tap.is_done)
        self._reach.wake("guard")
        self._reach.wake("outbox")
        return tap

    async def reject(self, approval_id: str, by: str) -> Tap:
        tap = await self._kernel.approvals.reject(approval_id, by)
        self._reach.wake("outbox")
        self._reach.wake("shadows")
        return tap

    # ------------------------------------------------------------ leaving

    async def close_estimate(self, symbol: str, share: Decimal) -> CloseEstimate | None:
        for trade, position, _ in self._reach.board.rows:
            if trade.symbol == symbol and position is not None:
                try:
                    quote = await self._kernel.circle.market.quote(symbol)
                    instrument = await self._kernel.circle.market.instrument(symbol)
                except PerpilotError:
                    return None  # closing must be possible without a price
                price = quote.taking(position.side.opposite)
                quantity = (
                    position.quantity if share == 1 else floor_to(position.quantity * share, instrument.lot)
                )
                return CloseEstimate(
                    symbol=symbol,
                    share=share,
                    quantity=quantity,
                    price=price,
                    pnl=profit(position.side, quantity, position.entry, price),
                    fee=quantity * price * instrument.taker_fee,
                )
        return None

    async def close(self, symbol: str, share: Decimal, by: str) -> Tap:
        trades = [t for t in await self._open_trades() if t.symbol == symbol]
        if not trades:
            return Tap(False, f"There is no open position in {coin(symbol)}.")
        return await self._close(trades, ExitReason.OWNER, share, by)

    async def close_all(self, by: str) -> Tap:
        trades = await self._open_trades()
        if not trades:
            return Tap(False, "There is no open position.")
        return await self._close(trades, ExitReason.OWNER, Decimal(1), by)

    async def panic(self, by: str) -> Tap:
        """The gate first, then the pause, the closing and the rest: no part needs another to succeed.

        The pause is in the journal before any exit is: a process that dies here never closes in panic and
        then trades on. Closing waits for it no longer than `PAUSE_FIRST_S`.
        """
        self._kernel.gate.close("pause", f"paused by {by}")
        pausing = asyncio.ensure_future(self.pause(by))
        await asyncio.wait({pausing}, timeout=PAUSE_FIRST_S)
        troubles: list[str] = []
        try:
            tap = await self._close_for_panic(by)
        finally:  # an error nobody foresaw must not leave the rest undone either
            troubles += await _trouble(pausing)
            troubles += await _trouble(self._kernel.approvals.drop_all(by, "panic"))
        return Tap(tap.is_done, f"Paused. {tap.text}", (*tap.reasons, *self._left_open(), *troubles))

    def _left_open(self) -> tuple[str, ...]:
        names = ", ".join(coin(view.symbol) for view in self.foreign())
        return (f"not mine, so it stays open: {names}; /positions closes it",) if names else ()

    async def _close_for_panic(self, by: str) -> Tap:
        try:
            trades = await self._open_trades()
        except PerpilotError as error:
            return Tap(False, "What is open could not be read, so nothing was closed yet.", (str(error),))
        if not trades:
            return Tap(
                True,
                "There was no open position of mine." if self.foreign() else "There was no open position.",
            )
        return await self._close(trades, ExitReason.PANIC, Decimal(1), by)

    async def _close(self, trades: list[Trade], reason: ExitReason, share: Decimal, by: str) -> Tap:
        unfinished = await self._kernel.guard.close(trades, reason, share, by)
        if not unfinished and share >= 1:
            self._reach.board.forget({trade.id for trade in trades})
        self._reach.wake("guard")
        self._reach.wake("outbox")
        names = ", ".join(coin(trade.symbol) for trade in trades)
        if unfinished:
            text = f"Closing {names} was begun and is being repeated until it is done."
            return Tap(True, text, tuple(unfinished))
        return Tap(True, f"Closed {names}." if share >= 1 else f"Closed {share:.0%} of {names}.")

    # ------------------------------------------------------------ what is not ours

    def foreign(self) -> tuple[ForeignView, ...]:
        return self._kernel.adopter.views

    async def adopt(self, symbol: str, by: str) -> Tap:
        return self._took_over(await self._kernel.adopter.adopt(symbol, by))

    async def close_foreign(self, symbol: str, by: str) -> Tap:
        return self._took_over(await self._kernel.adopter.close(symbol, by))

    async def ignore_foreign(self, symbol: str, by: str) -> Tap:
        return self._took_over(await self._kernel.adopter.ignore(symbol, by))

    def _took_over(self, tap: Tap) -> Tap:
        self._reach.wake("guard")
        self._reach.wake("outbox")
        return tap

    # ------------------------------------------------------------ steering

    async def stop_proposal(self, symbol: str, move: StopMove, price: Decimal | None) -> StopProposal | None:
        return await self._reach.steering.proposal(symbol, move, price)

    async def move_stop(self, symbol: str, price: Decimal, by: str, *, may_loosen: bool) -> Tap:
        if may_loosen:
            self._refuse_more_risk()
        tap = await self._reach.steering.move(symbol, price, by, may_loosen=may_loosen)
        self._reach.wake("guard")
        self._reach.wake("outbox")
        return tap

    async def go_live(self, sentence: str, cap: Decimal | None, by: str) -> Tap:
        self._refuse_more_risk()
        tap = await self._reach.readiness.go_live(sentence, cap, by)
        self._reach.wake("outbox")
        return tap

    def _refuse_more_risk(self) -> None:
        """Raises `NotAllowed` while somebody else may be giving or reading the owner's commands."""
        if why := self._kernel.gate.reason(TOKEN_GATE):
            raise NotAllowed(f"Not now: {why}. Until it is gone for 5 minutes only less risk is taken on.")

    async def _open_trades(self) -> list[Trade]:
        return list(await self._kernel.keeper.open_trades())

    # ------------------------------------------------------------ switches

    async def pause(self, by: str) -> Tap:
        self._kernel.gate.close("pause", f"paused by {by}")
        log.info("paused: by=%s", by)
        now = self._clock.now()
        state = await self._journal.account_state(self._account)
        if state.is_paused:
            return Tap(True, "Already paused. Open positions stay guarded.")
        text = f"Paused by {by}: no new entries; open positions stay guarded."
        told = [notices.system(f"pause:{now.isoformat()}", text)]
        await self._journal.set_paused(self._account, True, by, now, told)
        return Tap(True, "Paused: no new entries. Open positions stay guarded.")

    async def resume(self, by: str) -> Tap:
        self._refuse_more_risk()
        now = self._clock.now()
        state = await self._journal.account_state(self._account)
        if state.is_paused:
            told = [notices.system(f"resume:{now.isoformat()}", f"Resumed by {by}.")]
            await self._journal.set_paused(self._account, False, by, now, told)
        self._kernel.gate.open("pause")
        await self._reach.forgive()
        was_lost = await self._kernel.adopter.confirm(by)
        note = "What the journal lost is taken as looked at. " if was_lost else ""
        self._reach.wake("scanner")
        if barring := self._barring():
            return Tap(True, f"{note}Not paused any more, but entries stay closed: {barring}.")
        return Tap(True, f"{note}Running: entries are possible again.")

    def _barring(self) -> str:
        """Why nothing may be entered now: closed gates, then open breakers. Empty when something may."""
        titles = ", ".join(breakers.title_of(event.name) for event in self._kernel.keeper.open_events)
        reasons = (self._kernel.gate.text, f"circuit breaker open: {titles}" if titles else "")
        return "; ".join(reason for reason in reasons if reason)

    async def set_mode(self, mode: Mode, by: str) -> Tap:
        now = self._clock.now()
        state = await self._journal.account_state(self._account)
        if state.mode is mode:
            return Tap(True, f"The mode is {mode} already.")
        if mode.rank > state.mode.rank:
            self._refuse_more_risk()
        told = [notices.system(f"mode:{now.isoformat()}", f"Mode {state.mode} → {mode} by {by}.")]
        change = SettingChange("TRADING_MODE", state.mode.value, mode.value, by, now)
        await self._journal.record_setting(self._account, change)  # first: a start takes up what was asked
        await self._journal.set_mode(self._account, mode, by, now, told)
        self._reach.board.mode = mode
        log.info("mode changed: old=%s new=%s by=%s", state.mode.value, mode.value, by)
        if mode is not Mode.SEMI_AUTO:
            await self._kernel.approvals.drop_all(by, f"the mode is {mode} now")
        course = await self._reach.book.course()
        if mode is Mode.AUTO and course.auto_barred:
            return Tap(True, f"The mode is auto now, but it will not trade: {course.auto_barred}.")
        return Tap(True, f"The mode is {mode} now.")

    async def acknowledge(self, breaker: str, by: str, reason: str) -> Tap:
        name, reason = breakers.named(breaker), reason.strip()
        if name is None:
            return Tap(False, f"There is no breaker {breaker[:40]!r}.")
        if not 0 < len(reason) <= MAX_REASON:
            return Tap(False, f"A reason has 1 to {MAX_REASON} characters.")
        self._refuse_more_risk()
        title = breakers.title_of(name)
        if not await self._kernel.keeper.acknowledge(name, by, reason):
            return Tap(False, f"The breaker {title} is not tripped.")
        self._reach.wake("outbox")
        if name == breakers.DAILY_LOSS:
            text = "acknowledged; what is left of the day's limit still bounds every new trade"
            return Tap(True, f"The breaker {title} is {text}.")
        if barring := self._barring():
            return Tap(True, f"The breaker {title} is acknowledged, but entries stay closed: {barring}.")
        return Tap(True, f"The breaker {title} is acknowledged; entries are possible again.")

    def propose_setting(self, name: str, text: str) -> ProposedChange:
        account = self._kernel.keeper.last_account
        return self._reach.book.propose(name, text, account.sizing_equity if account else None)

    async def change_setting(self, name: str, text: str, by: str) -> Tap:
        if self._reach.book.propose(name, text, None).raises_risk:
            self._refuse_more_risk()
        change = await self._reach.book.change(name, text, by)
        if change.refusal:
            return Tap(False, change.refusal)
        log.info("setting changed: name=%s old=%s new=%s by=%s", change.name, change.old, change.new, by)
        with contextlib.suppress(PerpilotError):  # the house asks again within the minute
            await self._reach.readiness.note_risk()
        return Tap(True, f"{change.name}: {change.old} → {change.new}.")

    async def add_note(self, trade_id: str, text: str, by: str) -> Tap:
        text = text.strip()
        if not 0 < len(text) <= MAX_NOTE:
            return Tap(False, f"A note has 1 to {MAX_NOTE} characters.")
        if not await self._journal.add_note(self._account, trade_id, text, by, self._clock.now()):
            return Tap(False, "There is no trade with this id; /history shows them.")
        return Tap(True, "Noted.")


async def _trouble(part: Awaitable[object]) -> list[str]:
    """What keeps one part of a panic from being recorded; empty when nothing does."""
    try:
        await part
    except PerpilotError as error:
        return [f"not recorded: {error}"]
    return []


def _told(reason: Reason) -> str:
    return f"{reason.text} (would be allowed by {reason.mend})" if reason.mend else reason.text
