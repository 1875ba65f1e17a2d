"""Which files of a folder tell about a symbol, by their names: ours, freqtrade's, Binance's public archive.

Laws:
- Spot, index and premium prices are never taken for a perpetual's.
- A folder is searched to a limit, links are not followed, hidden folders (our cache) are passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.adapters.history.tables import Kind, Source
from core.backtest.history import BadHistory
from core.market import TIMEFRAMES, canonical_symbol, coin

MOST_FILES: Final = 200_000
INSTRUMENTS: Final = "instruments"
"""Folder of the trading rules, beside `candles`."""
_FRAME: Final = "|".join(TIMEFRAMES)
_ENDINGS: Final = r"(?:csv|csv\.gz|feather|parquet|zip)"
_OURS: Final = re.compile(rf"([0-9A-Z]+)-({_FRAME}|funding)(?:-\d{{8}})?\.{_ENDINGS}")
_BINANCE: Final = re.compile(rf"([0-9A-Z]+)-({_FRAME}|fundingRate)-\d{{4}}-\d{{2}}(?:-\d{{2}})?\.{_ENDINGS}")
_FREQTRADE: Final = re.compile(
    r"([0-9A-Z]+)_USDT_USDT-(\w+?)-(futures|mark|funding_rate)\.(?:feather|parquet|json|json\.gz)"
)
_FREQTRADE_KINDS: Final = {"futures": Kind.CANDLES, "mark": Kind.MARK, "funding_rate": Kind.FUNDING}
_KIND_FOLDERS: Final = {
    "candles": Kind.CANDLES, "klines": Kind.CANDLES,
    "mark": Kind.MARK, "markPriceKlines": Kind.MARK,
    "funding": Kind.FUNDING, "fundingRate": Kind.FUNDING,
}  # fmt: skip
_INNER: Final = frozenset({*_KIND_FOLDERS, "monthly", "daily", "um", "futures", *TIMEFRAMES})
"""Folders inside one exchange's place: what lies in two places otherwise is told apart."""
_OTHER_MARKETS: Final = re.compile(
    r"spot|oi|cm|option|metrics|trades|aggTrades|bookDepth|bookTicker|(?:index|premiumIndex)\w*Klines"
    r"|(?:candles|mark|funding|oi|spot)_\w+|\..*"
)
_KIND_PLACE: Final = re.compile(r"(?:candles|mark|funding)(_\w+)?")
_A_SYMBOL: Final = re.compile(r"[0-9A-Z]{2,}(?:USDT|USDC|BUSD|USD)(?:_.*)?")


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the symbol. `place` is its exchange's folder; `timeframe` is empty for funding."""

    source: Source
    timeframe: str
    place: Path


def files_of(folder: Path, symbol: str) -> tuple[Found, ...]:
    """Every file about the symbol, by path. `folder` may be one exchange's, one above, or its `candles`.

    Raises `BadHistory` for what is no folder or holds too many files.
    """
    if not folder.is_dir():
        raise BadHistory(
            f"{folder} is not a folder: `main.py download` makes data/history, --data names another"
        )
    venue_symbol = file_stem(symbol)
    match = _KIND_PLACE.fullmatch(folder.name)
    if match is None:
        return tuple(sorted(_search(folder, venue_symbol, None), key=lambda one: one.source.path))
    found: list[Found] = []
    for kind in Kind:  # named `candles` or `candles_bybit`: mark and funding lie beside it
        place = folder.parent / f"{kind}{match[1] or ''}"
        if place.is_dir():
            found += _search(place, venue_symbol, kind)
    return tuple(sorted(found, key=lambda one: one.source.path))


def _search(root: Path, symbol: str, kind: Kind | None) -> Iterator[Found]:
    seen = 0
    for at, folders, names in os.walk(root):
        folders[:] = [each for each in folders if _may_hold(each, symbol)]
        seen += len(names)
        if seen > MOST_FILES:
            raise BadHistory(f"{root} holds more than {MOST_FILES:,} files: name the folder of one exchange")
        for name in names:
            path = Path(at, name)
            found = _named(path, symbol, kind or _kind_by_folder(path.relative_to(root)))
            if found is not None:
                yield Found(Source(path, found[0]), found[1], root.parent if kind else _place(path, root))


def _may_hold(name: str, symbol: str) -> bool:
    if _OTHER_MARKETS.fullmatch(name):
        return False
    return name == symbol or _A_SYMBOL.fullmatch(name) is None


def _named(path: Path, symbol: str, kind: Kind) -> tuple[Kind, str] | None:
    """Kind and timeframe by the file's name; None for what is not the symbol's."""
    match = _FREQTRADE.fullmatch(path.name)
    if match is not None:
        found = _FREQTRADE_KINDS[match[3]]
        if f"{match[1]}USDT" != symbol or (match[2] not in TIMEFRAMES and found is not Kind.FUNDING):
            return None
        return found, "" if found is Kind.FUNDING else match[2]
    match = _OURS.fullmatch(path.name) or _BINANCE.fullmatch(path.name)
    if match is None or match[1] != symbol:
        return None
    if match[2] in ("funding", "fundingRate"):
        return Kind.FUNDING, ""
    return None if kind is Kind.FUNDING else (kind, match[2])


def _kind_by_folder(path: Path) -> Kind:
    return next((_KIND_FOLDERS[each] for each in path.parts[:-1] if each in _KIND_FOLDERS), Kind.CANDLES)


def _place(path: Path, root: Path) -> Path:
    place = path.parent
    while place != root and (place.name in _INNER or _A_SYMBOL.fullmatch(place.name)):
        place = place.parent
    return place


def instrument_path(folder: Path, place: Path, symbol: str) -> Path:
    """Where the symbol's trading rules are kept: beside the candles of `place` that `folder` led to."""
    match = _KIND_PLACE.fullmatch(folder.name)
    suffix = (match[1] or "") if match is not None else ""
    return place / f"{INSTRUMENTS}{suffix}" / f"{file_stem(symbol)}.json"


def file_stem(symbol: str) -> str:
    """`BTC/USDT:USDT` → `BTCUSDT`, as files are named."""
    return f"{coin(canonical_symbol(symbol))}USDT"
