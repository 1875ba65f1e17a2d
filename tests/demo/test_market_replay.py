"""Replaying candle files: small ones made here, and real ones where the machine has them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.demo.exchange import ExchangeStandIn
from bot.demo.market_series import DAY_MS, HOUR_MS, MINUTE_MS
from bot.demo.replay import ReplayMarket
from bot.demo.replay_files import BadCandleFile, candle_files, candles_in, decimals_of
from tests.demo.ccxt_client import binance_at
from tests.demo.hand_clock import NOON_MS, HandClock

FIRST_MS = 1_704_067_200_000  # 1 January 2024
START = datetime(2024, 3, 5, 10, 0, tzinfo=UTC)
START_MS = round(START.timestamp() * 1000)


def some_rows(days: int, minutes: int, seed: int = 1, first_ms: int = FIRST_MS) -> np.ndarray:
    """(n, 6) a random walk around 100 in cents, sane bars."""
    dice = np.random.default_rng(seed)
    count = days * 1_440 // minutes
    closed = np.maximum(1_000, 10_000 + np.cumsum(dice.integers(-30, 31, count)))
    opened = np.concatenate([[10_000], closed[:-1]])
    high = np.maximum(opened, closed) + dice.integers(0, 40, count)
    low = np.minimum(opened, closed) - dice.integers(0, 40, count)
    stamps = first_ms + np.arange(count) * minutes * MINUTE_MS
    prices = np.stack([opened, high, low, closed], axis=1) / 100
    return np.column_stack([stamps, prices, dice.integers(1, 90_000, count) / 1_000])


def write(path: Path, rows: Sequence[Sequence[float]] | np.ndarray, header: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    width = len(rows[0])
    columns = header or ",".join(["timestamp", "open", "high", "low", "close", "volume"][:width])
    lines = [",".join([str(int(row[0])), *(f"{value:.10g}" for value in row[1:])]) for row in rows]
    path.write_bytes(gzip.compress("\n".join([columns, *lines, ""]).encode(), 1))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two symbols, 80 days; mark and funding beside them."""
    place = tmp_path_factory.mktemp("candles")
    fives = some_rows(80, 5)
    hours = some_rows(80, 60, seed=2)
    write(place / "candles/BTCUSDT-5m.csv.gz", fives)
    write(place / "candles/BTCUSDT-1h.csv.gz", some_rows(80, 60, seed=3))
    write(place / "candles/ADAUSDT-1h.csv.gz", hours)
    marks = hours[:-40, :5].copy()
    marks[:, 3] = np.round(marks[:, 3] * 0.999, 4)
    marks[:, 4] = np.clip(np.round(marks[:, 4] * 1.0003, 4), marks[:, 3], marks[:, 2])
    write(place / "mark/ADAUSDT-1h.csv.gz", marks)
    stamps = FIRST_MS + np.arange(240) * 8 * HOUR_MS
    rates = np.column_stack([stamps, np.arange(240) * 1e-6])
    write(place / "funding/ADAUSDT-funding.csv.gz", rates, "timestamp,funding_rate")
    return place


def replayed(folder: Path, clock: HandClock, start: datetime | None = START) -> ReplayMarket:
    return ReplayMarket(folder, now_ms=clock, start_from=start)


def rows_of(
    market: ReplayMarket, symbol: str, interval_ms: int, at_ms: int, kind: str = "last"
) -> np.ndarray:
    """(n, 6) what the market shows, in file time and floats."""
    bars = market.candles(symbol, interval_ms, 0, at_ms, at_ms, kind)  # type: ignore[arg-type]
    tick, lot = market.decimals(symbol, kind)  # type: ignore[arg-type]
    prices = [column / 10.0**tick for column in (bars.open, bars.high, bars.low, bars.close)]
    return np.column_stack([bars.start_ms - market.shift_ms, *prices, bars.volume / 10.0**lot])


def table(path: Path) -> np.ndarray:
    with gzip.open(path) as stream:
        return np.loadtxt(stream, delimiter=",", skiprows=1)


def file_rows(folder: Path, name: str) -> np.ndarray:
    return table(folder / "candles" / name)


def matching(rows: np.ndarray, shown: np.ndarray) -> np.ndarray:
    return rows[(rows[:, 0] >= shown[0, 0]) & (rows[:, 0] <= shown[-1, 0])]


def test_the_start_is_now_shifted_by_whole_funding_intervals(folder: Path) -> None:
    clock = HandClock(NOON_MS + 3 * HOUR_MS + 7 * MINUTE_MS)
    market = replayed(folder, clock)

    assert market.shift_ms % (8 * HOUR_MS) == 0
    assert START_MS - 8 * HOUR_MS < market.file_time_ms(clock()) <= START_MS


def test_the_finest_file_that_covers_the_warm_up_is_taken_for_each_symbol(folder: Path) -> None:
    clock = HandClock()
    market = replayed(folder, clock)

    shown = rows_of(market, "BTCUSDT", 5 * MINUTE_MS, clock())[:-1]

    assert np.array_equal(shown, matching(file_rows(folder, "BTCUSDT-5m.csv.gz"), shown))


def test_closed_bars_are_the_rows_of_the_file_before_and_after_the_start(folder: Path) -> None:
    clock = HandClock()
    market = replayed(folder, clock)
    before = rows_of(market, "ADAUSDT", HOUR_MS, clock())[:-1]
    clock.forward(days=3, minutes=11)
    after = rows_of(market, "ADAUSDT", HOUR_MS, clock())[:-1]

    assert np.array_equal(after, matching(file_rows(folder, "ADAUSDT-1h.csv.gz"), after))
    assert np.array_equal(before, after[: len(before)]) and len(after) == len(before) + 72


@pytest.mark.parametrize("interval", [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS])
def test_candles_shorter_than_the_files_add_up_to_its_rows(folder: Path, interval: int) -> None:
    clock = HandClock()
    market = replayed(folder, clock)
    at = clock()
    shorter = market.candles("ADAUSDT", interval, at - 6 * HOUR_MS, at - 1, at)
    hours = market.candles("ADAUSDT", HOUR_MS, at - 6 * HOUR_MS, at - 1, at)

    each = HOUR_MS // interval
    assert len(shorter) == 6 * each and len(hours) == 6
    assert np.array_equal(shorter.open[::each], hours.open)
    assert np.array_equal(shorter.close[each - 1 :: each], hours.close)
    assert np.array_equal(shorter.high.reshape(6, each).max(axis=1), hours.high)
    assert np.array_equal(shorter.low.reshape(6, each).min(axis=1), hours.low)
    assert np.array_equal(shorter.volume.reshape(6, each).sum(axis=1), hours.volume)


def test_the_price_runs_through_the_bar_and_is_always_its_unfinished_close(folder: Path) -> None:
    clock = HandClock()
    market = replayed(folder, clock)
    prices = []
    for _ in range(300):
        prices.append(market.price("BTCUSDT", clock()))
        bar = market.candles("BTCUSDT", 5 * MINUTE_MS, NOON_MS, clock(), clock())
        assert Decimal(int(bar.close[-1])).scaleb(-market.decimals("BTCUSDT")[0]) == prices[-1]
        clock.forward(seconds=1)
    row = matching(
        file_rows(folder, "BTCUSDT-5m.csv.gz"), rows_of(market, "BTCUSDT", 5 * MINUTE_MS, clock())
    )[-2]

    assert [float(each) for each in (prices[0], max(prices), min(prices), prices[-1])] == row[1:5].tolist()


def test_two_replays_show_the_same_path_whatever_the_hour_of_their_start(folder: Path) -> None:
    clock, later = HandClock(), HandClock(NOON_MS + 8 * HOUR_MS * 3)
    one, other = replayed(folder, clock), replayed(folder, later)

    assert one.file_time_ms(clock()) == other.file_time_ms(later())
    assert [one.price("ADAUSDT", clock() + s * 977) for s in range(40)] == [
        other.price("ADAUSDT", later() + s * 977) for s in range(40)
    ]


def test_mark_prices_come_from_their_file_and_follow_the_last_price_where_it_ends(folder: Path) -> None:
    clock = HandClock()
    market = replayed(folder, clock)
    clock.forward(days=16)
    shown = rows_of(market, "ADAUSDT", HOUR_MS, clock(), "mark")[:-1]
    marks = table(folder / "mark/ADAUSDT-1h.csv.gz")
    known = matching(marks, shown)

    assert np.allclose(shown[: len(known), 1:5], known[:, 1:5], atol=5e-5)
    assert len(shown) > len(known)
    assert np.allclose(
        shown[len(known) :],
        rows_of(market, "ADAUSDT", HOUR_MS, clock())[len(known) : -1] * [1, 1, 1, 1, 1, 0],
    )


def test_a_mark_bar_read_second_by_second_is_the_bar_of_the_file(folder: Path) -> None:
    clock = HandClock()
    market = replayed(folder, clock)
    at = clock()

    minutes = market.candles("ADAUSDT", MINUTE_MS, at - 5 * HOUR_MS, at - 1, at, "mark")
    hours = market.candles("ADAUSDT", HOUR_MS, at - 5 * HOUR_MS, at - 1, at, "mark")

    assert np.array_equal(minutes.high.reshape(5, 60).max(axis=1), hours.high)
    assert np.array_equal(minutes.low.reshape(5, 60).min(axis=1), hours.low)
    assert np.array_equal(minutes.open[::60], hours.open) and np.array_equal(
        minutes.close[59::60], hours.close
    )


def test_funding_is_that_of_the_file_at_its_hours_and_usual_without_a_file(folder: Path) -> None:
    clock = HandClock(NOON_MS)
    market = replayed(folder, clock)
    funding = market.funding("ADAUSDT", clock())
    clock.ms = funding.next_ms
    settled = market.settlements("ADAUSDT", 0, clock())[-1]
    row = (funding.next_ms - market.shift_ms - FIRST_MS) // (8 * HOUR_MS)

    assert settled.at_ms == funding.next_ms and settled.rate == pytest.approx(row * 1e-6)
    assert funding.rate == pytest.approx(row * 1e-6, abs=1.1e-6) and funding.interval_hours == 8
    assert {each.rate for each in market.settlements("BTCUSDT", 0, clock())} == {1e-4}


def test_the_replay_can_be_nudged(folder: Path) -> None:
    clock = HandClock()
    market, twin = replayed(folder, clock), replayed(folder, clock)
    market.nudge("ADAUSDT", 0.05, 30)
    clock.forward(minutes=2)

    ratio = market.price("ADAUSDT", clock()) / twin.price("ADAUSDT", clock())

    assert float(ratio) == pytest.approx(1.05, abs=2e-4)


def test_at_the_end_of_the_files_prices_stand_still_and_it_says_so(folder: Path) -> None:
    clock = HandClock()
    market = replayed(folder, clock)
    end = market.window.end_ms + market.shift_ms
    last = file_rows(folder, "BTCUSDT-5m.csv.gz")[-1]

    assert market.notice(end - 1) is None
    assert market.notice(end) == "The replayed candles ended at 2024-03-21 00:00 UTC; prices stand still."
    assert float(market.price("BTCUSDT", end + DAY_MS)) == last[4]
    assert np.array_equal(rows_of(market, "BTCUSDT", 5 * MINUTE_MS, end + DAY_MS)[-1], last)
    assert market.day("BTCUSDT", end + DAY_MS).last == market.price("BTCUSDT", end)


def test_a_faster_replay_passes_an_hour_in_a_minute(folder: Path) -> None:
    clock = HandClock()
    market = ReplayMarket(folder, now_ms=clock, speed=60, start_from=START)
    before = market.file_time_ms(market.now_ms())
    clock.forward(minutes=1)

    assert market.file_time_ms(market.now_ms()) - before == HOUR_MS


def test_without_a_chosen_start_sixty_days_lie_before_it(folder: Path) -> None:
    market = replayed(folder, HandClock(), None)

    assert market.window.start_ms >= FIRST_MS + 60 * DAY_MS


@pytest.mark.parametrize("start", [datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 20, 12, tzinfo=UTC)])
def test_a_start_without_warm_up_or_future_is_refused_with_the_possible_ones(
    folder: Path, start: datetime
) -> None:
    with pytest.raises(
        BadCandleFile, match="can start from 2024-03-01 00:00 to 2024-03-20 00:00 UTC, not at"
    ):
        replayed(folder, HandClock(), start)


async def test_ccxt_reads_the_rows_of_the_file_from_a_replay(folder: Path) -> None:
    clock = HandClock()
    market = replayed(folder, clock)
    exchange = ExchangeStandIn(market)
    await exchange.start()
    async with binance_at(exchange.url) as client:
        rows = np.array(await client.fetch_ohlcv("ADA/USDT:USDT", "1h", limit=200))[:-1]
        rate = await client.fetch_funding_rate("ADA/USDT:USDT")
    await exchange.stop()
    rows[:, 0] -= market.shift_ms

    assert np.array_equal(rows, matching(file_rows(folder, "ADAUSDT-1h.csv.gz"), rows))
    assert rate["fundingTimestamp"] == market.funding("ADAUSDT", clock()).next_ms


def broken(tmp_path: Path, rows: np.ndarray, header: str = "") -> str:
    """What is said about a file with these rows."""
    write(tmp_path / "BTCUSDT-1h.csv.gz", rows, header)
    file = candle_files(tmp_path)[0] if not header else None
    with pytest.raises(BadCandleFile) as refused:
        candles_in(file) if file else candle_files(tmp_path)
    return str(refused.value)


def test_a_gap_is_named_with_its_row(tmp_path: Path) -> None:
    rows = np.delete(some_rows(1, 60), [7, 8], axis=0)

    assert (
        broken(tmp_path, rows) == "BTCUSDT-1h.csv.gz: 2 candles are missing before row 8 (2024-01-01 09:00)"
    )


def test_unsorted_rows_are_named(tmp_path: Path) -> None:
    rows = some_rows(1, 60)
    rows[[4, 5]] = rows[[5, 4]]

    assert "row 6 (2024-01-01 04:00) is not later than row 5 (2024-01-01 05:00)" in broken(tmp_path, rows)


@pytest.mark.parametrize(
    ("row", "column", "value", "said"),
    [
        (3, 2, float("nan"), "row 4 holds a value that is not a number"),
        (3, 4, float("inf"), "row 4 holds a value that is not a number"),
        (0, 3, 0.0, "row 1 holds a price that is not above zero"),
        (5, 2, 1.0, "row 6 holds a high below its open or close"),
        (5, 3, 900.0, "row 6 holds a low above its open or close"),
        (9, 5, -1.0, "row 10 holds a negative volume"),
        (2, 0, FIRST_MS + 2 * HOUR_MS + 1, "row 3 holds a time that is no multiple of 60 minutes"),
    ],
)
def test_a_senseless_value_is_named_with_file_and_row(
    tmp_path: Path, row: int, column: int, value: float, said: str
) -> None:
    rows = some_rows(1, 60)
    rows[row, column] = value

    assert broken(tmp_path, rows) == f"BTCUSDT-1h.csv.gz: {said}"


def test_a_wrong_header_is_shown_beside_the_right_one(tmp_path: Path) -> None:
    said = broken(tmp_path, some_rows(1, 60), "time,o,h,l,c,v")

    assert "'time,o,h,l,c,v', not 'timestamp,open,high,low,close,volume'" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1704078000000,1,2,1", "row 4 has 4 values instead of 6"),
        ("1704078000000,1,two,1,1,5", "row 4 holds 'two', not a number"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path / "BTCUSDT-1h.csv.gz", some_rows(1, 60))
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    lines[4] = line
    path.write_bytes(gzip.compress("\n".join(lines).encode()))

    with pytest.raises(BadCandleFile, match=f"^BTCUSDT-1h.csv.gz: {said}$"):
        candles_in(candle_files(tmp_path)[0])


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT-1h.csv.gz", some_rows(1, 60))
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(BadCandleFile, match=r"BTCUSDT-1h\.csv\.gz: not a complete gzip file"):
        candle_files(tmp_path)


def test_a_file_that_is_no_gzip_is_named(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT-1h.csv.gz").write_text("timestamp,open\n")

    with pytest.raises(BadCandleFile, match=r"BTCUSDT-1h\.csv\.gz: not a complete gzip file"):
        candle_files(tmp_path)


def test_a_file_without_rows_an_empty_folder_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCandleFile, match="holds no candle file"):
        candle_files(tmp_path)
    with pytest.raises(BadCandleFile, match="is not a folder"):
        candle_files(tmp_path / "nowhere")
    (tmp_path / "BTCUSDT-1h.csv.gz").write_bytes(gzip.compress(b"timestamp,open,high,low,close,volume\n"))
    with pytest.raises(BadCandleFile, match="no rows below the header"):
        candle_files(tmp_path)


def test_files_too_short_for_the_warm_up_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "BTCUSDT-1h.csv.gz", some_rows(30, 60))

    with pytest.raises(BadCandleFile, match=r"needs 60 days .* BTCUSDT-1h.csv.gz holds 2024-01-01 00:00 to"):
        replayed(tmp_path, HandClock())


@pytest.mark.parametrize(("values", "places"), [([1.0, 25.0], 0), ([0.1, 7.25], 2), ([1e-7], 7), ([1e-9], 8)])
def test_decimal_places_are_those_of_the_finest_value(values: list[float], places: int) -> None:
    assert decimals_of(np.array(values)) == places


REAL = os.environ.get("PERPILOT_DATA")


@pytest.fixture(scope="module")
def cascade() -> ReplayMarket:
    """The hours before the liquidation cascade of 10 October 2025."""
    if not REAL:
        pytest.skip("PERPILOT_DATA names no folder of real candles")
    return ReplayMarket(Path(REAL), now_ms=HandClock(), start_from=datetime(2025, 10, 10, 20, tzinfo=UTC))


@pytest.mark.parametrize("name", ["BTCUSDT-5m", "XRPUSDT-5m", "LINKUSDT-1h"])
def test_a_replay_of_real_candles_shows_their_rows(cascade: ReplayMarket, name: str) -> None:
    symbol, frame = name.split("-")
    length = {"5m": 5 * MINUTE_MS, "1h": HOUR_MS}[frame]
    at = NOON_MS + 2 * DAY_MS

    shown = rows_of(cascade, symbol, length, at)[:-1]

    assert len(shown) > 2_000
    assert np.array_equal(shown, matching(file_rows(Path(REAL or ""), f"{name}.csv.gz"), shown))


def test_a_replay_of_real_candles_falls_as_deep_as_the_market_did_and_its_mark_less(
    cascade: ReplayMarket,
) -> None:
    hour = round(datetime(2025, 10, 10, 21, tzinfo=UTC).timestamp() * 1000) + cascade.shift_ms
    at = hour + 2 * HOUR_MS
    tick, finer = cascade.decimals("BTCUSDT")[0], cascade.decimals("BTCUSDT", "mark")[0]

    seconds = [cascade.price("BTCUSDT", hour + s * 1_000) for s in range(3_600)]
    marks = cascade.candles("BTCUSDT", HOUR_MS, hour, hour, at, "mark")

    assert min(seconds) == Decimal("101516.5") and tick == 1
    assert min(seconds) < Decimal(int(marks.low[0])).scaleb(-finer)
