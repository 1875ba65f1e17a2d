"""The journal: what happened, what we want, what the owner will be told. One verb, one transaction.

Laws:
- Every verb that records an event takes the notices that tell of it and commits both together.
- `intend` commits before a request leaves; what was never `intend`ed is never sent.
- History is append-only. No verb deletes a closed trade, a decision, a call or a breaker event.
- Every row belongs to an account.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from core.adviser_record import Judgement
from core.notice import Notice, NoticeKind
from core.plan import Plan
from core.trade import (
    ClosedTrade,
    ExitReason,
    Fill,
    FundingPayment,
    Intention,
    IntentState,
    Position,
    Trade,
    Transfer,
)
from core.trading.tape import TapeRecord


class Mode(StrEnum):
    WATCH = "watch"
    SEMI_AUTO = "semi_auto"
    AUTO = "auto"

    @property
    def rank(self) -> int:
        """Autonomy: raising it asks for confirmation."""
        return list(Mode).index(self)


@dataclass(frozen=True, slots=True)
class AccountState:
    """What outlives a restart for one account."""

    account: str
    is_paper: bool
    initial_capital: Decimal
    current_capital: Decimal
    """initial + everything realised, net of costs."""
    is_paused: bool
    paused_by: str
    mode: Mode
    opened_at: datetime


class ApprovalState(StrEnum):
    OPEN = "open"
    CLAIMED = "claimed"
    """A tap has it; nobody else can."""
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REQUOTED = "requoted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Approval:
    id: str
    account: str
    plan: Plan
    created_at: datetime
    expires_at: datetime
    state: ApprovalState = ApprovalState.OPEN
    settled_at: datetime | None = None
    settled_by: str = ""
    reasons: tuple[str, ...] = ()
    requote_of: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One symbol's straight line, whatever came of it."""

    id: str
    account: str
    scan_id: str | None
    symbol: str
    at: datetime
    gate: str
    """Where it ended: data, symbol, flags, entries, advisers, verdict, structure, risk, cleared; `exit` of an
    exit opinion, `fault` of an unforeseen error."""
    reasons: tuple[str, ...]
    score: float | None
    stance: str
    facts: Mapping[str, Any]
    """JSON values: features, flags, verdict, plan."""
    tape: TapeRecord | None = field(default=None, compare=False)
    """What it was made from, written with it; None where it is read back."""
    judgements: tuple[Judgement, ...] = field(default=(), compare=False)
    """What each adviser said, written with it; empty where it is read back."""


@dataclass(frozen=True, slots=True)
class ScanRecord:
    id: str
    account: str
    started_at: datetime
    ended_at: datetime
    symbols: int
    funnel: Mapping[str, int]
    """Gate → how many ended there."""
    ranking: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class BreakerEvent:
    id: int
    account: str
    name: str
    value: str
    threshold: str
    action: str
    created_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str = ""
    reason: str = ""
    """Why a person acknowledged it."""


EMPTY = Decimal("1e-12")
"""USDT. An account without money counts as this much: it can be filled again, and nothing divides by 0."""
DUST = Decimal("1e-9")
"""USDT. Less is nothing that a share could be lost of."""


@dataclass(frozen=True, slots=True)
class EquityPoint:
    at: datetime
    wallet: Decimal
    unrealised: Decimal
    flows: Decimal = Decimal(0)
    """Everything that was ever paid in minus everything taken out, after the opening deposit."""
    units: Decimal = Decimal(1)
    """Above 0, from `core.growth.units_at`: 1 at the opening; only what is paid in or out changes them, as in
    a fund, so that an equity per unit is what trading made of the opening deposit."""

    @property
    def equity(self) -> Decimal:
        return self.wallet + self.unrealised

    @property
    def without_flows(self) -> Decimal:
        """USDT: the opening deposit and what was gained since; no transfer touches it."""
        return self.equity - self.flows

    @property
    def unit_price(self) -> Decimal:
        """USDT, above 0: what this loses between two points was lost, whatever was paid meanwhile."""
        return max(self.equity, EMPTY) / self.units

    def at_size(self, units: Decimal) -> Decimal:
        """USDT: this equity as if the account had had the size of so many units."""
        if units == self.units:
            return self.equity
        sized = max(self.equity, EMPTY) * units / self.units
        return sized if sized > DUST else Decimal(0)


class ShadowGate(StrEnum):
    """Where an idea ended that was not taken."""

    REJECTED = "rejected"
    """By a person."""
    EXPIRED = "expired"
    REFUSED = "refused"
    """By the checks, at the scan or at the tap."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """An idea that was not taken, followed to its end with the rule book as if it had been."""

    id: str
    """Its plan's id."""
    account: str
    plan: Plan
    gate: ShadowGate
    checks: tuple[str, ...]
    """Names of the checks that refused it; empty for a card that a person let go."""
    followed_from: datetime
    followed_until: datetime
    """Close of the newest bar that was walked."""
    walked: Mapping[str, float]
    """Where the walk stands (`core.trading.exits_walk.Walk` by field name); empty before the first bar."""
    ended_at: datetime | None = None
    exit_reason: ExitReason | None = None
    r_multiple: Decimal | None = None
    """Net result ÷ R, costs included; None while it is open."""


@dataclass(frozen=True, slots=True)
class Arming:
    """Live trading was allowed, or its capital cap raised, by a typed sentence."""

    account: str
    cap: Decimal
    """USDT of equity that sizing may count on from then."""
    by: str
    at: datetime
    sentence: str
    unmet: tuple[str, ...] = ()
    """Items of the checklist that did not hold: an override."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """How often something happened on one UTC day."""

    day: date
    name: str
    """`errors`, `failed_health`, `lost_database`, `risk_raised`."""
    count: int


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """A row of the outbox."""

    id: int
    notice: Notice
    created_at: datetime
    attempts: int
    was_begun: bool
    """A send was begun before and its end is unknown: it may have been delivered."""


@dataclass(frozen=True, slots=True)
class Button:
    """One tap that may change something: opaque, single use, bound to a person, expiring."""

    token: str
    action: str
    """e.g. `approve`, `close`, `set`."""
    args: Mapping[str, str]
    user_id: int
    """0: any owner."""
    expires_at: datetime
    group: str = ""
    """Buttons of one group are used up together."""


class ButtonFate(StrEnum):
    TAKEN = "taken"
    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    NOT_YOURS = "not_yours"


@dataclass(frozen=True, slots=True)
class SettingChange:
    name: str
    old: str
    new: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DayFigures:
    """One row of daily_performance, updated in the booking's transaction."""

    day: date
    opening_equity: Decimal
    realised: Decimal
    trades: int
    wins: int
    fees: Decimal
    funding: Decimal


class TradeJournal(Protocol):
    """The part that the executor and the guard need."""

    async def open_trade(
        self, trade: Trade, plan: Plan | None, approval_id: str | None, by: str, notices: Sequence[Notice]
    ) -> bool:
        """Records the trade and settles its approval as approved, together. `plan` None: it is adopted.

        False, and nothing written, when the plan already has a trade, the approval is not claimed,
        or the symbol already has an open trade in this account.
        """
        ...

    async def update_trade(self, trade: Trade, notices: Sequence[Notice] = ()) -> None: ...

    async def tell(self, notices: Sequence[Notice]) -> None:
        """Notices that change no row."""
        ...

    async def open_trades(self, account: str) -> tuple[Trade, ...]: ...

    async def intend(self, intention: Intention, notices: Sequence[Notice] = ()) -> None: ...

    async def settle_intention(self, client_id: str, state: IntentState, note: str = "") -> None: ...

    async def intentions(self, trade_id: str) -> tuple[Intention, ...]: ...

    async def intended(self, client_ids: Collection[str]) -> frozenset[str]:
        """Those of them that were ever intended."""
        ...

    async def show_positions(
        self, account: str, positions: Sequence[tuple[Trade, Position]], at: datetime
    ) -> None:
        """Makes `active_position` show exactly these."""
        ...

    async def abandon_trade(self, trade: Trade, reason: str, at: datetime, notices: Sequence[Notice]) -> None:
        """An entry that never filled: the trade ends without history."""
        ...

    async def refused_entries(self, account: str, since: datetime) -> Mapping[str, datetime]:
        """Symbol → when its last trade was abandoned whose entry the venue refused, not before `since`."""
        ...

    async def book(
        self,
        closed: ClosedTrade,
        fills: Sequence[Fill],
        funding: Sequence[FundingPayment],
        opening_equity: Decimal,
        notices: Sequence[Notice],
    ) -> bool:
        """History, capital, the day's figures and the notices in one transaction; fills and funding
        are imported once by id. False, and nothing written, when the trade is booked already."""
        ...


class DeskJournal(Protocol):
    """The part that scanning, approvals, breakers and the desk need."""

    async def open_account(
        self, account: str, is_paper: bool, initial_capital: Decimal, mode: Mode, now: datetime
    ) -> AccountState:
        """Creates the account on first use; later calls only make it the active one."""
        ...

    async def account_state(self, account: str) -> AccountState: ...

    async def set_paused(
        self, account: str, is_paused: bool, by: str, now: datetime, notices: Sequence[Notice] = ()
    ) -> None: ...

    async def set_mode(
        self, account: str, mode: Mode, by: str, now: datetime, notices: Sequence[Notice] = ()
    ) -> None: ...

    async def record_decisions(
        self, decisions: Sequence[DecisionRecord], scan: ScanRecord | None
    ) -> None: ...

    async def propose(self, approval: Approval, notices: Sequence[Notice]) -> bool:
        """False when the symbol already has an open or claimed card."""
        ...

    async def approval(self, approval_id: str) -> Approval | None: ...

    async def open_approvals(self, account: str) -> tuple[Approval, ...]:
        """Open and claimed ones."""
        ...

    async def claim_approval(self, approval_id: str, by: str, now: datetime) -> Approval | None:
        """The row, now claimed, for exactly one caller; None for everyone else or when it is over."""
        ...

    async def settle_approval(
        self,
        approval_id: str,
        state: ApprovalState,
        by: str,
        now: datetime,
        reasons: Sequence[str],
        notices: Sequence[Notice],
    ) -> bool:
        """From open or claimed to a final state; False when it was final already."""
        ...

    async def trip_breaker(self, event: BreakerEvent, notices: Sequence[Notice]) -> bool:
        """False when this breaker is open already."""
        ...

    async def resolve_breaker(
        self,
        account: str,
        name: str,
        by: str,
        now: datetime,
        notices: Sequence[Notice],
        reason: str = "",
    ) -> bool: ...

    async def breaker_events(self, account: str, limit: int) -> tuple[BreakerEvent, ...]:
        """Open and resolved, newest first."""
        ...

    async def import_transfers(self, account: str, transfers: Sequence[Transfer]) -> int:
        """Each once by its id; how many were new."""
        ...

    async def transfers(self, account: str, since: datetime | None = None) -> tuple[Transfer, ...]:
        """Oldest first."""
        ...

    async def open_breakers(self, account: str) -> tuple[BreakerEvent, ...]: ...

    async def last_resolved(self, account: str, name: str) -> BreakerEvent | None: ...

    async def record_equity(self, account: str, point: EquityPoint) -> None:
        """At most one row a minute is kept."""
        ...

    async def day_opening_equity(self, account: str, day: date, equity: Decimal) -> Decimal:
        """The day's opening equity; the first call of a day fixes it."""
        ...

    async def highest_point(self, account: str, since: datetime | None) -> EquityPoint | None:
        """The point since then with the highest `EquityPoint.unit_price`."""
        ...

    async def richest_point(self, account: str, since: datetime | None) -> EquityPoint | None:
        """The newest of those with the highest `EquityPoint.without_flows` since then, to a millionth."""
        ...

    async def closed_trades(
        self, account: str, since: datetime | None = None, limit: int | None = None
    ) -> tuple[ClosedTrade, ...]:
        """Oldest first; `limit` keeps the newest."""
        ...

    async def equity_curve(self, account: str, since: datetime | None = None) -> tuple[EquityPoint, ...]: ...

    async def tell(self, notices: Sequence[Notice]) -> None: ...


@dataclass(frozen=True, slots=True)
class AiFigures:
    calls: int = 0
    cache_hits: int = 0
    cost_usd: Decimal = field(default=Decimal(0))

    @property
    def cache_hit_rate(self) -> float | None:
        """hits ÷ (hits + calls); None before the first question."""
        asked = self.calls + self.cache_hits
        return self.cache_hits / asked if asked else None


class ShadowJournal(Protocol):
    """Ideas that were not taken."""

    async def begin_shadow(self, shadow: Shadow) -> bool:
        """False, and nothing written, when this plan is followed already, or the same symbol and side of
        this account is still being followed."""
        ...

    async def walk_shadow(self, shadow: Shadow) -> None:
        """How far it came; or its end, after which it is history."""
        ...

    async def open_shadows(self, account: str) -> tuple[Shadow, ...]: ...

    async def ended_shadows(self, account: str, since: datetime | None = None) -> tuple[Shadow, ...]:
        """Oldest end first."""
        ...

    async def settled_approvals(self, account: str, since: datetime) -> tuple[Approval, ...]:
        """Cards that ended rejected, expired or refused since then, oldest first."""
        ...


class ReadinessJournal(Protocol):
    """What the checklist before live trading counts."""

    async def beats(self, account: str, since: date) -> Mapping[tuple[date, str], int]:
        """(day, task) → minutes in which the task ran."""
        ...

    async def count(self, account: str, day: date, name: str, count: int) -> None:
        """Adds to a day's count."""
        ...

    async def counts(self, account: str, since: date) -> tuple[DayCount, ...]: ...

    async def arm(self, arming: Arming, notices: Sequence[Notice]) -> None: ...

    async def armings(self, account: str) -> tuple[Arming, ...]:
        """Oldest first."""
        ...

    async def times_told(self, account: str, kind: NoticeKind, since: datetime) -> int:
        """How many notices of this kind were written since then."""
        ...


class OutboxJournal(Protocol):
    """The part that the outbox needs. Order of `due` is order of telling within one account."""

    async def due_notices(self, account: str, limit: int) -> tuple[PendingNotice, ...]: ...

    async def begin_notice(self, notice_id: int, now: datetime) -> None:
        """Committed before the message leaves."""
        ...

    async def end_notice(
        self, notice_id: int, message_id: int | None, now: datetime, error: str = ""
    ) -> None:
        """Told (`error` empty) or given up for good."""
        ...

    async def message_of(self, key: str) -> int | None:
        """The Telegram message that told the notice `key`."""
        ...

    async def thread_message(self, thread: str) -> int | None:
        """The message that opened a trade's thread: its OPENED or ENTRY_SENT notice."""
        ...

    async def offer_buttons(self, buttons: Sequence[Button]) -> None: ...

    async def press_button(self, token: str, user_id: int, now: datetime) -> tuple[ButtonFate, Button | None]:
        """Atomic: exactly one caller gets TAKEN; its whole group is used up with it."""
        ...

    async def is_new_update(self, update_id: int, now: datetime) -> bool:
        """False when this Telegram update was handled before; remembers it otherwise. Bounded."""
        ...


class HouseJournal(Protocol):
    """Leases, settings, notes, heartbeats, console requests and figures."""

    async def acquire_lease(self, name: str, owner: str, now: datetime, ttl_s: float) -> int:
        """A growing fencing number. Raises `AlreadyRunning`, naming the owner that holds it."""
        ...

    async def renew_lease(self, name: str, owner: str, now: datetime, ttl_s: float) -> bool:
        """False when somebody else holds it now."""
        ...

    async def release_lease(self, name: str, owner: str) -> None: ...

    async def setting_changes(self, account: str) -> tuple[SettingChange, ...]:
        """The newest change of each name."""
        ...

    async def record_setting(self, account: str, change: SettingChange) -> None: ...

    async def record_settings(
        self, account: str, changes: Sequence[SettingChange], kept: tuple[str, str]
    ) -> None:
        """All of them, and a text by its name as `Blobs` keeps it, in one transaction."""
        ...

    async def add_note(self, account: str, trade_id: str, text: str, by: str, now: datetime) -> bool:
        """False when there is no such trade."""
        ...

    async def beat(self, account: str, task: str, now: datetime) -> None:
        """One minute in which `task` ran; readiness counts them per day."""
        ...

    async def ask_console(self, command: str, now: datetime) -> int:
        """Leaves a request for the running bot; its id."""
        ...

    async def console_requests(self, since: datetime) -> tuple[tuple[int, str], ...]:
        """Unanswered ones that are not older than `since`."""
        ...

    async def answer_console(self, request_id: int, answer: str, now: datetime) -> None: ...

    async def console_answer(self, request_id: int) -> str | None: ...

    async def ai_figures(self, since: datetime | None) -> AiFigures: ...

    async def forget_expired_answers(self, now: datetime) -> int:
        """Removes what of the advisers' cache can't be used any more; how many rows."""
        ...

    async def last_scan(self, account: str) -> tuple[ScanRecord, tuple[DecisionRecord, ...]] | None: ...

    async def last_decision(self, account: str, symbol: str, gate: str = "") -> DecisionRecord | None:
        """The newest one; `gate`: the newest that ended there."""
        ...

    async def approval_counts(self, account: str) -> Mapping[str, int]:
        """State → how many cards ended so."""
        ...
