"""Words of execution: orders, fills, positions, looks, intentions, trades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.market import Side
from core.plan import Target


class OrderSide(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    TAKE_PROFIT_MARKET = "take_profit_market"

    @property
    def is_conditional(self) -> bool:
        return self in (OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET)


class OrderStatus(StrEnum):
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    """By us, the owner or the venue; may have been filled in part."""
    REJECTED = "rejected"


class Purpose(StrEnum):
    """What an order is for; part of its derived id."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    EXIT = "exit"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    client_id: str
    """≤ 32 characters, [A-Za-z0-9], our own prefix; derived from the plan, never from a clock."""
    symbol: str
    side: OrderSide
    kind: OrderKind
    quantity: Decimal
    reduce_only: bool
    price: Decimal | None = None
    """Limit price; None for market kinds."""
    trigger: Decimal | None = None
    """Trigger on the mark price; only for conditional kinds."""
    attached_stop: Decimal | None = None
    """Stop on the mark price that comes with the entry, on venues that take both in one request."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the venue shows it."""

    client_id: str
    venue_id: str
    symbol: str
    side: OrderSide
    kind: OrderKind
    quantity: Decimal
    filled: Decimal
    average: Decimal | None
    price: Decimal | None
    trigger: Decimal | None
    reduce_only: bool
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    reject_reason: str = ""


@dataclass(frozen=True, slots=True)
class Fill:
    id: str
    """Unique at the venue."""
    client_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    fee: Decimal
    """USDT paid; positive is a cost."""
    at: datetime
    is_liquidation: bool = False


@dataclass(frozen=True, slots=True)
class FundingPayment:
    id: str
    symbol: str
    amount: Decimal
    """USDT; positive was received, negative paid."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money that came or went without a trade: neither profit nor loss."""

    id: str
    """Unique at the venue."""
    amount: Decimal
    """USDT; positive came in."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    symbol: str
    side: Side
    quantity: Decimal
    """Positive, base coin."""
    entry: Decimal
    mark: Decimal
    unrealised: Decimal
    leverage: int
    margin: Decimal
    """Isolated margin, USDT."""
    liquidation: Decimal
    opened_at: datetime

    def liquidation_distance(self) -> Decimal:
        """|mark - liquidation| ÷ mark; 0 when it is already passed."""
        distance = (self.mark - self.liquidation) * self.side.sign / self.mark
        return max(distance, Decimal(0))


@dataclass(frozen=True, slots=True)
class Balance:
    wallet: Decimal
    """USDT: deposits + realised - fees - funding."""
    unrealised: Decimal
    available: Decimal
    """USDT not bound as margin."""
    at: datetime

    @property
    def equity(self) -> Decimal:
        return self.wallet + self.unrealised


class IntentState(StrEnum):
    SENT = "sent"
    """Recorded; the request may or may not have left. Unknown until looked at."""
    DONE = "done"
    """The venue has it."""
    REFUSED = "refused"
    """The venue said no."""
    THROTTLED = "throttled"
    """The venue took nothing for now: it was asked too often. No word about the order itself."""
    DEAD = "dead"
    """Proven never to have arrived."""


@dataclass(frozen=True, slots=True)
class Intention:
    """Written before the request leaves."""

    request: OrderRequest
    trade_id: str
    purpose: Purpose
    attempt: int
    state: IntentState
    sent_at: datetime
    note: str = ""


class Want(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class StopBy(StrEnum):
    """Who put the stop where it is."""

    PLAN = "plan"
    BREAK_EVEN = "break_even"
    TRAILING = "trailing"
    OWNER = "owner"
    ADVISER = "adviser"
    BREAKER = "breaker"


class ExitReason(StrEnum):
    STOP = "stop"
    """The stop of the plan, or one that the owner, an adviser or a breaker moved."""
    BREAK_EVEN = "break_even"
    TRAILING = "trailing"
    TARGET = "target"
    OWNER = "owner"
    PANIC = "panic"
    LIQUIDATION_GUARD = "liquidation_guard"
    LIQUIDATED = "liquidated"
    SOFTWARE_STOP = "software_stop"
    UNPROTECTED = "unprotected"
    """A stop could not be placed."""
    OUTSIDE = "outside"
    """Closed on the venue, not by us."""
    TIME = "time"
    """Held for as long as a trade may be."""
    ADVISER = "adviser"
    BREAKER = "breaker"
    """A tripped breaker whose policy is to flatten."""
    DELISTED = "delisted"
    """The exchange was about to end trading in the symbol."""


ADOPTED = "adopted"
"""`origin` of a trade that began with a position found at the venue: no verdict of ours led to it."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What stands for the entry of an adopted trade: its position as it was when it was taken over."""

    quantity: Decimal
    entry: Decimal
    """The venue's average price: profit and loss count from there."""
    at: datetime
    """By the venue's clock. What was filled up to then is in it, what is filled later is not."""


@dataclass(frozen=True, slots=True)
class Trade:
    """What we want of one position; the journal's side of the comparison."""

    id: str
    """The plan's id."""
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    """Entry size wanted, base coin."""
    entry_reference: Decimal
    stop: Decimal
    targets: tuple[Target, ...]
    leverage: int
    risk_usd: Decimal
    """R: planned loss at the first stop, costs included."""
    want: Want
    created_at: datetime
    exit_reason: ExitReason | None = None
    """Why we want it closed; None while it is wanted open."""
    close_share: Decimal | None = None
    """Fraction of the position the owner asked to close once; None for none or all."""
    close_requests: int = 0
    """How many partial closes were asked for; each is its own intention."""
    decision_id: str = ""
    origin: str = "scan"
    score: float = 0.0
    regime: str = ""
    opening_equity: Decimal = Decimal(0)
    best_mark: Decimal | None = None
    worst_mark: Decimal | None = None
    """Extremes of the mark price while open, for MFE, MAE and the trailing stop."""
    first_stop: Decimal | None = None
    """The plan's stop, which every R is measured by; None in rows of older versions: then `stop`."""
    stop_by: StopBy = StopBy.PLAN
    is_trailing: bool = False
    """The trailing stop is armed; it stays so."""
    cost: Decimal = Decimal(0)
    """Expected costs of entry and exit, fraction of the price."""
    atr: Decimal | None = None
    """1h ATR at the plan, price units; the trailing distance is a multiple of it."""
    beta: Decimal | None = None
    """Beta to BTC at the plan; None: unknown, counted as 1."""
    against_bar: datetime | None = None
    """The 15-minute close whose exit opinion was heard last."""
    against_count: int = 0
    """How many closes in a row advisers were against this trade."""
    breakers_done: tuple[str, ...] = ()
    """Trips (`name:created_at`) whose policy was applied to this trade."""
    advisers: tuple[str, ...] = ()
    """Those whose opinion agreed with the entry."""
    opening: Opening | None = None
    """Of an adopted trade, which never sends an entry; None: its entry is our own order."""

    @property
    def planned_stop(self) -> Decimal:
        """The stop that R is measured by, wherever the stop is now."""
        return self.first_stop if self.first_stop is not None else self.stop

    @property
    def entry_side(self) -> OrderSide:
        return OrderSide.BUY if self.side is Side.LONG else OrderSide.SELL

    @property
    def exit_side(self) -> OrderSide:
        return OrderSide.SELL if self.side is Side.LONG else OrderSide.BUY


@dataclass(frozen=True, slots=True)
class Seen:
    """One consistent look at the venue for one symbol. Unknown is an exception, never a field."""

    symbol: str
    position: Position | None
    orders: tuple[Order, ...]
    """Every order of ours for this symbol that the venue knows: open of both kinds, and asked-for ids."""
    fills: tuple[Fill, ...]
    mark: Decimal
    at: datetime
    agreeing: int = 1
    """How many looks in a row showed this position; conclusions need two."""
    watched_s: Mapping[str, float] = field(default_factory=dict)
    """Client id → seconds since this process began to look for the order, by a clock that nobody sets."""
    bare_s: float = 0.0
    """Seconds since this process was first shown the position without a stop that takes all of it, by the
    same clock; 0 while one rests, whoever placed it."""


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """One row of history, booked from the venue's own fills."""

    id: str
    account: str
    symbol: str
    side: Side
    leverage: int
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    gross_pnl: Decimal
    fees: Decimal
    funding: Decimal
    """USDT; positive was received."""
    net_pnl: Decimal
    """gross_pnl - fees + funding."""
    risk_usd: Decimal
    r_multiple: Decimal
    """net_pnl ÷ risk_usd."""
    exit_reason: ExitReason
    opened_at: datetime
    closed_at: datetime
    origin: str = "scan"
    decision_id: str = ""
    score: float = 0.0
    regime: str = ""
    mfe: Decimal | None = None
    mae: Decimal | None = None
    """Largest favourable and adverse excursion, USDT before costs."""
    advisers: tuple[str, ...] = ()
    """Those whose opinion agreed with the entry."""
    notes: tuple[str, ...] = field(default=())
