"""Downloading from the demo's exchange: whole, resumed, with holes, under every kind of refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from core.adapters.exchange.client import Access
from core.adapters.history.downloading import TRIES, Outcome, Progress, Wanted, download
from core.adapters.history.pages import Pages
from core.adapters.history.reading import read_history
from core.adapters.history.tables import Kind
from core.backtest.history import BadHistory, Floats
from core.errors import NotAllowed, Throttled, Unknown, UnknownSymbol
from core.market import to_ms
from tests.adapters.exchange.fake_venue import FakeClock

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
KLINES = "/fapi/v1/klines"
MINUTE = 60_000
DAY = 86_400_000


@dataclass
class Place:
    clock: FakeClock
    exchange: ExchangeStandIn
    folder: Path
    told: list[Progress] = field(default_factory=list)

    @property
    def now_ms(self) -> int:
        return to_ms(self.clock.now())

    @property
    def closed_ms(self) -> int:
        """Where the bar begins that is not closed yet."""
        return self.now_ms // MINUTE * MINUTE

    async def fetch(
        self, *, hours: float = 72, until_ms: int | None = None, symbols: tuple[str, ...] = (BTC,)
    ) -> dict[str, Outcome]:
        """The last `hours`, of 1 min bars, with a client of its own, as a new run has."""
        pages = Pages(Access("binanceusdm", self.exchange.url), self.clock)
        wanted = Wanted(symbols, "1m", self.closed_ms - int(hours * 60 * MINUTE), until_ms)
        try:
            outcomes = await download(pages, self.folder, wanted, self.clock, self.told.append)
        finally:
            await pages.close()
        return {outcome.series: outcome for outcome in outcomes}

    def file(self, kind: str = "candles", name: str = "BTCUSDT-1m") -> Path:
        return self.folder / kind / f"{name}.feather"

    def rows(self, kind: str = "candles", name: str = "BTCUSDT-1m") -> Floats:
        frame = pl.read_ipc(self.file(kind, name).read_bytes())
        return np.column_stack([frame[column].to_numpy() for column in frame.columns]).astype(np.float64)

    def asked(self) -> int:
        """Pages of candles since the last question."""
        count = self.exchange.requests[KLINES]
        self.exchange.requests.clear()
        return count

    def listed_ms(self) -> int:
        """Open time of the market's first minute, which may lie before its first whole day."""
        year = self.now_ms - 365 * DAY
        days = self.exchange.market.candles("BTCUSDT", DAY, year, self.now_ms, self.now_ms)
        first = int(days.start_ms[0])
        minutes = self.exchange.market.candles("BTCUSDT", MINUTE, first - DAY, first + DAY, self.now_ms)
        return int(minutes.start_ms[0])

    def true_bars(self, first_ms: int, end_ms: int) -> Floats:
        """What the market itself shows of BTC, opening from `first_ms` on and before `end_ms`."""
        market = self.exchange.market
        bars = market.candles("BTCUSDT", MINUTE, first_ms, end_ms - MINUTE, self.now_ms)
        tick, lot = market.decimals("BTCUSDT")
        prices = [each / 10.0**tick for each in (bars.open, bars.high, bars.low, bars.close)]
        return np.column_stack((bars.start_ms, *prices, bars.volume / 10.0**lot))


@pytest.fixture(scope="module")
def seeded() -> tuple[SeededMarket, list[FakeClock]]:
    clocks = [FakeClock()]
    market = SeededMarket(
        lambda: to_ms(clocks[-1].now()), 3, instruments=LISTED[:2], scenario={}, history_days=4
    )
    return market, clocks


@pytest.fixture
async def place(tmp_path: Path, seeded: tuple[SeededMarket, list[FakeClock]]) -> AsyncIterator[Place]:
    market, clocks = seeded
    clocks.append(FakeClock())
    exchange = ExchangeStandIn(market)
    await exchange.start()
    try:
        yield Place(clocks[-1], exchange, tmp_path)
    finally:
        await exchange.stop()


async def test_candles_mark_prices_and_funding_arrive_whole_and_only_closed_ones(place: Place) -> None:
    outcomes = await place.fetch(symbols=(BTC, ETH))

    assert np.array_equal(place.rows(), place.true_bars(place.closed_ms - 3 * DAY, place.closed_ms))
    assert len(place.rows("mark")) == len(place.rows("candles", "ETHUSDT-1m")) == 3 * 1440
    assert len(place.rows("funding", "BTCUSDT-funding")) == 9
    assert outcomes["BTCUSDT 1m candles"].added == 3 * 1440
    assert all(outcome.gaps == () for outcome in outcomes.values())
    assert len(outcomes) == 6


async def test_what_was_downloaded_is_read_with_mark_and_funding(place: Place) -> None:
    await place.fetch()

    history = read_history(place.folder, "BTC", "1m")

    assert len(history.bars) == 3 * 1440
    assert history.mark is not None and len(history.mark) == 3 * 1440
    assert history.funding is not None and np.abs(history.funding[:, 1]).max() < 0.01
    assert history.remarks == ()


async def test_a_second_run_asks_only_for_what_is_new(place: Place) -> None:
    await place.fetch()
    before, first_count = place.rows(), place.asked()
    place.clock.pass_time(hours=2)

    outcomes = await place.fetch()

    assert (first_count, place.asked()) == (5, 1)
    assert outcomes["BTCUSDT 1m candles"].added == 120
    assert np.array_equal(place.rows()[: len(before)], before)


async def test_an_earlier_beginning_is_put_in_front(place: Place) -> None:
    await place.fetch(hours=24)

    await place.fetch(hours=72)

    assert np.array_equal(place.rows(), place.true_bars(place.closed_ms - 3 * DAY, place.closed_ms))


async def test_a_hole_made_by_the_server_is_reported_and_refilled_by_a_later_run(place: Place) -> None:
    hole = [place.closed_ms - minutes * MINUTE for minutes in (700, 699, 30)]
    for open_ms in hole:
        place.exchange.faults.lose_candle("BTCUSDT", "1m", open_ms)

    lacking = (await place.fetch())["BTCUSDT 1m candles"]
    with pytest.raises(BadHistory, match=r"2 bars from .* are missing before row 3621, and 1 more gap"):
        read_history(place.folder, "BTC", "1m")
    place.exchange.faults.heal()
    healed = (await place.fetch())["BTCUSDT 1m candles"]

    assert [(gap.from_ms, gap.bars) for gap in lacking.gaps] == [(hole[0], 2), (hole[2], 1)]
    assert healed.gaps == () and healed.added == 3
    assert len(read_history(place.folder, "BTC", "1m").bars) == 3 * 1440


async def test_a_hole_that_is_there_only_once_is_refilled_in_the_same_run(place: Place) -> None:
    place.exchange.faults.lose_candle("BTCUSDT", "1m", place.closed_ms - 700 * MINUTE)

    def heal(progress: Progress) -> None:
        if progress.fraction == 0.99:
            place.exchange.faults.heal()
        place.told.append(progress)

    pages = Pages(Access("binanceusdm", place.exchange.url), place.clock)
    wanted = Wanted((BTC,), "1m", place.closed_ms - DAY, None)
    try:
        outcomes = await download(pages, place.folder, wanted, place.clock, heal)
    finally:
        await pages.close()

    assert outcomes[0].gaps == () and outcomes[0].added == 1440


async def test_a_beginning_before_the_listing_is_told_and_skipped_by_days(place: Place) -> None:
    listed_ms = place.listed_ms()

    outcome = (await place.fetch(hours=24 * 365, until_ms=listed_ms + DAY))["BTCUSDT 1m candles"]

    assert outcome.first_ms == listed_ms
    assert outcome.gaps[0].to_ms == outcome.first_ms and len(outcome.gaps) == 1
    assert place.asked() < 20  # and not the 520 pages of a year


async def test_a_429_is_waited_out_as_long_as_the_venue_says(place: Place) -> None:
    place.exchange.faults.fail_next(1, Failure.THROTTLED, path=KLINES, retry_after_s=47)

    outcomes = await place.fetch()

    assert sum(place.clock.slept) >= 47
    assert any("asking again in 48 s" in each.note for each in place.told)
    assert outcomes["BTCUSDT 1m candles"].gaps == ()


async def test_a_ban_longer_than_patience_ends_the_run_and_keeps_what_came(place: Place) -> None:
    place.exchange.faults.fail_next(1, Failure.BANNED, path=KLINES, retry_after_s=7_200, skip=3)

    with pytest.raises(Throttled):
        await place.fetch()

    assert len(place.rows()) == 3_000


async def test_an_exchange_that_stays_away_ends_the_run_after_bounded_tries(place: Place) -> None:
    place.exchange.faults.fail_next(10_000, Failure.UNAVAILABLE, path=KLINES, skip=2)

    with pytest.raises(Unknown):
        await place.fetch()

    assert len(place.rows()) == 2_000
    assert len([each for each in place.told if each.note]) == TRIES - 1
    assert place.asked() <= 2 + 4 * TRIES


@pytest.mark.parametrize("failure", [Failure.UNAVAILABLE, Failure.HTML, Failure.RESET])
async def test_a_failure_that_passes_costs_nothing_but_time(place: Place, failure: Failure) -> None:
    place.exchange.faults.fail_next(6, failure, path="/fapi/v1/", skip=3)

    outcomes = await place.fetch()

    assert all(outcome.gaps == () for outcome in outcomes.values())
    assert len(place.rows()) == 3 * 1440


async def test_a_symbol_that_is_not_listed_is_refused_before_anything_is_fetched(
    place: Place,
) -> None:
    with pytest.raises(UnknownSymbol, match="lists no perpetual NOPE/USDT:USDT"):
        await place.fetch(symbols=(BTC, "NOPE/USDT:USDT"))

    assert not place.file().exists()


async def test_a_kept_file_with_a_bad_row_is_named_with_what_to_do(place: Place) -> None:
    await place.fetch(hours=2)
    frame = pl.read_ipc(place.file().read_bytes())
    frame.with_columns(pl.col("close") * 0).write_ipc(place.file())

    with pytest.raises(
        BadHistory, match=r"BTCUSDT-1m\.feather: row 1 .* of 0; delete the file to download it"
    ):
        await place.fetch()


async def test_a_page_never_holds_the_bar_that_is_not_closed_yet(place: Place) -> None:
    pages = Pages(Access("binanceusdm", place.exchange.url), place.clock)
    await pages.open()

    rows = await pages.page(BTC, Kind.CANDLES, "1m", place.closed_ms - 5 * MINUTE)
    await pages.close()

    assert rows[:, 0].tolist() == [place.closed_ms - back * MINUTE for back in (5, 4, 3, 2, 1)]


async def test_a_question_the_exchange_refuses_is_not_asked_again(place: Place) -> None:
    place.exchange.faults.refuse_next(99, -1130, "Data sent for parameter is not valid.", path=KLINES)

    with pytest.raises(Unknown, match="-1130"):
        await place.fetch()

    assert place.clock.slept == []


async def test_an_unknown_exchange_is_refused(place: Place) -> None:
    pages = Pages(Access("nowhere"), place.clock)

    with pytest.raises(NotAllowed, match="is no exchange that ccxt knows"):
        await download(pages, place.folder, Wanted((BTC,), "1m", 0, None), place.clock, place.told.append)


async def test_a_kept_file_that_cannot_be_trusted_is_neither_used_nor_overwritten(place: Place) -> None:
    await place.fetch(hours=2)
    spoilt = place.file().read_bytes()[:-50]
    place.file().write_bytes(spoilt)

    with pytest.raises(BadHistory, match=r"candles/BTCUSDT-1m\.feather: is not a complete Feather file"):
        await place.fetch()

    assert place.file().read_bytes() == spoilt
