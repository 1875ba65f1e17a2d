"""The fast engine in a world that the full simulation plays as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.backtest.as_live import LiveJudge, LiveRules
from core.backtest.engine import Run, Signals, run
from core.backtest.engine_past import Past, past_of
from core.backtest.engine_words import REASONS
from core.backtest.history import History
from core.market import to_ms
from core.opinion import behind
from core.plan import Plan
from core.risk.limits import Limits
from tests.core.backtest.side_by_side import BAR_MS, FRAME, SPILL_MS, Played, Row, World, in_time


def as_planned(world: World, symbol: str, drawn: Mapping[tuple[str, int], Plan]) -> Signals:
    """The strategy's signals with what live plans at each; those that live refuses before are left out."""
    said = in_time(world, symbol)
    own = {place: plan for (name, place), plan in drawn.items() if name == symbol}
    side = said.side.copy()
    side[[place for place in range(len(side)) if abs(side[place]) == 1 and place not in own]] = 0

    def array(value: Callable[[Plan], float]) -> NDArray[np.float64]:
        made = np.full(len(side), np.nan)
        for place, plan in own.items():
            made[place] = value(plan)
        return made

    known = {
        "stop": array(lambda plan: float(abs(plan.entry - plan.stop) / plan.entry)),
        "atr": array(lambda plan: float(plan.atr or 0)),
        "leverage": array(lambda plan: plan.leverage_wanted),
        "share": array(lambda plan: float(plan.size_share)),
        "funding": array(lambda plan: float(plan.funding_cost)),
        "beta": array(lambda plan: 1.0 if plan.beta is None else float(plan.beta)),
        "score": array(lambda plan: plan.score.total - plan.score.reward_risk),
        "last_r": array(lambda plan: _last_r(plan, world.limits)),
    }
    return replace(said, side=side, target=None, **known)


def _last_r(plan: Plan, limits: Limits) -> float:
    """The last target comes in to what the strategy sees, never nearer than the one before it."""
    (opinion,) = behind(plan.verdict, plan.side)
    *others, last = (float(r) for r, _ in limits.targets)
    if not (opinion.stop_atr and opinion.target_atr):
        return last
    return max(min(opinion.target_atr / opinion.stop_atr, last), *others)


def fast(world: World, drawn: Mapping[tuple[str, int], Plan], *, is_plain: bool = False) -> Played:
    """The signals as the real decision planned them."""
    return fast_of(world, [as_planned(world, symbol, drawn) for symbol in world.bars], is_plain=is_plain)


def judged(world: World) -> Sequence[Signals]:
    """The signals as the backtest's own judge of what live would plan sees them."""
    said = [in_time(world, symbol) for symbol in world.bars]
    return LiveJudge(past_from(world)).judged(said, LiveRules(world.limits, world.flags)).signals


def past_from(world: World) -> Past:
    histories = [_history(world, symbol) for symbol in world.bars]
    return past_of(histories, [world.instruments[symbol] for symbol in world.bars])


def fast_of(world: World, signals: Sequence[Signals], *, is_plain: bool = False) -> Played:
    setup = replace(world.setup, is_plain=is_plain, fill_slippage=float(world.slippage))
    return _told(world, run(past_from(world), signals, setup))


def _history(world: World, symbol: str) -> History:
    rows = world.bars[symbol]
    rows = rows[rows[:, 0] < to_ms(world.last)]
    funding = world.funding.get(symbol)
    rates = None if funding is None else np.column_stack([funding.at_ms.astype(float), funding.rate])
    return History(symbol, FRAME, rows, None, rates, "made")


def _told(world: World, found: Run) -> Played:
    symbols = list(world.bars)
    rows, held = [], {}
    for trade in found.trades:
        symbol = symbols[int(trade["symbol"])]
        times, lot = world.bars[symbol][:, 0], float(world.instruments[symbol].lot)
        entered, left = int(times[trade["entry_bar"]]), int(times[trade["exit_bar"]])
        reason = REASONS[int(trade["reason"])]
        quantity = float(trade["lots"]) * lot
        if reason == "end":
            held[symbol] = (entered, int(trade["side"]))
            continue
        row = Row(
            symbol,
            int(trade["side"]),
            entered,
            (left, left + BAR_MS + SPILL_MS),
            quantity,
            int(trade["leverage"]),
            float(trade["entry_price"]),
            float(trade["exit_price"]),
            float(trade["fees"]),
            float(trade["funding"]),
            float(trade["net"]),
            reason,
        )
        rows.append(row)
    return Played(tuple(rows), held)
