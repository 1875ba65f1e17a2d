"""A symbol's trading rules on disk: one JSON file beside its candles, as the venue told them on one day.

Laws:
- A file that can't be trusted is refused with one sentence that names the file and the field.
- Numbers are text, so that they stay what the venue wrote.
- A file is replaced at once by its newer self; killed half way, the old one stands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn

from core.backtest.history import BadHistory
from core.market import Instrument, Tier, coin
from core.money import ONE, ZERO, exact

FORMAT: Final = 1
"""Raised when a field changes its name or meaning."""
MOST_BYTES: Final = 1 << 20
MOST_TIERS: Final = 200
MOST_LEVERAGE: Final = 1_000
MOST_FEE: Final = Decimal("0.05")
"""Fraction of the notional; more is a percentage by mistake. A fee below 0 is a rebate."""
SHOWN: Final = 30
"""Characters of a bad value that are repeated."""
_POSITIVE: Final = ("tick", "lot", "min_quantity", "max_quantity")
_FEES: Final = ("taker_fee", "maker_fee")
_TIER: Final = ("floor", "cap", "maintenance_rate", "maintenance_deduction")


@dataclass(frozen=True, slots=True)
class Kept:
    """An instrument as a venue told it."""

    exchange: str
    instrument: Instrument
    read_at: datetime
    tiers_read_at: datetime | None
    """None where the tiers are careful guesses."""


def write_kept(path: Path, kept: Kept) -> None:
    """Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(_fields(kept), indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_kept(path: Path, symbol: str) -> Kept | None:
    """None where there is no file. Raises `BadHistory`."""
    name = f"{path.parent.name}/{path.name}"
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadHistory(f"{name}: cannot be read ({error.strerror})") from error
    if len(content) > MOST_BYTES:
        raise BadHistory(f"{name}: is larger than {MOST_BYTES >> 10:,} KiB")
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadHistory(f"{name}: is not complete JSON ({str(error)[:80]})") from error
    if not isinstance(fields, dict):
        raise BadHistory(f"{name}: is not the rules of an instrument but a {type(fields).__name__}")
    return _kept(_Fields(name, fields), symbol)


def _fields(kept: Kept) -> dict[str, Any]:
    one = kept.instrument
    numbers = (*_POSITIVE, "min_notional", *_FEES)
    return {
        "format": FORMAT,
        "exchange": kept.exchange,
        "symbol": one.symbol,
        "read_at": kept.read_at.isoformat(),
        **{name: format(getattr(one, name), "f") for name in numbers},
        "tiers_read_at": None if kept.tiers_read_at is None else kept.tiers_read_at.isoformat(),
        "tiers": [
            {name: format(getattr(tier, name), "f") for name in _TIER} | {"max_leverage": tier.max_leverage}
            for tier in one.tiers
        ],
    }


class _Fields:
    """The fields of a file, or of one tier in it, each read with a check."""

    def __init__(self, name: str, fields: Mapping[str, Any], inside: str = "") -> None:
        self._name, self._fields, self._inside = name, fields, inside

    def bad(self, field: str, problem: str) -> NoReturn:
        raise BadHistory(f"{self._name}: {self._inside}{field} {problem}")

    def get(self, field: str) -> Any:
        if field not in self._fields:
            self.bad(field, "is missing")
        return self._fields[field]

    def text(self, field: str) -> str:
        value = self.get(field)
        if not (isinstance(value, str) and 0 < len(value) <= SHOWN and value.isprintable()):
            self.bad(field, f"is {_shown(value)}, which is no name")
        return value

    def number(self, field: str, words: str, is_good: Callable[[Decimal], bool]) -> Decimal:
        value = self.get(field)
        try:
            number = exact(value) if isinstance(value, str) and len(value) <= SHOWN else None
        except ValueError:
            number = None
        if number is None or (number and not -20 < number.adjusted() < 20):
            self.bad(field, f"is {_shown(value)}, which is no number written as text")
        if not is_good(number):
            self.bad(field, f"is {_shown(value)}, which is not {words}")
        return number

    def whole(self, field: str, most: int) -> int:
        value = self.get(field)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            self.bad(field, f"is {_shown(value)}, which is no whole number from 1 to {most:,}")
        return value

    def moment(self, field: str) -> datetime:
        value = self.get(field)
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            moment = None
        if moment is None or moment.tzinfo is None:
            self.bad(field, f"is {_shown(value)}, which is no time with its zone")
        return moment

    def parts(self, field: str) -> list[_Fields]:
        value = self.get(field)
        if not isinstance(value, list) or not 1 <= len(value) <= MOST_TIERS:
            self.bad(field, f"is no list of 1 to {MOST_TIERS}")
        for row, each in enumerate(value, 1):
            if not isinstance(each, dict):
                self.bad(f"{field} {row}", f"is {_shown(each)}, which is no tier")
        return [_Fields(self._name, each, f"{field} {row}: ") for row, each in enumerate(value, 1)]


def _kept(fields: _Fields, symbol: str) -> Kept:
    if fields.get("format") != FORMAT:
        fields.bad("format", f"is {_shown(fields.get('format'))}, where {FORMAT} is expected")
    if fields.get("symbol") != symbol:
        fields.bad("symbol", f"is {_shown(fields.get('symbol'))}, where {symbol} is expected")
    tiers_read_at = None if fields.get("tiers_read_at") is None else fields.moment("tiers_read_at")
    numbers = {name: fields.number(name, "above 0", lambda value: value > 0) for name in _POSITIVE}
    fees = {
        name: fields.number(name, f"between -{MOST_FEE} and {MOST_FEE}", lambda value: abs(value) <= MOST_FEE)
        for name in _FEES
    }
    if numbers["max_quantity"] < numbers["min_quantity"]:
        fields.bad(
            "max_quantity", f"{numbers['max_quantity']} is below min_quantity {numbers['min_quantity']}"
        )
    instrument = Instrument(
        symbol=symbol,
        base=coin(symbol),
        tick=numbers["tick"],
        lot=numbers["lot"],
        min_quantity=numbers["min_quantity"],
        max_quantity=numbers["max_quantity"],
        min_notional=fields.number("min_notional", "0 or more", lambda value: value >= 0),
        taker_fee=fees["taker_fee"],
        maker_fee=fees["maker_fee"],
        tiers=_tiers(fields),
        tiers_assumed=tiers_read_at is None,
    )
    return Kept(fields.text("exchange"), instrument, fields.moment("read_at"), tiers_read_at)


def _tiers(fields: _Fields) -> tuple[Tier, ...]:
    """Ascending from 0 without a hole, maintenance never below nothing."""
    found: list[Tier] = []
    for part in fields.parts("tiers"):
        last = found[-1].cap if found else ZERO
        floor = part.number("floor", f"{last}, where the tier before ends", _is(last))
        rate = part.number("maintenance_rate", "above 0 and at most 1", lambda value: 0 < value <= ONE)
        needed = floor * rate
        found.append(
            Tier(
                floor=floor,
                cap=part.number("cap", f"above its floor {floor}", _above(floor)),
                max_leverage=part.whole("max_leverage", MOST_LEVERAGE),
                maintenance_rate=rate,
                maintenance_deduction=part.number(
                    "maintenance_deduction", f"between 0 and {needed:f}, the maintenance of its floor",
                    _upto(needed),
                ),
            )
        )  # fmt: skip
    return tuple(found)


def _is(expected: Decimal) -> Callable[[Decimal], bool]:
    return lambda value: value == expected


def _above(least: Decimal) -> Callable[[Decimal], bool]:
    return lambda value: value > least


def _upto(most: Decimal) -> Callable[[Decimal], bool]:
    return lambda value: 0 <= value <= most


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
