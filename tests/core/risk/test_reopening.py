"""How a tripped breaker comes back, from its event and what is measured now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from core.journal import BreakerEvent
from core.risk.breakers import (
    BY_NAME,
    CONSECUTIVE_LOSSES,
    DAILY_LOSS,
    DRAWDOWN,
    EXCHANGE_ERRORS,
    NAMES,
    ROLLING_LOSS,
)
from core.risk.reopening import clearing_words, cools_until, is_probing
from tests.core.builders import NOW, PAPER, a_closed_trade, later, some_limits

LIMITS = some_limits()
TECHNICAL = [name for name in NAMES if not BY_NAME[name].is_loss]
MARCH_2 = datetime(2026, 3, 2, 12, tzinfo=UTC)


def resolved(name: str = DAILY_LOSS, at: datetime = NOW, by: str = "owner") -> BreakerEvent:
    return BreakerEvent(1, PAPER, name, "", "", "", at - timedelta(hours=1), at, by)


@pytest.mark.parametrize("gone", [None, MARCH_2])
def test_only_a_person_clears_a_drawdown(gone: datetime | None) -> None:
    assert cools_until(DRAWDOWN, MARCH_2, gone, LIMITS) is None
    assert clearing_words(DRAWDOWN, None, LIMITS) == "when you acknowledge it"


@pytest.mark.parametrize(
    "tripped_at",
    [
        datetime(2026, 3, 2, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 3, 2, 59, tzinfo=timezone(timedelta(hours=3))),
    ],
)
def test_the_days_breaker_reopens_at_the_next_midnight_utc_and_at_no_other(tripped_at: datetime) -> None:
    assert cools_until(DAILY_LOSS, tripped_at, None, LIMITS) == datetime(2026, 3, 3, tzinfo=UTC)
    assert clearing_words(DAILY_LOSS, datetime(2026, 3, 3, tzinfo=UTC), LIMITS).startswith("at 00:00 UTC")


def test_a_losing_streaks_breaker_reopens_a_day_after_it_tripped() -> None:
    assert cools_until(CONSECUTIVE_LOSSES, MARCH_2, None, LIMITS) == MARCH_2 + timedelta(hours=24)


def test_a_rolling_loss_reopens_as_soon_as_its_window_is_back_inside() -> None:
    assert cools_until(ROLLING_LOSS, MARCH_2, None, LIMITS) is None
    assert cools_until(ROLLING_LOSS, MARCH_2, MARCH_2, LIMITS) == MARCH_2


@pytest.mark.parametrize("name", TECHNICAL)
def test_a_technical_breaker_waits_for_its_cause_to_be_gone_and_then_cools_down(name: str) -> None:
    gone = MARCH_2 + timedelta(hours=1)

    assert cools_until(name, MARCH_2, None, LIMITS) is None
    assert cools_until(name, MARCH_2, gone, LIMITS) == gone + timedelta(minutes=15)
    assert "15 min after its cause is gone" in clearing_words(name, None, LIMITS)


def test_a_breaker_of_another_age_is_a_persons_to_clear() -> None:
    assert cools_until("gone", MARCH_2, MARCH_2, LIMITS) is None
    assert clearing_words("gone", None, LIMITS) == "when you acknowledge it"


@pytest.mark.parametrize(
    ("trades", "probing"),
    [
        ((), True),
        ((a_closed_trade(-1, opened_at=later(hours=1)),), True),
        ((a_closed_trade(0, opened_at=later(hours=1)),), True),
        # It won, but somebody else opened it.
        ((a_closed_trade(5, opened_at=later(hours=1), origin="adopted"),), True),
        # It won, but it was opened before the breaker reopened: at its size nothing was proven.
        ((a_closed_trade(5, opened_at=later(hours=-1), closed_at=later(hours=3)),), True),
        ((a_closed_trade(5, opened_at=later(hours=1)), a_closed_trade(-9, opened_at=later(hours=2))), False),
    ],
)
@pytest.mark.parametrize("name", [DAILY_LOSS, ROLLING_LOSS, CONSECUTIVE_LOSSES, DRAWDOWN])
def test_a_loss_breaker_probes_until_a_trade_opened_since_has_won(
    name: str, trades: Any, probing: bool
) -> None:
    assert is_probing(resolved(name), trades) is probing


@pytest.mark.parametrize("name", [*TECHNICAL, EXCHANGE_ERRORS])
def test_a_technical_breaker_does_not_probe(name: str) -> None:
    assert not is_probing(resolved(name), ())


def test_what_never_tripped_does_not_probe() -> None:
    assert not is_probing(None, ())
