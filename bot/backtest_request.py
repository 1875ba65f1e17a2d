"""What the bot asks of the process that plays backtests: plain values, no key, no token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.market import Instrument
from core.risk.limits import Limits


@dataclass(frozen=True, slots=True)
class Variant:
    """An account and its rules."""

    limits: Limits
    capital: float
    """USDT that it begins with."""
    leverage: int


@dataclass(frozen=True, slots=True)
class Request:
    exchange: str
    url: str | None
    """As `EXCHANGE_URL`."""
    folder: str
    """Where candles are kept, the exchange's own folder."""
    instruments: tuple[Instrument, ...]
    """Of the symbols to be played, by the rules that the venue tells now."""
    timeframe: str
    since_ms: int
    strategy: str
    """A shipped one by name, or what the settings name."""
    variants: tuple[Variant, ...]
    """One is judged; of two, the old and the new, the difference is."""
    setting: tuple[str, str, str] = ("", "", "")
    """Name, old and new value of what the two differ by."""
    given: Mapping[str, str] = field(default_factory=dict)
    """The strategy's parameters as texts."""
    runs: int = 1000
    """Random-entry runs beside a judged one."""
    seed: int = 0
    remarks: tuple[str, ...] = ()
