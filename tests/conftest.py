"""What every test shares: repeatable property tests that don't fail because a machine is busy."""

from __future__ import annotations

import decimal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _own_decimal_context() -> None:
    """ccxt, used bare, leaves its own rounding behind in the thread; the next test begins without it."""
    decimal.setcontext(decimal.DefaultContext.copy())
