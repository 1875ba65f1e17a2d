"""The fixed rules, as numbers. Fractions are fractions; money is USDT."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from core.trading.exits import ExitRules

LADDER = ((Decimal("1.5"), Decimal("0.5")), (Decimal(3), Decimal("0.5")))
"""(R, share) of each target."""


class Policy(StrEnum):
    """What a tripped breaker does beside stopping entries."""

    HOLD = "hold"
    """Positions stay as they are, guarded by their stops."""
    TIGHTEN = "tighten"
    """The stop of every position goes half of the way to the price, once per trip."""
    FLATTEN = "flatten"
    """Every position is closed."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """What trips each breaker, how it reopens, and what it does. Fractions are of equity unless named."""

    rolling_loss: Decimal = Decimal("0.10")
    """Loss of the last 24 hours."""
    consecutive_cooldown_h: float = 24.0
    """A losing streak's breaker reopens by itself after this, with a half-size probe."""
    liquidation_distance: Decimal = Decimal("0.075")
    """Fraction of the mark price: a position nearer to its liquidation than this."""
    stale_data_s: float = 180.0
    """Age of the newest price that is needed."""
    exchange_errors: int = 5
    """Failed calls of the venue or the market within `error_window_s`."""
    error_window_s: float = 600.0
    price_shock_atr: float = 5.0
    """Move since the last 15-minute close, in 15-minute ATR."""
    funding_per_8h: float = 0.003
    """Fraction of the notional, whoever pays."""
    cooldown_s: float = 900.0
    """A technical breaker stays open this long after its cause is gone."""
    policies: tuple[tuple[str, Policy], ...] = (
        ("daily_loss", Policy.HOLD),
        ("rolling_loss", Policy.HOLD),
        ("consecutive_losses", Policy.HOLD),
        ("drawdown", Policy.TIGHTEN),
        ("liquidation_risk", Policy.TIGHTEN),
        ("stale_data", Policy.HOLD),
        ("exchange_errors", Policy.HOLD),
        ("price_shock", Policy.HOLD),
        ("funding_extreme", Policy.HOLD),
    )

    def policy(self, name: str) -> Policy:
        return dict(self.policies).get(name, Policy.HOLD)


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
    min_profit_in_r: Decimal = Decimal("1.25")
    """A gain of this many R is enough even when it is under `min_profit_usd`."""
    same_direction_share: Decimal = Decimal("0.60")
    """Open risk on one side, weighted by beta to BTC, is at most this share of the risk of all
    `max_open_positions` together; one trade's risk always fits."""
    yellow_drawdown: Decimal = Decimal("0.05")
    """From here on a trade has `yellow_size`."""
    orange_drawdown: Decimal = Decimal("0.10")
    """From here on nothing is opened; at `max_drawdown` the breaker trips."""
    yellow_size: Decimal = Decimal("0.5")
    probe_size: Decimal = Decimal("0.5")
    """The first trades after a breaker reopened, until one of them wins."""
    full_confidence: float = 0.80
    """A verdict below this has `band_size`."""
    band_size: Decimal = Decimal("0.75")
    volatile_size: Decimal = Decimal("0.5")
    """In a volatile regime, where that is allowed at all."""
    targets: tuple[tuple[Decimal, Decimal], ...] = LADDER
    """(R, share) of each target, nearest first; the shares sum to 1."""
    exits: ExitRules = field(default_factory=ExitRules)
    breakers: BreakerLimits = field(default_factory=BreakerLimits)
    is_exit_opinion_on: bool = True
    """Advisers are asked about an open position at each 15-minute close."""
    slippage: Decimal = Decimal("0.0005")
    """Expected between trigger and fill, fraction of price, each way."""
    max_spread: Decimal = Decimal("0.002")
    max_bar_drift_atr: Decimal = Decimal("1.5")
    """1h ATR: an opinion is not acted on at a price further than this from the last bar that it is about."""
    max_quote_age_s: float = 60.0
    max_bars_age_s: float = 1350.0
    """1.5 bars of 15 minutes since the newest close used."""
