"""`python main.py lookahead`: whether a strategy knows the future, and how much of the past it needs.

Laws:
- Files are only read; no key and no network is needed.
- Every feature there is is checked first, then the strategy: what it stands on before what it says.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.download import FOLDER, moment_of, symbols_of
from core.market import TIMEFRAMES

if TYPE_CHECKING:
    from core.backtest.history import History
    from core.backtest.strategies import Strategy


def add_lookahead(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--strategy",
        required=True,
        metavar="NAME|FILE.py:CLASS",
        help="trend, mean_reversion, breakout, random, ema_cross, or one's own from a file",
    )
    parser.add_argument(
        "--set",
        dest="given",
        action="append",
        default=[],
        type=_parameter,
        metavar="NAME=VALUE",
        help="a parameter of the strategy; may be repeated",
    )
    parser.add_argument(
        "--symbols", type=symbols_of, required=True, metavar="BTC,ETH", help="coins, separated by commas"
    )
    parser.add_argument("--timeframe", choices=tuple(TIMEFRAMES), default="15m", help="default: 15m")
    parser.add_argument("--from", dest="since", type=moment_of, metavar="DATE", help="default: all there is")
    parser.add_argument("--to", dest="until", type=moment_of, metavar="DATE", help="up to and without it")
    parser.add_argument("--data", type=Path, default=FOLDER, metavar="DIR", help=f"default: {FOLDER}")


def run_lookahead(options: argparse.Namespace) -> int:
    """0 when nothing was found, 1 with the first finding of each symbol. Raises `PerpilotError`."""
    from core.adapters.clock import SystemClock
    from core.adapters.history.reading import read_history
    from core.backtest.own_strategy import strategy_named

    strategy = strategy_named(options.strategy, dict(options.given))
    has_leak = False
    for symbol in options.symbols:
        span = (options.timeframe, options.since, options.until)
        history = read_history(options.data, symbol, *span, now=SystemClock().now())
        lines, is_clean = findings(strategy, history)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        has_leak = has_leak or not is_clean
    return 1 if has_leak else 0


def findings(strategy: Strategy, history: History) -> tuple[list[str], bool]:
    """Lines for a person, and whether no look-ahead was found."""
    from core.backtest.lookahead import first_leak
    from core.backtest.lookahead_features import EveryFeature
    from core.backtest.warmup import settling

    bars, symbol = history.bars, history.symbol
    leak = first_leak(EveryFeature(), symbol, bars) or first_leak(strategy, symbol, bars)
    if leak is not None:
        return [f"LOOK-AHEAD {leak}"], False
    lines = [f"{symbol}: no look-ahead found in {strategy.words} over {len(bars):,} bars"]
    needs = settling(strategy, symbol, bars)
    if not needs:
        return [*lines, "  too few bars to say how much history it needs"], True
    return [*lines, *(f"  {each}" for each in needs)], True


def _parameter(text: str) -> tuple[str, str]:
    name, is_there, value = text.partition("=")
    if not (name and is_there and value):
        raise argparse.ArgumentTypeError(f"{text[:30]!r} is not NAME=VALUE")
    return name, value
