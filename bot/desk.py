"""The one door to the running bot: what a person sees and may ask for, over the trading core."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal

from bot.desk_leaving import Leaving
from bot.reports import Reports
from core.account_views import BalanceView, OrderView, SyncReport
from core.adviser_views import CostsView, ModelsView, ReplayView
from core.backtest_views import BacktestStep, BacktestView, BacktestWish, ComparisonView
from core.desk import (
    Analysis,
    ChartView,
    DoctorLine,
    ManualIdea,
    MetricsView,
    Period,
    PeriodView,
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
from core.errors import PerpilotError, UnknownSymbol
from core.journal import Approval, BreakerEvent, DecisionRecord
from core.market import coin
from core.opinion import Abstention, Opinion, Purpose
from core.plan import Plan, Reason, Refused
from core.trade import ClosedTrade
from core.trading import exit_opinion
from core.trading.manual import plan_idea
from core.trading.recording import decide_recorded
from core.trading.records import record_of

log = logging.getLogger("perpilot.desk")


class TradingDesk(Leaving):
    """Implements `core.desk.Desk`."""

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

    async def models(self) -> ModelsView:
        return await self._reach.models()

    async def costs(self) -> CostsView:
        return await self._reach.costs()

    async def replay(self, decision_id: str) -> ReplayView | None:
        return await self._reach.replay(decision_id)

    async def backtest(self, wish: BacktestWish, told: Callable[[BacktestStep], None]) -> BacktestView | None:
        return await self._reach.backtests.backtest(wish, told)

    async def what_if(
        self, name: str, text: str, run: str, told: Callable[[BacktestStep], None]
    ) -> ComparisonView | None:
        return await self._reach.backtests.what_if(name, text, run, told)

    def stop_backtest(self, run: str) -> bool:
        return self._reach.backtests.stop(run)

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
        circle, look = self._kernel.circle, self._kernel.keeper.look
        decision, tape = await decide_recorded(
            symbol, circle, look, rules, seed, heard=heard, purpose=Purpose.LOOK
        )
        await self._journal.record_decisions([record_of(decision, self._account, None, tape)], None)
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


def _told(reason: Reason) -> str:
    return f"{reason.text} (would be allowed by {reason.mend})" if reason.mend else reason.text
