"""Ideas that were not taken, followed to their end with the rule book: what a gate saved or cost.

Laws:
- Nothing here trades, and nothing that trades waits for it.
- Measured in R only: the size matters for whole lots, never for the result. Costs are in it, funding is not.
- Walked over closed bars from where the last pass stopped: passes in any number give the same end.
- One symbol and side is followed once at a time: ideas of the same hour are one idea.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from math import floor, isfinite, nan

import numpy as np

from core.desk import EVERY_GATE, GateRecord
from core.journal import Shadow, ShadowGate
from core.market import TIMEFRAMES, Candles, Instrument, from_ms
from core.plan import Plan
from core.risk.limits import Limits
from core.risk.sizing import smallest_quantity
from core.statistics import mean_interval
from core.trade import ExitReason
from core.trading.exits import TICK_SLACK, ExitRules
from core.trading.exits_bet import (
    LEFT_BY_BREAK_EVEN,
    LEFT_BY_GUARD,
    LEFT_BY_STOP,
    LEFT_BY_TARGET,
    LEFT_BY_TIME,
    LEFT_BY_TRAILING,
    LIQUIDATED,
    Bet,
    Lots,
    Prices,
    Walk,
    begin,
    ladder,
    r_multiple,
)
from core.trading.exits_walk import walk_bar

LONGEST = timedelta(days=14)
"""After this an idea ends where the price is, whatever the rules: nothing is followed for ever."""
NOMINAL_LOTS = 1_000_000
"""Of a plan without a size: enough for any ladder of shares."""
LEAST_ENDED = 5
"""Below this a mean has no interval worth showing."""
REASONS = {
    LEFT_BY_STOP: ExitReason.STOP,
    LEFT_BY_BREAK_EVEN: ExitReason.BREAK_EVEN,
    LEFT_BY_TRAILING: ExitReason.TRAILING,
    LEFT_BY_TARGET: ExitReason.TARGET,
    LEFT_BY_TIME: ExitReason.TIME,
    LEFT_BY_GUARD: ExitReason.LIQUIDATION_GUARD,
    LIQUIDATED: ExitReason.LIQUIDATED,
}


@dataclass(frozen=True, slots=True)
class Course:
    """One idea as the rule book walks it."""

    rules: ExitRules
    bet: Bet
    targets: Prices
    target_lots: Lots
    liquidation: float
    """0: there is none."""


def can_be_followed(plan: Plan) -> bool:
    """It has an entry, a stop on the losing side of it and targets beyond it, in finite numbers."""
    prices = [plan.entry, plan.stop, *(target.price for target in plan.targets)]
    if not plan.targets or not all(price.is_finite() and price > 0 for price in prices):
        return False
    sign = plan.side.sign
    is_ordered = all((target.price - plan.entry) * sign > 0 for target in plan.targets)
    shares = [target.share for target in plan.targets]
    return is_ordered and (plan.entry - plan.stop) * sign > 0 and all(0 < share <= 1 for share in shares)


def begun(plan: Plan, account: str, gate: ShadowGate, checks: Sequence[str] = ()) -> Shadow:
    """From when the plan was drawn, at its own entry price."""
    names = tuple(dict.fromkeys(checks))
    return Shadow(plan.id, account, plan, gate, names, plan.created_at, plan.created_at, {})


def course_of(plan: Plan, instrument: Instrument, limits: Limits) -> Course:
    """`can_be_followed` said yes. Raises `ValueError` where the rule book finds no bet in it all the same."""
    entry, sized = float(plan.entry), floor(plan.quantity / instrument.lot) if plan.quantity > 0 else 0
    cost = plan.cost if plan.cost > 0 else 2 * (instrument.taker_fee + limits.slippage)
    bet = Bet(
        sign=plan.side.sign,
        entry=entry,
        first_stop=float(plan.stop),
        atr=float(plan.atr) if plan.atr is not None else nan,
        cost=float(cost),
        tick=float(instrument.tick),
        lots=sized or NOMINAL_LOTS,
        lot=float(instrument.lot),
    )
    least = floor(float(smallest_quantity(instrument, plan.entry) / instrument.lot) + TICK_SLACK)
    near = sorted(plan.targets, key=lambda target: (target.price - plan.entry) * plan.side.sign)
    shares = np.array([float(target.share) for target in near])
    lots = ladder(bet.lots, shares, least if sized else 1)
    begin(bet)
    return Course(
        # A profit in USDT means nothing without a size.
        rules=limits.exits if sized else limits.exits._replace(min_profit_usd=0.0),
        bet=bet,
        targets=np.array([float(target.price) for target in near]),
        target_lots=lots,
        liquidation=float(plan.liquidation) if sized and plan.liquidation.is_finite() else 0.0,
    )


def followed(shadow: Shadow, course: Course, candles: Candles) -> Shadow:
    """As far as these bars lead: those that open before `followed_until` were walked already."""
    walk = restored(shadow.walked) if shadow.walked else begin(course.bet)
    until, bet = shadow.followed_until, course.bet
    length = timedelta(milliseconds=TIMEFRAMES[candles.timeframe])
    for opened_ms, open_, high, low, close in candles.rows[:, :5].tolist():
        if from_ms(int(opened_ms)) < until:
            continue
        closed_at = from_ms(int(opened_ms)) + length
        walk = walk_bar(
            course.rules,
            bet,
            walk,
            course.targets,
            course.target_lots,
            open_,
            high,
            low,
            close,
            (closed_at - until).total_seconds(),
            course.liquidation,
        )
        until = closed_at
        if walk.lots_left == 0:
            break
    shadow = replace(shadow, followed_until=until, walked=stored(walk))
    if walk.lots_left == 0:
        return _ended(shadow, REASONS[walk.exit_code], r_multiple(bet, walk))
    if until - shadow.followed_from >= LONGEST:
        return _ended(shadow, ExitReason.TIME, r_multiple(bet, walk))
    return shadow


def _ended(shadow: Shadow, reason: ExitReason, result: float) -> Shadow:
    if not isfinite(result):
        raise ValueError(f"the idea {shadow.id} ended at {result} R")
    r = Decimal(f"{result:.6f}")
    return replace(shadow, ended_at=shadow.followed_until, exit_reason=reason, r_multiple=r)


def stored(walk: Walk) -> dict[str, float]:
    """JSON numbers."""
    return {name: float(value) for name, value in walk._asdict().items()}


def restored(walked: Mapping[str, float]) -> Walk:
    """The same walk again. Raises `ValueError` where a number is missing."""
    try:
        return Walk(
            stop=walked["stop"],
            moved_by=int(walked["moved_by"]),
            armed=bool(walked["armed"]),
            price=walked["price"],
            best=walked["best"],
            worst=walked["worst"],
            targets_filled=int(walked["targets_filled"]),
            lots_left=int(walked["lots_left"]),
            gain=walked["gain"],
            exit_price=walked["exit_price"],
            exit_code=int(walked["exit_code"]),
            ambiguous=int(walked["ambiguous"]),
            held_s=walked["held_s"],
        )
    except KeyError as error:
        raise ValueError(f"a walk without {error}") from error


# ---------------------------------------------------------------- what the gates saved or cost


def gate_records(ended: Sequence[Shadow], still_open: Sequence[Shadow]) -> tuple[GateRecord, ...]:
    """All together first, then each gate, most ideas first; empty when nothing was ever followed.

    An idea that several checks refused counts for each of them, and once for all together.
    """
    results: dict[str, list[float]] = defaultdict(list)
    opened: dict[str, int] = defaultdict(int)
    for shadow in ended:
        if shadow.r_multiple is not None:
            for gate in (EVERY_GATE, *gates_of(shadow)):
                results[gate].append(float(shadow.r_multiple))
    for shadow in still_open:
        for gate in (EVERY_GATE, *gates_of(shadow)):
            opened[gate] += 1
    names = {*results, *opened} - {EVERY_GATE}
    ranked = sorted(names, key=lambda name: (-len(results[name]) - opened[name], name))
    first = [EVERY_GATE] if names else []
    return tuple(_record(name, results[name], opened[name]) for name in (*first, *ranked))


def gates_of(shadow: Shadow) -> tuple[str, ...]:
    """The checks by name, or who let it go."""
    return shadow.checks if shadow.gate is ShadowGate.REFUSED and shadow.checks else (shadow.gate.value,)


def _record(name: str, results: Sequence[float], still_open: int) -> GateRecord:
    return GateRecord(
        gate=name,
        ended=len(results),
        still_open=still_open,
        sum_r=sum(results),
        mean_r=sum(results) / len(results) if results else None,
        interval_r=mean_interval(results) if len(results) >= LEAST_ENDED else None,
    )
