"""The engine gives the trades of a plain walk over every bar, compiled or not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.backtest.engine import Run, Setup, run
from core.backtest.engine_past import past_of
from core.risk.limits import Limits
from core.trading.exits import ExitRules
from tests.core.backtest.slow_engine import SlowEngine
from tests.core.backtest.worlds import a_history, a_random_world, a_stake, bars_of, random_signals
from tests.core.builders import an_instrument
from tests.core.trading.exit_paths import recorded

WHOLE = ("symbol", "side", "entry_bar", "exit_bar", "lots", "leverage", "reason", "ambiguous")
MONEY = ("fees", "funding", "net", "exit_price")


def require_same(found: Run, slow: SlowEngine) -> None:
    whole = [tuple(int(trade[name]) for name in WHOLE) for trade in found.trades]
    assert whole == [tuple(int(value) for value in trade[: len(WHOLE)]) for trade in slow.trades]
    for place, name in enumerate(MONEY, start=len(WHOLE)):
        assert found.trades[name] == pytest.approx([trade[place] for trade in slow.trades], abs=1e-7)
    assert found.equity.ravel() == pytest.approx(np.array(slow.equity).ravel(), abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_random_world_trades_as_a_walk_over_every_bar_says(seed: int) -> None:
    histories, instruments, signals, setup = a_random_world(seed)

    slow = SlowEngine(histories, instruments, signals, setup).run()
    found = run(past_of(histories, instruments), signals, setup)

    require_same(found, slow)


def test_the_random_worlds_leave_in_every_way_and_refuse_for_every_reason() -> None:
    reasons: Counter[int] = Counter()
    refused: Counter[str] = Counter()

    for seed in range(250):
        histories, instruments, signals, setup = a_random_world(seed)
        found = run(past_of(histories, instruments), signals, setup)
        reasons.update(found.trades["reason"].tolist())
        refused.update(found.refused)

    assert set(reasons) >= {1, 2, 3, 4, 5, 8, 9}
    assert all(refused[name] for name in ("slots", "cooldown", "breaker", "drawdown", "confidence", "size"))


@pytest.mark.parametrize("seed", range(6))
def test_without_the_compiler_every_number_is_the_same(seed: int) -> None:
    histories, instruments, signals, setup = a_random_world(seed)
    past = past_of(histories, instruments)

    compiled, plain = run(past, signals, setup), run(past, signals, replace(setup, is_plain=True))

    assert compiled.trades.tobytes() == plain.trades.tobytes()
    assert compiled.equity.tobytes() == plain.equity.tobytes()
    assert compiled.refused == plain.refused


def test_symbols_with_money_enough_trade_alike_alone_and_together() -> None:
    dice = np.random.default_rng(5)
    histories = [a_history(bars_of(dice, 400), f"S{s}/USDT:USDT") for s in range(3)]
    signals = [random_signals(dice, 400) for _ in range(3)]
    setup = a_stake()
    limits = replace(setup.limits, max_consecutive_losses=10**6, max_open_positions=3, min_confidence=0.0)
    past = past_of(histories, [an_instrument()] * 3)

    alone = run(past, signals, replace(setup, limits=limits))
    together = run(past, signals, replace(setup, limits=limits, is_shared=True, capital=1e7))

    order = np.lexsort((together.trades["exit_ms"], together.trades["symbol"]))
    assert together.trades[order].tobytes() == alone.trades.tobytes()


def test_measuring_more_often_changes_no_trade_of_a_calm_account() -> None:
    histories, instruments, signals, setup = a_random_world(11)
    limits = replace(setup.limits, daily_loss=1, max_drawdown=1, orange_drawdown=1, yellow_drawdown=1)
    setup = replace(setup, limits=limits)
    past = past_of(histories, instruments)

    daily = run(past, signals, setup)
    hourly = run(past, signals, replace(setup, measured_every_ms=3_600_000))

    assert hourly.trades.tobytes() == daily.trades.tobytes()
    at = dict(hourly.equity.tolist())
    assert [at[ms] for ms, _ in daily.equity.tolist()] == daily.equity[:, 1].tolist()
    assert len(hourly.equity) > 20 * len(daily.equity)


def test_real_candles_trade_as_a_walk_over_every_bar_says() -> None:
    names = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    histories = [a_history(recorded(f"{name}-1h")[-2500:], name) for name in names]
    dice = np.random.default_rng(8)
    signals = [random_signals(dice, 2500) for _ in names]
    instruments = [
        an_instrument(symbol=name, lot=Decimal("0.001"), min_quantity=Decimal("0.001")) for name in names
    ]
    limits = Limits(exits=ExitRules(trail_atr=0.0, trail_fraction=0.02), max_open_positions=2)
    setup = Setup(limits=replace(limits, max_drawdown=Decimal("0.9"), orange_drawdown=Decimal("0.9")))

    slow = SlowEngine(histories, instruments, signals, setup).run()
    found = run(past_of(histories, instruments), signals, setup)

    require_same(found, slow)
    assert len(found.trades) > 50
