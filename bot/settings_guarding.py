"""The settings of guarding: stops, targets, exits, sizing, breakers, red flags.

Each default is defended where its meaning stands; the numbers come from the contract where it names one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from bot.settings_spec import Stricter, setting
from bot.settings_values import Kind, amount, choice, flag, fraction, rungs, whole
from core.risk.limits import Policy

_LOWER, _HIGHER = Stricter.LOWER, Stricter.HIGHER
_EQUITY, _PRICE, _PEAK = "fraction of equity", "fraction of price", "fraction of the peak"
_SIZE = "fraction of the full size"

_exits = partial(setting, "exits", is_chat_editable=True)
_sizing = partial(setting, "sizing", is_chat_editable=True)
_breaker = partial(setting, "breakers", is_chat_editable=True)
_flag = partial(setting, "flags", is_chat_editable=True)


def _policy(title: str, default: Policy) -> Any:
    meaning = f"What {title} does to open positions beside stopping entries."
    return _breaker(choice(Policy), default.value, "", meaning)


def _switch(what: str) -> Any:
    return _flag(flag(), "true", "", f"Red flag: {what}.", stricter=_HIGHER)


def _share(low: str = "0.01") -> Kind:
    return fraction(low, "1")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GuardingSettings:
    """Everything that the rule book, sizing, breakers and flags are made of."""

    scalp_stop_percent: Decimal = _exits(
        fraction("0.001", "0.5"),
        "0.05",
        _PRICE,
        "Distance of the first stop for a trade shorter than SWING_HORIZON_HOURS; nearer is noise.",
    )
    swing_stop_percent: Decimal = _exits(
        fraction("0.001", "0.5"), "0.07", _PRICE, "The same for a longer trade: a day moves further."
    )
    swing_stop_most_percent: Decimal = _exits(
        fraction("0.001", "0.5"),
        "0.08",
        _PRICE,
        "A longer trade's stop is no further for its ATR alone; the swing may still need more.",
    )
    swing_horizon_hours: Decimal = _exits(
        amount("1", "720"), "24", "h", "Trades expected to take longer have the wider stop."
    )
    stop_atr: Decimal = _exits(
        amount("0.5", "10"), "2", "1h ATR", "Distance of the first stop where no adviser named one."
    )
    stop_swing_atr: Decimal = _exits(
        amount("0", "5"),
        "0.25",
        "1h ATR",
        "The first stop rests at least this far beyond the swing.",
        stricter=_HIGHER,
    )
    stop_round_atr: Decimal = _exits(
        amount("0", "2"),
        "0.10",
        "1h ATR",
        "And this far from round numbers and levels, where many stops rest.",
        stricter=_HIGHER,
    )
    stop_cost_multiple: Decimal = _exits(
        amount("1", "50"),
        "3",
        "round-trip costs",
        "The stop is at least this many costs away: a nearer one mostly pays fees.",
        stricter=_HIGHER,
    )
    targets: tuple[tuple[Decimal, Decimal], ...] = _exits(
        rungs(), "1.5:0.5,3:0.5", "R:share", "Where the position is closed, in R net of costs, and how much."
    )
    min_reward_risk: Decimal = _exits(
        amount("0.5", "10"), "1.5", "", "Least net gain at the targets ÷ loss at the stop.", stricter=_HIGHER
    )
    break_even_after: int = _exits(
        whole(0, 4), "1", "targets", "Filled targets after which the stop goes to break-even; 0: never."
    )
    trailing_atr: Decimal = _exits(
        amount("0", "20"), "2.5", "1h ATR", "Distance of the trailing stop; 0: TRAILING_PERCENT instead."
    )
    trailing_percent: Decimal = _exits(
        fraction("0", "0.5"), "0", _PRICE, "Distance of the trailing stop without ATR; both 0: none trails."
    )
    trailing_arm_r: Decimal = _exits(
        amount("0", "10"),
        "1",
        "R",
        "Profit from which the stop trails; earlier is noise.",
    )
    trailing_step_r: Decimal = _exits(
        amount("0.01", "2"), "0.1", "R", "Least improvement that moves the stop: exchanges limit orders."
    )
    time_stop_hours: Decimal = _exits(
        amount("0", "2160"), "72", "h", "A trade is over after this; 0: never. Funding eats the patient."
    )
    exit_opinion: bool = _exits(
        flag(), "true", "", "Advisers are asked about open positions at each 15-minute close."
    )
    emergency_liquidation_percent: Decimal = _exits(
        fraction("0.01", "0.5"),
        "0.05",
        "fraction of the mark price",
        "Nearer to its liquidation than this, a position is closed at once.",
        stricter=_HIGHER,
    )

    min_liquidation_percent: Decimal = _sizing(
        fraction("0.05", "0.9"),
        "0.10",
        _PRICE,
        "Least distance of the liquidation price at entry.",
        stricter=_HIGHER,
    )
    liquidation_per_stop: Decimal = _sizing(
        amount("1.2", "10"),
        "2",
        "stop distances",
        "And at least this many times as far as the stop.",
        stricter=_HIGHER,
    )
    full_size_confidence: Decimal = _sizing(
        fraction("0.01", "1"),
        "0.80",
        "fraction",
        "A verdict below this has BAND_SIZE: 75 to 79 is acceptable, not strong.",
        stricter=_HIGHER,
    )
    band_size: Decimal = _sizing(
        _share(), "0.75", _SIZE, "Size in the lower confidence band.", stricter=_LOWER
    )
    yellow_drawdown_percent: Decimal = _sizing(
        fraction("0.001", "0.9"), "0.05", _PEAK, "From here on trades have YELLOW_SIZE.", stricter=_LOWER
    )
    yellow_size: Decimal = _sizing(
        _share(), "0.5", _SIZE, "Size while the drawdown is yellow.", stricter=_LOWER
    )
    orange_drawdown_percent: Decimal = _sizing(
        fraction("0.001", "0.9"), "0.10", _PEAK, "From here on nothing is opened.", stricter=_LOWER
    )
    probe_size: Decimal = _sizing(
        _share(),
        "0.5",
        _SIZE,
        "Size after a loss breaker reopened, until a trade wins again.",
        stricter=_LOWER,
    )
    volatile_size: Decimal = _sizing(
        _share(),
        "0.5",
        _SIZE,
        "Size in a volatile regime, where ALLOW_VOLATILE lets it trade.",
        stricter=_LOWER,
    )
    same_direction_percent: Decimal = _sizing(
        _share("0.05"),
        "0.60",
        "fraction of all positions' risk",
        "Risk on one side, weighted by beta to BTC: coins fall together.",
        stricter=_LOWER,
    )
    slippage_percent: Decimal = _sizing(
        fraction("0", "0.02"),
        "0.0005",
        _PRICE,
        "Expected between trigger and fill, each way.",
        stricter=_HIGHER,
    )
    max_spread_percent: Decimal = _sizing(
        fraction("0.0001", "0.05"),
        "0.002",
        _PRICE,
        "A wider spread is not traded.",
        stricter=_LOWER,
    )
    max_bar_drift_atr: Decimal = _sizing(
        amount("0.1", "10"),
        "1.5",
        "1h ATR",
        "An opinion is about closed bars: it is not acted on at a price further from their last close.",
        stricter=_LOWER,
    )

    rolling_loss_limit_percent: Decimal = _breaker(
        fraction("0.001", "0.5"),
        "0.10",
        "fraction of equity 24 h ago",
        "Loss of the last 24 hours that stops entries: midnight does not split it.",
        stricter=_LOWER,
    )
    consecutive_loss_hours: Decimal = _breaker(
        amount("1", "720"), "24", "h", "A losing streak's breaker reopens after this.", stricter=_HIGHER
    )
    liquidation_risk_percent: Decimal = _breaker(
        fraction("0.01", "0.5"),
        "0.075",
        "fraction of the mark price",
        "A position nearer to its liquidation stops entries.",
        stricter=_HIGHER,
    )
    stale_data_seconds: int = _breaker(
        whole(15, 3_600), "180", "s", "Older prices stop entries.", stricter=_LOWER
    )
    exchange_errors: int = _breaker(
        whole(1, 100), "5", "errors in 10 min", "Failed calls that stop entries.", stricter=_LOWER
    )
    price_shock_atr: Decimal = _breaker(
        amount("1", "50"), "5", "15m ATR", "Move within one bar that stops entries.", stricter=_LOWER
    )
    funding_extreme_percent: Decimal = _breaker(
        fraction("0.0001", "0.05"),
        "0.003",
        "fraction per 8 h",
        "Funding, whoever pays, that stops entries.",
        stricter=_LOWER,
    )
    breaker_cooldown_minutes: int = _breaker(
        whole(0, 1_440),
        "15",
        "min",
        "A technical breaker stays open this long after its cause is gone.",
        stricter=_HIGHER,
    )
    daily_loss_policy: Policy = _policy("the daily loss", Policy.HOLD)
    rolling_loss_policy: Policy = _policy("the loss of 24 hours", Policy.HOLD)
    consecutive_losses_policy: Policy = _policy("a losing streak", Policy.HOLD)
    drawdown_policy: Policy = _policy("the drawdown", Policy.TIGHTEN)
    liquidation_risk_policy: Policy = _policy("a near liquidation", Policy.TIGHTEN)
    stale_data_policy: Policy = _policy("stale data", Policy.HOLD)
    exchange_errors_policy: Policy = _policy("repeated exchange errors", Policy.HOLD)
    price_shock_policy: Policy = _policy("a price shock", Policy.HOLD)
    funding_extreme_policy: Policy = _policy("extreme funding", Policy.HOLD)

    flag_rsi: bool = _switch("RSI beyond its limits on 1h")
    flag_rsi_low: Decimal = _flag(
        amount("0", "50"), "20", "", "RSI under this strikes both sides.", stricter=_HIGHER
    )
    flag_rsi_high: Decimal = _flag(
        amount("50", "100"), "80", "", "RSI over this strikes both sides.", stricter=_LOWER
    )
    flag_volume: bool = _switch("thin volume on 1h")
    flag_volume_ratio: Decimal = _flag(
        amount("0", "5"), "0.5", "of the mean of 20 bars", "Less volume strikes both sides.", stricter=_HIGHER
    )
    flag_middle: bool = _switch("price in the middle between support and resistance")
    flag_middle_share: Decimal = _flag(
        fraction("0", "1"), "0.30", "fraction of the way", "How wide that middle is.", stricter=_HIGHER
    )
    flag_divergence: bool = _switch("MACD divergence on 1h")
    flag_volatile: bool = _switch("volatile regime, unless ALLOW_VOLATILE")
    flag_timeframes: bool = _switch("timeframes disagree")
    flag_timeframes_count: int = _flag(
        whole(0, 3), "2", "timeframes", "Fewer that lean the side's way strike it.", stricter=_HIGHER
    )
    flag_funding: bool = _switch("funding against the side")
    flag_funding_percent: Decimal = _flag(
        fraction("0.00001", "0.05"),
        "0.001",
        "fraction per 8 h",
        "More to pay strikes the side.",
        stricter=_LOWER,
    )
