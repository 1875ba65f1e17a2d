"""What every test shares: repeatable property tests that don't fail because a machine is busy."""

from __future__ import annotations

import decimal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


SLOW_FIRST = (
    "core/sim/test_thirty_days",
    "kills/",
    "live/test_faults",
    "test_readme",
    "simulation/",
    "end_to_end/",
)
"""Each of these files takes minutes or many seconds: begun last, they would leave the other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((i for i, part in enumerate(SLOW_FIRST) if part in item.nodeid), 99))


@pytest.fixture(autouse=True)
def _own_decimal_context() -> None:
    """ccxt, used bare, leaves its own rounding behind in the thread; the next test begins without it."""
    decimal.setcontext(decimal.DefaultContext.copy())
