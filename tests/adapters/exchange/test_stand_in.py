"""The contract with the demo's exchange: everything paper trading reads, and each of its faults answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure
from bot.demo.market import SeededMarket
from core.adapters.exchange.market import CcxtMarket
from core.errors import BadMarketFacts, Throttled
from core.market import SCAN_TIMEFRAMES, TIMEFRAMES, to_ms
from tests.adapters.exchange.fake_venue import FakeClock

BTC = "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def seeded() -> tuple[SeededMarket, list[FakeClock]]:
    """One market for all: making it takes longer than the tests. The last clock of the list is its clock."""
    clocks = [FakeClock()]
    return SeededMarket(lambda: to_ms(clocks[-1].now())), clocks


@pytest.fixture
async def stand_in(
    clock: FakeClock, seeded: tuple[SeededMarket, list[FakeClock]]
) -> AsyncIterator[ExchangeStandIn]:
    market, clocks = seeded
    clocks.append(clock)
    exchange = ExchangeStandIn(market)
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.stop()


@pytest.fixture
async def market(stand_in: ExchangeStandIn, clock: FakeClock) -> AsyncIterator[CcxtMarket]:
    opened = CcxtMarket("binanceusdm", clock=clock, url=stand_in.url)
    try:
        await opened.open()
        yield opened
    finally:
        await opened.close()


async def test_a_scan_reads_everything_it_needs(market: CcxtMarket, clock: FakeClock) -> None:
    symbols = await market.symbols_by_volume(5)
    for symbol in symbols:
        candles = await asyncio.gather(
            *(market.candles(symbol, tf, clock.now(), 500) for tf in SCAN_TIMEFRAMES)
        )
        quote, background = await asyncio.gather(market.quote(symbol), market.background(symbol))
        instrument = await market.instrument(symbol)

        assert [len(each) for each in candles[:2]] == [500, 500]
        assert len(candles[2]) > 250  # its history is some weeks
        assert all(each.closed_at <= clock.now() < each.closed_at + _bar(each.timeframe) for each in candles)
        assert quote.bid <= quote.ask
        assert quote.last % instrument.tick == 0
        assert abs(float(quote.mark) / float(candles[0].close[-1]) - 1) < 0.2
        assert None not in (
            background.funding_per_8h(), background.next_funding_at, background.quote_volume_24h,
            background.open_interest,
        )  # fmt: skip
        assert instrument.is_active
    assert len(symbols) == 5
    assert symbols[0] == BTC


def _bar(timeframe: str) -> timedelta:
    return timedelta(milliseconds=TIMEFRAMES[timeframe])


async def test_time_moves_and_only_tails_are_read(
    market: CcxtMarket, stand_in: ExchangeStandIn, clock: FakeClock
) -> None:
    before = await market.candles(BTC, "15m", clock.now(), 200)
    clock.pass_time(minutes=45)
    after = await market.candles(BTC, "15m", clock.now(), 200)

    assert (after.rows[:-3] == before.rows[3:]).all()
    assert stand_in.requests["/fapi/v1/klines"] == 2


@pytest.mark.parametrize("failure", [Failure.UNAVAILABLE, Failure.RESET, Failure.HTML])
async def test_passing_failures_are_outlived(
    market: CcxtMarket, stand_in: ExchangeStandIn, clock: FakeClock, failure: Failure
) -> None:
    stand_in.faults.fail_next(3, failure, path="/fapi/v1/klines")

    assert len(await market.candles(BTC, "1h", clock.now(), 50)) == 50


@pytest.mark.parametrize("failure", [Failure.THROTTLED, Failure.BANNED])
async def test_told_to_wait_scanning_waits_and_guarding_does_not(
    market: CcxtMarket, stand_in: ExchangeStandIn, clock: FakeClock, failure: Failure
) -> None:
    stand_in.faults.fail_next(1, failure, path="/fapi/v1/klines", retry_after_s=30)

    with pytest.raises(Throttled) as caught:
        await market.candles(BTC, "1h", clock.now(), 50)
    with pytest.raises(Throttled):
        await market.quote(BTC)
    guarded = await market.guarding().quote(BTC)

    assert caught.value.until is not None
    assert caught.value.until >= clock.now() + timedelta(seconds=29)
    assert guarded.symbol == BTC


async def test_a_hole_in_the_candles_is_found(
    market: CcxtMarket, stand_in: ExchangeStandIn, clock: FakeClock
) -> None:
    hour = TIMEFRAMES["1h"]
    lost = to_ms(clock.now()) // hour * hour - 5 * hour
    stand_in.faults.lose_candle("BTCUSDT", "1h", lost)

    with pytest.raises(BadMarketFacts, match="a gap after"):
        await market.candles(BTC, "1h", clock.now(), 50)


@pytest.mark.parametrize("text", ["NaN", "0"])
async def test_a_spoilt_price_is_no_price(market: CcxtMarket, stand_in: ExchangeStandIn, text: str) -> None:
    stand_in.faults.spoil("BTCUSDT", text)

    with pytest.raises(BadMarketFacts):
        await market.quote(BTC)


async def test_a_frozen_market_is_stale(
    market: CcxtMarket, stand_in: ExchangeStandIn, clock: FakeClock
) -> None:
    stand_in.freeze()
    clock.pass_time(minutes=40)

    with pytest.raises(BadMarketFacts, match="old"):
        await market.quote(BTC)
    with pytest.raises(BadMarketFacts, match="timeframes ago"):
        await market.candles(BTC, "15m", clock.now(), 50)
