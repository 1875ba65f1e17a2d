"""The fixed rules, as numbers. Fractions are fractions; money is USDT."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Limits:
    """One immutable snapshot; every decision uses one from start to end."""

    max_leverage: int = 5
    position_size: Decimal = Decimal("0.80")
    """Ceiling on margin per trade, fraction of equity."""
    risk_per_trade: Decimal = Decimal("0.02")
    max_trade_loss: Decimal = Decimal("0.10")
    min_stop: Decimal = Decimal("0.05")
    max_stop: Decimal = Decimal("0.10")
    min_profit_usd: Decimal = Decimal("2.50")
    min_confidence: float = 0.75
    min_score: float = 70.0
    max_open_positions: int = 1
    cooldown_s: float = 1800.0
    daily_loss: Decimal = Decimal("0.10")
    max_consecutive_losses: int = 3
    max_drawdown: Decimal = Decimal("0.20")
    allow_volatile: bool = False
    approval_drift: Decimal = Decimal("0.005")

    min_reward_risk: Decimal = Decimal("1.5")
    min_liquidation_distance: Decimal = Decimal("0.10")
    liquidation_per_stop: Decimal = Decimal(2)
    """Liquidation is at least this many stop distances away."""
    emergency_liquidation_distance: Decimal = Decimal("0.05")
    """Closer than this, an open position is closed at once."""
    min_profit_in_r: Decimal = Decimal("1.25")
    """A gain of this many R is enough even when it is under `min_profit_usd`."""
    same_direction_risk: Decimal = Decimal(2)
    """Open risk on one side is at most this many times the risk of one trade."""
    slippage: Decimal = Decimal("0.0005")
    """Expected between trigger and fill, fraction of price, each way."""
    max_spread: Decimal = Decimal("0.002")
    max_quote_age_s: float = 60.0
    max_bars_age_s: float = 1350.0
    """1.5 bars of 15 minutes since the newest close used."""
