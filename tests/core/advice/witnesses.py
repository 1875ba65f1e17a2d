"""Synthetic advisers whose calibration and skill are known, as judgements that the market has resolved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from core.adviser_record import End, Judgement
from core.opinion import Purpose, Role, Stance

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
BASE = 0.4
EDGE_ODDS = 0.35
"""Spread of the true log odds around the base."""
SHARED = 0.6
"""Correlation of the witnesses' noise."""
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT", "XRP/USDT:USDT")


def a_judgement(**fields: Any) -> Judgement:
    """A long that claude stated 0.55 for and that met its target an hour later."""
    made = Judgement(
        id="judgement1",
        account="paper",
        adviser="claude",
        model="claude-1",
        symbol=SYMBOLS[0],
        bar=BEGIN,
        at=BEGIN + timedelta(seconds=20),
        purpose=Purpose.ENTRY,
        role=Role.VOTER,
        stance=Stance.LONG,
        confidence=0.8,
        p=0.55,
        close=100.0,
        atr=1.0,
        stop_atr=2.0,
        target_atr=3.0,
        horizon_bars=48,
        place=0,
        version="2.2",
        cost_usd=Decimal("0.0012"),
        latency_s=2.5,
        is_cached=False,
        call_id="call1",
        decision_id="decision1",
        long_end=End.TARGET,
        ended_at=BEGIN + timedelta(hours=1),
    )
    return replace(made, **fields)


@dataclass(frozen=True)
class Witness:
    """It sees the truth through noise and states it in its own tone."""

    name: str
    skill: float
    """Correlation of what it sees with the true log odds."""
    tone: float = 1.0
    """Factor on its log odds: above 1 it exaggerates."""
    lean: float = 0.0
    """Added to its log odds."""


@dataclass(frozen=True)
class World:
    """`(n,)` columns, oldest first."""

    truth: np.ndarray
    """True probability that the target is met."""
    met: np.ndarray
    stated: dict[str, np.ndarray]
    days: np.ndarray


def a_world(witnesses: Sequence[Witness], days: int, a_day: int, seed: int, drift: float = 0.0) -> World:
    """`drift`: spread of a whole day's log odds, which makes the answers of a day go together."""
    rng = np.random.default_rng(seed)
    count = days * a_day
    edge = rng.normal(0, EDGE_ODDS, count)
    of_day = np.repeat(rng.normal(0, drift, days) if drift else np.zeros(days), a_day)
    truth = chance(edge + of_day + odds(BASE))
    common = rng.normal(0, 1, count)
    stated = {}
    for one in witnesses:
        noise = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * rng.normal(0, 1, count)
        seen = one.skill * edge + np.sqrt(1 - one.skill**2) * EDGE_ODDS * noise
        stated[one.name] = chance(one.tone * seen + odds(BASE) + one.lean)
    met = (rng.random(count) < truth).astype(float)
    return World(truth, met, stated, np.repeat(np.arange(days), a_day))


def odds(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def chance(log_odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-log_odds))


def judgements_of(world: World, name: str, first_named: float = 1 / 3, seed: int = 0) -> list[Judgement]:
    """Longs, one after the other through each day, all ended within it."""
    rng = np.random.default_rng(seed)
    a_day = int((world.days == 0).sum())
    made = []
    for at, (stated, met, day) in enumerate(
        zip(world.stated[name].tolist(), world.met.tolist(), world.days.tolist(), strict=True)
    ):
        slot = at % a_day
        bar = BEGIN + timedelta(days=day, minutes=15 * (slot // len(SYMBOLS) % 80))
        made.append(
            a_judgement(
                id=f"{name}-{at:06d}",
                adviser=name,
                model=f"{name}-1",
                symbol=f"{slot // (80 * len(SYMBOLS))}{SYMBOLS[slot % len(SYMBOLS)]}",
                bar=bar,
                p=stated,
                place=0 if rng.random() < first_named else 1 + int(rng.random() < 0.5),
                long_end=End.TARGET if met else End.STOP,
                ended_at=bar + timedelta(hours=2),
            )
        )
    return made
