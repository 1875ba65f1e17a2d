"""The comparison with other programs: its candles are fixed, its floor is right, differences are named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.adapters.history.reading import read_history
from core.backtest.engine import Run, run
from tests.benchmarks.rivals import bare, trades
from tests.benchmarks.rivals.drive_perpilot import RATE, bare_rows, fixed_setup, instrument, ready, rows
from tests.benchmarks.rivals.environments import Rival, made
from tests.benchmarks.rivals.made import (
    BAR_MS,
    CASES,
    IDEA,
    START_MS,
    Case,
    candles,
    settlements,
    write_shelf,
)
from tests.benchmarks.rivals.made import (
    RATE as FUNDING,
)
from tests.benchmarks.rivals.measuring import measured
from tests.benchmarks.rivals.programs import BARE, OURS, Found
from tests.benchmarks.rivals.trades import Ground, Row, compare
from tests.benchmarks.rivals.words import aim_lines, case_lines

BARS = 6_000
GROUND = Ground(START_MS, BAR_MS, BARS, 0.0001)
LATE_MS = START_MS + 1_000 * BAR_MS + BAR_MS


def row(**other: object) -> Row:
    """A long of the middle of the data, far from every settlement."""
    usual = Row(0, 1, LATE_MS, LATE_MS + 10 * BAR_MS, 100.0, 101.0, 2.7, 0.0, "signal")
    return usual._replace(**other)


def cause_of(one: Row, two: Row, ground: Ground = GROUND) -> str:
    (found,) = compare([one], [two], ground).causes
    return found


def test_the_same_seed_gives_the_same_candles_and_another_one_others() -> None:
    one, again, other = candles(BARS, 3), candles(BARS, 3), candles(BARS, 4)

    assert np.array_equal(one, again) and not np.array_equal(one[:, 4], other[:, 4])


def test_a_candle_holds_its_open_and_close_and_opens_beside_the_close_before() -> None:
    bars = candles(BARS, 0)

    _, opened, high, low, close, _ = bars.T
    assert (high >= np.maximum(opened, close)).all() and (low <= np.minimum(opened, close)).all()
    assert (opened[1:] != close[:-1]).mean() > 0.9


def test_the_files_of_a_case_are_read_as_they_were_made(tmp_path: Path) -> None:
    write_shelf(tmp_path / "shelf", Case("x", 2, BARS))

    found = read_history(tmp_path / "shelf", "ETH", "5m")
    terms = json.loads((tmp_path / "shelf" / "terms.json").read_text())
    assert np.array_equal(found.bars, candles(BARS, 1)) and terms["coins"] == ["BTC", "ETH"]
    assert found.funding is not None and np.array_equal(found.funding, settlements(found.bars))
    assert found.mark_timeframe == "1h"


def test_two_programs_that_did_the_same_are_told_to_be_the_same() -> None:
    found = compare([row(), row(side=-1)], [row(), row(side=-1)], GROUND)

    assert found.causes == {trades.SAME: 2} and found.unexplained == 0
    assert (found.entries_shared, found.exits_shared) == (2, 2)


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        ({"exit": 101.0001, "net": 2.7003}, trades.TICK),
        ({"net": 2.7085}, trades.SAME),
        ({"net": 2.711}, trades.QUANTITY),
        ({"net": 2.8}, trades.UNEXPLAINED),
        ({"exit": 101.5}, trades.UNEXPLAINED),
        ({"exit_ms": LATE_MS + 11 * BAR_MS}, trades.UNEXPLAINED),
        ({"funding": -0.03}, trades.UNEXPLAINED),
        ({"reason": "stop", "exit": 95.0}, trades.UNEXPLAINED),
    ],
)
def test_a_difference_has_the_cause_that_its_facts_show(other: dict[str, object], cause: str) -> None:
    assert cause_of(row(), row(**other)) == cause


def test_funding_differs_only_where_something_was_settled_as_it_began_or_ended() -> None:
    at_eight = START_MS + 12 * 28_800_000
    one = row(entry_ms=at_eight, exit_ms=at_eight + BAR_MS)

    assert cause_of(one, one._replace(funding=-0.03)) == trades.SETTLED
    assert cause_of(row(), row(funding=-0.03)) == trades.UNEXPLAINED


def test_stop_here_and_target_there_is_one_candle_with_both_levels() -> None:
    one = row(reason="stop", exit=95.0, net=-15.3)

    assert cause_of(one, row(reason="target", exit=110.0, net=29.7)) == trades.BOTH_LEVELS
    assert cause_of(one, row(reason="signal", exit=110.0, net=29.7)) == trades.UNEXPLAINED


def test_a_level_met_in_the_candle_of_the_entry_is_named() -> None:
    one = row(exit_ms=LATE_MS, reason="stop", exit=95.0, net=-15.3)

    assert cause_of(one, row()) == trades.ENTRY_CANDLE


def test_a_target_that_funding_has_moved_is_named_by_just_that_much() -> None:
    one = row(reason="target", exit=110.0, net=29.7, funding=-0.06)

    assert cause_of(one, one._replace(exit=110.02, net=29.76)) == trades.NET_TARGET
    assert cause_of(one, one._replace(exit=110.09, net=29.96)) == trades.UNEXPLAINED


@pytest.mark.parametrize(("best", "cause"), [(110.01, trades.NET_TARGET), (110.05, trades.UNEXPLAINED)])
def test_a_target_that_was_met_here_alone_is_one_that_the_candle_hardly_reached(
    best: float, cause: str
) -> None:
    one = row(reason="target", exit=110.0, net=29.7, funding=-0.06)
    ground = replace(GROUND, reach=lambda symbol, at_ms, side: best)

    assert cause_of(one, row(exit_ms=one.exit_ms + BAR_MS, funding=-0.06), ground) == cause


def test_a_trade_of_one_alone_is_explained_by_warm_up_by_the_end_or_by_what_the_other_held() -> None:
    early = row(entry_ms=START_MS + 50 * BAR_MS, exit_ms=START_MS + 60 * BAR_MS)
    last = row(entry_ms=GROUND.last_ms)
    inside = row(side=-1, entry_ms=LATE_MS + BAR_MS)
    lonely = row(side=-1, entry_ms=LATE_MS + 500 * BAR_MS)

    found = compare([early, last, inside, lonely], [row()], GROUND)

    assert found.causes == {
        f"only ours: {trades.WARM_UP}": 1,
        f"only ours: {trades.NEVER_ENTERS_LAST}": 1,
        f"only ours: {trades.FOLLOWS}": 1,
        f"only ours: {trades.UNEXPLAINED}": 1,
        f"only theirs: {trades.UNEXPLAINED}": 1,
    }
    assert found.unexplained == 2 and found.entries_shared == 0


def test_the_bare_pass_and_the_engine_trade_the_same_but_for_ticks_and_lots(tmp_path: Path) -> None:
    past, signals, found = played(tmp_path)

    ours, floor = trades.rows_of(rows(found, past)), trades.rows_of(bare_rows([bared(past, signals)]))
    told = compare(ours, floor, replace(GROUND, tick=0.0001))
    assert len(ours) > 30 and told.unexplained == 0
    assert {*told.causes} <= {trades.SAME, trades.TICK, trades.QUANTITY}


def test_the_bare_pass_liquidates_where_the_margin_is_gone() -> None:
    opens = np.array([100.0, 100.0, 100.0, 100.0])
    lows, side = np.array([100.0, 100.0, 60.0, 100.0]), np.array([1, 0, 0, 0], dtype=np.int8)
    out = np.empty((1, bare.COLUMNS))

    count = bare.bare_pass(
        opens, opens, lows, opens, side, np.zeros(4), (0.9, 0.9, 0.0, 100.0, 3.0, 0.005), out
    )

    assert count == 1 and out[0, 5] == -100.0 and out[0, 2] == 2


def test_a_rival_that_can_not_be_installed_is_skipped_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    (found,) = made((Rival("nothing", ("nothing==0",)),), root=tmp_path / "file")

    assert found.python is None and found.reason


def test_a_command_that_fails_or_hangs_is_told_and_ended(tmp_path: Path) -> None:
    failed = measured(["sh", "-c", "echo broken; exit 3"], tmp_path, None, 10.0)
    hung = measured(["sleep", "60"], tmp_path, None, 0.2)

    assert failed.fault == "broken" and "not done" in hung.fault and hung.seconds < 5


def test_the_table_says_what_was_met_what_was_missed_and_what_is_not_there() -> None:
    case = CASES[0]
    found = {
        (OURS, "a"): Found(engine_s=[0.001, 0.002]),
        (BARE, "a"): Found(engine_s=[0.0001]),
        ("freqtrade", "a"): Found(engine_s=[5.0]),
        ("backtesting", "a"): Found(fault="not to be installed"),
    }

    told = "\n".join([*case_lines(case, found), *aim_lines(case, found)])

    assert "met     engine over freqtrade: 5,000.00 (at least 300)" in told
    assert "MISSED  engine within 3 times of a bare compiled pass: 10.00 (at most 3)" in told
    assert "backtesting: skipped, not to be installed" in told


def played(tmp_path: Path) -> tuple[object, list[object], Run]:
    write_shelf(tmp_path / "shelf", Case("x", 1, BARS))
    history = read_history(tmp_path / "shelf", "BTC", "5m")
    past, signals = ready([history], [instrument("BTC", 0.0001, 0.000001)])
    return past, signals, run(past, signals, replace(fixed_setup(), is_plain=True))


def bared(past: object, signals: list[object]) -> np.ndarray:
    """The bare pass, not compiled."""
    part, side = past.parts[0], signals[0].side
    due = np.zeros(len(part.bars))
    due[part.funding[:, 0].astype(np.int64)] = part.funding[:, 2]
    assert due.max() == pytest.approx(FUNDING * 100, rel=0.5)
    out = np.empty((int(np.count_nonzero(side)), bare.COLUMNS))
    terms = (IDEA.stop, IDEA.target, IDEA.fee, IDEA.stake, float(IDEA.leverage), float(RATE))
    columns = [np.ascontiguousarray(part.bars[:, at]) for at in range(1, 5)]
    return out[: bare.bare_pass(*columns, side, due, terms, out)]
