from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest

from core.risk.breakers import (
    CONSECUTIVE_LOSSES,
    DAILY_LOSS,
    DRAWDOWN,
    EXCHANGE_ERRORS,
    FUNDING_EXTREME,
    LIQUIDATION_RISK,
    NAMES,
    PRICE_SHOCK,
    ROLLING_LOSS,
    STALE_DATA,
    TABLE,
    UNKNOWN,
    Gauge,
    Health,
    Reading,
    losses_in_a_row,
    named,
    quiet,
    readings,
    title_of,
)
from core.trade import ClosedTrade
from tests.core.builders import D, a_closed_trade, later, some_limits

LOSSES = {DAILY_LOSS, ROLLING_LOSS, DRAWDOWN}


def health(
    equity: Any = 1000, opening: Any = 1000, ago: Any = 1000, peak: Any = 1000, losses: int = 0, **gauges: Any
) -> Health:
    known = [None if value is None else D(str(value)) for value in (equity, opening, ago, peak)]
    rest = {name: Gauge(D(str(value))) for name, value in gauges.items()}
    return Health(known[0], known[1], known[2], known[3], losses, **rest)


def tripped(of: Health, **limits: Any) -> set[str]:
    return {reading.name for reading in readings(of, some_limits(**limits)) if reading.is_tripped}


def reading(of: Health, name: str) -> Reading:
    return next(each for each in readings(of, some_limits()) if each.name == name)


def test_a_calm_account_trips_nothing() -> None:
    assert tripped(health()) == set()
    assert tripped(health(equity=5000)) == set()


def test_an_account_of_which_nothing_is_known_trips_nothing_and_is_inside_nothing_but_its_streak() -> None:
    found = readings(Health(None, None, None, None, 0), some_limits())

    assert not any(each.is_tripped for each in found)
    assert [each.name for each in found if each.is_inside] == [CONSECUTIVE_LOSSES]


@pytest.mark.parametrize(
    ("equity", "names"), [("900.01", set()), ("900", {DAILY_LOSS}), ("-5", {DAILY_LOSS, DRAWDOWN})]
)
def test_the_day_trips_at_its_limit_from_the_days_opening(equity: str, names: set[str]) -> None:
    assert tripped(health(equity=equity, ago=equity)) == names


def test_a_loss_split_by_midnight_is_whole_in_the_last_24_hours() -> None:
    assert tripped(health(equity=905, opening=950, ago=1000)) == set()
    assert tripped(health(equity=900, opening=950, ago=1000)) == {ROLLING_LOSS}


def test_unrealised_loss_counts_because_equity_holds_it() -> None:
    # Nothing is realised: the wallet is as it was, and only the equity has fallen.
    assert tripped(health(equity=899, losses=0)) == {DAILY_LOSS, ROLLING_LOSS}


@pytest.mark.parametrize(("equity", "is_tripped"), [("800.01", False), ("800", True)])
def test_the_fall_from_the_peak_trips_whatever_the_day_did(equity: str, is_tripped: bool) -> None:
    expected = {DRAWDOWN} if is_tripped else set()

    assert tripped(health(equity=equity, opening=equity, ago=equity)) == expected


@pytest.mark.parametrize(("losses", "is_tripped"), [(2, False), (3, True), (9, True)])
def test_losses_in_a_row_trip_at_their_count(losses: int, is_tripped: bool) -> None:
    assert (CONSECUTIVE_LOSSES in tripped(health(losses=losses))) is is_tripped


@pytest.mark.parametrize(
    ("gauge", "below", "above", "name"),
    [
        ("price_age", "179.9", "180", STALE_DATA),
        ("failed_calls", "4", "5", EXCHANGE_ERRORS),
        ("price_move", "4.99", "5", PRICE_SHOCK),
        ("funding", "0.00299", "0.003", FUNDING_EXTREME),
        ("liquidation", "0.075", "0.0749", LIQUIDATION_RISK),
    ],
)
def test_a_technical_gauge_trips_its_own_breaker_at_its_limit(
    gauge: str, below: str, above: str, name: str
) -> None:
    assert tripped(health(**{gauge: below})) == set()
    assert tripped(health(**{gauge: above})) == {name}


def test_every_gauge_has_its_breaker_and_every_breaker_its_own_words() -> None:
    whole = health(price_age=1, failed_calls=1, price_move=1, funding=1, liquidation=1)
    silent = replace(whole, equity=None)

    assert len(readings(whole, some_limits())) == len(NAMES) == len(set(NAMES))
    assert all(each.value is not None for each in readings(whole, some_limits()))
    assert {each.name for each in readings(silent, some_limits()) if each.value is None} == LOSSES
    assert len({each.title for each in TABLE}) == len(TABLE)
    assert len(fields(Health)) == 14


@pytest.mark.parametrize("unknown", ["equity", "opening", "ago", "peak"])
@pytest.mark.parametrize("value", [None, "NaN", "Infinity"])
def test_what_is_unknown_trips_nothing_and_says_so(unknown: str, value: Any) -> None:
    found = readings(health(**{unknown: value}), some_limits())

    names = {"equity": LOSSES, "opening": {DAILY_LOSS}, "ago": {ROLLING_LOSS}, "peak": {DRAWDOWN}}[unknown]
    silent = {each.name for each in found if each.value is None and each.name in LOSSES}
    assert silent == names
    assert not any(each.is_tripped for each in found)
    assert all(each.shown()[0] == "unknown" for each in found if each.name in names)


@pytest.mark.parametrize("start", [0, -10])
def test_a_fall_from_nothing_is_unknown(start: int) -> None:
    assert reading(health(opening=start), DAILY_LOSS).value is None


def test_what_has_nothing_to_measure_is_inside_its_limit_and_what_is_unknown_is_not() -> None:
    calm, blind = health(), health()
    calm = replace(calm, liquidation=quiet("no position"))

    assert reading(calm, LIQUIDATION_RISK).is_inside
    assert reading(calm, LIQUIDATION_RISK).shown() == ("no position", "7.50 %")
    assert not reading(blind, LIQUIDATION_RISK).is_inside


def test_gauges_are_shown_in_words() -> None:
    of = health(
        equity=950, peak=1250, losses=2, price_age=12, failed_calls=1, price_move="2.25", funding="0.0001"
    )
    found = readings(replace(of, liquidation=Gauge(D("0.1833"), "SOL")), some_limits())

    assert [each.shown() for each in found] == [
        ("5.00 %", "10.00 %"),
        ("5.00 %", "10.00 %"),
        ("2", "3"),
        ("24.00 %", "20.00 %"),
        ("18.33 % (SOL)", "7.50 %"),
        ("12 s", "180 s"),
        ("1", "5"),
        ("2.2 ATR", "5.0 ATR"),
        ("0.010 % per 8 h", "0.300 % per 8 h"),
    ]
    assert tuple(each.name for each in found) == NAMES


@pytest.mark.parametrize("words", ["daily_loss", "Daily loss", "daily-loss", " DAILY_LOSS "])
def test_a_breaker_is_found_by_name_or_title_however_it_is_written(words: str) -> None:
    assert named(words) == DAILY_LOSS


def test_words_that_name_no_breaker_find_none() -> None:
    assert named("dayly loss") is None
    assert named("") is None
    assert title_of("of another age") == "of another age"


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


def test_a_reading_of_an_unknown_value_is_not_tripped() -> None:
    assert not Reading(DAILY_LOSS, UNKNOWN, D("0.1")).is_tripped
