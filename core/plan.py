"""Words of intent: a plan, and the proof that it passed.

Law: `Cleared` is made only by `core.risk`; the executor takes nothing else for an entry.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from core.market import Regime, Side
from core.mood import NO_MOOD, Mood
from core.opinion import Brief, Features, Flags, Verdict


class Origin(StrEnum):
    SCAN = "scan"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Target:
    price: Decimal
    share: Decimal
    """Fraction of the position closed there; the shares of a plan sum to 1."""


@dataclass(frozen=True, slots=True)
class ScoreTerms:
    """Opportunity score, 0..100, by its terms (SPEC 4)."""

    confidence: float
    agreement: float
    regime: float
    reward_risk: float
    timeframes: float

    @property
    def total(self) -> float:
        return self.confidence + self.agreement + self.regime + self.reward_risk + self.timeframes


@dataclass(frozen=True, slots=True)
class Plan:
    id: str
    """Unique; ids of orders derive from it."""
    account: str
    symbol: str
    side: Side
    origin: Origin
    entry: Decimal
    """Reference price: what a market order was expected to pay when the plan was drawn."""
    stop: Decimal
    targets: tuple[Target, ...]
    quantity: Decimal
    """Base coin, whole lots."""
    leverage_wanted: int
    """What the regime asks for."""
    leverage: int
    """What is applied after every cap."""
    notional: Decimal
    margin: Decimal
    loss_at_stop: Decimal
    """USDT lost if the stop is hit, fees of both ways and slippage included; positive. This is R."""
    gain_at_targets: Decimal
    """USDT, share-weighted, after the same costs."""
    full_size_loss: Decimal
    """R of the plan before any later halving; `MIN_PROFIT_USD` is judged against it."""
    liquidation: Decimal
    reward_risk: Decimal
    """gain_at_targets ÷ loss_at_stop."""
    score: ScoreTerms
    equity: Decimal
    """The whole account's when it was sized, USDT; under a capital cap less of it was counted on."""
    regime: Regime
    atr: Decimal | None
    """1h ATR, price units."""
    verdict: Verdict | None
    """None for a manual idea nobody was asked about."""
    created_at: datetime
    bar_closed_at: datetime
    """The 15m close its features stood on."""
    decision_id: str
    notes: tuple[str, ...] = ()
    """What limited or changed it, for the card."""
    cost: Decimal = Decimal(0)
    """Expected fees and slippage of entry and exit, fraction of the price; funding is not in it."""
    funding_cost: Decimal = Decimal(0)
    """Funding that the side is expected to pay until the exit, fraction of the notional; never below 0."""
    size_share: Decimal = Decimal(1)
    """What the ceilings (confidence band, drawdown tier, regime, probe) left of the full risk."""
    beta: Decimal | None = None
    """Beta to BTC from 1h candles; None: unknown, counted as 1."""
    horizon_h: float | None = None
    """Hours that the agreeing advisers expect it to take; None: nobody said."""
    bar_close: Decimal | None = None
    """Close of the newest bar that was judged; None: unknown, and an opinion on it is not acted on."""
    chance: float | None = None
    """Calibrated probability that the target is met before the stop; None: no record supports one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One failed check with both numbers, and the mend where there is one."""

    check: str
    """Stable name of the check, e.g. `stop_distance`."""
    text: str
    """The relation and both values."""
    mend: str = ""
    """Setting and value that would allow it; empty where none would."""


P = TypeVar("P", bound=Plan, covariant=True)

_SEAL = object()


class Cleared(Generic[P]):
    """A plan that passed every check at `at`. Only `core.risk.checks` can make one."""

    __slots__ = ("at", "plan")

    def __init__(self, plan: P, at: datetime, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only core.risk clears a plan")
        self.plan = plan
        self.at = at

    def annotated(self, notes: tuple[str, ...]) -> Cleared[Plan]:
        """The same clearance with other notes for the card; nothing else can differ."""
        return Cleared(replace(self.plan, notes=notes), self.at, _SEAL)


@dataclass(frozen=True, slots=True)
class Refused:
    """A plan with every reason against it."""

    plan: Plan
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class StayOut:
    """No plan was drawn: the gate that said so, and why."""

    symbol: str
    gate: str
    """flags, advisers, verdict, confidence, structure, data, symbol."""
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of one straight line for one symbol."""

    id: str
    symbol: str
    at: datetime
    outcome: Cleared[Plan] | Refused | StayOut
    features: Features | None
    flags: Flags
    verdict: Verdict | None
    brief: Brief | None = None
    """The question that was put; None: nobody was asked."""
    mood: Mood = NO_MOOD
    """What news and crowds said, as far as it was looked at."""
