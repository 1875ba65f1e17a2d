"""What the account, the venue and live's checks allow: fills on the tick, breakers, finer bars, by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from core.analysis.indicators import atr
from core.backtest.engine import Run, Setup, Signals, run
from core.backtest.engine_past import past_of
from core.backtest.engine_words import REASONS
from core.backtest.history import BadHistory
from core.risk.limits import BreakerLimits, Policy
from core.trading.exits import ExitRules
from tests.core.backtest.worlds import (
    CALM,
    HOUR_MS,
    START_MS,
    a_free_instrument,
    a_history,
    a_stake,
    bars_of,
    free_limits,
    path,
    said,
)
from tests.core.builders import an_instrument

D = Decimal
FLAT = (100.0, 100.5, 99.5, 100.0)
QUIET = BreakerLimits(rolling_loss=D(1), policies=())


def shared(capital: float = 1000.0, leverage: int = 3, **fields: Any) -> Setup:
    """One account, sized by risk, no spread."""
    given = {"breakers": QUIET, "min_profit_usd": D(0)} | fields
    return Setup(limits=free_limits(**given), capital=capital, leverage=leverage, half_spread=0.0, target=0.1)


def ran(bars: np.ndarray, signals: Signals, setup: Setup, **fields: Any) -> Run:
    history = a_history(bars, funding=None)
    return run(past_of([history], [fields.get("instrument", a_free_instrument())]), [signals], setup)


def names(found: Run) -> list[str]:
    return [REASONS[int(trade["reason"])] for trade in found.trades]


def with_array(signals: Signals, **values: float) -> Signals:
    return replace(signals, **{name: np.full(len(signals.side), value) for name, value in values.items()})


# ---------------------------------------------------------------- fills


def test_entry_and_exit_pay_the_other_side_of_the_spread_and_slippage_on_the_tick() -> None:
    setup = replace(a_stake(), half_spread=0.0005, fill_slippage=0.001)
    instrument = a_free_instrument(tick=D("0.01"))

    (trade,) = ran(path(FLAT, FLAT, FLAT), said(3, b0=1), setup, instrument=instrument).trades

    # 100 ± 0.05, then 0.1 % of that, up for the buyer and down for the seller.
    assert trade["entry_price"] == pytest.approx(100.16, abs=1e-9)
    assert trade["exit_price"] == pytest.approx(99.85, abs=1e-9)


def test_the_spread_is_at_least_one_tick() -> None:
    setup = replace(a_stake(), half_spread=0.00001, fill_slippage=0.0)

    (trade,) = ran(
        path(FLAT, FLAT, FLAT), said(3, b0=1), setup, instrument=a_free_instrument(tick=D(1))
    ).trades

    assert (trade["entry_price"], trade["exit_price"]) == (101.0, 99.0)


def test_a_target_that_rests_pays_no_spread_and_one_that_does_not_pays_it() -> None:
    bars = path(FLAT, (100.0, 112.0, 99.0, 111.0), FLAT)
    setup = replace(a_stake(), half_spread=0.0005, fill_slippage=0.0)
    history = a_history(bars, funding=None)

    found = [
        run(
            past_of([history], [a_free_instrument(tick=D("0.01"))], target_is_maker=rests),
            [said(3, b0=1)],
            setup,
        )
        for rests in (True, False)
    ]

    assert [names(one) for one in found] == [["target"], ["target"]]
    assert found[0].trades["exit_price"][0] - found[1].trades["exit_price"][0] == pytest.approx(0.06)


def test_a_gap_leaves_at_the_moment_of_the_open_so_that_the_cooldown_counts_from_there() -> None:
    gap = (90.0, 91.0, 89.0, 90.0)
    bars = path(FLAT, FLAT, gap, (90.0, 90.5, 89.5, 90.0), FLAT)
    setup = replace(a_stake(), limits=free_limits(cooldown_s=3600.0))

    found = ran(bars, said(5, b0=1, b2=1), setup)

    assert found.trades["exit_ms"][0] == START_MS + 2 * HOUR_MS
    assert found.trades["entry_bar"].tolist() == [1, 3]


# ---------------------------------------------------------------- what a signal says of its entry


def test_leverage_share_and_expected_funding_of_a_signal_are_used() -> None:
    plain = ran(path(*[FLAT] * 4), said(4, b0=1), shared()).trades[0]
    halved = ran(path(*[FLAT] * 4), with_array(said(4, b0=1), share=0.5), shared()).trades[0]
    levered = ran(path(*[FLAT] * 4), with_array(said(4, b0=1), leverage=2.0), shared()).trades[0]
    costly = ran(path(*[FLAT] * 4), with_array(said(4, b0=1), funding=0.01), shared()).trades[0]
    careful = ran(path(*[FLAT] * 4), with_array(said(4, b0=1), risk=0.005), shared()).trades[0]

    assert (plain["lots"], halved["lots"], careful["lots"]) == (400, 200, 100)
    assert (plain["leverage"], levered["leverage"]) == (3, 2)
    assert costly["lots"] == 333  # 5 of the stop and 1 of funding for each coin


def test_a_beta_of_nothing_leaves_the_other_side_its_room() -> None:
    histories = [a_history(path(*[FLAT] * 8), f"S{s}/USDT:USDT", funding=None) for s in range(2)]
    past = past_of(histories, [a_free_instrument()] * 2)
    setup = shared(10_000.0, max_open_positions=2, same_direction_share=D("0.5"), position_size=D("0.2"))
    late = [said(8, b0=1), said(8, b3=1)]

    tied = run(past, late, setup)
    free = run(past, [late[0], with_array(late[1], beta=0.0)], setup)

    assert tied.trades["lots"].max() == free.trades["lots"].max()
    assert tied.refused["size"] + tied.refused["same_direction"] == 1
    assert len(free.trades) == 2


def test_the_last_target_comes_in_where_the_signal_says_so() -> None:
    setup = replace(shared(), target=None)
    bars = path(FLAT, (100.0, 111.0, 99.0, 110.0), FLAT, FLAT)

    far = ran(bars, said(4, b0=1), setup)
    near = ran(bars, with_array(said(4, b0=1), last_r=1.6), setup)

    assert names(far) == ["end"]
    assert names(near) == ["target"]


# ---------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("fields", "arrays", "why"),
    [
        ({"min_reward_risk": D("2.5")}, {}, "reward_risk"),
        ({"min_profit_usd": D(90), "min_profit_in_r": D(4)}, {}, "reward_risk"),
        ({"min_score": 70.0}, {"score": 60.4}, ""),
        ({"min_score": 70.5}, {"score": 60.4}, "score"),
        ({}, {"atr": 0.01}, "left_bars"),
        ({}, {"atr": 1.0}, ""),
    ],
)
def test_a_plan_that_live_would_refuse_is_refused_and_counted(
    fields: dict[str, Any], arrays: dict[str, float], why: str
) -> None:
    bars = path(FLAT, (100.2, 100.5, 99.5, 100.0), FLAT, FLAT)
    signals = with_array(said(4, b0=1), **arrays)

    found = ran(bars, signals, shared(**fields))

    assert len(found.trades) == (0 if why else 1)
    assert {name for name, count in found.refused.items() if count} == ({why} if why else set())


def test_a_short_whose_target_would_be_under_nothing_is_refused() -> None:
    setup = replace(shared(max_stop=D("0.5"), max_leverage=1), target=None)

    found = ran(path(*[FLAT] * 4), replace(said(4, b0=-1), stop=np.full(4, 0.4)), setup)

    assert found.refused["target"] == 1


def test_of_two_plans_at_one_open_the_better_one_comes_first_and_the_other_is_cut_to_what_is_left() -> None:
    histories = [a_history(path(*[FLAT] * 5), f"S{s}/USDT:USDT", funding=None) for s in range(2)]
    past = past_of(histories, [an_instrument(lot=D("0.0001"))] * 2)
    setup = shared(max_open_positions=1, min_score=50.0)
    signals = [with_array(said(5, b0=1), score=score) for score in (55.0, 60.0)]

    one = run(past, signals, setup)
    both = run(past, signals, replace(setup, limits=replace(setup.limits, max_open_positions=4)))

    assert one.trades["symbol"].tolist() == [1]
    assert one.refused["slots"] == 1
    first, second = sorted(both.trades, key=lambda trade: -trade["lots"])
    assert first["symbol"] == 1
    assert 0 < first["lots"] - second["lots"] <= 0.05 * first["lots"]


# ---------------------------------------------------------------- the account


def test_a_dip_between_two_entries_trips_the_day_though_all_is_well_at_its_end() -> None:
    dip = (100.0, 100.5, 96.0, 100.0)
    bars = path(FLAT, FLAT, dip, FLAT, (100.0, 111.0, 99.9, 110.0), *[(110.0, 110.5, 109.5, 110.0)] * 4)
    calm, strict = (shared(daily_loss=D(limit)) for limit in ("0.5", "0.01"))

    found = [ran(bars, said(9, b0=1, b5=1), replace(setup, stake=100.0)) for setup in (calm, strict)]

    assert [len(one.trades) for one in found] == [2, 1]
    assert found[1].refused["breaker"] == 1


def test_a_peak_between_two_entries_counts_for_the_drawdown_after_it() -> None:
    spike = (100.0, 109.0, 99.9, 100.0)
    down = (100.0, 100.1, 94.0, 95.0)
    bars = path(FLAT, FLAT, spike, down, *[(95.0, 95.5, 94.5, 95.0)] * 4)
    setup = shared(yellow_drawdown=D("0.05"), yellow_size=D("0.5"))

    first, second = ran(bars, said(8, b0=1, b4=1), setup).trades

    assert second["lots"] * 95.0 < 0.6 * first["lots"] * 100.0  # 2 % lost, 5.4 % below the peak


def test_the_loss_of_24_hours_is_over_when_it_is_a_day_old_and_not_at_midnight() -> None:
    down = (100.0, 100.0, 94.0, 100.0)
    bars = path(*[FLAT] * 20, down, *[FLAT] * 40)
    setup = shared(breakers=replace(QUIET, rolling_loss=D("0.015")))

    found = ran(bars, said(61, b19=1, b26=1, b50=1), setup)

    assert found.trades["entry_bar"].tolist() == [20, 51]
    assert found.refused["breaker"] == 1
    assert found.trades["lots"][1] == pytest.approx(found.trades["lots"][0] / 2, rel=0.05)  # a probe


@pytest.mark.parametrize(
    ("policy", "expected"), [(Policy.HOLD, "end"), (Policy.TIGHTEN, "stop"), (Policy.FLATTEN, "breaker")]
)
def test_a_tripped_breaker_does_what_its_policy_says(policy: Policy, expected: str) -> None:
    bars = path(FLAT, FLAT, (100.0, 100.0, 96.0, 98.0), (98.0, 98.5, 96.2, 97.0), FLAT, FLAT)
    limits = {"drawdown": policy}
    setup = shared(max_drawdown=D("0.01"), breakers=replace(QUIET, policies=tuple(limits.items())))

    found = ran(bars, said(6, b0=1), replace(setup, stake=100.0))

    assert names(found) == [expected]


def test_a_capital_cap_bounds_size_and_what_may_be_lost() -> None:
    whole = ran(path(*[FLAT] * 4), said(4, b0=1), shared(10_000.0)).trades[0]
    capped = ran(path(*[FLAT] * 4), said(4, b0=1), replace(shared(10_000.0), cap=1000.0)).trades[0]

    assert (whole["lots"], capped["lots"]) == (4000, 400)


# ---------------------------------------------------------------- ATR


def test_the_default_rules_trail_by_the_hourly_atr_of_the_bars() -> None:
    bars = bars_of(np.random.default_rng(8), 600, 0.004, HOUR_MS // 4)
    history = replace(a_history(bars, funding=None), timeframe="15m")
    past = past_of([history], [a_free_instrument()])
    hours = bars.reshape(150, 4, 6)
    known = atr(hours[:, :, 2].max(axis=1), hours[:, :, 3].min(axis=1), np.ascontiguousarray(hours[:, 3, 4]))

    found = past.hourly_atr

    assert found[3::4].tolist() == pytest.approx(known.tolist(), nan_ok=True)
    assert found[4:7].tolist() == pytest.approx([known[0]] * 3, nan_ok=True)  # what was closed then
    rules = ExitRules(trail_atr=1.0, arm_r=0.3, break_even_after=0, time_stop_h=0.0, min_profit_usd=0.0)
    setup = replace(a_stake(), limits=free_limits(exits=rules, max_bar_drift_atr=D(99)))
    signals = said(600, **{f"b{place}": 1 for place in range(80, 560, 40)})
    assert "trailing" in names(run(past, [signals], setup))


def test_bars_longer_than_an_hour_trail_by_nothing_and_say_so() -> None:
    bars = bars_of(np.random.default_rng(8), 60, 0.004, 4 * HOUR_MS)
    past = past_of([replace(a_history(bars, funding=None), timeframe="4h")], [a_free_instrument()])
    setup = replace(a_stake(), limits=free_limits(exits=ExitRules()))

    found = run(past, [said(60, b30=1)], setup)

    assert np.isnan(past.hourly_atr).all()
    assert any("no 1h ATR" in text for text in found.remarks)


# ---------------------------------------------------------------- finer bars


BOTH = (100.0, 111.0, 94.0, 100.0)


def finer_of(*prices: tuple[float, float, float, float]) -> np.ndarray:
    """Bars of a quarter of an hour that make up the second hour."""
    rows = path(*prices)
    rows[:, 0] = START_MS + HOUR_MS + np.arange(len(prices)) * HOUR_MS / 4
    return rows


UP_FIRST = finer_of(
    (100.0, 101.0, 99.0, 101.0),
    (101.0, 111.0, 100.0, 110.0),
    (110.0, 110.0, 94.0, 95.0),
    (95.0, 100.0, 95.0, 100.0),
)
DOWN_FIRST = finer_of(
    (100.0, 101.0, 94.0, 95.0),
    (95.0, 96.0, 95.0, 96.0),
    (96.0, 111.0, 96.0, 110.0),
    (110.0, 110.0, 100.0, 100.0),
)
AT_ONCE = finer_of((100.0, 111.0, 94.0, 95.0), *[(95.0, 100.0, 95.0, 95.0)] * 2, (95.0, 100.0, 95.0, 100.0))


@pytest.mark.parametrize(
    ("fine", "reason", "counts"),
    [
        (None, "stop", (1, 0)),
        (UP_FIRST, "target", (0, 1)),
        (DOWN_FIRST, "stop", (0, 1)),
        (AT_ONCE, "stop", (1, 0)),
        (UP_FIRST[:3], "stop", (1, 0)),
        (UP_FIRST * np.array([1, 1, 1.01, 1, 1, 1]), "stop", (1, 0)),
    ],
)
def test_finer_bars_tell_which_came_first_and_only_whole_ones_of_the_same_bar_count(
    fine: np.ndarray | None, reason: str, counts: tuple[int, int]
) -> None:
    history = a_history(path(FLAT, BOTH, FLAT, FLAT), funding=None)
    finer = None if fine is None else replace(history, timeframe="15m", bars=fine)
    past = past_of([history], [a_free_instrument()], finer=[finer])

    found = run(past, [said(4, b0=1)], a_stake())

    (trade,) = found.trades
    assert any("finer bars told" in text for text in found.remarks) == (counts[1] > 0)
    assert REASONS[int(trade["reason"])] == reason
    assert (int(trade["ambiguous"]), int(trade["resolved"])) == counts


def test_finer_bars_of_another_coin_or_that_do_not_fit_are_refused() -> None:
    history = a_history(path(FLAT, BOTH), funding=None)

    for other in (replace(history, symbol="X/USDT:USDT", timeframe="15m"), replace(history, timeframe="4h")):
        with pytest.raises(BadHistory):
            past_of([history], [a_free_instrument()], finer=[other])


def test_a_time_stop_waits_for_its_profit_inside_the_bar_too() -> None:
    rules = CALM._replace(time_stop_h=2.0, min_profit_usd=6.0)
    bars = path(FLAT, *[(100.0, 101.0, 100.0, 100.5)] * 2, (100.5, 103.0, 100.4, 100.5), FLAT)

    (trade,) = ran(bars, said(5, b0=1), a_stake(limits=free_limits(exits=rules))).trades

    assert (REASONS[int(trade["reason"])], trade["exit_bar"], trade["exit_price"]) == ("time", 3, 103.0)
