"""`backtest --as-live` and `--finer`: what live would have planned at each signal, and shorter candles where
a bar alone can't tell what came first.

Laws:
- How many signals ended at which gate is said before the result.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from core.market import TIMEFRAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.settings import Settings
    from core.backtest.as_live import Judged
    from core.backtest.engine import Signals
    from core.backtest.engine_past import Past
    from core.backtest.history import History
    from core.backtest.strategies import Strategy

TAKEN_AS_NAMED: Final = (
    "Not played: live's gates before a plan, which are red flags, the opportunity score, live's own first "
    "stop, sizes and leverage by regime, expected funding and weights by beta (main.py backtest --as-live "
    "plays them); advisers; the technical breakers; the second close against a trade that live waits for."
)
AS_LIVE: Final = (
    "Planned as live: red flags, score, first stop, ladder, leverage and size by regime, expected funding, "
    "beta. Not played: advisers, moods and the news; what candles don't show (spread, late prices); the "
    "technical breakers; the second close against a trade that live waits for."
)


def add_live(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as-live",
        action="store_true",
        help="plan each entry as live would: red flags, score, first stop, size and leverage by regime",
    )
    parser.add_argument(
        "--finer",
        choices=tuple(TIMEFRAMES),
        help="candles that tell whether a bar's stop or its target came first",
    )


def words_for(options: argparse.Namespace) -> str:
    """What is not played, in one sentence or two."""
    return AS_LIVE if options.as_live else TAKEN_AS_NAMED


def finer_of(options: argparse.Namespace) -> list[History] | None:
    """Raises `BadHistory`."""
    from core.adapters.history.reading import read_history

    if options.finer is None:
        return None
    span = (options.finer, options.since, options.until)
    return [read_history(options.data, symbol, *span) for symbol in options.symbols]


def planned(past: Past, signals: Sequence[Signals], strategy: Strategy, settings: Settings) -> Judged:
    """Raises `BadMarketFacts` where live's candles can't be made from the bars."""
    from bot.limits import flag_limits_of, limits_of
    from core.backtest.as_live import LiveJudge, LiveRules

    rules = LiveRules(limits_of(settings), flag_limits_of(settings))
    return LiveJudge(past).judged(signals, rules, strategy.hold_bars)
