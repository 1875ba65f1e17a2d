"""A backtest: signals over histories → trades and equity, by the rules that live trading has.

Laws:
- A signal is known at its bar's close and acted on at the next open.
- Symbols that share nothing are run one by one; those that share an account, together in time order.
- Orders pay what a simulated venue takes of them: the other side of the spread and slippage, on the tick.
- Without numba the same loops run, slower, with the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from core.backtest.engine_compiled import trade_all
from core.backtest.engine_past import Past
from core.backtest.engine_terms import DAY_MS, Setup, fill_of, terms_of
from core.backtest.engine_words import REFUSALS, SAID, TRADE, TRADE_COLUMNS, Floats, Offer, Sides, Tape, Way
from core.trading.exits_compiled import float_rules

__all__ = ["DAY_MS", "Run", "Setup", "Signals", "run", "terms_of"]


@dataclass(frozen=True, slots=True)
class Signals:
    """What a strategy says at each bar's close, arrays as long as the bars; see `Tape`.

    `side`: ±1 enters and closes the other side, ±2 only closes what is held against it, 0 says nothing. The
    others say something of an entry where they are no NaN.
    """

    side: Sides
    stop: Floats | None = None
    """Distance, fraction of the entry price; NaN: `Setup.stop`."""
    target: Floats | None = None
    """Distance of one target for everything, likewise; NaN: `Setup.target`."""
    confidence: Floats | None = None
    """0..1; NaN: 1."""
    atr: Floats | None = None
    """Of the 1h bars, price units: what trails, and how far the price may be from the signal's close. NaN:
    unknown. None: that of the bars, where the rules trail by it."""
    leverage: Floats | None = None
    """Wanted; NaN: `Setup.leverage`."""
    share: Floats | None = None
    """Of the full size, what the judgement leaves (band and regime), 0..1; NaN: 1."""
    beta: Floats | None = None
    """To BTC; NaN: 1."""
    funding: Floats | None = None
    """Expected until the exit, fraction of the notional; NaN: none."""
    risk: Floats | None = None
    """Fraction of the equity, at most the limits' own; NaN: that."""
    score: Floats | None = None
    """Of the opportunity, without its term of reward to risk; NaN: not judged."""
    last_r: Floats | None = None
    """R of the last target of the ladder; NaN: the limits'."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

    trades: NDArray[np.void]
    """`engine_words.TRADE`, in the order of their exits; of symbols that share nothing, one symbol's after
    the other's."""
    equity: Floats
    """(m, 2): ms and USDT with open positions at the last price before; empty where symbols share nothing."""
    refused: Mapping[str, int]
    """Signals that were not followed while nothing was held, by the first reason."""
    final: float
    """USDT in the account at the end."""
    remarks: tuple[str, ...] = ()


def run(past: Past, signals: Sequence[Signals], setup: Setup) -> Run:
    """`signals`: one for each symbol of `past`. Raises `ValueError` where they don't fit its bars."""
    for part, said in zip(past.parts, signals, strict=True):
        _require_fit(part.symbol, len(part.bars), said)
    trails = setup.limits.exits.trail_atr > 0.0
    remarks = past.remarks
    if trails and not past.has_hourly and all(said.atr is None for said in signals):
        remarks = (*remarks, "bars longer than an hour have no 1h ATR: nothing trails by it")
    if setup.is_shared:
        trades, equity, refused = _one_run(past, signals, setup)
        return _told(trades, equity, refused, setup, remarks)
    runs = [_one_run(alone, [said], setup) for alone, said in zip(past.alone, signals, strict=True)]
    for place, (trades, _, _) in enumerate(runs):
        trades["symbol"] = place
    trades = runs[0][0] if len(runs) == 1 else np.concatenate([trades for trades, _, _ in runs])
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
    told = int(trades["resolved"].sum())
    if told:
        remarks = (*remarks, f"finer bars told which of stop and target came first {told:,} times")
    return Run(trades, equity, counts, setup.capital + float(trades["net"].sum()), remarks)


def _one_run(
    past: Past, signals: Sequence[Signals], setup: Setup
) -> tuple[NDArray[np.void], Floats, NDArray[np.int64]]:
    limits = setup.limits
    tape = _tape(past, signals, trails=limits.exits.trail_atr > 0.0)
    step_ms = float(setup.measured_every_ms) if setup.is_shared else 0.0
    out = np.empty((int(np.count_nonzero(tape.side)), len(TRADE_COLUMNS)))
    measured = np.empty((_points(tape.bars, step_ms), 2))
    count, points, refused = trade_all(is_plain=setup.is_plain)(
        _way(past, tape, setup),
        _offer(past, tape, setup),
        terms_of(setup, past.bar_ms),
        tape.first,
        step_ms,
        out,
        measured,
    )
    return _trades(out[:count]), measured[:points], refused


def _way(past: Past, tape: Tape, setup: Setup) -> Way:
    rules = float_rules(setup.limits.exits)
    return Way(
        rules=rules._replace(time_stop_h=0.0),
        timed=rules,
        fill=fill_of(setup),
        bar_ms=float(past.bar_ms),
        turns=setup.turns,
        bars=tape.bars,
        side=tape.side,
        mark=tape.mark,
        fine=tape.fine,
        fine_at=tape.fine_at,
        last=tape.last,
        funding=tape.funding,
        venue_rules=past.venues.rules,
    )


def _offer(past: Past, tape: Tape, setup: Setup) -> Offer:
    return Offer(
        said=tape.said,
        said_at=tape.said_at,
        funding_first=tape.funding_first,
        tiers=past.venues.tiers,
        rung_r=np.array([float(r) for r, _ in setup.limits.targets]),
        rung_share=np.array([float(share) for _, share in setup.limits.targets]),
    )


def _points(bars: Floats, step_ms: float) -> int:
    if not step_ms > 0:
        return 0
    return int((bars[:, 0].max() - bars[:, 0].min()) / step_ms) + 3


def _trades(rows: Floats) -> NDArray[np.void]:
    trades = np.empty(len(rows), dtype=TRADE)
    for place, name in enumerate(TRADE.names or ()):
        trades[name] = rows[:, place]
    return trades


def _tape(past: Past, signals: Sequence[Signals], *, trails: bool) -> Tape:
    side = signals[0].side if len(signals) == 1 else np.concatenate([said.side for said in signals])
    arrays = {name: _flat([getattr(said, name) for said in signals], signals) for name in SAID}
    if trails and all(said.atr is None for said in signals):
        arrays["atr"] = past.hourly_atr
    given = [name for name in SAID if arrays[name] is not None]
    return past.joined._replace(
        side=np.require(side, np.int8, ["C", "W"]),
        said=np.array([arrays[name] for name in given]) if given else np.zeros((0, 0)),
        said_at=np.array([given.index(name) if name in given else -1 for name in SAID]),
    )


def _flat(arrays: Sequence[Floats | None], signals: Sequence[Signals]) -> Floats | None:
    """One behind the other; None where nobody names any."""
    if all(array is None for array in arrays):
        return None
    filled = [
        np.full(len(said.side), np.nan) if array is None else array
        for array, said in zip(arrays, signals, strict=True)
    ]
    return filled[0] if len(filled) == 1 else np.concatenate(filled)


def _require_fit(symbol: str, bars: int, said: Signals) -> None:
    for each in fields(said):
        array = getattr(said, each.name)
        if array is not None and len(array) != bars:
            raise ValueError(f"{symbol}: {len(array)} values of {each.name} for {bars} bars")
