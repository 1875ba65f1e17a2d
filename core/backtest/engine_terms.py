"""Setup and limits as the plain numbers that the loops speak."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from math import inf

from core.backtest.engine_words import Fill, Terms
from core.risk.breakers import CONSECUTIVE_LOSSES, DAILY_LOSS, DRAWDOWN, ROLLING_LOSS
from core.risk.limits import Limits, Policy

DAY_MS = 86_400_000
HALF_SPREAD = 0.00005
"""Of the price: what a simulated market has where nobody recorded one."""
POLICIES = {Policy.HOLD: 0, Policy.TIGHTEN: 1, Policy.FLATTEN: 2}


@dataclass(frozen=True, slots=True)
class Setup:
    """How a run trades; everything else is in `limits`, as live."""

    limits: Limits = field(default_factory=Limits)
    capital: float = 1000.0
    """USDT that the account begins with."""
    leverage: int = 3
    """Wanted where a signal names none; the limits and the venue may allow less."""
    stake: float | None = None
    """Margin of every trade, USDT; None: sized by risk."""
    is_shared: bool = True
    """One account with all its limits; else each signal has all the money it asks for."""
    turns: bool = True
    """A signal of the other side closes what is held."""
    stop: float = 0.05
    """Distance where a signal names none, fraction of the price."""
    target: float | None = None
    """The same of a target for everything; None: the ladder of the limits."""
    half_spread: float = HALF_SPREAD
    """Fraction of the price, at least one tick. 0: no spread, and prices are put on no tick."""
    fill_slippage: float | None = None
    """What orders pay beyond the book's other side, fraction of the price; None: what the limits expect."""
    cap: float | None = None
    """USDT, the most that trading may count on; None: no cap."""
    measured_every_ms: int = DAY_MS
    """Between two points of the equity; a bar's length gives every bar."""
    is_plain: bool = False
    """Without the compiler."""


def fill_of(setup: Setup) -> Fill:
    slippage = setup.limits.slippage if setup.fill_slippage is None else setup.fill_slippage
    return Fill(float(setup.half_spread), float(slippage))


def terms_of(setup: Setup, bar_ms: int) -> Terms:
    limits = setup.limits
    risk = min(limits.risk_per_trade, limits.max_trade_loss)
    return Terms(
        bar_ms=float(bar_ms),
        capital=float(setup.capital),
        stake=float(setup.stake or 0.0),
        leverage=max(min(setup.leverage, limits.max_leverage), 1),
        is_shared=setup.is_shared,
        turns=setup.turns,
        stop=float(setup.stop),
        target=float(setup.target or 0.0),
        slippage=float(limits.slippage),
        max_open=limits.max_open_positions,
        cooldown_ms=limits.cooldown_s * 1000.0,
        min_confidence=limits.min_confidence,
        full_confidence=limits.full_confidence,
        band_size=float(limits.band_size),
        min_stop=float(limits.min_stop),
        max_stop=float(limits.max_stop),
        risk=float(risk),
        side_risk=float(limits.risk_per_trade),
        position_size=float(limits.position_size),
        max_leverage=limits.max_leverage,
        min_liquidation_distance=float(limits.min_liquidation_distance),
        liquidation_per_stop=float(limits.liquidation_per_stop),
        same_direction_share=float(limits.same_direction_share),
        daily_loss=_limit(limits.daily_loss),
        rolling_loss=_limit(limits.breakers.rolling_loss),
        max_losses=limits.max_consecutive_losses,
        losing_cooldown_ms=limits.breakers.consecutive_cooldown_h * 3_600_000.0,
        max_drawdown=_limit(limits.max_drawdown),
        yellow=_limit(limits.yellow_drawdown),
        orange=_limit(limits.orange_drawdown),
        yellow_size=float(limits.yellow_size),
        probe_size=float(limits.probe_size),
        min_reward_risk=float(limits.min_reward_risk),
        min_profit=float(limits.min_profit_usd),
        min_profit_r=float(limits.min_profit_in_r),
        min_score=float(limits.min_score),
        max_drift_atr=float(limits.max_bar_drift_atr),
        cap=inf if setup.cap is None else float(setup.cap),
        policies=_policies(limits),
    )


def _policies(limits: Limits) -> tuple[int, int, int, int]:
    daily, rolling, streak, drawdown = (
        POLICIES[limits.breakers.policy(name)]
        for name in (DAILY_LOSS, ROLLING_LOSS, CONSECUTIVE_LOSSES, DRAWDOWN)
    )
    return daily, rolling, streak, drawdown


def _limit(fraction: Decimal) -> float:
    """A limit of nothing would hold from the first moment on: there is none then."""
    return float(fraction) if fraction > 0 else inf
