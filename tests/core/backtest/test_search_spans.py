"""How time is cut: nothing of what judges a choice may have been seen as it was made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.backtest.engine import Signals
from core.backtest.search_play import Play, Wanted
from core.backtest.search_space import BadSearch, Dimension, Space
from core.backtest.search_spans import LEAST_BARS, Ground, Span, cut_signals, folds_of
from tests.core.backtest.markets import free
from tests.core.backtest.searches import Flat, a_play, ground, noise
from tests.core.backtest.worlds import HOUR_MS, START_MS


def test_too_few_bars_for_the_folds_are_refused() -> None:
    with pytest.raises(BadSearch, match="bars are too few for 10 folds"):
        folds_of(0, LEAST_BARS * 12 * HOUR_MS, HOUR_MS, 10, 0)


def test_an_embargo_longer_than_a_fold_is_refused() -> None:
    with pytest.raises(BadSearch, match="embargo of 151 bars"):
        folds_of(0, 900 * HOUR_MS, HOUR_MS, 3, 151)


def test_a_span_without_bars_of_any_symbol_is_refused() -> None:
    with pytest.raises(BadSearch, match="no symbol has bars"):
        ground(noise(1)).cut(Span(0, 1000))


@pytest.mark.parametrize(("bars", "count", "embargo"), [(1000, 4, 24), (1777, 1, 0), (5003, 9, 100)])
def test_judging_spans_lie_end_to_end_after_what_was_searched(bars: int, count: int, embargo: int) -> None:
    end = START_MS + bars * HOUR_MS

    *folds, newest = folds_of(START_MS, end, HOUR_MS, count, embargo)

    judged = [fold.judged for fold in folds]
    assert len(folds) == count and judged[-1] is not None and judged[-1].end_ms == end
    assert all(one.end_ms == two.start_ms for one, two in zip(judged, judged[1:], strict=False))  # type: ignore[union-attr]
    for fold in folds:
        assert fold.judged is not None and fold.searched.start_ms >= START_MS
        assert fold.judged.start_ms - fold.searched.end_ms == embargo * HOUR_MS
        assert fold.searched.end_ms > fold.searched.start_ms
    assert newest.judged is None and newest.searched.end_ms == end


def test_signals_are_cut_in_every_array_that_they_have() -> None:
    said = Signals(np.arange(10).astype(np.int8), stop=np.arange(10.0), confidence=None)

    found = cut_signals(said, 3, 5)

    assert found.side.tolist() == [3, 4] and found.stop is not None and found.stop.tolist() == [3.0, 4.0]
    assert found.confidence is None


def test_a_symbol_that_is_not_there_yet_is_left_out_of_a_cut() -> None:
    late = noise(2)[2000:]
    both = ground(noise(1), late)
    start = START_MS + 1000.0 * HOUR_MS

    early = both.cut(Span(start, start + 500 * HOUR_MS))
    whole = both.cut(both.whole)

    assert early.places == (0,) and early.bounds == ((1000, 1500),) and len(early.past.parts) == 1
    assert whole.places == (0, 1) and whole.bounds[1] == (0, 2000)


PEEKS = """
import numpy as np

from core.backtest.strategies import Features, Signals, Strategy, real, sides


class Peeks(Strategy):
    share: float = real(0.5, low=0.1, high=0.9)

    def entries(self, features: Features) -> Signals:
        high = self.share * features.close.max()
        up = features.close > high
        return Signals(sides(up & ~np.roll(up, 1), ~up & np.roll(up, 1)))
"""
"""It knows the highest close of everything that it is shown."""


def test_not_even_a_strategy_that_looks_ahead_sees_beyond_its_span(tmp_path: Path) -> None:
    (tmp_path / "peeks.py").write_text(PEEKS)
    market, span = noise(3), Span(START_MS, START_MS + 2500.0 * HOUR_MS)
    other = market.copy()
    other[2500:, 1:5] *= np.linspace(1, 9, len(other) - 2500)[:, None]
    space, named = Space((Dimension("share", 0.1, 0.9),)), str(tmp_path / "peeks.py")

    one, two = (
        Play(ground(bars), named, {}, space, Flat(free()), Wanted(("net",), 1)) for bars in (market, other)
    )

    found = one.evaluate(0, (0.8,), span, np.nan, early=False)
    assert found == two.evaluate(0, (0.8,), span, np.nan, early=False) and found.trades > 0
    assert one.played((0.8,), one.ground.whole).values != two.played((0.8,), two.ground.whole).values


def test_what_comes_after_a_span_changes_nothing_in_it() -> None:
    market = noise(3)
    span = Span(START_MS, START_MS + 2500.0 * HOUR_MS)
    other = market.copy()
    other[2500:, 1:5] *= np.linspace(1, 9, len(other) - 2500)[:, None]

    one, two = (a_play("trend", bars, given={}) for bars in (market, other))
    values = one.space.nearest((10, 30, 60, 15, 3, 2))

    assert one.evaluate(0, values, span, np.nan, early=False) == two.evaluate(
        0, values, span, np.nan, early=False
    )


def test_no_trade_reaches_across_the_end_of_its_span() -> None:
    play = a_play("random", noise(4), given={"every": "5"})
    span = Span(START_MS + 100.0 * HOUR_MS, START_MS + 1100.0 * HOUR_MS)

    played = play.played((3.0,), span)

    assert len(played.run.trades) > 5 and played.run.trades["exit_ms"].max() <= span.end_ms
    assert played.cut.past.parts[0].bars[0, 0] == span.start_ms


def test_the_trailing_distance_is_known_from_a_spans_first_bar() -> None:
    one: Ground = ground(noise(5))

    atr = one.atr(0)

    assert np.isnan(atr[0]) and np.isfinite(atr[100:]).all() and len(atr) == 4000
