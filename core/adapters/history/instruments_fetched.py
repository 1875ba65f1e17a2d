"""Trading rules fetched from a venue into files beside the candles.

Laws:
- Public reads, but for one: where a key is handed in, Binance is asked for its leverage tiers with it.
- Rules change, so they are read anew by every run; tiers that were told once are not replaced by a guess.
- Candles don't hang on rules: what can't be read is told, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from core.adapters.exchange.client import Access
from core.adapters.exchange.market import CcxtMarket
from core.adapters.history.downloading import Patience, Tell
from core.adapters.history.instrument_file import Kept, read_kept, write_kept
from core.adapters.history.layouts import INSTRUMENTS, file_stem
from core.backtest.history import BadHistory
from core.errors import NotAllowed, PerpilotError, Throttled, Unknown, UnknownSymbol
from core.ports import Clock

KEYED: Final = frozenset({"binanceusdm"})
"""Venues that tell their tiers only to a key; no other one is handed any."""


@dataclass(frozen=True, slots=True)
class Told:
    """`kept` is None where the rules could not be read; `problem` says why."""

    series: str
    path: Path
    kept: Kept | None
    problem: str = ""


async def fetch_instruments(
    access: Access, folder: Path, symbols: Sequence[str], clock: Clock, tell: Tell
) -> Sequence[Told]:
    """`folder`: the one that `download` filled; `symbols`: one or more.

    Raises `BadHistory` when the disk doesn't take a file.
    """
    key = access if access.exchange_id in KEYED else Access(access.exchange_id, access.url)
    market = CcxtMarket(
        key.exchange_id,
        clock=clock,
        url=key.url,
        api_key=key.api_key,
        secret=key.secret,
        password=key.password,
    )
    try:
        await Patience(clock, tell).of(f"{access.exchange_id} {INSTRUMENTS}", market.open)
        return [await _one(market, folder, symbol, clock) for symbol in symbols]
    except (Throttled, Unknown, NotAllowed) as error:
        return [_untold(folder, symbol, error) for symbol in symbols]
    finally:
        await market.close()


async def _one(market: CcxtMarket, folder: Path, symbol: str, clock: Clock) -> Told:
    try:
        instrument = await market.instrument(symbol)
    except UnknownSymbol as error:  # listed, and yet its rules are unreadable
        return _untold(folder, symbol, error)
    now, path = clock.now(), _path(folder, symbol)
    kept = Kept(market.exchange_id, instrument, now, None if instrument.tiers_assumed else now)
    kept = _with_known_tiers(kept, path)
    try:
        write_kept(path, kept)
    except OSError as error:
        raise BadHistory(f"{path.name} cannot be written ({error.strerror})") from error
    return Told(_series(symbol), path, kept)


def _untold(folder: Path, symbol: str, error: PerpilotError) -> Told:
    return Told(_series(symbol), _path(folder, symbol), None, str(error))


def _series(symbol: str) -> str:
    return f"{file_stem(symbol)} instrument"


def _path(folder: Path, symbol: str) -> Path:
    return folder / INSTRUMENTS / f"{file_stem(symbol)}.json"


def _with_known_tiers(kept: Kept, path: Path) -> Kept:
    """A file that can't be read is replaced: nothing is lost with it that can't be asked for again."""
    if kept.tiers_read_at is not None:
        return kept
    earlier = None
    with suppress(PerpilotError):
        earlier = read_kept(path, kept.instrument.symbol)
    if earlier is None or earlier.tiers_read_at is None or earlier.exchange != kept.exchange:
        return kept
    instrument = replace(kept.instrument, tiers=earlier.instrument.tiers, tiers_assumed=False)
    return replace(kept, instrument=instrument, tiers_read_at=earlier.tiers_read_at)
