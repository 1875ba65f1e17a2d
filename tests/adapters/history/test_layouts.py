"""Ours, freqtrade's and Binance's public archive: the same bars, whatever holds them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.adapters.history.reading import read_history
from core.backtest.history import BadHistory
from tests.adapters.history.shelves import (
    MINUTE,
    OURS,
    START,
    archived,
    as_json,
    bars,
    feather,
    frame,
    parquet,
    text,
    write,
)  # fmt: skip

BTC = "BTC/USDT:USDT"
ROWS = bars()
Shelve = Callable[[Path], object]
DAY = "data/futures/um/daily/klines/BTCUSDT/5m"
MONTH = "data/futures/um/monthly/klines/BTCUSDT/5m"
INDEX = "data/futures/um/monthly/indexPriceKlines/BTCUSDT/5m"


@pytest.mark.parametrize(
    "shelve",
    [
        lambda at: write(at / "candles/BTCUSDT-5m.csv.gz", text(ROWS)),
        lambda at: write(at / "candles/BTCUSDT-5m.csv", text(ROWS).replace("\n", "\r\n")),
        lambda at: write(at / "BTCUSDT-5m.csv", "\ufeff" + text(ROWS)),
        lambda at: feather(at / "binanceusdm/candles/BTCUSDT-5m.feather", frame(ROWS)),
        lambda at: parquet(at / "binanceusdm/candles/BTCUSDT-5m.parquet", frame(ROWS)),
        lambda at: [
            write(at / f"candles/BTCUSDT-5m-2025010{day}.csv.gz", text(part))
            for day, part in ((1, ROWS[:7]), (2, ROWS[7:]))
        ],
        lambda at: feather(
            at / "binance/futures/BTC_USDT_USDT-5m-futures.feather", frame(ROWS, time="date", is_dated=True)
        ),
        lambda at: parquet(at / "BTC_USDT_USDT-5m-futures.parquet", frame(ROWS, time="date", is_dated=True)),
        lambda at: write(at / "binance/futures/BTC_USDT_USDT-5m-futures.json", as_json(ROWS)),
        lambda at: write(at / "binance/futures/BTC_USDT_USDT-5m-futures.json.gz", as_json(ROWS)),
        lambda at: [
            write(at / MONTH / "BTCUSDT-5m-2025-01.zip", archived(ROWS[:9], has_header=False)),
            write(at / MONTH / "BTCUSDT-5m-2025-02.zip", archived(ROWS[9:])),
        ],
        lambda at: [
            write(at / MONTH / "BTCUSDT-5m-2025-01.zip", archived(ROWS[:12])),
            write(at / DAY / "BTCUSDT-5m-2025-01-01.zip", archived(ROWS[8:], factor=1000)),
        ],
        lambda at: write(at / "BTCUSDT-5m-2025-01.csv", archived(ROWS, has_header=False)),
        lambda at: write(
            at / "candles/BTCUSDT-5m.csv",
            text(ROWS[:, [0, 5, 4, 3, 2, 1]], ("timestamp", "Volume", "Close", "Low", "High", "Open")),
        ),
    ],
)  # fmt: skip
def test_every_layout_gives_the_same_bars(tmp_path: Path, shelve: Shelve) -> None:
    shelve(tmp_path)

    history = read_history(tmp_path, "btc", "5m")

    assert (history.symbol, history.timeframe) == (BTC, "5m")
    assert np.array_equal(history.bars, ROWS)
    assert history.bars.dtype == np.float64 and history.bars.flags.c_contiguous
    assert history.mark is None and history.funding is None and history.gaps == ()
    assert np.array_equal(read_history(tmp_path, "btc", "5m").bars, ROWS)  # now from the cache


def settlements() -> np.ndarray:
    return np.array([[START, 0.0001], [START + 60 * MINUTE, -0.0002]])


@pytest.mark.parametrize(
    "shelve",
    [
        lambda at: [
            write(at / "candles/BTCUSDT-5m.csv", text(ROWS)),
            write(at / "mark/BTCUSDT-5m.csv.gz", text(ROWS[:, :5], OURS[:5])),
            write(at / "funding/BTCUSDT-funding.csv", text(settlements(), ("timestamp", "funding_rate"))),
        ],
        lambda at: [
            feather(at / "BTC_USDT_USDT-5m-futures.feather", frame(ROWS, time="date", is_dated=True)),
            feather(at / "BTC_USDT_USDT-5m-mark.feather", frame(ROWS, time="date", is_dated=True)),
            feather(
                at / "BTC_USDT_USDT-1h-funding_rate.feather",
                frame(np.column_stack((settlements(), np.zeros((2, 4)))), time="date", is_dated=True),
            ),
        ],
        lambda at: [
            write(at / MONTH / "BTCUSDT-5m-2025-01.zip", archived(ROWS)),
            write(at / MONTH.replace("klines", "markPriceKlines") / "BTCUSDT-5m-2025-01.zip", archived(ROWS)),
            write(at / INDEX / "BTCUSDT-5m-2025-01.zip", archived(-ROWS)),
            write(
                at / "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-01.zip",
                "calc_time,funding_interval_hours,last_funding_rate\n"
                f"{START + 4},8,0.00010000\n{START + 60 * MINUTE - 3},8,-0.00020000\n",
            ),
        ],
    ],
)  # fmt: skip
def test_mark_prices_and_funding_lie_beside_the_candles(tmp_path: Path, shelve: Shelve) -> None:
    shelve(tmp_path)

    history = read_history(tmp_path, BTC, "5m")

    assert history.mark is not None and history.funding is not None
    assert np.array_equal(history.mark, ROWS[:, :5]) and history.mark_timeframe == "5m"
    assert np.array_equal(history.funding, settlements())
    assert history.remarks == ()


def test_coarser_mark_prices_are_taken_where_there_are_no_others_and_say_so(tmp_path: Path) -> None:
    write(tmp_path / "candles/BTCUSDT-5m.csv", text(ROWS))
    write(tmp_path / "mark/BTCUSDT-1h.csv", text(bars(2, 60 * MINUTE)[:, :5], OURS[:5]))

    history = read_history(tmp_path, BTC, "5m")

    assert history.mark is not None and len(history.mark) == 2
    assert history.mark_timeframe == "1h"


def test_a_spot_price_is_never_taken_for_a_perpetual(tmp_path: Path) -> None:
    write(tmp_path / "data/spot/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2025-01.zip", archived(ROWS))
    write(tmp_path / "candles_bybit/BTCUSDT-5m.csv", text(ROWS))
    feather(tmp_path / "BTC_USDT-5m.feather", frame(ROWS, time="date", is_dated=True))

    with pytest.raises(BadHistory, match="holds no 5m candles of BTCUSDT, none at all"):
        read_history(tmp_path, BTC, "5m")


def test_a_folder_of_another_exchange_is_read_when_it_is_named(tmp_path: Path) -> None:
    write(tmp_path / "candles/BTCUSDT-5m.csv", text(ROWS))
    write(tmp_path / "candles_bybit/BTCUSDT-5m.csv", text(bars(seed=2)))
    write(tmp_path / "funding_bybit/BTCUSDT-funding.csv", text(settlements(), ("timestamp", "funding_rate")))

    usual, named = read_history(tmp_path, BTC, "5m"), read_history(tmp_path / "candles_bybit", BTC, "5m")

    assert np.array_equal(usual.bars, ROWS) and usual.funding is None
    assert np.array_equal(named.bars, bars(seed=2)) and named.funding is not None


def test_two_exchanges_in_one_folder_must_be_told_apart(tmp_path: Path) -> None:
    for exchange in ("binanceusdm", "bybit"):
        write(tmp_path / exchange / "candles/BTCUSDT-5m.csv", text(ROWS))

    with pytest.raises(BadHistory, match=r"BTCUSDT 5m lies in .*binanceusdm and in .*bybit: name the folder"):
        read_history(tmp_path, BTC, "5m")
    assert len(read_history(tmp_path / "bybit", BTC, "5m").bars) == len(ROWS)


def test_files_that_disagree_are_refused_by_file_and_row(tmp_path: Path) -> None:
    other = ROWS[8:].copy()
    other[2, 4] += 0.01
    write(tmp_path / "BTCUSDT-5m-2025-01.zip", archived(ROWS[:12]))
    write(tmp_path / "BTCUSDT-5m-2025-02.zip", archived(other))

    with pytest.raises(BadHistory, match=r"5m-2025-01.zip: row 11 .* differs from row 3 of .*5m-2025-02.zip"):
        read_history(tmp_path, BTC, "5m")


def test_another_timeframe_or_symbol_is_no_match_and_what_there_is_is_told(tmp_path: Path) -> None:
    write(tmp_path / "candles/BTCUSDT-5m.csv", text(ROWS))

    with pytest.raises(BadHistory, match="holds no 1h candles of BTCUSDT, only 5m"):
        read_history(tmp_path, BTC, "1h")
    with pytest.raises(BadHistory, match="holds no 5m candles of ETHUSDT, none at all"):
        read_history(tmp_path, "ETH", "5m")


@pytest.mark.parametrize(
    ("symbol", "timeframe", "sentence"),
    [
        ("BTC", "7m", "'7m' is no timeframe"),
        ("B!", "5m", "'B!' is not a symbol"),
        ("", "5m", "is not a symbol"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    tmp_path: Path, symbol: str, timeframe: str, sentence: str
) -> None:
    with pytest.raises(BadHistory, match=sentence):
        read_history(tmp_path, symbol, timeframe)


def test_a_file_written_by_others_with_null_columns_is_refused(tmp_path: Path) -> None:
    table = frame(ROWS).with_columns(pl.lit(None).cast(pl.Float64).alias("close"))
    feather(tmp_path / "candles/BTCUSDT-5m.feather", table)

    with pytest.raises(BadHistory, match=r"candles/BTCUSDT-5m\.feather: row 1 holds a value that is not"):
        read_history(tmp_path, BTC, "5m")


REAL = os.environ.get("PERPILOT_DATA")


@pytest.mark.skipif(not REAL, reason="PERPILOT_DATA names no folder with recorded candles")
@pytest.mark.parametrize("symbol", ["BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "LINK"])
def test_a_recorded_year_is_whole_and_carries_mark_and_funding(symbol: str) -> None:
    since, until = datetime(2025, 2, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)

    history = read_history(Path(REAL or ""), symbol, "1h", since, until, use_cache=False)

    assert len(history.bars) == 365 * 24 and history.gaps == ()
    assert history.funding is not None and len(history.funding) == 365 * 3
    assert (history.mark is None) == (symbol in {"ADA", "LINK"})
