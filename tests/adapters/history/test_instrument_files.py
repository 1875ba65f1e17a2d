"""Trading rules kept beside the candles: read back as they were, refused by field, or guessed and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.adapters.exchange.tiers import careful_tiers
from core.adapters.history.instrument_file import MOST_BYTES, Kept, read_kept, write_kept
from core.adapters.history.instruments import instruments_of
from core.adapters.history.reading import read_history
from core.backtest.assumed import GUESSED
from core.backtest.history import BadHistory
from core.market import Instrument, Tier
from tests.adapters.history.shelves import bars, text, write
from tests.core.builders import an_instrument

D = Decimal
BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"
DAY = datetime(2026, 5, 4, 12, tzinfo=UTC)
TIERS = (Tier(D(0), D(50_000), 125, D("0.004"), D(0)), Tier(D(50_000), D(10**13), 100, D("0.005"), D(50)))
Fields = dict[str, Any]


def an_exact(symbol: str = SOL, **fields: Any) -> Instrument:
    return an_instrument(symbol=symbol, base=symbol[:3], tick=D("0.010"), tiers=TIERS, **fields)


def keep(folder: Path, instrument: Instrument, tiers_read_at: datetime | None = DAY) -> Path:
    path = folder / "instruments" / f"{instrument.base}USDT.json"
    write_kept(path, Kept("binanceusdm", instrument, DAY, tiers_read_at))
    return path


def shelf(folder: Path, *names: str, place: str = "candles") -> Path:
    for name in names:
        write(folder / place / f"{name}USDT-5m.csv", text(bars()))
    return folder


def test_what_is_kept_is_read_back_digit_by_digit(tmp_path: Path) -> None:
    path = keep(tmp_path, an_exact())

    kept = read_kept(path, SOL)

    assert kept == Kept("binanceusdm", an_exact(), DAY, DAY)
    assert kept is not None and str(kept.instrument.tick) == "0.010"
    assert [each.name for each in path.parent.iterdir()] == ["SOLUSDT.json"]


def test_careful_tiers_come_back_as_guesses(tmp_path: Path) -> None:
    guessed = an_instrument(tiers=careful_tiers(D("0.01"), 8), tiers_assumed=True)

    kept = read_kept(keep(tmp_path, guessed, None), SOL)

    assert kept is not None and kept.instrument == guessed and kept.tiers_read_at is None


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    assert read_kept(tmp_path / "SOLUSDT.json", SOL) is None


def _set(name: str, value: Any) -> Callable[[Fields], None]:
    return lambda fields: fields.__setitem__(name, value)


def _tier(name: str, value: Any, row: int = 1) -> Callable[[Fields], None]:
    return lambda fields: fields["tiers"][row].__setitem__(name, value)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda fields: fields.pop("tick"), "tick is missing"),
        (_set("tick", "0"), "tick is '0', which is not above 0"),
        (_set("lot", "-0.1"), "lot is '-0.1', which is not above 0"),
        (_set("tick", 0.01), "tick is 0.01, which is no number written as text"),
        (_set("lot", "NaN"), "lot is 'NaN', which is no number"),
        (_set("lot", "1e-50"), "lot is '1e-50', which is no number"),
        (_set("lot", "many"), "lot is 'many', which is no number"),
        (_set("max_quantity", "0.001"), "max_quantity 0.001 is below min_quantity 0.01"),
        (_set("min_notional", "-5"), "min_notional is '-5', which is not 0 or more"),
        (_set("taker_fee", "0.5"), "taker_fee is '0.5', which is not between -0.05 and 0.05"),
        (_set("format", 2), "format is 2, where 1 is expected"),
        (_set("symbol", BTC), f"symbol is {BTC!r}, where {SOL} is expected"),
        (_set("exchange", ["x"]), "exchange is ['x'], which is no name"),
        (_set("read_at", "yesterday"), "read_at is 'yesterday', which is no time with its zone"),
        (_set("read_at", "2026-05-04T12:00:00"), "read_at is '2026-05-04T12:00:00', which is no time"),
        (_set("tiers_read_at", 5), "tiers_read_at is 5, which is no time"),
        (_set("tiers", []), "tiers is no list of 1 to 200"),
        (_set("tiers", ["free"]), "tiers 1 is 'free', which is no tier"),
        (_tier("floor", "40000"), "tiers 2: floor is '40000', which is not 50000, where the tier before"),
        (_tier("cap", "50000"), "tiers 2: cap is '50000', which is not above its floor 50000"),
        (_tier("maintenance_rate", "1.5"), "tiers 2: maintenance_rate is '1.5', which is not above 0"),
        (_tier("maintenance_deduction", "251"), "tiers 2: maintenance_deduction is '251', which is not betw"),
        (_tier("maintenance_deduction", "1", 0), "tiers 1: maintenance_deduction is '1', which is not betw"),
        (_tier("max_leverage", 0), "tiers 2: max_leverage is 0, which is no whole number from 1 to 1,000"),
        (_tier("max_leverage", True), "tiers 2: max_leverage is True, which is no whole number"),
    ],
)
def test_a_bad_field_is_refused_by_file_and_field(
    tmp_path: Path, spoil: Callable[[Fields], Any], sentence: str
) -> None:
    path = keep(tmp_path, an_exact())
    fields = json.loads(path.read_text())
    spoil(fields)
    path.write_text(json.dumps(fields))

    with pytest.raises(BadHistory) as refused:
        read_kept(path, SOL)

    assert str(refused.value).startswith(f"instruments/SOLUSDT.json: {sentence}")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not complete JSON"),
        (b'{"format": 1, "sy', "is not complete JSON"),
        (b"\xff\xfe{}", "is not complete JSON"),
        (b"[" * 100_000, "is not complete JSON"),
        (b"[1, 2]", "is not the rules of an instrument but a list"),
        (b" " * (MOST_BYTES + 1), "is larger than 1,024 KiB"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = write(tmp_path / "instruments" / "SOLUSDT.json", content)

    with pytest.raises(BadHistory, match=rf"^instruments/SOLUSDT\.json: {sentence}"):
        read_kept(path, SOL)


def test_kept_rules_are_used_and_only_what_is_guessed_is_called_so(tmp_path: Path) -> None:
    shelf(tmp_path, "BTC", "SOL", "ETH")
    keep(tmp_path, an_exact(BTC))
    keep(tmp_path, an_instrument(tiers_assumed=True), None)
    histories = [read_history(tmp_path, name, "5m") for name in ("BTC", "SOL", "ETH")]

    rules = instruments_of(histories, tmp_path)

    assert rules.instruments[0] == an_exact(BTC) and rules.instruments[1].tiers_assumed
    assert rules.remarks == (
        "BTC, SOL: rules of binanceusdm on 2026-05-04 for the whole period, fees of a regular user",
        "SOL: leverage tiers are guessed with care (Binance tells its own only to a key)",
        f"ETH: {GUESSED}; `download` keeps the exchange's own",
    )


@pytest.mark.parametrize("folder", [".", "candles", "above"])
def test_rules_lie_beside_the_candles_whichever_folder_is_named(tmp_path: Path, folder: str) -> None:
    shelf(tmp_path / "binanceusdm", "SOL")
    keep(tmp_path / "binanceusdm", an_exact())
    named = tmp_path if folder == "above" else tmp_path / "binanceusdm" / folder

    rules = instruments_of([read_history(named, "SOL", "5m")], named)

    assert rules.instruments == (an_exact(),)


def test_another_exchanges_rules_are_not_taken(tmp_path: Path) -> None:
    shelf(tmp_path, "SOL")
    shelf(tmp_path, "SOL", place="candles_bybit")
    keep(tmp_path, an_exact())
    named = tmp_path / "candles_bybit"

    rules = instruments_of([read_history(named, "SOL", "5m")], named)

    assert rules.instruments[0] != an_exact()
    assert rules.remarks == (f"SOL: {GUESSED}; `download` keeps the exchange's own",)


def test_a_broken_file_is_never_passed_over_for_a_guess(tmp_path: Path) -> None:
    shelf(tmp_path, "SOL")
    write(tmp_path / "instruments" / "SOLUSDT.json", b"{")

    with pytest.raises(BadHistory, match=r"^instruments/SOLUSDT\.json: "):
        instruments_of([read_history(tmp_path, "SOL", "5m")], tmp_path)
