"""`python main.py download`: recorded candles, mark prices, funding and trading rules, ready for `backtest`.

Laws:
- Everything is public but Binance's leverage tiers: only for them a key is used, where the settings have one
  for this very exchange and not for its sandbox.
- What is on disk stays; only what is missing is fetched. Trading rules change: they are read anew.
- Ctrl-C leaves whole files, and the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from core.market import TIMEFRAMES, canonical_symbol, to_ms

if TYPE_CHECKING:
    from bot.settings import Settings
    from core.adapters.exchange.client import Access
    from core.adapters.history.downloading import Outcome, Progress
    from core.adapters.history.instrument_file import Kept
    from core.adapters.history.instruments_fetched import Told

FOLDER: Final = Path("data/history")
MOST_SYMBOLS: Final = 100
TOLD_GAPS: Final = 5
"""Of one series; the rest is counted."""
_BAR: Final = 24
_DRAWN_EVERY_S: Final = 0.1
_LINE_EVERY, _LAST_LINE_BELOW = 0.25, 0.9
"""Of a series, where there is no terminal to draw on."""


def add_download(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--symbols", type=symbols_of, required=True, metavar="BTC,ETH", help="coins, separated by commas"
    )
    parser.add_argument("--timeframe", choices=tuple(TIMEFRAMES), default="15m", help="default: 15m")
    parser.add_argument(
        "--from", dest="since", type=moment_of, required=True, metavar="DATE", help="YYYY-MM-DD, UTC"
    )
    parser.add_argument(
        "--to", dest="until", type=moment_of, metavar="DATE", help="up to and without it (default: now)"
    )
    parser.add_argument("--data", type=Path, default=FOLDER, metavar="DIR", help=f"default: {FOLDER}")
    parser.add_argument("--exchange", metavar="ID", help="a ccxt exchange id (default: EXCHANGE of .env)")


def run_download(options: argparse.Namespace) -> int:
    """0 when everything the exchange has is on disk, 130 after Ctrl-C. Raises `PerpilotError`."""
    from bot.settings import environment, load_settings
    from core.adapters.clock import SystemClock
    from core.errors import PerpilotError, Throttled, Unknown

    settings = load_settings(environment(options.env), uses=("exchange",))
    now = SystemClock().now()
    if options.since >= (options.until or now):
        raise PerpilotError(
            f"--from {options.since:%Y-%m-%d} must be before --to {options.until or now:%Y-%m-%d}"
        )
    logging.disable(logging.CRITICAL)  # the bar says why it waits
    access = access_of(settings, options.exchange or settings.exchange)
    try:
        outcomes, rules = asyncio.run(_download(options, access))
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; what was fetched is kept, and the same command goes on from there\n")
        return 130
    except (Throttled, Unknown) as error:
        raise PerpilotError(f"{error}; what was fetched is kept, and the same command goes on") from error
    sys.stdout.write(report(outcomes) + rules_report(rules, has_key=bool(access.api_key)))
    return 0


def access_of(settings: Settings, exchange: str) -> Access:
    """Address and key belong to the exchange of the settings; a sandbox's key is no key here."""
    from core.adapters.exchange.client import Access

    if exchange != settings.exchange:
        return Access(exchange)
    if settings.exchange_testnet or not (settings.exchange_api_key and settings.exchange_secret):
        return Access(exchange, settings.exchange_url)
    return Access(
        exchange,
        settings.exchange_url,
        api_key=settings.exchange_api_key,
        secret=settings.exchange_secret,
        password=settings.exchange_password or "",
    )


async def _download(options: argparse.Namespace, access: Access) -> tuple[Sequence[Outcome], Sequence[Told]]:
    from core.adapters.clock import SystemClock
    from core.adapters.exchange.client import Access
    from core.adapters.history.downloading import Wanted, download
    from core.adapters.history.instruments_fetched import fetch_instruments
    from core.adapters.history.pages import Pages

    clock, bar = SystemClock(), ProgressBar(sys.stderr)
    pages, folder = Pages(Access(access.exchange_id, access.url), clock), options.data / access.exchange_id
    until = None if options.until is None else to_ms(options.until)
    wanted = Wanted(options.symbols, options.timeframe, to_ms(options.since), until)
    try:
        outcomes = await download(pages, folder, wanted, clock, bar.tell)
        return outcomes, await fetch_instruments(access, folder, wanted.symbols, clock, bar.tell)
    finally:
        bar.end()
        await pages.close()


class ProgressBar:
    """One line that is drawn over itself; where nobody can see it move, a line now and then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_drawn = stream.isatty()
        self._series = ""
        self._told = 0.0
        self._drawn_at = self._began_at = 0.0
        self._width = 0

    def tell(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.series != self._series:
            self.end()
            self._series, self._told, self._began_at = progress.series, 0.0, now
        if progress.note:
            self._write(f"{progress.series}: {progress.note}", is_last=True)
        elif self._is_drawn:
            if progress.fraction >= 1 or now - self._drawn_at >= _DRAWN_EVERY_S:
                self._drawn_at = now
                self._write(drawn(progress, now - self._began_at), is_last=progress.fraction >= 1)
        elif progress.fraction >= 1 or self._told + _LINE_EVERY <= progress.fraction < _LAST_LINE_BELOW:
            self._told = progress.fraction
            self._write(
                f"{progress.series}: {progress.fraction:.0%}, {progress.rows:,} new rows", is_last=True
            )

    def end(self) -> None:
        if self._is_drawn and self._width:
            self._write("", is_last=True)

    def _write(self, text: str, *, is_last: bool) -> None:
        if self._is_drawn:
            text = "\r" + text.ljust(self._width)
            self._width = 0 if is_last else len(text) - 1
        self._stream.write(text + ("\n" if is_last else ""))
        self._stream.flush()


def drawn(progress: Progress, elapsed_s: float) -> str:
    filled = round(_BAR * progress.fraction)
    bar = "#" * filled + "." * (_BAR - filled)
    left = ""
    if 0.02 < progress.fraction < 1:
        left = f", {_span(elapsed_s * (1 / progress.fraction - 1))} left"
    return f"{progress.series:<24} [{bar}] {progress.fraction:4.0%} {progress.rows:,} new rows{left}"


def report(outcomes: Sequence[Outcome]) -> str:
    """What is on disk now, and what the exchange doesn't have."""
    return "".join(f"{line}\n" for outcome in outcomes for line in _lines(outcome))


def _lines(outcome: Outcome) -> list[str]:
    from core.backtest.history import counted, stamp

    if outcome.first_ms is None or outcome.last_ms is None:
        return [f"{outcome.series}: the exchange has none in this period"]
    lines = [
        f"{outcome.series}: {counted(outcome.rows, 'row')}, {stamp(outcome.first_ms)} to "
        f"{stamp(outcome.last_ms)}, {outcome.added:,} new, in {outcome.path}"
    ]
    for gap in outcome.gaps[:TOLD_GAPS]:
        if gap.to_ms <= outcome.first_ms:
            lines.append(f"  begins at {stamp(outcome.first_ms)}: the exchange has nothing before")
        elif gap.from_ms > outcome.last_ms:
            lines.append(f"  ends at {stamp(outcome.last_ms)}: the exchange has nothing after")
        else:
            lines.append(
                f"  missing at the exchange: {stamp(gap.from_ms)} to {stamp(gap.to_ms)} ({gap.bars:,})"
            )
    if len(outcome.gaps) > TOLD_GAPS:
        lines.append(f"  and {counted(len(outcome.gaps) - TOLD_GAPS, 'more gap')}")
    return lines


def rules_report(rules: Sequence[Told], *, has_key: bool) -> str:
    """Of each symbol what a backtest will take as the exchange's rules, or that it will guess."""
    return "".join(f"{line}\n" for told in rules for line in _rules_lines(told, has_key))


def _rules_lines(told: Told, has_key: bool) -> list[str]:
    if told.kept is None:
        return [f"{told.series}: not read ({told.problem}); a backtest takes what lies there, or guesses"]
    one = told.kept.instrument
    lines = [
        f"{told.series}: tick {one.tick:f}, lot {one.lot:f}, from {one.min_quantity:f} and "
        f"{one.min_notional:f} USDT on, taker {_share(one.taker_fee)}, maker {_share(one.maker_fee)}, "
        f"{max(tier.max_leverage for tier in one.tiers)}x, in {told.path}"
    ]
    return lines + _tiers_lines(told.kept, has_key)


def _tiers_lines(kept: Kept, has_key: bool) -> list[str]:
    from core.adapters.history.instruments import no_tiers_words

    if kept.tiers_read_at is None:
        refused = "; the one in the settings didn't serve" if has_key else ""
        return [f"  {no_tiers_words(kept.exchange)}{refused}"]
    if kept.tiers_read_at != kept.read_at:
        return [f"  leverage tiers of {kept.tiers_read_at:%Y-%m-%d}, as they were told to a key"]
    return []


def _share(fee: Decimal) -> str:
    return f"{fee * 100:f}".rstrip("0").rstrip(".") + " %"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def symbols_of(text: str) -> tuple[str, ...]:
    try:
        symbols = tuple(dict.fromkeys(canonical_symbol(each) for each in text.split(",") if each.strip()))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not 1 <= len(symbols) <= MOST_SYMBOLS:
        raise argparse.ArgumentTypeError(f"1 to {MOST_SYMBOLS} symbols are taken, not {len(symbols)}")
    return symbols


def moment_of(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:30]!r} is not a date like 2025-01-31") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
