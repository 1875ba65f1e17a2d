"""Thirty recorded days in auto mode: the table of trades and what a simulated day costs."""

from __future__ import annotations

import asyncio

from tests.core.sim.month import DAYS, month


def bench_thirty_days_of_real_prices() -> None:
    made = asyncio.run(month())

    print(f"\n{made.table()}")
    bare = len(made.stage.naked)
    print(f"{made.seconds / DAYS:.2f} s of processor time a simulated day; looks without cover: {bare}")
