"""Circuit breakers: facts → gauges → which are tripped. They block entries only; guarding never stops.

Laws:
- Loss is realised and unrealised together. No deposit hides it and no withdrawal makes it: every baseline
  that comes in here is scaled by what was paid in and out since, so that fractions are time-weighted.
- Under a capital cap a loss is a fraction of the cap where that is the lesser: of a cap of 100 in a wallet of
  10,000 a daily limit of 10 % is 10 USDT. It is counted in money then, see `core.risk.account`.
- Loss breakers and technical ones are apart: an exchange that stutters is no lost money.
- Unknown trips nothing and clears nothing. The checks refuse on unknown equity themselves, and prices that
  do not come any more have a breaker of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.risk.account import Loss, lost_share
from core.risk.limits import Limits
from core.trade import ClosedTrade

DAILY_LOSS = "daily_loss"
ROLLING_LOSS = "rolling_loss"
CONSECUTIVE_LOSSES = "consecutive_losses"
DRAWDOWN = "drawdown"
LIQUIDATION_RISK = "liquidation_risk"
STALE_DATA = "stale_data"
EXCHANGE_ERRORS = "exchange_errors"
PRICE_SHOCK = "price_shock"
FUNDING_EXTREME = "funding_extreme"

RULE = "rule"
"""`resolved_by` of what cleared without a person."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """What one breaker measures now."""

    value: Decimal | None = None
    """None: unknown, unless `is_quiet`."""
    note: str = ""
    """Whose value it is, or why there is nothing to measure."""
    is_quiet: bool = False
    """Nothing is there that could be wrong: as good as inside the limit."""


UNKNOWN = Gauge()


def quiet(why: str) -> Gauge:
    return Gauge(None, why, is_quiet=True)


@dataclass(frozen=True, slots=True)
class Health:
    """What the breakers look at; USDT, None is unknown."""

    equity: Decimal | None
    day_opening: Decimal | None
    """Equity at 00:00 UTC; like the other two at the present size of the account."""
    day_ago: Decimal | None
    """Equity 24 hours ago, or where a person acknowledged the loss since."""
    peak: Decimal | None
    """Highest equity since the last acknowledged drawdown."""
    losses_in_a_row: int
    """Since that breaker was last cleared."""
    liquidation: Gauge = UNKNOWN
    """Distance of the position nearest to its liquidation, fraction of the mark price."""
    price_age: Gauge = UNKNOWN
    """Seconds."""
    failed_calls: Gauge = UNKNOWN
    price_move: Gauge = UNKNOWN
    """Since the last 15-minute close, in 15-minute ATR."""
    funding: Gauge = UNKNOWN
    """|Fraction of the notional| per eight hours."""
    cap: Decimal | None = None
    """Live: the most that trading may count on; None: no cap."""
    lost_today: Loss | None = None
    """As in `Account`, like the next two."""
    lost_24h: Loss | None = None
    lost_from_peak: Loss | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """One row of the table."""

    name: str
    title: str
    gauge: Callable[[Health], Gauge]
    threshold: Callable[[Limits], Decimal]
    words: Callable[[Decimal], str]
    clears: Callable[[Limits], str]
    """How it reopens without a person; empty where only a person reopens it."""
    is_loss: bool = False
    """It reopens with the probe size; the technical ones do not."""
    trips_below: bool = False
    """It trips under its threshold, the others from it on."""


def _percent(number: Decimal) -> str:
    return f"{number * 100:.2f} %"


def _basis(number: Decimal) -> str:
    return f"{number * 100:.3f} % per 8 h"


def _count(number: Decimal) -> str:
    return f"{number:.0f}"


def _seconds(number: Decimal) -> str:
    return f"{number:.0f} s"


def _atr(number: Decimal) -> str:
    return f"{number:.1f} ATR"


def _after_cooldown(limits: Limits) -> str:
    return f"{limits.breakers.cooldown_s / 60:.0f} min after its cause is gone"


TABLE = (
    Breaker(
        DAILY_LOSS,
        "Daily loss",
        lambda health: _fall(health.day_opening, health.lost_today, health),
        lambda limits: limits.daily_loss,
        _percent,
        lambda limits: "at 00:00 UTC",
        is_loss=True,
    ),
    Breaker(
        ROLLING_LOSS,
        "Loss of 24 hours",
        lambda health: _fall(health.day_ago, health.lost_24h, health),
        lambda limits: limits.breakers.rolling_loss,
        _percent,
        lambda limits: "when the loss of the last 24 hours is back inside the limit",
        is_loss=True,
    ),
    Breaker(
        CONSECUTIVE_LOSSES,
        "Losses in a row",
        lambda health: Gauge(Decimal(health.losses_in_a_row)),
        lambda limits: Decimal(limits.max_consecutive_losses),
        _count,
        lambda limits: f"after {limits.breakers.consecutive_cooldown_h:.0f} h",
        is_loss=True,
    ),
    Breaker(
        DRAWDOWN,
        "Drawdown",
        lambda health: _fall(health.peak, health.lost_from_peak, health),
        lambda limits: limits.max_drawdown,
        _percent,
        lambda limits: "",
        is_loss=True,
    ),
    Breaker(
        LIQUIDATION_RISK,
        "Liquidation risk",
        lambda health: health.liquidation,
        lambda limits: limits.breakers.liquidation_distance,
        _percent,
        _after_cooldown,
        trips_below=True,
    ),
    Breaker(
        STALE_DATA,
        "Stale prices",
        lambda health: health.price_age,
        lambda limits: Decimal(str(limits.breakers.stale_data_s)),
        _seconds,
        _after_cooldown,
    ),
    Breaker(
        EXCHANGE_ERRORS,
        "Exchange errors",
        lambda health: health.failed_calls,
        lambda limits: Decimal(limits.breakers.exchange_errors),
        _count,
        _after_cooldown,
    ),
    Breaker(
        PRICE_SHOCK,
        "Price shock",
        lambda health: health.price_move,
        lambda limits: Decimal(str(limits.breakers.price_shock_atr)),
        _atr,
        _after_cooldown,
    ),
    Breaker(
        FUNDING_EXTREME,
        "Extreme funding",
        lambda health: health.funding,
        lambda limits: Decimal(str(limits.breakers.funding_per_8h)),
        _basis,
        _after_cooldown,
    ),
)
BY_NAME = {breaker.name: breaker for breaker in TABLE}
NAMES = tuple(BY_NAME)


def title_of(name: str) -> str:
    """As people say it; the name itself where no such breaker is known."""
    return BY_NAME[name].title if name in BY_NAME else name


def named(words: str) -> str | None:
    """The breaker whose name or title this is, however it is written; None where there is none."""
    plain = words.strip().lower().replace("-", " ").replace("_", " ")
    for breaker in TABLE:
        if plain in (breaker.name.replace("_", " "), breaker.title.lower()):
            return breaker.name
    return None


@dataclass(frozen=True, slots=True)
class Reading:
    """One breaker's gauge beside its threshold."""

    name: str
    gauge: Gauge
    threshold: Decimal

    @property
    def value(self) -> Decimal | None:
        return self.gauge.value

    @property
    def is_tripped(self) -> bool:
        if self.gauge.value is None:
            return False
        if BY_NAME[self.name].trips_below:
            return self.gauge.value < self.threshold
        return self.gauge.value >= self.threshold

    @property
    def is_inside(self) -> bool:
        """Known to be within the limit."""
        return self.gauge.is_quiet or (self.gauge.value is not None and not self.is_tripped)

    def shown(self) -> tuple[str, str]:
        """(value, threshold) in words."""
        words = BY_NAME[self.name].words
        if self.gauge.value is None:
            return self.gauge.note or "unknown", words(self.threshold)
        note = f" ({self.gauge.note})" if self.gauge.note else ""
        return f"{words(self.gauge.value)}{note}", words(self.threshold)


def readings(health: Health, limits: Limits) -> tuple[Reading, ...]:
    """Every breaker's gauge, in the order of `TABLE`."""
    return tuple(Reading(each.name, each.gauge(health), each.threshold(limits)) for each in TABLE)


def losses_in_a_row(trades: Sequence[ClosedTrade], since: datetime | None) -> int:
    """Losing trades at the newest end; `trades` oldest first, only those closed after `since` count."""
    count = 0
    for trade in reversed(trades):
        if trade.net_pnl >= 0 or (since is not None and trade.closed_at <= since):
            break
        count += 1
    return count


def _fall(start: Decimal | None, loss: Loss | None, health: Health) -> Gauge:
    """Fraction lost since `start`; 0 when it grew."""
    lost = lost_share(start, health.equity, health.cap, loss)
    return UNKNOWN if lost is None else Gauge(lost)
