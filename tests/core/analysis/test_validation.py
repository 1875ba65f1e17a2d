from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.analysis.validation import validate, validate_frames
from core.errors import BadMarketFacts
from core.market import Candles
from tests.core.analysis.bars import NOON_MS, SYMBOL, candles, walk, walked_frames

Rows = np.ndarray


def fault_of(check: Callable[[], None]) -> str:
    """What is wrong with candles; empty for sound ones."""
    try:
        check()
    except BadMarketFacts as error:
        return str(error)
    return ""


def test_sound_candles_pass() -> None:
    assert fault_of(lambda: validate_frames(SYMBOL, walked_frames())) == ""


def set_to(row: int, column: int, value: float) -> Callable[[Rows], Rows]:
    def change(rows: Rows) -> Rows:
        rows[row, column] = value
        return rows

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_to(7, 4, np.nan), "not finite"),
        (set_to(7, 5, np.inf), "not finite"),
        (set_to(7, 0, np.nan), "not finite"),
        (set_to(7, 3, 0.0), "not positive"),
        (set_to(7, 1, -4.0), "not positive"),
        (set_to(7, 5, -1.0), "negative volume"),
        (set_to(7, 2, 1.0), "inside its body"),
        (set_to(7, 3, 1e9), "inside its body"),
        (lambda rows: np.delete(rows, 7, axis=0), "2 bars from row 6 to row 7"),
        (lambda rows: np.insert(rows, 7, rows[7], axis=0), "0 bars from row 7 to row 8"),
        (lambda rows: rows[::-1].copy(), "out of order"),
        (lambda rows: rows[:0], "no closed candle"),
        (lambda rows: rows[:, :5], "need float64"),
        (lambda rows: rows.astype(np.float32), "need float64"),
    ],
)
def test_candles_are_refused_with_what_is_wrong(change: Callable[[Rows], Rows], words: str) -> None:
    bars = candles("1h", walk(1, 50))

    with pytest.raises(BadMarketFacts, match=words):
        validate(Candles(SYMBOL, "1h", change(bars.rows)))


def test_a_bar_without_any_trade_is_sound() -> None:
    rows = walk(1, 50)
    rows[20, 4] = 0.0

    assert fault_of(lambda: validate(candles("1h", rows))) == ""


def test_a_missing_timeframe_is_refused() -> None:
    frames = walked_frames()
    del frames["4h"]

    with pytest.raises(BadMarketFacts, match="no 4h candles"):
        validate_frames(SYMBOL, frames)


def test_another_symbols_candles_are_refused() -> None:
    with pytest.raises(BadMarketFacts, match="was given BTC"):
        validate_frames("ETH/USDT:USDT", walked_frames())


def test_candles_of_the_wrong_timeframe_are_refused() -> None:
    frames = walked_frames()

    with pytest.raises(BadMarketFacts, match="was given BTC/USDT:USDT 1h"):
        validate_frames(SYMBOL, frames | {"4h": frames["1h"]})


@pytest.mark.parametrize("late_ms", [3_600_000, -3_600_000])
def test_timeframes_that_end_at_different_moments_are_refused(late_ms: int) -> None:
    frames = walked_frames()

    with pytest.raises(BadMarketFacts, match="1h ends at"):
        validate_frames(SYMBOL, frames | {"1h": candles("1h", walk(2), NOON_MS - late_ms)})


def test_between_two_hours_the_last_whole_hour_is_the_newest() -> None:
    frames = walked_frames()

    frames |= {"15m": candles("15m", walk(1), NOON_MS + 2_700_000)}

    assert fault_of(lambda: validate_frames(SYMBOL, frames)) == ""
