"""Fakes at the ports of the chat: a desk that remembers what it was asked, buttons, a journal, charts."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.cards_models import Panel
from core.adviser_views import CostsView, ModelsView, ReplayView
from core.backtest_views import BacktestStep, BacktestView, BacktestWish, ComparisonView
from core.desk import (
    Analysis,
    Bar,
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
from core.errors import PerpilotError, UnknownSymbol
from core.growth import CurvePoint
from core.journal import (
    Approval,
    ApprovalState,
    BreakerEvent,
    Button,
    ButtonFate,
    DecisionRecord,
    Mode,
    PendingNotice,
)
from core.market import Candles
from core.notice import Notice
from core.opinion import Abstention, Opinion
from core.plan import Plan
from core.profile_views import ProfileRow, ProfileView
from core.trade import ClosedTrade
from tests.handlers import samples

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060"
    "00000005000165e8bb3c0000000049454e44ae426082"
)


class TestClock:
    """Now is fixed until it is moved; waiting is real and short."""

    __test__ = False

    def __init__(self, now: datetime | None = None) -> None:
        self.at = now or datetime.now(UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class FakeDesk:
    """`asked` lists every call that changes something, with who asked."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC)
        self.view = replace(samples.status(), at=self.now)
        self.asked: list[tuple[object, ...]] = []
        self.approvals: dict[str, Approval] = {}
        self.failure: Exception | None = None
        self.pace_s = 0.0
        self.analyses_ended: list[str] = []
        """How each analysis ended: done or cancelled."""
        self.releases: list[asyncio.Event] = []
        self.stop = Decimal("63955.4")
        self.stop_refusal = ""
        self.risk_view = samples.risk_view()
        self.readiness_view = samples.readiness_view()
        self.models_view = ModelsView()
        self.replayed: ReplayView | None = None
        self.replays: tuple[str, ...] = ()
        self.backtest_run = ""
        self.backtest_stop = asyncio.Event()
        self.backtests_ended = 0
        self.backtest_tells_every_s = 0.0
        """0: one step is all that is told."""
        self.refusal: Tap | None = None
        """What every change answers instead of being done."""

    def _did(self, *what: object) -> Tap:
        if self.failure is not None:
            raise self.failure
        if self.refusal is not None:
            return self.refusal
        self.asked.append(what)
        return Tap(True, f"Done: {what[0]}.")

    def _must_know(self, symbol: str) -> None:
        if symbol not in self.view.symbols:
            raise UnknownSymbol(f"The exchange lists no perpetual {symbol}.")

    def status(self) -> StatusView:
        return self.view

    async def metrics(self) -> MetricsView:
        return samples.metrics()

    async def models(self) -> ModelsView:
        return self.models_view

    async def period(self, period: Period) -> PeriodView:
        return samples.period(period)

    async def history(self, limit: int) -> tuple[ClosedTrade, ...]:
        return (samples.closed_trade("t2", "-3.40"), samples.closed_trade("t1", note="a <b>note"))[:limit]

    async def export_csv(self) -> tuple[str, bytes]:
        return "perpilot-trades.csv", b"id,net_pnl\nt1,2.10\n"

    async def add_note(self, trade_id: str, text: str, by: str) -> Tap:
        if trade_id != "t1":
            return Tap(False, f"There is no trade {trade_id}.")
        return self._did("note", trade_id, text, by)

    async def scan_now(
        self, by: str, progress: Callable[[ScanProgress], Awaitable[None]] | None = None
    ) -> ScanReport:
        self._did("scan", by)
        for at, symbol in enumerate(self.view.symbols, start=1):
            await asyncio.sleep(self.pace_s)
            if progress is not None:
                await progress(ScanProgress(at, len(self.view.symbols), symbol, "flags"))
        return samples.scan_report()

    async def last_scan(self) -> ScanReport | None:
        return samples.scan_report()

    async def why(self, symbol: str) -> DecisionRecord | None:
        return samples.decision_record(symbol) if symbol in self.view.symbols else None

    async def analyze(
        self, symbol: str, heard: Callable[[Opinion | Abstention], Awaitable[None]] | None = None
    ) -> Analysis:
        self._must_know(symbol)
        analysis = samples.analysis(symbol)
        self.analyses_ended.append("cancelled")
        for answer in (*analysis.opinions, *analysis.abstentions):
            await asyncio.sleep(self.pace_s)
            if heard is not None:
                await heard(answer)
        self.analyses_ended[-1] = "done"
        return analysis

    async def chart(self, symbol: str, timeframe: str) -> ChartView:
        self._must_know(symbol)
        return samples.chart_view()

    async def plan_chart(self, plan: Plan) -> ChartView:
        return samples.chart_view()

    async def approval(self, approval_id: str) -> Approval | None:
        return self.approvals.get(approval_id)

    async def approve(self, approval_id: str, share: Decimal, by: str) -> Tap:
        tap = self._did("approve", approval_id, share, by)
        self._settle(approval_id, ApprovalState.APPROVED, by)
        return tap

    async def reject(self, approval_id: str, by: str) -> Tap:
        tap = self._did("reject", approval_id, by)
        self._settle(approval_id, ApprovalState.REJECTED, by)
        return tap

    def _settle(self, approval_id: str, state: ApprovalState, by: str) -> None:
        known = self.approvals[approval_id]
        self.approvals[approval_id] = replace(known, state=state, settled_at=self.now, settled_by=by)

    async def propose_idea(self, idea: ManualIdea, by: str) -> Tap:
        return self._did("idea", idea, by)

    async def close_estimate(self, symbol: str, share: Decimal) -> CloseEstimate | None:
        if symbol not in {one.symbol for one in self.view.positions}:
            return None
        quantity = Decimal("0.001") * share
        return CloseEstimate(symbol, share, quantity, Decimal(68000), Decimal("0.67"), Decimal("0.04"))

    async def close(self, symbol: str, share: Decimal, by: str) -> Tap:
        return self._did("close", symbol, share, by)

    async def close_all(self, by: str) -> Tap:
        return self._did("close_all", by)

    async def panic(self, by: str) -> Tap:
        return self._did("panic", by)

    def foreign(self) -> tuple[ForeignView, ...]:
        return self.view.foreign

    async def adopt(self, symbol: str, by: str) -> Tap:
        return self._did("adopt", symbol, by)

    async def close_foreign(self, symbol: str, by: str) -> Tap:
        return self._did("close_foreign", symbol, by)

    async def ignore_foreign(self, symbol: str, by: str) -> Tap:
        return self._did("ignore_foreign", symbol, by)

    async def pause(self, by: str) -> Tap:
        return self._did("pause", by)

    async def resume(self, by: str) -> Tap:
        return self._did("resume", by)

    async def set_mode(self, mode: Mode, by: str) -> Tap:
        return self._did("mode", mode, by)

    async def breaker_history(self, limit: int) -> tuple[BreakerEvent, ...]:
        return (samples.breaker_event(),)

    async def acknowledge(self, breaker: str, by: str, reason: str) -> Tap:
        return self._did("acknowledge", breaker, by, reason)

    async def risk(self) -> RiskView:
        return replace(self.risk_view, at=self.now)

    async def costs(self) -> CostsView:
        return replace(samples.costs(), at=self.now)

    async def replay(self, decision_id: str) -> ReplayView | None:
        self.replays = (*self.replays, decision_id)
        return self.replayed

    async def readiness(self) -> ReadinessView:
        return replace(self.readiness_view, at=self.now)

    async def go_live(self, sentence: str, cap: Decimal | None, by: str) -> Tap:
        return self._did("go_live", sentence, cap, by)

    async def stop_proposal(self, symbol: str, move: StopMove, price: Decimal | None) -> StopProposal | None:
        """Of a long of 0.001 from 67,321.5 whose stop is at `stop`, costs left out."""
        if symbol not in {one.symbol for one in self.view.positions}:
            return None
        steps = {StopMove.BREAK_EVEN: "67400", StopMove.TIGHTEN: "65977.7", StopMove.LOOSEN: "63143"}
        new = price if price is not None else Decimal(steps[move])
        before, after = ((Decimal("67321.5") - at) / 1000 for at in (self.stop, new))
        return StopProposal(symbol, move, self.stop, new, before, after, self.stop_refusal)

    async def move_stop(self, symbol: str, price: Decimal, by: str, *, may_loosen: bool) -> Tap:
        return self._did("move_stop", symbol, price, by, may_loosen)

    def settings(self) -> tuple[SettingView, ...]:
        return samples.settings_views()

    def propose_setting(self, name: str, text: str) -> ProposedChange:
        if not text.isdigit() or int(text) > 10:
            refusal = f"{name} must be 1 to 10, not {text[:20]}."
            return ProposedChange(name, "5", text, "", raises_risk=False, refusal=refusal)
        effect, is_played = "Worst case 2.00 → 1.20 USDT", name == "MAX_LEVERAGE"
        return ProposedChange(name, "5", text, effect, raises_risk=int(text) > 5, is_played=is_played)

    async def change_setting(self, name: str, text: str, by: str) -> Tap:
        return self._did("setting", name, text, by)

    async def backtest(self, wish: BacktestWish, told: Callable[[BacktestStep], None]) -> BacktestView | None:
        self._did("backtest", wish.symbol, wish.days, wish.strategy)
        return None if await self._stopped(wish.run, told) else samples.backtest_view(PNG)

    async def what_if(
        self, name: str, text: str, run: str, told: Callable[[BacktestStep], None]
    ) -> ComparisonView | None:
        self._did("what_if", name, text)
        return None if await self._stopped(run, told) else samples.comparison_view(PNG, new_value=text)

    def stop_backtest(self, run: str) -> bool:
        is_it = run == self.backtest_run
        if is_it:
            self.backtest_stop.set()
        return is_it

    async def _stopped(self, run: str, told: Callable[[BacktestStep], None]) -> bool:
        """Plays for `pace_s`; True when it was stopped before."""
        self.backtest_run = run
        self.backtest_stop.clear()
        told(BacktestStep("random runs", 250, 1_000))
        if self.backtest_tells_every_s > 0:
            for done in range(251, 251 + int(self.pace_s / self.backtest_tells_every_s)):
                await asyncio.sleep(self.backtest_tells_every_s)
                told(BacktestStep("random runs", done, 1_000))
            return False
        try:
            await asyncio.wait_for(self.backtest_stop.wait(), self.pace_s)
        except TimeoutError:
            return False
        finally:
            self.backtest_run = ""
            self.backtests_ended += 1
        return True

    async def profiles(self) -> tuple[ProfileRow, ...]:
        return samples.profile_rows()

    async def profile(self, name: str) -> ProfileView:
        return samples.profile_view(name)

    async def adopt_profile(self, name: str, mark: str, by: str) -> Tap:
        return self._did("adopt_profile", name, mark, by)

    async def doctor(self) -> tuple[DoctorLine, ...]:
        await asyncio.sleep(self.pace_s)
        return samples.doctor_lines()

    def version(self) -> VersionView:
        return samples.version()


class FakeJournal:
    """`OutboxJournal` in memory, by the same laws."""

    def __init__(self) -> None:
        self.pending: dict[int, PendingNotice] = {}
        self.ended: dict[int, tuple[int | None, str]] = {}
        self.messages: dict[str, int] = {}
        self.threads: dict[str, int] = {}
        self.buttons: dict[str, Button] = {}
        self.used: set[str] = set()
        self.updates: set[int] = set()
        self.begun: list[int] = []
        self.failure: Exception | None = None
        self._next = 1

    def tell(self, *notices: Notice) -> None:
        for notice in notices:
            self.pending[self._next] = PendingNotice(self._next, notice, datetime.now(UTC), 0, False)
            self._next += 1

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    async def due_notices(self, account: str, limit: int) -> tuple[PendingNotice, ...]:
        self._check()
        return tuple(self.pending.values())[:limit]

    async def begin_notice(self, notice_id: int, now: datetime) -> None:
        self._check()
        known = self.pending[notice_id]
        self.begun.append(notice_id)
        self.pending[notice_id] = replace(known, was_begun=True, attempts=known.attempts + 1)

    async def end_notice(
        self, notice_id: int, message_id: int | None, now: datetime, error: str = ""
    ) -> None:
        notice = self.pending.pop(notice_id).notice
        self.ended[notice_id] = (message_id, error)
        if message_id is not None:
            self.messages[notice.key] = message_id
            if notice.thread is not None:
                self.threads.setdefault(notice.thread, message_id)

    async def message_of(self, key: str) -> int | None:
        return self.messages.get(key)

    async def thread_message(self, thread: str) -> int | None:
        return self.threads.get(thread)

    async def offer_buttons(self, buttons: Sequence[Button]) -> None:
        self.buttons |= {button.token: button for button in buttons}

    async def press_button(self, token: str, user_id: int, now: datetime) -> tuple[ButtonFate, Button | None]:
        button = self.buttons.get(token)
        if button is None:
            return ButtonFate.UNKNOWN, None
        if button.user_id not in (0, user_id):
            return ButtonFate.NOT_YOURS, None
        if button.group in self.used:
            return ButtonFate.USED, None
        if button.expires_at <= now:
            return ButtonFate.EXPIRED, None
        self.used.add(button.group)
        return ButtonFate.TAKEN, button

    async def is_new_update(self, update_id: int, now: datetime) -> bool:
        self._check()
        if update_id in self.updates:
            return False
        self.updates.add(update_id)
        return True


class FakeButtons:
    def __init__(self, journal: FakeJournal, clock: TestClock) -> None:
        self._journal = journal
        self._clock = clock

    async def offer(
        self, choices: Sequence[tuple[str, dict[str, str]]], user_id: int, lifetime_s: float
    ) -> tuple[str, ...]:
        group, ends = secrets.token_hex(4), self._clock.now() + timedelta(seconds=lifetime_s)
        made = [
            Button(secrets.token_urlsafe(12), action, args, user_id, ends, group) for action, args in choices
        ]
        await self._journal.offer_buttons(made)
        return tuple(button.token for button in made)

    async def press(self, token: str, user_id: int) -> tuple[ButtonFate, str, dict[str, str]]:
        fate, button = await self._journal.press_button(token, user_id, self._clock.now())
        return (fate, button.action, dict(button.args)) if button else (fate, "", {})


class FakeCharts:
    def __init__(self) -> None:
        self.failure: PerpilotError | None = None
        self.delay_s = 0.0
        self.drawn = 0
        self.bars: tuple[Bar, ...] = ()
        self.panels: tuple[Panel, ...] = ()

    async def _draw(self) -> bytes:
        await asyncio.sleep(self.delay_s)
        if self.failure is not None:
            raise self.failure
        self.drawn += 1
        return PNG

    async def candles_png(
        self, candles: Candles, lines: Sequence[tuple[str, Decimal, str]], title: str
    ) -> bytes:
        return await self._draw()

    async def equity_png(self, points: Sequence[CurvePoint], title: str) -> bytes:
        return await self._draw()

    async def risk_png(self, bars: Sequence[Bar], title: str, subtitle: str) -> bytes:
        self.bars = tuple(bars)
        return await self._draw()

    async def models_png(self, panels: Sequence[Panel], title: str, subtitle: str) -> bytes:
        self.panels = tuple(panels)
        return await self._draw()
