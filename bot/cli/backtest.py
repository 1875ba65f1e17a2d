"""`python main.py backtest`: a strategy over recorded candles, by the rules that live trading has.

Laws:
- Limits, exits, sizing and breakers are the settings' own, but for `NOT_PLAYED`.
- Files are only read, and the report is written into a folder of its own; no key and no network is needed.
- What was guessed (the venue's rules) or is not played (see `NOT_PLAYED`) is said with every result.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.cli.lookahead import add_lookahead

if TYPE_CHECKING:
    from bot.settings import Settings
    from core.backtest.engine import Setup, Signals
    from core.backtest.engine_past import Past
    from core.backtest.judgement import Judged
    from core.backtest.strategies import Strategy

REPORTS: Final = Path("data/backtests")
SECTIONS: Final = ("risk", "sizing", "exits", "breakers", "trading")
"""Of the settings: what a position is made of."""
GUESSED: Final = (
    "The venue's rules are guessed from the candles: taker 0.05 %, maker 0.02 %, careful leverage brackets."
)
NOT_PLAYED: Final = (
    "Not played: red flags and advisers; trailing by ATR; the checks of reward to risk and score; sizes by "
    "regime and for expected funding; weights by beta; leverage by regime (MAX_LEVERAGE is asked for); the "
    "24-hour breaker, and breakers that tighten or flatten."
)


def add_backtest(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: those of `lookahead`, and where the report goes."""
    add_lookahead(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"of the report (default: in {REPORTS})")
    parser.add_argument(
        "--runs",
        type=_runs,
        default=1000,
        metavar="N",
        help="random-entry runs beside it (default: 1000)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random (default: 0)")


def run_backtest(options: argparse.Namespace) -> int:
    """0 when it ran, whatever came of it. Raises `PerpilotError`."""
    from bot.backtest_report.words import table_text
    from bot.backtest_report.writing import write_report
    from bot.settings import environment, load_settings
    from core.backtest.own_strategy import strategy_named
    from core.errors import PerpilotError

    settings = load_settings(
        environment(options.env), uses=("risk", "sizing", "exits", "breakers", "trading")
    )
    strategy = strategy_named(options.strategy, dict(options.given))
    past = _past(options)
    signals = _signals(strategy, past)
    judged = _judged(past, signals, _setup(settings), options)
    folder = options.out or REPORTS / _folder_name(strategy)
    sys.stdout.write(table_text(judged, strategy.words) + "\n\n")
    sys.stdout.write("".join(f"{line}\n" for line in (GUESSED, NOT_PLAYED)))
    try:
        page = write_report(judged, strategy.words, folder)
    except OSError as error:
        raise PerpilotError(f"the report can't be written to {folder}: {error}") from error
    sys.stdout.write(f"report {page}\n")
    return 0


def _past(options: argparse.Namespace) -> Past:
    from core.adapters.exchange.tiers import careful_tiers
    from core.adapters.history.reading import read_history
    from core.backtest.assumed import assumed_instrument
    from core.backtest.engine_past import past_of

    span = (options.timeframe, options.since, options.until)
    histories = [read_history(options.data, symbol, *span) for symbol in options.symbols]
    return past_of(histories, [assumed_instrument(each, careful_tiers()) for each in histories])


def _signals(strategy: Strategy, past: Past) -> list[Signals]:
    from core.backtest.features import Features
    from core.backtest.strategies import signals_of

    return [signals_of(strategy, part.symbol, Features(part.bars)) for part in past.parts]


def _setup(settings: Settings) -> Setup:
    from bot.limits import limits_of
    from core.backtest.engine import Setup

    return Setup(limits_of(settings), float(settings.initial_capital), settings.max_leverage)


def _judged(past: Past, signals: list[Signals], setup: Setup, options: argparse.Namespace) -> Judged:
    from core.backtest.engine import run
    from core.backtest.judgement import judge

    found = run(past, signals, setup)
    judged = judge(found, past, signals, setup, seed=options.seed, runs=options.runs, told=_tell)
    _tell(0, 0)
    return judged


def _tell(done: int, of: int) -> None:
    """One line that is drawn over itself, where somebody can see it; wiped when it is over."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{f'random runs {done:,} of {of:,}' if of else '':<40}{'' if of else chr(13)}")
        sys.stderr.flush()


def _folder_name(strategy: Strategy) -> str:
    return f"{strategy.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _runs(text: str) -> int:
    if not text.isdigit() or not 10 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number of runs from 10 to 100000")
    return int(text)
