"""What a person can see and ask for: views of the running bot, and the one door to it.

Handlers, the HTTP server and the console talk to `Desk` and to nothing behind it. Every method that
changes something takes `by`: who asked (`telegram:<id>`, `console`). A refusal is an answer with its
reason, never an exception; `PerpilotError` means that it could not be known or done, in one sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from core.account_views import BalanceView, OrderView, SyncReport
from core.adviser_views import CostsView, ModelsView, ReplayView
from core.backtest_views import BacktestStep, BacktestView, BacktestWish, ComparisonView
from core.journal import (
    AiFigures,
    Approval,
    BreakerEvent,
    ButtonFate,
    DecisionRecord,
    EquityPoint,
    Mode,
    ScanRecord,
)
from core.market import Candles, Side
from core.opinion import Abstention, Opinion
from core.performance import Group, Performance
from core.plan import Decision, Plan
from core.profile_views import ProfileRow, ProfileView
from core.trade import ClosedTrade, StopBy


class TradingState(StrEnum):
    SCANNING = "scanning"
    TRADING = "trading"
    """A position is open."""
    PAUSED = "paused"
    HALTED = "halted"
    """A breaker or a fault stops entries."""
    DISARMED = "disarmed"
    """Live is configured, but entries are refused."""


@dataclass(frozen=True, slots=True)
class PositionView:
    trade_id: str
    symbol: str
    side: Side
    leverage: int
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    unrealised: Decimal
    """USDT, before exit fees."""
    stop: Decimal | None
    """The stop that rests on the venue; None: naked, being mended."""
    targets: tuple[Decimal, ...]
    liquidation: Decimal
    liquidation_distance: Decimal
    """Fraction of the mark price."""
    r_now: Decimal | None
    """Unrealised P&L ÷ R."""
    opened_at: datetime
    stop_by: StopBy = StopBy.PLAN
    is_trailing: bool = False
    targets_left: int = 0
    time_stop_at: datetime | None = None
    """When its time is up; None: never."""
    loss_at_stop: Decimal | None = None
    """USDT lost from the entry if the wanted stop is hit, costs included; negative: a gain is locked in.
    None: not known yet."""
    may_break_even: bool = False
    """The stop is not at break-even yet."""
    parts: tuple[Decimal, ...] = ()
    """Shares that the venue's minimums allow to take."""


@dataclass(frozen=True, slots=True)
class ForeignView:
    """A position at the venue that no trade of ours stands for, and what adopting it would mean."""

    symbol: str
    side: Side
    leverage: int
    quantity: Decimal
    entry: Decimal
    mark: Decimal
    unrealised: Decimal
    """USDT, before exit fees."""
    liquidation: Decimal
    """0: there is none."""
    stop: Decimal | None
    """Where its stop would be placed; None: not known right now."""
    loss_at_stop: Decimal | None
    """USDT lost from the entry if that is hit, costs included; negative: a gain."""
    exit_fee: Decimal | None
    """USDT of closing it at the present price."""
    warning: str = ""
    """What adopting it would do at once; empty when nothing but the stop."""
    ignored_by: str = ""
    """Who said that it is to be left alone; empty while nobody did."""
    is_unsorted: bool = False
    """Whose it is could not be read."""


@dataclass(frozen=True, slots=True)
class BreakerView:
    name: str
    value: str
    threshold: str
    is_open: bool
    """Open as a fuse is: it blocks entries."""
    since: datetime | None
    clears: str
    """When or by whom it clears, in words."""
    title: str = ""
    """Its name as people say it."""
    policy: str = "hold"
    """What it does to open positions when it trips: hold, tighten, flatten."""
    is_probing: bool = False
    """Reopened at the probe size."""
    is_barring: bool = False
    """Not open, yet nothing is opened until a person acknowledges it: the orange drawdown."""
    used: float | None = None
    """Share of the threshold that is used up, 1 at the trip; None: unknown."""


@dataclass(frozen=True, slots=True)
class LoopView:
    name: str
    age_s: float | None
    """Seconds since its last pass; None before the first."""
    is_healthy: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class StatusView:
    state: TradingState
    why: str
    """One sentence; empty when there is nothing to explain."""
    mode: Mode
    is_paper: bool
    account: str
    venue: str
    initial: Decimal
    wallet: Decimal | None
    equity: Decimal | None
    """None: unknown right now."""
    daily_pnl: Decimal | None
    """Equity now - equity at 00:00 UTC."""
    positions: tuple[PositionView, ...]
    unseen: tuple[str, ...]
    """Symbols with an open trade whose position is not known right now: unknown, not flat."""
    open_cards: int
    last_scan: ScanRecord | None
    next_scan_at: datetime | None
    loops: tuple[LoopView, ...]
    breakers: tuple[BreakerView, ...]
    advisers: tuple[str, ...]
    decider: str
    symbols: tuple[str, ...]
    unsizeable: tuple[tuple[str, str], ...]
    """(symbol, what would mend it) for those that the present equity cannot trade."""
    warnings: tuple[str, ...]
    at: datetime
    foreign: tuple[ForeignView, ...] = ()
    """Positions that are not ours."""
    cap: Decimal | None = None
    """USDT that sizes and limits count on at most; None on paper, or unknown."""
    unheard: tuple[str, ...] = ()
    """Configured sources of news and mood of which nothing is known now."""
    adviser_notes: Mapping[str, str] = field(default_factory=dict)
    """Adviser → role other than voting, and why its newest question went unanswered."""


EVERY_GATE = "all"
"""The record of all ideas together, each counted once whatever refused it."""


@dataclass(frozen=True, slots=True)
class GateRecord:
    """What one gate saved or cost: ideas that were not taken, followed to their end."""

    gate: str
    """`rejected`, `expired`, `refused` (at the tap), the name of the check that refused, or `EVERY_GATE`,
    which comes first."""
    ended: int
    still_open: int
    sum_r: float
    """Net R of taking all of them: positive is what the gate cost, negative what it saved."""
    mean_r: float | None
    interval_r: tuple[float, float] | None
    """80 % confidence interval of the mean; None below five ended ones."""


@dataclass(frozen=True, slots=True)
class MetricsView:
    all_time: Performance
    last_7d: Performance
    last_30d: Performance
    ai: AiFigures
    initial: Decimal
    current: Decimal
    curve: tuple[EquityPoint, ...]
    cards: dict[str, int]
    """Approval state → count."""
    at: datetime
    groups: Mapping[str, tuple[Group, ...]] = field(default_factory=dict)
    """`symbol`, `side`, `exit_reason`, `hour` (UTC, of the entry), `adviser` → its groups."""
    gates: tuple[GateRecord, ...] = ()
    success: WeekFigures | None = None
    """The readiness figures since the count began; None: nothing is counted yet."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One open position, card or foreign position, as risk."""

    symbol: str
    side: Side
    kind: str
    """`position`, `card`, `foreign`, `unseen`."""
    notional: Decimal | None
    margin: Decimal | None
    loss_at_stop: Decimal
    """USDT lost from the present equity if its stop is hit, exit costs included."""
    loss_at_gap: Decimal | None
    """USDT lost if the price gaps by `RiskView.gap` against it, past the stop; never more than the margin
    and what it has gained. None: its position is not seen."""
    liquidation_distance: Decimal | None
    beta: Decimal | None


@dataclass(frozen=True, slots=True)
class RiskView:
    equity: Decimal | None
    day_opening: Decimal | None
    peak: Decimal | None
    drawdown: Decimal | None
    tier: str
    """`green`, `yellow`, `orange`, `red`: by drawdown; `unknown`."""
    size_share: Decimal
    """What drawdown tier and probe leave of a trade's size."""
    exposures: tuple[Exposure, ...]
    gross_notional: Decimal | None
    """USDT, like the next three of what the venue shows open; None: it shows nothing right now."""
    net_notional: Decimal | None
    """Longs minus shorts."""
    beta_notional: Decimal | None
    """Net, weighted by beta: what a move of BTC moves."""
    margin_used: Decimal | None
    margin_share: Decimal | None
    """Of equity."""
    loss_at_stops: Decimal
    """If every stop is hit, open cards' too."""
    loss_at_gap: Decimal
    """If everything gaps by `gap` against us at once; cards and unseen ones count as at the stop."""
    gap: Decimal
    """Fraction, 0.10."""
    daily_left: Decimal | None
    """USDT that may still be lost today before the breaker trips."""
    drawdown_left: Decimal | None
    breakers: tuple[BreakerView, ...]
    at: datetime
    cap: Decimal | None = None
    """Live: the most that trading may count on; 0 while it is unknown. None: no cap, or no look yet."""


class StopMove(StrEnum):
    BREAK_EVEN = "break_even"
    TIGHTEN = "tighten"
    """Half of the way from the stop to the price."""
    LOOSEN = "loosen"
    """One 1h ATR further away."""
    PRICE = "price"
    """Where a person says."""


@dataclass(frozen=True, slots=True)
class StopProposal:
    """What moving a stop would do; nothing holds yet."""

    symbol: str
    move: StopMove
    old: Decimal
    new: Decimal
    loss_before: Decimal
    """USDT lost from the entry if the present stop is hit, costs included; negative: a gain is locked in."""
    loss_after: Decimal
    refusal: str = ""
    """Why it cannot be; empty when it can be confirmed."""

    @property
    def is_loosening(self) -> bool:
        return self.loss_after > self.loss_before


@dataclass(frozen=True, slots=True)
class ReadinessItem:
    name: str
    text: str
    """The relation and both values."""
    is_met: bool


@dataclass(frozen=True, slots=True)
class WeekFigures:
    """The success figures of one week, or since the start. None: nothing to count yet."""

    title: str
    counts: bool
    """Scanner and guard ran at least 95 % of every day."""
    uptime: float | None
    errors_a_day: float | None
    failed_health: int
    lost_database: int
    trades: int
    realised_reward_risk: float | None
    largest_loss_share: float | None
    stops_planned: int
    stops_filled: int
    breakers_due: int
    breakers_tripped: int
    liquidations: int


@dataclass(frozen=True, slots=True)
class ReadinessView:
    items: tuple[ReadinessItem, ...]
    weeks_counted: int
    weeks_needed: int
    weeks: tuple[WeekFigures, ...]
    """Newest last, then the whole time since the start."""
    is_paper: bool
    is_demo: bool
    """Demo and replay never count."""
    is_armed: bool
    cap: Decimal | None
    """Live: equity that sizing may count on."""
    next_cap: Decimal | None
    """What the cap may rise to now; None: not yet."""
    next_cap_needs: tuple[str, ...]
    at: datetime
    never: tuple[str, ...] = ()
    """What stands against real money and no sentence goes past."""

    @property
    def is_ready(self) -> bool:
        return all(item.is_met for item in self.items)


@dataclass(frozen=True, slots=True)
class ScanProgress:
    done: int
    total: int
    symbol: str
    ended_at: str
    """Gate at which that symbol ended, or `cleared`."""


@dataclass(frozen=True, slots=True)
class ScanReport:
    scan: ScanRecord
    decisions: tuple[DecisionRecord, ...]
    gates: tuple[GateRecord, ...] = ()
    """What each gate saved or cost so far."""


@dataclass(frozen=True, slots=True)
class Analysis:
    decision: Decision
    opinions: tuple[Opinion, ...]
    abstentions: tuple[Abstention, ...]
    candles: Candles | None
    """1h, for the chart."""
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tap:
    """What a tap on a card or a command did."""

    is_done: bool
    text: str
    """One sentence for the person."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseEstimate:
    symbol: str
    share: Decimal
    quantity: Decimal
    price: Decimal
    pnl: Decimal
    """USDT before the exit fee, at the present price."""
    fee: Decimal


@dataclass(frozen=True, slots=True)
class ManualIdea:
    side: Side
    symbol: str
    risk: Decimal | None = None
    """Fraction of equity; None: RISK_PER_TRADE."""
    leverage: int | None = None
    stop: Decimal | None = None
    target: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SettingView:
    name: str
    value: str
    """Secrets masked."""
    source: str
    unit: str
    bounds: str
    description: str
    is_built: bool
    is_editable: bool
    choices: tuple[str, ...] = ()
    """Values offered as buttons."""
    section: str = ""
    """Title of its group."""


@dataclass(frozen=True, slots=True)
class ProposedChange:
    name: str
    old: str
    new: str
    effect: str
    """E.g. how the worst-case loss of one trade changes."""
    raises_risk: bool
    refusal: str = ""
    """Why it cannot be; empty when it can be confirmed."""
    is_played: bool = False
    """A backtest can show what it would have done."""


@dataclass(frozen=True, slots=True)
class DoctorLine:
    is_ok: bool
    is_needed: bool
    """Trading needs it; false: a hint."""
    subject: str
    text: str
    mend: str = ""
    can_be_set: bool = False
    """`Desk.mend_account` would set it, while the account is flat."""


@dataclass(frozen=True, slots=True)
class VersionView:
    version: str
    commit: str
    config: str
    """Hash of the settings without secrets."""
    started_at: datetime
    uptime_s: float


@dataclass(frozen=True, slots=True)
class ChartView:
    candles: Candles
    lines: tuple[tuple[str, Decimal, str], ...] = field(default=())
    """(label, price, role): roles entry, stop, target, liquidation."""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar of a picture."""

    group: str
    label: str
    share: float | None
    """1 fills the bar, more is drawn as full and marked; None: unknown, drawn as such."""
    words: str
    """Beside the bar."""
    role: str
    """`limit` is coloured by its share; `margin` and `loss` have colours of their own."""


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class PeriodView:
    period: Period
    performance: Performance
    trades: tuple[ClosedTrade, ...]
    by_symbol: dict[str, tuple[int, Decimal]]
    since: datetime
    at: datetime


class Desk(Protocol):
    def status(self) -> StatusView:
        """From memory, at once."""
        ...

    async def metrics(self) -> MetricsView: ...

    async def period(self, period: Period) -> PeriodView: ...

    async def history(self, limit: int) -> tuple[ClosedTrade, ...]:
        """Newest first."""
        ...

    async def export_csv(self) -> tuple[str, bytes]:
        """(file name, CSV of every closed trade)."""
        ...

    async def add_note(self, trade_id: str, text: str, by: str) -> Tap: ...

    async def scan_now(
        self, by: str, progress: Callable[[ScanProgress], Awaitable[None]] | None = None
    ) -> ScanReport: ...

    async def last_scan(self) -> ScanReport | None: ...

    async def why(self, symbol: str) -> DecisionRecord | None: ...

    async def analyze(
        self, symbol: str, heard: Callable[[Opinion | Abstention], Awaitable[None]] | None = None
    ) -> Analysis: ...

    async def chart(self, symbol: str, timeframe: str) -> ChartView: ...

    async def plan_chart(self, plan: Plan) -> ChartView: ...

    async def approval(self, approval_id: str) -> Approval | None: ...

    async def approve(self, approval_id: str, share: Decimal, by: str) -> Tap:
        """`share` 1 or 0.5 of the size. Re-checks everything; re-quotes what moved."""
        ...

    async def reject(self, approval_id: str, by: str) -> Tap: ...

    async def propose_idea(self, idea: ManualIdea, by: str) -> Tap:
        """Its card comes through the outbox; refused ideas say every reason here."""
        ...

    async def close_estimate(self, symbol: str, share: Decimal) -> CloseEstimate | None:
        """None when there is no such position, or no price of it right now."""
        ...

    async def close(self, symbol: str, share: Decimal, by: str) -> Tap: ...

    async def close_all(self, by: str) -> Tap: ...

    async def panic(self, by: str) -> Tap:
        """Pause, drop open cards, close everything."""
        ...

    def foreign(self) -> tuple[ForeignView, ...]:
        """Positions that are not ours, as the guard saw them last; from memory, at once."""
        ...

    async def adopt(self, symbol: str, by: str) -> Tap:
        """Guards a foreign position as a trade from now on, with a stop."""
        ...

    async def close_foreign(self, symbol: str, by: str) -> Tap:
        """Takes a foreign position over to close all of it at once."""
        ...

    async def ignore_foreign(self, symbol: str, by: str) -> Tap:
        """No more word of it unless it turns or grows; it still blocks its symbol."""
        ...

    async def pause(self, by: str) -> Tap: ...

    async def resume(self, by: str) -> Tap: ...

    async def set_mode(self, mode: Mode, by: str) -> Tap: ...

    async def breaker_history(self, limit: int) -> tuple[BreakerEvent, ...]: ...

    async def acknowledge(self, breaker: str, by: str, reason: str) -> Tap: ...

    async def risk(self) -> RiskView: ...

    async def stop_proposal(self, symbol: str, move: StopMove, price: Decimal | None) -> StopProposal | None:
        """None when there is no such position; `price` only for `StopMove.PRICE`."""
        ...

    async def move_stop(self, symbol: str, price: Decimal, by: str, *, may_loosen: bool) -> Tap:
        """Checked again; without `may_loosen` a stop that would add risk is refused."""
        ...

    async def readiness(self) -> ReadinessView: ...

    async def go_live(self, sentence: str, cap: Decimal | None, by: str) -> Tap:
        """Arms live trading, or raises its cap, where the typed sentence says so."""
        ...

    def settings(self) -> tuple[SettingView, ...]: ...

    def propose_setting(self, name: str, text: str) -> ProposedChange: ...

    async def change_setting(self, name: str, text: str, by: str) -> Tap: ...

    async def profiles(self) -> tuple[ProfileRow, ...]:
        """What parameter searches left."""
        ...

    async def profile(self, name: str) -> ProfileView:
        """What adopting it would do; `back`: the return. Raises `PerpilotError` where there is none."""
        ...

    async def adopt_profile(self, name: str, mark: str, by: str) -> Tap:
        """All that the view with this mark showed, or nothing."""
        ...

    async def backtest(self, wish: BacktestWish, told: Callable[[BacktestStep], None]) -> BacktestView | None:
        """None when it was stopped. Raises `PerpilotError`, also while another one runs."""
        ...

    async def what_if(
        self, name: str, text: str, run: str, told: Callable[[BacktestStep], None]
    ) -> ComparisonView | None:
        """As `backtest`, of a setting's old and new value; nothing is changed."""
        ...

    def stop_backtest(self, run: str) -> bool:
        """False where nothing of that name runs any more."""
        ...

    async def doctor(self) -> tuple[DoctorLine, ...]: ...

    async def orders(self) -> tuple[OrderView, ...]:
        """Open ones of both kinds, as the venue shows them now."""
        ...

    async def balance(self) -> BalanceView: ...

    async def sync(self, by: str) -> SyncReport:
        """Reconciles journal and venue now; takes some seconds."""
        ...

    async def mend_account(self, by: str) -> Tap:
        """Live: sets one-way mode and isolated margin, only while flat."""
        ...

    def version(self) -> VersionView: ...

    async def models(self) -> ModelsView: ...

    async def costs(self) -> CostsView: ...

    async def replay(self, decision_id: str) -> ReplayView | None:
        """From the journal only, nobody is asked; None: there is no such decision."""
        ...


class Buttons(Protocol):
    """Single-use buttons, kept in the journal."""

    async def offer(
        self, choices: Sequence[tuple[str, dict[str, str]]], user_id: int, lifetime_s: float
    ) -> tuple[str, ...]:
        """One opaque token (≤ 24 characters) per (action, args); using one uses up all of them."""
        ...

    async def press(self, token: str, user_id: int) -> tuple[ButtonFate, str, dict[str, str]]:
        """(fate, action, args); exactly one press gets TAKEN."""
        ...
