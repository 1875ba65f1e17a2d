"""Maintenance tiers: the venue's own where it tells them, else a table that errs on the careful side."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from core.market import Tier
from core.money import ONE, ZERO, exact

_CAREFUL = (
    # cap in USDT, highest leverage, maintenance as a fraction of notional
    (Decimal(50_000), 20, Decimal("0.025")),
    (Decimal(250_000), 10, Decimal("0.05")),
    (Decimal(1_000_000), 5, Decimal("0.10")),
    (Decimal(5_000_000), 2, Decimal("0.25")),
    (Decimal(20_000_000), 1, Decimal("0.50")),
)
"""Stricter at every notional than Binance's brackets of the fifteen largest perpetuals in May 2026. A
liquidation price from it is nearer to the entry than the real one, a leverage limit never higher."""


def careful_tiers(maintenance_floor: Decimal = ZERO, max_leverage: int | None = None) -> tuple[Tier, ...]:
    """The stand-in, tightened by what the venue does say: no tier under `maintenance_floor`, none over
    `max_leverage`."""
    steps = [
        (cap, max(1, min(leverage, max_leverage or leverage)), max(rate, maintenance_floor))
        for cap, leverage, rate in _CAREFUL
    ]
    return continuous(steps)


def continuous(steps: Sequence[tuple[Decimal, int, Decimal]]) -> tuple[Tier, ...]:
    """Tiers from (cap, max leverage, rate), ascending; the deduction grows so that maintenance never jumps:
    `deduction += floor * (rate - previous rate)`."""
    tiers: list[Tier] = []
    floor, deduction, previous = ZERO, ZERO, None
    for cap, leverage, rate in steps:
        if not (cap > floor and 0 < rate <= ONE and leverage >= 1):
            raise ValueError(f"tier up to {cap} at {rate} with {leverage}x doesn't follow {floor}")
        if previous is not None:
            deduction += floor * (rate - previous)
        tiers.append(Tier(floor, cap, leverage, rate, deduction))
        floor, previous = cap, rate
    if not tiers:
        raise ValueError("no tiers")
    return tuple(tiers)


def binance_tiers(brackets: Sequence[dict[str, Any]]) -> tuple[Tier, ...]:
    """From `leverageBracket`; raises `ValueError` or `KeyError` where it isn't one."""
    rows = sorted(brackets, key=lambda bracket: exact(bracket["notionalFloor"]))
    tiers = tuple(
        Tier(
            floor=exact(row["notionalFloor"]),
            cap=exact(row["notionalCap"]),
            max_leverage=int(row["initialLeverage"]),
            maintenance_rate=exact(row["maintMarginRatio"]),
            maintenance_deduction=exact(row["cum"]),
        )
        for row in rows
    )
    if not tiers or tiers[0].floor != 0 or any(t.cap <= t.floor for t in tiers):
        raise ValueError("brackets don't start at zero or don't ascend")
    return tiers


def unified_tiers(rows: Sequence[dict[str, Any]]) -> tuple[Tier, ...]:
    """From ccxt's unified tiers with notionals in USDT."""
    steps = [
        (exact(row["maxNotional"]), int(row["maxLeverage"]), exact(row["maintenanceMarginRate"]))
        for row in rows
    ]
    return continuous(sorted(steps))
