"""`python main.py backtest`: a strategy over recorded candles, by the rules that live trading has.

Laws:
- Limits, exits, sizing and breakers are the settings' own; with `--as-live` the gates before a plan too.
- Files are only read, and the report is written into a folder of its own; no key and no network is needed.
- What was guessed (of the venue's rules) or is not played (see `NOT_PLAYED`) is remarked with every result.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.cli.backtest_live import TAKEN_AS_NAMED, add_live, finer_of, planned, words_for
from bot.cli.backtest_quick import ALONE, add_quick, quick_text, staked
from bot.cli.lookahead import add_lookahead
from bot.cli.recorded import RECORDED, add_recorded, recorded_of

if TYPE_CHECKING:
    from bot.settings import Settings
    from core.backtest.engine import Setup, Signals
    from core.backtest.engine_past import Past
    from core.backtest.judgement import Judged
    from core.backtest.strategies import Strategy

REPORTS: Final = Path("data/backtests")
SECTIONS: Final = ("risk", "sizing", "exits", "breakers", "trading")
"""Of the settings: what a position is made of."""
MOST_SEED: Final = 2**32 - 1
NOT_PLAYED: Final = TAKEN_AS_NAMED
"""Where nobody asked for more."""


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
    parser.add_argument("--seed", type=seed_of, default=0, help="of everything random (default: 0)")
    add_live(parser)
    add_quick(parser)
    add_recorded(parser)


def run_backtest(options: argparse.Namespace) -> int:
    """0 when it ran, whatever came of it. Raises `PerpilotError`."""
    from bot.settings import environment, load_settings
    from core.backtest.own_strategy import strategy_named
    from core.errors import PerpilotError

    if options.quick and options.out is not None:
        raise PerpilotError("--quick writes no report: leave out --out, or --quick")
    is_recorded = options.strategy == RECORDED
    if options.database is not None and not is_recorded:
        raise PerpilotError(f"--database is read by --strategy {RECORDED} alone: leave out one of both")
    settings = load_settings(
        environment(options.env), uses=("risk", "sizing", "exits", "breakers", "trading")
    )
    strategy = None if is_recorded else strategy_named(options.strategy, dict(options.given))
    past = _past(options)
    if strategy is None:
        strategy, counted = recorded_of(options, past)
        sys.stdout.write(f"{counted}\n")
    signals = _signals(strategy, past)
    if options.as_live:
        found = planned(past, signals, strategy, settings)
        signals = list(found.signals)
        sys.stdout.write("".join(f"{line}\n" for line in found.funnel.lines()))
    setup = staked(_setup(settings), options.stake)
    if options.quick:
        sys.stdout.write(quick_text(past, signals, setup, strategy.words))
        return 0
    _report(_judged(past, signals, setup, options), strategy, options)
    return 0


def _report(judged: Judged, strategy: Strategy, options: argparse.Namespace) -> None:
    """The table on the terminal, then the files."""
    from bot.backtest_report.words import table_text
    from bot.backtest_report.writing import write_report
    from core.errors import PerpilotError

    folder = options.out or REPORTS / _folder_name(strategy)
    sys.stdout.write(table_text(judged, strategy.words) + "\n\n")
    try:
        page = write_report(judged, strategy.words, folder)
    except OSError as error:
        raise PerpilotError(f"the report can't be written to {folder}: {error}") from error
    sys.stdout.write(f"report {page}\n")


def _past(options: argparse.Namespace) -> Past:
    from core.adapters.clock import SystemClock
    from core.adapters.history.instruments import instruments_of
    from core.adapters.history.reading import read_history
    from core.backtest.engine_past import past_of

    span = (options.timeframe, options.since, options.until)
    now = SystemClock().now()
    histories = [read_history(options.data, symbol, *span, now=now) for symbol in options.symbols]
    rules = instruments_of(histories, options.data)
    notes = (*rules.remarks, words_for(options), *([ALONE] if options.stake else []))
    return past_of(histories, rules.instruments, notes=notes, finer=finer_of(options))


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

    found = run(past, signals, replace(setup, measured_every_ms=min(past.bar_ms, setup.measured_every_ms)))
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


def seed_of(text: str) -> int:
    """As an argument; what numpy and Optuna both take."""
    if not text.isdecimal() or int(text) > MOST_SEED:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a whole number from 0 to {MOST_SEED}")
    return int(text)


def _runs(text: str) -> int:
    if not text.isdigit() or not 10 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a number of runs from 10 to 100000")
    return int(text)
