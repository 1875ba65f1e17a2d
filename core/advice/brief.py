"""The question put to every adviser, written from closed bars.

Laws:
- Closed bars and per-bar quantities only: no live price, spread or account. The same bar gives the same text,
  byte for byte, so that scans inside one bar meet the cache.
- No symbol, date or price level: distances in basis points of the last 15m close, or in multiples of ATR.
  An adviser judges the picture, not what it remembers of a coin, and no outside text can enter.
- What is missing is "n/a" and counted, never zero.
- Candles are short tables, oldest first: about a sixth of the tokens of keyed JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.advice.rubric import RUBRIC, RUBRIC_VERSION
from core.market import Candles, Side
from core.opinion import Brief, Features, FrameFeatures

FACTS_VERSION = "1"
BRIEF_VERSION = f"{RUBRIC_VERSION}.{FACTS_VERSION}"

BARS_SHOWN = {"15m": 48, "1h": 36, "4h": 24}
"""Half a day, a day and a half, four days: about 1,100 tokens in all."""

REWARD_RISKS = (1.5, 2.0, 3.0)
NOT_AVAILABLE = "n/a"


@dataclass(frozen=True, slots=True)
class TradeTerms:
    """What every trade costs and what the risk rules allow; fractions of price or notional."""

    round_trip_cost: float
    """Fees and slippage of entry and exit together."""
    min_stop: float
    max_stop: float
    min_reward_risk: float = 1.5


def write_brief(features: Features, candles: Mapping[str, Candles], terms: TradeTerms) -> Brief:
    """The same arguments always give the same texts."""
    return Brief(
        symbol=features.symbol,
        features=features,
        candles=dict(candles),
        system=RUBRIC,
        question=_question(features, candles, terms),
        version=BRIEF_VERSION,
    )


def break_even_probability(cost_r: float, reward_risk: float) -> float:
    """Chance of the target at which nothing is won or lost.

    `cost_r` is the round trip's cost and `reward_risk` the target's distance, both as multiples of the
    stop's distance: p(RR - c) = (1 - p)(1 + c).
    """
    return (1 + cost_r) / (1 + reward_risk)


def _question(features: Features, candles: Mapping[str, Candles], terms: TradeTerms) -> str:
    figures = list(_figures(features))
    parts = [
        "FACTS of one USDT perpetual, closed candles only. Distances: bps = 0.01 % of the last 15m close;"
        " atr = multiples of the ATR of the column's timeframe (1h in LEVELS). + above the close, - below.",
        _state(features, figures),
        _figure_table(features, figures),
        _levels(features),
        _costs(features, terms),
        *(_candle_table(candles[name], features.close) for name in BARS_SHOWN if name in candles),
        "Answer with the JSON object.",
    ]
    return "\n\n".join(parts) + "\n"


def _state(features: Features, figures: list[tuple[str, dict[str, str]]]) -> str:
    missing = [
        f"{frame}.{name}" for name, row in figures for frame, value in row.items() if value == NOT_AVAILABLE
    ]
    context = {
        "funding_bps_8h": _number(_scaled(features.funding_per_8h, 1e4), 1),
        "volume_24h_usdt": _magnitude(features.quote_volume_24h),
        "open_interest_usdt": _magnitude(features.open_interest),
    }
    missing += [name for name, value in context.items() if value == NOT_AVAILABLE]
    total = sum(len(row) for _, row in figures) + len(context)
    lines = [
        "STATE",
        f"regime={features.regime.value}",
        *(f"{name}={value}" for name, value in context.items()),
        f"complete={total - len(missing)} of {total} figures",
        f"missing={' '.join(missing) or 'none'}",
    ]
    return "\n".join(lines)


def _figure_table(features: Features, figures: list[tuple[str, dict[str, str]]]) -> str:
    frames = list(features.frames)
    rows = [",".join([name, *(row[frame] for frame in frames)]) for name, row in figures]
    return "\n".join(["FIGURES", ",".join(["figure", *frames]), *rows])


def _figures(features: Features) -> Iterator[tuple[str, dict[str, str]]]:
    """Each figure's name and its text by timeframe."""
    rows = {frame: dict(_frame_figures(figures)) for frame, figures in features.frames.items()}
    first = next(iter(rows.values()), {})
    for name in first:
        yield name, {frame: row[name] for frame, row in rows.items()}


def _frame_figures(frame: FrameFeatures) -> Iterator[tuple[str, str]]:
    def away(price: float | None) -> str:
        return _number(_ratio(_minus(price, frame.close), frame.atr), 2)

    yield "lean", frame.lean.value
    yield "rsi14", _number(frame.rsi, 1)
    yield "macd_atr", _number(_ratio(frame.macd, frame.atr), 2)
    yield "macd_signal_atr", _number(_ratio(frame.macd_signal, frame.atr), 2)
    yield "macd_hist_atr", _number(_ratio(frame.macd_histogram, frame.atr), 3)
    yield "adx14", _number(frame.adx, 1)
    yield "atr14_bps", _number(_scaled(_ratio(frame.atr, frame.close), 1e4), 1)
    yield "bollinger_place", _number(_place(frame), 2)
    yield "bollinger_width_bps", _number(_scaled(_ratio(_band(frame), frame.close), 1e4), 0)
    yield "ema20_atr", away(frame.ema_fast)
    yield "ema50_atr", away(frame.ema_slow)
    yield "sma200_atr", away(frame.sma_long)
    yield "volume_ratio", _number(frame.volume_ratio, 2)
    yield "obv_slope", _number(frame.obv_slope, 2)
    yield "divergence", _DIVERGENCE[frame.divergence]
    yield "swing_low_atr", away(frame.swing_low)
    yield "swing_high_atr", away(frame.swing_high)


_DIVERGENCE = {None: "none", Side.LONG: "bullish", Side.SHORT: "bearish"}


def _levels(features: Features) -> str:
    atr = hourly_atr(features)
    lines = ["LEVELS nearest of 1h and 4h"]
    for name, price in (("support", features.support), ("resistance", features.resistance)):
        away = _minus(price, features.close)
        in_bps = _number(_scaled(_ratio(away, features.close), 1e4), 0)
        lines.append(f"{name}: {in_bps} bps, {_number(_ratio(away, atr), 2)} atr")
    lines.append(f"place between them: {_number(_between(features), 2)} (0 support, 1 resistance)")
    return "\n".join(lines)


def _costs(features: Features, terms: TradeTerms) -> str:
    near, far = stop_bounds_atr(features, terms)
    header = ",".join(["stop_bps", "cost_r", *(f"p_at_{reward:g}r" for reward in REWARD_RISKS)])
    lines = [
        "COSTS AND BREAK-EVEN",
        f"round trip cost: {terms.round_trip_cost * 1e4:.1f} bps of notional",
        f"allowed stop distance: {terms.min_stop * 1e4:.0f} to {terms.max_stop * 1e4:.0f} bps"
        f" = {_number(near, 2)} to {_number(far, 2)} atr",
        f"least reward to risk: {terms.min_reward_risk:g}",
        header,
    ]
    for stop in (terms.min_stop, terms.max_stop):
        cost_r = terms.round_trip_cost / stop
        chances = [f"{break_even_probability(cost_r, reward):.3f}" for reward in REWARD_RISKS]
        lines.append(",".join([f"{stop * 1e4:.0f}", f"{cost_r:.3f}", *chances]))
    return "\n".join(lines)


def _candle_table(candles: Candles, reference: float) -> str:
    rows = candles.rows[-BARS_SHOWN[candles.timeframe] :]
    mean_volume = float(rows[:, 5].mean()) if len(rows) else 0.0
    lines = [
        f"CANDLES {candles.timeframe}, {len(rows)} bars, oldest first; close, high above it, low"
        " below it in bps, volume in % of mean",
        "c,up,dn,v",
    ]
    for _, _, high, low, close, volume in rows.tolist():
        figures = (
            (close - reference) / reference * 1e4,
            (high - close) / reference * 1e4,
            (close - low) / reference * 1e4,
            volume / mean_volume * 100 if mean_volume else None,
        )
        lines.append(",".join(_number(figure, 0) for figure in figures))
    return "\n".join(lines)


def hourly_atr(features: Features) -> float | None:
    """1h ATR in price units: the unit of every stated distance."""
    frame = features.frames.get("1h")
    return frame.atr if frame is not None and frame.atr else None


def stop_bounds_atr(features: Features, terms: TradeTerms) -> tuple[float | None, float | None]:
    """The allowed stop distances as multiples of the 1h ATR."""
    atr = hourly_atr(features)
    if atr is None:
        return None, None
    return terms.min_stop * features.close / atr, terms.max_stop * features.close / atr


def _between(features: Features) -> float | None:
    if features.support is None or features.resistance is None:
        return None
    return _ratio(features.close - features.support, features.resistance - features.support)


def _place(frame: FrameFeatures) -> float | None:
    return _ratio(_minus(frame.close, frame.bollinger_low), _band(frame))


def _band(frame: FrameFeatures) -> float | None:
    return _minus(frame.bollinger_high, frame.bollinger_low)


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    return None if numerator is None or not denominator else numerator / denominator


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _number(value: float | None, digits: int) -> str:
    """Fixed digits, never "-0"; n/a for None and for what is not finite."""
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    rounded = round(value, digits) + 0.0
    return f"{rounded:.{digits}f}"


def _magnitude(value: float | None) -> str:
    """Rolling sums move inside a bar, so only their size is told: rounded down to 1 or 3 times 10^n."""
    if value is None or not math.isfinite(value) or value <= 0:
        return NOT_AVAILABLE
    power = 10.0 ** math.floor(math.log10(value))
    step = 3 if value >= 3 * power else 1
    return f"over {step * power / 1e6:g}M"
