from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from core.risk.breakers import (
    CLEARS,
    CONSECUTIVE_LOSSES,
    DAILY_LOSS,
    DRAWDOWN,
    NAMES,
    Health,
    Reading,
    clears_by_rule,
    losses_in_a_row,
    readings,
)
from core.trade import ClosedTrade
from tests.core.builders import D, a_closed_trade, later, some_limits


def health(equity: Any = 1000, opening: Any = 1000, peak: Any = 1000, losses: int = 0) -> Health:
    known = [None if value is None else D(str(value)) for value in (equity, opening, peak)]
    return Health(known[0], known[1], known[2], losses)


def tripped(of: Health, **limits: Any) -> set[str]:
    return {reading.name for reading in readings(of, some_limits(**limits)) if reading.is_tripped}


def test_a_calm_account_trips_nothing() -> None:
    assert tripped(health()) == set()
    assert tripped(health(equity=5000)) == set()


@pytest.mark.parametrize(
    ("equity", "names"), [("900.01", set()), ("900", {DAILY_LOSS}), ("-5", {DAILY_LOSS, DRAWDOWN})]
)
def test_the_day_trips_at_its_limit_from_the_days_opening(equity: str, names: set[str]) -> None:
    assert tripped(health(equity=equity)) == names


def test_unrealised_loss_counts_because_equity_holds_it() -> None:
    # Nothing is realised: the wallet is as it was, and only the equity has fallen.
    assert tripped(health(equity=899, losses=0)) == {DAILY_LOSS}


@pytest.mark.parametrize(("equity", "is_tripped"), [("800.01", False), ("800", True)])
def test_the_fall_from_the_peak_trips_whatever_the_day_did(equity: str, is_tripped: bool) -> None:
    assert tripped(health(equity=equity, opening=equity)) == ({DRAWDOWN} if is_tripped else set())


@pytest.mark.parametrize(("losses", "is_tripped"), [(2, False), (3, True), (9, True)])
def test_losses_in_a_row_trip_at_their_count(losses: int, is_tripped: bool) -> None:
    assert (CONSECUTIVE_LOSSES in tripped(health(losses=losses))) is is_tripped


@pytest.mark.parametrize("unknown", ["equity", "opening", "peak"])
@pytest.mark.parametrize("value", [None, "NaN", "Infinity"])
def test_what_is_unknown_trips_nothing_and_says_so(unknown: str, value: Any) -> None:
    found = readings(health(**{unknown: value}), some_limits())

    names = {"equity": {DAILY_LOSS, DRAWDOWN}, "opening": {DAILY_LOSS}, "peak": {DRAWDOWN}}[unknown]
    assert {reading.name for reading in found if reading.value is None} == names
    assert not any(reading.is_tripped for reading in found)
    assert found[0 if DAILY_LOSS in names else 2].shown()[0] == "unknown"


@pytest.mark.parametrize("start", [0, -10])
def test_a_fall_from_nothing_is_unknown(start: int) -> None:
    assert readings(health(opening=start, peak=start), some_limits())[0].value is None


def test_gauges_are_shown_in_words() -> None:
    found = readings(health(equity=950, peak=1250, losses=2), some_limits())

    assert [reading.shown() for reading in found] == [
        ("5.00 %", "10.00 %"),
        ("2", "3"),
        ("24.00 %", "20.00 %"),
    ]
    assert tuple(reading.name for reading in found) == NAMES == tuple(CLEARS)


def row(*nets: Any) -> Sequence[ClosedTrade]:
    """Trades an hour apart, oldest first."""
    return [a_closed_trade(net, id=str(i), closed_at=later(hours=i)) for i, net in enumerate(nets)]


@pytest.mark.parametrize(
    ("nets", "count"),
    [((), 0), ((5,), 0), ((-1, -2), 2), ((-1, 5, -1, -1), 2), ((-1, 0), 0), ((-1, 0, -1), 1)],
)
def test_only_losses_at_the_newest_end_count(nets: tuple[int, ...], count: int) -> None:
    assert losses_in_a_row(row(*nets), None) == count


def test_losses_before_an_acknowledgement_do_not_count_again() -> None:
    trades = row(-1, -1, -1, -1)

    assert losses_in_a_row(trades, later(hours=1)) == 2
    assert losses_in_a_row(trades, later(hours=3)) == 0


@pytest.mark.parametrize("name", [CONSECUTIVE_LOSSES, DRAWDOWN])
def test_only_a_person_clears_losses_in_a_row_and_drawdown(name: str) -> None:
    tripped_at = datetime(2026, 3, 2, 12, tzinfo=UTC)

    assert not clears_by_rule(name, tripped_at, tripped_at + timedelta(days=400))


@pytest.mark.parametrize(
    ("now", "clears"),
    [
        (datetime(2026, 3, 2, 23, 59, 59, 999_999, tzinfo=UTC), False),
        (datetime(2026, 3, 3, 0, 0, 0, tzinfo=UTC), True),
        (datetime(2026, 3, 1, 12, 0, tzinfo=UTC), False),
        (datetime(2026, 3, 3, 2, 59, tzinfo=timezone(timedelta(hours=3))), False),  # 23:59 UTC
        (datetime(2026, 3, 2, 21, 0, tzinfo=timezone(timedelta(hours=-3))), True),  # 00:00 UTC
    ],
)
def test_the_days_breaker_clears_at_midnight_utc_and_at_no_other(now: datetime, clears: bool) -> None:
    tripped_at = datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC)

    assert clears_by_rule(DAILY_LOSS, tripped_at, now) is clears


def test_a_reading_of_an_unknown_value_is_not_tripped() -> None:
    assert not Reading(DAILY_LOSS, None, D("0.1")).is_tripped
