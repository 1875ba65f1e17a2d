"""Settlements and mark prices beside the bars, and what can't be made ready."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.backtest.engine_past import marks_beside, past_of, settlements
from core.backtest.history import BadHistory
from tests.core.backtest.worlds import HOUR_MS, START_MS, a_history, bars_of, path
from tests.core.builders import an_instrument

BARS = path(*[(100.0, 101.0, 99.0, 100.0)] * 6)
OPENS = BARS[:, 0]


def placed(*hours: float) -> list[tuple[int, int]]:
    """(bar, last entry that pays) of settlements at these hours after the start."""
    rates = np.array([[START_MS + hour * HOUR_MS, 0.01] for hour in hours])
    return [(int(bar), int(entry)) for bar, entry, _ in settlements(OPENS, BARS[:, 1], rates, HOUR_MS)]


def test_histories_of_two_timeframes_are_refused() -> None:
    histories = [a_history(BARS), replace(a_history(BARS), timeframe="5m")]

    with pytest.raises(BadHistory, match="one timeframe"):
        past_of(histories, [an_instrument()] * 2)


def test_a_history_without_bars_is_refused() -> None:
    with pytest.raises(BadHistory):
        past_of([a_history(BARS[:0])], [an_instrument()])


def test_no_history_at_all_is_refused() -> None:
    with pytest.raises(BadHistory, match="none"):
        past_of([], [])


def test_a_settlement_at_an_open_is_not_paid_by_what_enters_there() -> None:
    assert placed(2.0) == [(2, 1)]


def test_a_settlement_stamped_a_little_late_is_still_one_at_the_open() -> None:
    assert placed(2.0 + 15 / HOUR_MS) == [(2, 1)]


def test_a_settlement_inside_a_bar_is_paid_by_what_entered_at_its_open() -> None:
    assert placed(2.5) == [(2, 2)]


def test_settlements_before_the_first_bar_and_after_the_last_are_left_out() -> None:
    assert placed(-1.0, 0.0, 5.9, 6.0, 7.0) == [(0, -1), (5, 5)]


def test_a_settlement_inside_a_gap_is_paid_at_the_next_open() -> None:
    opens = OPENS.copy()
    opens[3:] += 10 * HOUR_MS
    rates = np.array([[START_MS + 5.0 * HOUR_MS, 0.01]])

    assert settlements(opens, BARS[:, 1], rates, HOUR_MS).tolist() == [[3.0, 2.0, 1.0]]


def test_finer_marks_are_joined_and_missing_ones_are_the_traded_price() -> None:
    half = HOUR_MS / 2
    mark = np.array(
        [
            [START_MS + HOUR_MS, 100.0, 105.0, 99.0, 101.0],
            [START_MS + HOUR_MS + half, 101.0, 102.0, 90.0, 100.5],
            [START_MS + 3 * HOUR_MS, 98.0, 98.5, 97.0, 98.1],
        ]
    )

    beside = marks_beside(BARS, mark, HOUR_MS)

    assert beside[1].tolist() == [100.0, 105.0, 90.0, 100.5]
    assert beside[3].tolist() == [98.0, 98.5, 97.0, 98.1]
    assert beside[[0, 2, 4]].tolist() == BARS[[0, 2, 4], 1:5].tolist()


def test_marks_too_coarse_to_be_placed_are_not_used_and_said() -> None:
    history = replace(a_history(BARS), mark=BARS[:, :5], mark_timeframe="4h")

    past = past_of([history], [an_instrument()])

    assert len(past.joined.mark) == 0
    assert past.remarks == (
        "SOL: mark prices of 4h are too coarse for liquidations, the traded price stands in for them",
    )


def test_what_several_histories_leave_open_is_remarked_once_and_notes_come_last() -> None:
    open_ones = ("no mark prices", "no funding")
    histories = [
        a_history(BARS, "BTC/USDT:USDT", remarks=open_ones),
        a_history(BARS, "SOL/USDT:USDT", remarks=open_ones[:1]),
    ]

    past = past_of(histories, [an_instrument(), an_instrument()], notes=["rules are guessed"])

    assert past.remarks == ("BTC, SOL: no mark prices", "BTC: no funding", "rules are guessed")


def test_bars_that_cannot_be_written_are_copied_and_stay_as_they_are() -> None:
    bars = bars_of(np.random.default_rng(1), 20)
    bars.flags.writeable = False

    past = past_of([a_history(bars)], [an_instrument()])

    assert past.joined.bars.flags.writeable
    assert past.joined.bars.tolist() == bars.tolist()
