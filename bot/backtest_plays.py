"""Which settings a backtest plays, so that a change of one can be shown before it holds.

Laws:
- Offered is only what the engine works with as live does; what it leaves out is never shown as “no
  difference”.
"""

from __future__ import annotations

from bot.settings import Settings

PLAYED = frozenset(
    {
        # what a position may be
        "MAX_LEVERAGE", "POSITION_SIZE_PERCENT", "RISK_PER_TRADE",
        "MIN_STOP_LOSS_PERCENT", "MAX_STOP_LOSS_PERCENT", "MIN_PROFIT_USD", "MIN_AI_CONFIDENCE",
        "MIN_REWARD_RISK", "MAX_OPEN_POSITIONS", "POSITION_COOLDOWN_MINUTES", "MIN_LIQUIDATION_PERCENT",
        "LIQUIDATION_PER_STOP", "FULL_SIZE_CONFIDENCE", "BAND_SIZE", "SAME_DIRECTION_PERCENT",
        "SLIPPAGE_PERCENT", "MAX_BAR_DRIFT_ATR",
        # how it ends
        "TARGETS", "BREAK_EVEN_AFTER", "TRAILING_ATR", "TRAILING_PERCENT", "TRAILING_ARM_R",
        "TRAILING_STEP_R", "TIME_STOP_HOURS", "EMERGENCY_LIQUIDATION_PERCENT",
        # what stops entries
        "DAILY_LOSS_LIMIT_PERCENT", "ROLLING_LOSS_LIMIT_PERCENT", "MAX_CONSECUTIVE_LOSSES",
        "CONSECUTIVE_LOSS_HOURS", "MAX_DRAWDOWN_PERCENT", "YELLOW_DRAWDOWN_PERCENT", "YELLOW_SIZE",
        "ORANGE_DRAWDOWN_PERCENT", "PROBE_SIZE", "DAILY_LOSS_POLICY", "ROLLING_LOSS_POLICY",
        "CONSECUTIVE_LOSSES_POLICY", "DRAWDOWN_POLICY",
    }
)  # fmt: skip
REACHES_NOTHING = frozenset(
    {
        # a strategy names its stops itself
        "SCALP_STOP_PERCENT", "SWING_STOP_PERCENT", "SWING_STOP_MOST_PERCENT", "SWING_HORIZON_HOURS",
        "STOP_ATR", "STOP_SWING_ATR", "STOP_ROUND_ATR", "STOP_COST_MULTIPLE",
        # and has no score
        "MIN_OPPORTUNITY_SCORE",
    }
)  # fmt: skip
"""Handed to the engine, and without effect on what strategies do in it."""


def is_played(name: str, old: Settings, new: Settings) -> bool:
    """Whether a backtest of both values says something about this change."""
    return name in PLAYED and old.shown(name) != new.shown(name)
