"""Machine code made ahead is the one that a backtest asks for later."""

from __future__ import annotations

import numpy as np
import pytest

from core.backtest.compiling import compile_all
from core.backtest.engine import Setup, run
from core.backtest.engine_compiled import functions
from core.backtest.engine_past import past_of
from tests.core.backtest.worlds import a_history, a_stake, bars_of, said
from tests.core.builders import an_instrument

pytestmark = pytest.mark.timeout(400)


def test_a_backtest_compiles_nothing_more_than_what_was_compiled_ahead() -> None:
    made = functions()
    if made is None:
        pytest.skip("numba has no build for this Python")
    compile_all()
    before = len(made["trade_all"].signatures)
    bars = bars_of(np.random.default_rng(1), 300)
    history = a_history(bars, mark=bars[:, :5].copy(), mark_timeframe="1h")
    past = past_of([history, a_history(bars, "XRP/USDT:USDT")], [an_instrument(), an_instrument()])

    for setup in (Setup(), Setup(is_shared=False), a_stake()):
        run(past, [said(300, b5=1, b50=-1), said(300, b5=-1)], setup)

    assert before == len(made["trade_all"].signatures) == 1
