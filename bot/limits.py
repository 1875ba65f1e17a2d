"""Settings → the numbers that the core works with."""

from __future__ import annotations

from bot.settings import Settings
from core.analysis.flags import FlagLimits
from core.risk.limits import BreakerLimits, Limits
from core.trading.exits import ExitRules


def limits_of(settings: Settings) -> Limits:
    return Limits(
        max_leverage=settings.max_leverage,
        position_size=settings.position_size_percent,
        risk_per_trade=settings.risk_per_trade,
        max_trade_loss=settings.max_trade_loss_percent,
        min_stop=settings.min_stop_loss_percent,
        max_stop=settings.max_stop_loss_percent,
        min_profit_usd=settings.min_profit_usd,
        min_confidence=float(settings.min_ai_confidence),
        min_score=float(settings.min_opportunity_score),
        max_open_positions=settings.max_open_positions,
        cooldown_s=settings.position_cooldown_minutes * 60.0,
        daily_loss=settings.daily_loss_limit_percent,
        max_consecutive_losses=settings.max_consecutive_losses,
        max_drawdown=settings.max_drawdown_percent,
        allow_volatile=settings.allow_volatile,
        approval_drift=settings.approval_max_drift_percent,
        min_reward_risk=settings.min_reward_risk,
        min_liquidation_distance=settings.min_liquidation_percent,
        liquidation_per_stop=settings.liquidation_per_stop,
        same_direction_share=settings.same_direction_percent,
        yellow_drawdown=settings.yellow_drawdown_percent,
        orange_drawdown=settings.orange_drawdown_percent,
        yellow_size=settings.yellow_size,
        probe_size=settings.probe_size,
        full_confidence=float(settings.full_size_confidence),
        band_size=settings.band_size,
        volatile_size=settings.volatile_size,
        slippage=settings.slippage_percent,
        max_spread=settings.max_spread_percent,
        max_bar_drift_atr=settings.max_bar_drift_atr,
        targets=settings.targets,
        exits=exit_rules_of(settings),
        breakers=breaker_limits_of(settings),
        is_exit_opinion_on=settings.exit_opinion,
    )


def exit_rules_of(settings: Settings) -> ExitRules:
    """The rule book's own numbers: floats, as it computes with them."""
    return ExitRules(
        scalp_stop=float(settings.scalp_stop_percent),
        swing_stop=float(settings.swing_stop_percent),
        swing_stop_most=float(settings.swing_stop_most_percent),
        swing_horizon_h=float(settings.swing_horizon_hours),
        stop_atr=float(settings.stop_atr),
        swing_margin_atr=float(settings.stop_swing_atr),
        round_margin_atr=float(settings.stop_round_atr),
        cost_multiple=float(settings.stop_cost_multiple),
        break_even_after=settings.break_even_after,
        trail_atr=float(settings.trailing_atr),
        trail_fraction=float(settings.trailing_percent),
        arm_r=float(settings.trailing_arm_r),
        step_r=float(settings.trailing_step_r),
        time_stop_h=float(settings.time_stop_hours),
        min_profit_usd=float(settings.min_profit_usd),
        nearest_liquidation=float(settings.emergency_liquidation_percent),
    )


def breaker_limits_of(settings: Settings) -> BreakerLimits:
    return BreakerLimits(
        rolling_loss=settings.rolling_loss_limit_percent,
        consecutive_cooldown_h=float(settings.consecutive_loss_hours),
        liquidation_distance=settings.liquidation_risk_percent,
        stale_data_s=float(settings.stale_data_seconds),
        exchange_errors=settings.exchange_errors,
        price_shock_atr=float(settings.price_shock_atr),
        funding_per_8h=float(settings.funding_extreme_percent),
        cooldown_s=settings.breaker_cooldown_minutes * 60.0,
        policies=(
            ("daily_loss", settings.daily_loss_policy),
            ("rolling_loss", settings.rolling_loss_policy),
            ("consecutive_losses", settings.consecutive_losses_policy),
            ("drawdown", settings.drawdown_policy),
            ("liquidation_risk", settings.liquidation_risk_policy),
            ("stale_data", settings.stale_data_policy),
            ("exchange_errors", settings.exchange_errors_policy),
            ("price_shock", settings.price_shock_policy),
            ("funding_extreme", settings.funding_extreme_policy),
        ),
    )


def flag_limits_of(settings: Settings) -> FlagLimits:
    return FlagLimits(
        rsi_low=float(settings.flag_rsi_low),
        rsi_high=float(settings.flag_rsi_high),
        min_volume_ratio=float(settings.flag_volume_ratio),
        middle_share=float(settings.flag_middle_share),
        min_frames_leaning=settings.flag_timeframes_count,
        max_funding_per_8h=float(settings.flag_funding_percent),
        allow_volatile=settings.allow_volatile,
        is_rsi_on=settings.flag_rsi,
        is_volume_on=settings.flag_volume,
        is_middle_on=settings.flag_middle,
        is_divergence_on=settings.flag_divergence,
        is_volatile_on=settings.flag_volatile,
        is_timeframes_on=settings.flag_timeframes,
        is_funding_on=settings.flag_funding,
    )
