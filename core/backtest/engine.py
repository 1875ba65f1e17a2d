"""A backtest: signals over histories → trades and equity, by the rules that live trading has.

Laws:
- A signal is known at its bar's close and acted on at the next open.
- Symbols that share nothing are run one by one; those that share an account, together in time order.
- Without numba the same loops run, slower, with the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf

import numpy as np
from numpy.typing import NDArray

from core.backtest.engine_compiled import trade_all
from core.backtest.engine_past import Past, with_signals
from core.backtest.engine_words import REFUSALS, TRADE, TRADE_COLUMNS, Floats, Sides, Tape, Terms
from core.risk.limits import Limits
from core.trading.exits_compiled import float_rules

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Signals:
    """What a strategy says at each bar's close, arrays as long as the bars; see `Tape`.

    `side`: ±1 enters and closes the other side, ±2 only closes what is held against it, 0 says nothing.
    """

    side: Sides
    stop: Floats | None = None
    target: Floats | None = None
    confidence: Floats | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """How a run trades; everything else is in `limits`, as live."""

    limits: Limits = field(default_factory=Limits)
    capital: float = 1000.0
    """USDT that the account begins with."""
    leverage: int = 3
    """Wanted; the limits and the venue may allow less."""
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
    measured_every_ms: int = DAY_MS
    """Between two points of the equity; a bar's length gives every bar."""
    is_plain: bool = False
    """Without the compiler."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

    trades: NDArray[np.void]
    """`engine_words.TRADE`, in the order of their exits; of symbols that share nothing, one symbol's after
    the other's."""
    equity: Floats
    """(m, 2): ms and USDT with open positions at the price of then; empty where symbols share nothing."""
    refused: Mapping[str, int]
    """Signals that were not followed while nothing was held, by reason."""
    final: float
    """USDT in the account at the end."""
    remarks: tuple[str, ...] = ()


def run(past: Past, signals: Sequence[Signals], setup: Setup) -> Run:
    """`signals`: one for each symbol of `past`. Raises `ValueError` where they don't fit its bars."""
    for part, said in zip(past.parts, signals, strict=True):
        _require_fit(part.symbol, len(part.bars), said)
    remarks = tuple(text for part in past.parts for text in part.remarks)
    terms = terms_of(setup, past.bar_ms)
    if setup.is_shared:
        trades, equity, refused = _one_run(past, signals, setup, terms)
        return _told(trades, equity, refused, setup, remarks)
    runs = [_one_run(alone, [said], setup, terms) for alone, said in zip(past.alone, signals, strict=True)]
    for place, (trades, _, _) in enumerate(runs):
        trades["symbol"] = place
    trades = np.concatenate([trades for trades, _, _ in runs])
    counts = np.sum([refused for _, _, refused in runs], axis=0)
    return _told(trades, np.zeros((0, 2)), counts, setup, remarks)


def _told(
    trades: NDArray[np.void],
    equity: Floats,
    refused: NDArray[np.int64],
    setup: Setup,
    remarks: tuple[str, ...],
) -> Run:
    counts = dict(zip(REFUSALS, refused.tolist(), strict=True))
    return Run(trades, equity, counts, setup.capital + float(trades["net"].sum()), remarks)


def _one_run(
    past: Past, signals: Sequence[Signals], setup: Setup, terms: Terms
) -> tuple[NDArray[np.void], Floats, NDArray[np.int64]]:
    tape = _tape(past, signals)
    step_ms = float(setup.measured_every_ms) if setup.is_shared else 0.0
    out = np.empty((int(np.count_nonzero(tape.side)), len(TRADE_COLUMNS)))
    measured = np.empty((_points(tape, step_ms), 2))
    limits = setup.limits
    rung_r = np.array([float(r) for r, _ in limits.targets])
    rung_share = np.array([float(share) for _, share in limits.targets])
    count, points, refused = trade_all(is_plain=setup.is_plain)(
        float_rules(limits.exits), terms, tape, past.venues, rung_r, rung_share, step_ms, out, measured
    )
    return _trades(out[:count]), measured[:points], refused


def _points(tape: Tape, step_ms: float) -> int:
    if not step_ms > 0:
        return 0
    return int((tape.bars[:, 0].max() - tape.bars[:, 0].min()) / step_ms) + 3


def _trades(rows: Floats) -> NDArray[np.void]:
    trades = np.empty(len(rows), dtype=TRADE)
    for place, name in enumerate(TRADE.names or ()):
        trades[name] = rows[:, place]
    return trades


def _tape(past: Past, signals: Sequence[Signals]) -> Tape:
    side = signals[0].side if len(signals) == 1 else np.concatenate([said.side for said in signals])
    return with_signals(
        past.joined,
        np.require(side, np.int8, ["C", "W"]),
        _flat([said.stop for said in signals], signals, np.nan),
        _flat([said.target for said in signals], signals, np.nan),
        _flat([said.confidence for said in signals], signals, 1.0),
    )


def _flat(arrays: Sequence[Floats | None], signals: Sequence[Signals], missing: float) -> Floats:
    """One behind the other; nothing where nobody names any."""
    if all(array is None for array in arrays):
        return np.zeros(0)
    filled = [
        np.full(len(said.side), missing) if array is None else array
        for array, said in zip(arrays, signals, strict=True)
    ]
    return np.require(filled[0] if len(filled) == 1 else np.concatenate(filled), np.float64, ["C", "W"])


def _require_fit(symbol: str, bars: int, said: Signals) -> None:
    for name in ("side", "stop", "target", "confidence"):
        array = getattr(said, name)
        if array is not None and len(array) != bars:
            raise ValueError(f"{symbol}: {len(array)} values of {name} for {bars} bars")


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
        position_size=float(limits.position_size),
        max_leverage=limits.max_leverage,
        min_liquidation_distance=float(limits.min_liquidation_distance),
        liquidation_per_stop=float(limits.liquidation_per_stop),
        same_direction_share=float(limits.same_direction_share),
        daily_loss=_limit(limits.daily_loss),
        max_losses=limits.max_consecutive_losses,
        losing_cooldown_ms=limits.breakers.consecutive_cooldown_h * 3_600_000.0,
        max_drawdown=_limit(limits.max_drawdown),
        yellow=_limit(limits.yellow_drawdown),
        orange=_limit(limits.orange_drawdown),
        yellow_size=float(limits.yellow_size),
        probe_size=float(limits.probe_size),
    )


def _limit(fraction: Decimal) -> float:
    """A limit of nothing would hold from the first moment on: there is none then."""
    return float(fraction) if fraction > 0 else inf
