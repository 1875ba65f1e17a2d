"""`python main.py optimize`: parameters searched on one part of the past and weighed on the next.

Laws:
- Settings, limits and the live rule book are those of `backtest`; no key and no network but a shared study's
  database is needed.
- What was tried is kept as it is finished: the same command goes on where it was stopped, however that was.
- Nothing is changed in the bot. A profile is a file, and carries what speaks against it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.cli.backtest import seed_of
from bot.cli.lookahead import add_lookahead
from bot.tuned_profile import NAME, PROFILES_DIR
from core.errors import PerpilotError

if TYPE_CHECKING:
    from bot.cli.optimize_asked import Asked
    from bot.optimise_report.live import Screen
    from bot.optimise_report.words import Story
    from core.adapters.study.keeping import Keeper
    from core.backtest.search_space import Range
    from core.backtest.walk_forward import Choice

REPORTS: Final = Path("data/searches")
STUDIES: Final = Path("data/studies")
INTERRUPTED: Final = 130
MOST_TRIALS: Final = 1_000_000
MOST_WORKERS: Final = 256


def add_optimize(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: those of `lookahead`, and how to search."""
    add_lookahead(parser)
    what, how, kept = (parser.add_argument_group(name) for name in ("what", "how", "where"))
    what.add_argument(
        "--vary", dest="ranges", action="append", default=[], type=_range, metavar="NAME=LOW:HIGH[:STEP]",
        help="a setting to search too (TRAILING_ATR=1:4), or a narrower parameter; may be repeated",
    )  # fmt: skip
    what.add_argument(
        "--objective", dest="objectives", type=_names, default=("sharpe",), metavar="NAME[,NAME]",
        help="net, sharpe, sortino, calmar, profit_factor, expectancy_r, drawdown; the first decides "
        "(default: sharpe)",
    )  # fmt: skip
    what.add_argument("--min-trades", type=_count(1, 100_000), default=30, metavar="N", help="of a set (30)")
    what.add_argument("--folds", type=_count(1, 50), default=4, metavar="N", help="that are judged (4)")
    what.add_argument(
        "--embargo", type=_count(0, 100_000), metavar="BARS", help="left out before each judging (a day)"
    )
    how.add_argument("--trials", type=_count(10, MOST_TRIALS), default=300, metavar="N", help="a fold (300)")
    how.add_argument(
        "--workers", type=_count(1, MOST_WORKERS), default=1, metavar="N",
        help="processes (1); with more, proposals depend on who answers first",
    )  # fmt: skip
    how.add_argument("--sampler", choices=("tpe", "random"), default="tpe", help="default: tpe")
    how.add_argument("--no-pruning", action="store_true", help="play every set to the end")
    how.add_argument("--seed", type=seed_of, default=0, help="of everything random (0)")
    how.add_argument(
        "--runs", type=_count(10, 100_000), default=1000, metavar="N", help="random-entry runs (1000)"
    )
    kept.add_argument("--study", metavar="NAME", help="what is kept under (default: made from what is asked)")
    kept.add_argument(
        "--storage", metavar="FILE|URL", help=f"a file (default: in {STUDIES}) or postgresql://…"
    )
    kept.add_argument("--out", type=Path, metavar="DIR", help=f"of the report (default: in {REPORTS})")
    kept.add_argument(
        "--save-profile", type=_profile, metavar="NAME", help=f"the newest choice, in {PROFILES_DIR}"
    )


def run_optimize(options: argparse.Namespace) -> int:
    """0 when it ran, whatever came of it; 130 after Ctrl-C. Raises `PerpilotError`."""
    from bot.cli.optimize_asked import asked_of

    _require_storage(options.storage)
    asked = asked_of(options)
    choices: list[Choice] = []
    screen = _screen(asked)
    try:
        for choice in _chosen(asked, options, screen):
            choices += [choice]
        screen.wipe()
        _finish(asked, options, choices)
    except KeyboardInterrupt:
        screen.wipe()
        _stopped(asked, options, choices, screen)
        return INTERRUPTED
    return 0


def _screen(asked: Asked) -> Screen:
    from bot.optimise_report.live import Screen

    width = shutil.get_terminal_size().columns
    return Screen(sys.stderr, asked.play.space, asked.play.wanted, len(asked.folds), width)


def _chosen(asked: Asked, options: argparse.Namespace, screen: Screen) -> Iterable[Choice]:
    """Workers first: they must not hold what is opened after them."""
    from core.adapters.study.keeping import is_shared_address
    from core.adapters.study.search import Plan, crew_of, walk

    plan = Plan(options.trials, options.sampler, options.seed, not options.no_pruning)
    is_shared = is_shared_address(options.storage or "")
    crew = crew_of(asked.play, options.workers, is_shared=is_shared)
    try:
        keeper = _keeper(asked, options)
        try:
            yield from walk(asked.play, asked.folds, plan, crew=crew, keeper=keeper, told=screen)
        finally:
            keeper.close()
    finally:
        crew.close()


def _require_storage(storage: str | None) -> None:
    from core.adapters.study.keeping import is_shared_address

    if storage and "://" in storage and not is_shared_address(storage):
        raise PerpilotError(
            f"--storage takes a file or postgresql://…, not {storage.split('://')[0][:20]}://"
        )


def _keeper(asked: Asked, options: argparse.Namespace) -> Keeper:
    from core.adapters.study.keeping import is_shared_address
    from core.adapters.study.keeping_file import FileKeeper

    if options.storage and is_shared_address(options.storage):
        from core.adapters.study.keeping_shared import SharedKeeper

        return SharedKeeper(options.storage, asked.study, asked.fingerprint)
    path = Path(options.storage) if options.storage else STUDIES / f"{asked.study}.jsonl"
    return FileKeeper(path, asked.study, asked.fingerprint)


def _finish(asked: Asked, options: argparse.Namespace, choices: Sequence[Choice]) -> None:
    from bot.optimise_report.words import summary_text
    from bot.optimise_report.writing import write_search

    story = asked.story(choices, seed=options.seed, runs=options.runs, told=_tell)
    _tell(0, 0)
    newest = story.weighed.newest
    sys.stdout.write(summary_text(story, newest.choice.front if newest else ()) + "\n")
    folder = options.out or REPORTS / f"{asked.study}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    try:
        page = write_search(story, folder)
    except OSError as error:
        raise PerpilotError(f"the report can't be written to {folder}: {error.strerror}") from error
    sys.stdout.write(f"report {page}\n")
    if options.save_profile:
        sys.stdout.write(_saved(asked, story, options))


def _saved(asked: Asked, story: Story, options: argparse.Namespace) -> str:
    """What became of the profile, in one line."""
    from bot.tuned_profile import write_profile

    profile = asked.profile(story, options.save_profile, datetime.now(UTC).isoformat(timespec="seconds"))
    if profile is None:
        return "no profile was written: no set has a value over the newest time\n"
    path = write_profile(profile)
    doubt = "" if story.verdict.is_good else "; it carries the verdict, which is not in its favour"
    return f"profile {path}{doubt}\n"


def _stopped(asked: Asked, options: argparse.Namespace, choices: Sequence[Choice], screen: Screen) -> None:
    """What there is so far: the choices of the folds that are through, and of the one under way."""
    from bot.optimise_report.words import partial_lines
    from core.backtest.walk_forward import choose

    space, wanted, last = asked.play.space, asked.play.wanted, screen.last
    found = list(choices)
    if last is not None and last.fold.number not in {choice.fold.number for choice in found}:
        found.append(choose(space, wanted, last.fold, last.tried))
    sys.stdout.write("".join(f"{line}\n" for line in partial_lines(space, wanted, found)))
    done = sum(len(choice.tried) for choice in found)
    sys.stdout.write(
        f"Stopped after {done:,} of {options.trials * len(asked.folds):,} sets, before anything was weighed; "
        f"the same command goes on from there (study {asked.study}).\n"
    )


def _tell(done: int, of: int) -> None:
    """One line that is drawn over itself, where somebody can see it; wiped when it is over."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{f'random runs {done:,} of {of:,}' if of else '':<40}{'' if of else chr(13)}")
        sys.stderr.flush()


def _range(text: str) -> Range:
    from core.backtest.search_space import Range

    name, is_there, ends = text.partition("=")
    parts = [part.strip() for part in ends.split(":")]
    if not (name.strip() and is_there and len(parts) in (2, 3) and all(parts)):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not NAME=LOW:HIGH or NAME=LOW:HIGH:STEP")
    return Range(name.strip(), *parts)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _profile(text: str) -> str:
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text[:40]!r} is no name of a profile: small letters, digits, - and _, at most 40"
        )
    return text


def _count(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a whole number from {low} to {high}")
        return int(text)

    return read
