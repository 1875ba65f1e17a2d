"""Thirty real days through the whole program: both sides, always covered, right to the last digit."""

from __future__ import annotations

import asyncio

import pytest

from core.market import Side
from core.money import ZERO
from core.trade import ExitReason, Purpose
from tests.core.sim.month import Month, month, unbooked
from tests.core.sim.stage import D

pytestmark = pytest.mark.timeout(900)
"""A minute of processor time, on whatever share of a machine is left."""

LEAST_TRADES = 10


@pytest.fixture(scope="module")
def thirty() -> Month:
    made = asyncio.run(month())
    print(made.table())  # noqa: T201 - the run's own table, for whoever reads with -s
    return made


def test_every_position_has_exactly_one_whole_stop_at_every_look(thirty: Month) -> None:
    assert thirty.stage.naked == []
    assert thirty.stage.looks_at_positions > 10_000


def test_it_trades_both_sides_often_enough_to_mean_something(thirty: Month) -> None:
    sides = [trade.side for trade in thirty.trades]

    assert len(sides) >= LEAST_TRADES
    assert {Side.LONG, Side.SHORT} == set(sides)


def test_the_ledger_is_the_venues_to_the_last_digit(thirty: Month) -> None:
    venue = thirty.stage.simulation.venue.state
    booked = sum((trade.net_pnl for trade in thirty.trades), ZERO)

    assert abs(venue.wallet - venue.deposited - booked - unbooked(thirty.stage)) < D("1e-8")


def test_nothing_ends_without_cover_or_by_liquidation(thirty: Month) -> None:
    ends = {trade.exit_reason for trade in thirty.trades}

    assert not ends & {ExitReason.UNPROTECTED, ExitReason.LIQUIDATED, ExitReason.OUTSIDE}
    assert len(ends) >= 3, ends


def test_no_loss_is_larger_than_its_r_but_by_a_gap(thirty: Month) -> None:
    for trade in thirty.trades:
        assert trade.r_multiple > D("-1.25"), f"{trade.symbol} {trade.opened_at} lost {trade.r_multiple} R"


def test_stops_only_ever_tightened(thirty: Month) -> None:
    for trade in thirty.trades:
        intents = asyncio.run(thirty.stage.journal.intentions(trade.id))
        stops = [i.request.trigger for i in intents if i.purpose is Purpose.STOP]
        moves = [(late - early) * trade.side.sign for early, late in zip(stops, stops[1:], strict=False)]
        assert all(move >= 0 for move in moves), f"{trade.symbol} {trade.opened_at}: {stops}"
