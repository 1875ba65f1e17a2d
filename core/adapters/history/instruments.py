"""`instruments_of`: the venues' rules for recorded markets, as `download` kept them, else careful guesses.

Laws:
- What is guessed is named, symbol by symbol and fact by fact; nothing else is called a guess.
- A file that is there and can't be trusted is refused; it is never passed over for a guess.
- Rules are those of the day they were read, not of the day of a candle: that is said as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.adapters.exchange.tiers import careful_tiers
from core.adapters.history.instrument_file import Kept, read_kept
from core.adapters.history.layouts import instrument_path
from core.adapters.history.reading import place_of
from core.backtest.assumed import GUESSED, assumed_instrument
from core.backtest.history import History
from core.market import Instrument, coin

WHY_NO_TIERS: Final = {
    "binanceusdm": "Binance tells its own only to a key",
    "okx": "OKX counts its own in contracts",
}
MOST_NAMED: Final = 12


@dataclass(frozen=True, slots=True)
class Rules:
    """Of several markets, in the order that was asked."""

    instruments: tuple[Instrument, ...]
    remarks: tuple[str, ...]
    """Sentences for a report: what is guessed, and of which day the rest is."""


def instruments_of(histories: Sequence[History], data_dir: Path) -> Rules:
    """`data_dir`: the folder that the histories were read from.

    Raises `BadHistory` for a kept file that is broken or of another symbol, and for a history without bars.
    """
    kept = [kept_of(history, data_dir) for history in histories]
    found = [
        assumed_instrument(history, careful_tiers()) if one is None else one.instrument
        for history, one in zip(histories, kept, strict=True)
    ]
    return Rules(tuple(found), _remarks(histories, kept))


def kept_of(history: History, data_dir: Path) -> Kept | None:
    """What lies beside the candles; None where nothing does. Raises `BadHistory`."""
    place = place_of(data_dir, history.symbol, history.timeframe)
    return read_kept(instrument_path(data_dir, place, history.symbol), history.symbol)


def _remarks(histories: Sequence[History], kept: Sequence[Kept | None]) -> tuple[str, ...]:
    """What is true of several symbols is said once."""
    said: dict[str, list[str]] = {}
    for history, one in zip(histories, kept, strict=True):
        for words in _words(one):
            said.setdefault(words, []).append(coin(history.symbol))
    return tuple(f"{_named(names)}: {words}" for words, names in said.items())


def _words(kept: Kept | None) -> Iterator[str]:
    if kept is None:
        yield f"{GUESSED}; `download` keeps the exchange's own"
        return
    if kept.tiers_read_at is None:
        yield no_tiers_words(kept.exchange)
    elif kept.tiers_read_at.date() != kept.read_at.date():
        yield f"leverage tiers of {kept.exchange} on {kept.tiers_read_at:%Y-%m-%d}"
    yield (
        f"rules of {kept.exchange} on {kept.read_at:%Y-%m-%d} for the whole period, fees of a regular user"
    )


def no_tiers_words(exchange: str) -> str:
    why = WHY_NO_TIERS.get(exchange, f"{exchange} didn't tell its own")
    return f"leverage tiers are guessed with care ({why})"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
