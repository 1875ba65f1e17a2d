"""Words of the market: candles, quotes, instruments, sides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

TIMEFRAMES: dict[str, int] = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
"""Length of each timeframe in milliseconds."""

SCAN_TIMEFRAMES = ("15m", "1h", "4h")


class Side(StrEnum):
    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Side.LONG else -1

    @property
    def opposite(self) -> Side:
        return Side.SHORT if self is Side.LONG else Side.LONG


class Regime(StrEnum):
    TRENDING = "trending"
    RANGING = "ranging"
    VOLATILE = "volatile"


@dataclass(frozen=True, slots=True)
class Candles:
    """Closed bars only, oldest first, gapless.

    `rows` is `(n, 6) float64`: open time in ms UTC, open, high, low, close, volume in base coin.
    """

    symbol: str
    timeframe: str
    rows: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def closed_at(self) -> datetime:
        """Close time of the newest bar."""
        return from_ms(int(self.rows[-1, 0]) + TIMEFRAMES[self.timeframe])

    @property
    def open(self) -> NDArray[np.float64]:
        return self.rows[:, 1]

    @property
    def high(self) -> NDArray[np.float64]:
        return self.rows[:, 2]

    @property
    def low(self) -> NDArray[np.float64]:
        return self.rows[:, 3]

    @property
    def close(self) -> NDArray[np.float64]:
        return self.rows[:, 4]

    @property
    def volume(self) -> NDArray[np.float64]:
        return self.rows[:, 5]


@dataclass(frozen=True, slots=True)
class Quote:
    """A symbol's live prices. All prices are finite and positive; bid ≤ ask."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    mark: Decimal
    at: datetime

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2

    @property
    def spread_fraction(self) -> Decimal:
        """(ask - bid) / mid."""
        return (self.ask - self.bid) / self.mid

    def taking(self, side: Side) -> Decimal:
        """The price a market order pays that opens `side`."""
        return self.ask if side is Side.LONG else self.bid


@dataclass(frozen=True, slots=True)
class Background:
    """What moves slower than the price. None means the venue did not say."""

    symbol: str
    funding_rate: float | None
    """Fraction of notional per `funding_interval_h`; positive: longs pay shorts."""
    funding_interval_h: float | None
    next_funding_at: datetime | None
    quote_volume_24h: float | None
    """USDT."""
    open_interest: float | None
    """USDT."""
    at: datetime

    def funding_per_8h(self) -> float | None:
        """The rate scaled to eight hours."""
        if self.funding_rate is None or not self.funding_interval_h:
            return None
        return self.funding_rate * 8 / self.funding_interval_h


@dataclass(frozen=True, slots=True)
class Tier:
    """One maintenance bracket: notional in USDT from `floor` (inclusive) to `cap`."""

    floor: Decimal
    cap: Decimal
    max_leverage: int
    maintenance_rate: Decimal
    """Fraction of notional."""
    maintenance_deduction: Decimal
    """USDT subtracted so that the bracket function is continuous (Binance's `cum`)."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """Rules of one linear perpetual; quantities in base coin, prices and notionals in USDT."""

    symbol: str
    base: str
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    """Largest market order."""
    min_notional: Decimal
    taker_fee: Decimal
    """Fraction of notional."""
    maker_fee: Decimal
    tiers: tuple[Tier, ...]
    """Ascending; never empty. Where the venue asks for a key to tell them, a cautious stand-in, and
    `tiers_assumed` is true."""
    tiers_assumed: bool = False
    is_active: bool = True
    """It may be entered: it trades, and does not end within a week."""
    trades_until: datetime | None = None
    """When the venue ends trading in it and settles what is open; None while it told no such day."""

    def tier_for(self, notional: Decimal) -> Tier:
        """The bracket that holds `notional`; the last one above every cap."""
        for tier in self.tiers:
            if notional <= tier.cap:
                return tier
        return self.tiers[-1]


def canonical_symbol(text: str) -> str:
    """`btc`, `BTCUSDT`, `BTC/USDT` and `BTC/USDT:USDT` all name `BTC/USDT:USDT`.

    Raises `ValueError` for anything that is no plain coin name.
    """
    name = text.strip().upper()
    if name.endswith(":USDT"):
        name = name[: -len(":USDT")]
    name = name.removesuffix("/USDT")
    if name.endswith("USDT") and len(name) > len("USDT"):
        name = name[: -len("USDT")]
    if not (1 <= len(name) <= 20 and name.isascii() and name.isalnum()):
        raise ValueError(f"{text[:30]!r} is not a symbol like BTC or BTC/USDT:USDT")
    return f"{name}/USDT:USDT"


def coin(symbol: str) -> str:
    """`BTC/USDT:USDT` → `BTC`."""
    return symbol.split("/", 1)[0]


def from_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def bar_open(moment: datetime, timeframe: str) -> datetime:
    """Open time of the bar that holds `moment`."""
    length = TIMEFRAMES[timeframe]
    return from_ms(to_ms(moment) // length * length)


def next_close(moment: datetime, timeframe: str) -> datetime:
    """When the bar that holds `moment` closes."""
    return bar_open(moment, timeframe) + timedelta(milliseconds=TIMEFRAMES[timeframe])
