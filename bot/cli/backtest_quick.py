"""`backtest --quick` and `--stake`: a run and its table alone, as fast as they can be had, and like for like.

Laws:
- What is left out is said: a quick result was set against nothing, and a fixed stake has no account.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.backtest.engine import Run, Setup, Signals
    from core.backtest.engine_past import Past
    from core.backtest.metrics import Measured

NOT_JUDGED: Final = (
    "Not judged: --quick sets the result against nothing (no holding, no random entries, no luck) and writes "
    "no report."
)
ALONE: Final = (
    "Every trade has the same margin (--stake): symbols share no account, so that no limit on positions, "
    "losses, drawdown or risk holds, and there is no spread, only the slippage of the settings."
)
MOST_STAKE: Final = 1e9


@dataclass(frozen=True, slots=True)
class Quick:
    """A run with its numbers, set against nothing."""

    run: Run
    past: Past
    setup: Setup
    measured: Measured


def add_quick(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quick", action="store_true", help="the table alone: not judged against luck, no report"
    )
    parser.add_argument(
        "--stake",
        type=_stake,
        metavar="USDT",
        help="the same margin for every trade, no shared account and none of its limits: to compare programs",
    )


def staked(setup: Setup, stake: float | None) -> Setup:
    """With that margin for every trade, at the bars' own prices; None: as it is."""
    return setup if stake is None else replace(setup, stake=stake, is_shared=False, half_spread=0.0)


def quick_text(past: Past, signals: Sequence[Signals], setup: Setup, strategy: str) -> str:
    """What is printed. `strategy`: its name and parameters, in one line."""
    from bot.backtest_report.words import unjudged_text
    from core.backtest.engine import run
    from core.backtest.metrics import measured

    found = run(past, signals, setup)
    played = Quick(found, past, setup, measured(found, past, setup.capital))
    return f"{unjudged_text(played, strategy)}\n\n{NOT_JUDGED}\n"


def _stake(text: str) -> float:
    try:
        stake = float(text)
    except ValueError:
        stake = 0.0
    if not (isfinite(stake) and 0.0 < stake <= MOST_STAKE):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a margin in USDT above 0")
    return stake
