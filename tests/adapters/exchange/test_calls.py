"""Failures of the venue: tried again or not, sorted, logged, bounded."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

import pytest

from core.adapters.exchange.calls import Urgency, sort_failure
from core.adapters.exchange.market import CcxtMarket
from core.errors import NotAllowed, PerpilotError, Throttled, Unknown, UnknownSymbol
from tests.adapters.exchange.fake_venue import (
    NOW,
    Answer,
    FakeClock,
    FakeVenue,
    cut,
    hang,
    page,
    refusing,
    saying,
)

BTC = "BTC/USDT:USDT"
OVERLOADED = refusing(503, -1008, "Server is currently overloaded with other requests.")


async def test_a_read_is_retried_three_times_with_doubling_pauses(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/klines", OVERLOADED, OVERLOADED, OVERLOADED)

    candles = await market.candles(BTC, "1h", clock.now(), 10)

    assert len(candles) == 10
    assert venue.counts()["v1/klines"] == 4
    assert clock.slept == [0.25, 0.5, 1.0]


async def test_after_the_third_retry_the_answer_is_unknown(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/klines", *[OVERLOADED] * 9)

    with pytest.raises(Unknown, match=r"klines BTC.* 1h: Server is currently overloaded.*-1008"):
        await market.candles(BTC, "1h", clock.now(), 10)
    assert venue.counts()["v1/klines"] == 4


async def test_each_failure_is_logged_with_endpoint_code_latency_and_attempt(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    venue.fail("v1/klines", OVERLOADED, page())

    await market.candles(BTC, "1h", clock.now(), 10)

    lines = [record.getMessage() for record in caplog.records if record.name == "perpilot.exchange"]
    assert len(lines) == 2
    assert "endpoint=klines BTC/USDT:USDT 1h status=503" in lines[0]
    assert "-1008" in lines[0]
    assert "attempt=1/4" in lines[0]
    assert "latency_ms=" in lines[0]
    assert "status=200" in lines[1]
    assert "attempt=2/4" in lines[1]


@pytest.mark.parametrize(
    "answer",
    [cut, page(), page(502), saying({}), saying([[1, 2]]), saying([]), saying("text"), saying(None)],
    ids=["cut", "html 200", "html 502", "object", "short rows", "empty", "text", "null"],
)
async def test_an_answer_that_is_none_is_asked_for_again(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock, answer: Answer
) -> None:
    path = "v1/premiumIndex"
    venue.fail(path, answer)

    quote = await market.quote(BTC)

    assert quote.mark == 100
    assert venue.counts()[path] == 2


async def test_html_with_status_200_is_unknown_in_the_end(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/klines", *[page()] * 4)

    with pytest.raises(Unknown, match="status 200") as caught:
        await market.candles(BTC, "1h", clock.now(), 10)
    assert "maintenance" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusing(400, -1121, "Invalid symbol."), UnknownSymbol),
        (refusing(400, -1102, "Mandatory parameter was not sent."), Unknown),
        (refusing(401, -2015, "Invalid API-key, IP, or permissions for action."), NotAllowed),
        (refusing(400, -1022, "Signature for this request is not valid."), NotAllowed),
        (refusing(451, 0, "Service unavailable from a restricted location."), NotAllowed),
        (page(403, "<html>The distribution blocks access from your country.</html>"), NotAllowed),
        (refusing(429, -1003, "Too many requests"), Throttled),
    ],
)
async def test_a_definitive_error_is_not_asked_twice(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock, answer: Answer, kind: type[PerpilotError]
) -> None:
    venue.fail("v1/klines", answer)

    with pytest.raises(kind):
        await market.candles(BTC, "1h", clock.now(), 10)
    assert venue.counts()["v1/klines"] == 1


async def test_a_429_silences_all_scanning_until_the_venue_listens_again(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/klines", refusing(429, -1003, "Too many requests", Retry_After="17"))
    with pytest.raises(Throttled) as caught:
        await market.candles(BTC, "1h", clock.now(), 10)
    venue.asked.clear()

    with pytest.raises(Throttled, match="asked for silence"):
        await market.quote(BTC)
    silent = list(venue.asked)
    clock.pass_time(seconds=17)
    await market.quote(BTC)

    assert caught.value.until == NOW + timedelta(seconds=17)
    assert silent == []


async def test_a_ban_holds_until_its_end_but_guarding_still_asks(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    end_ms = round((NOW + timedelta(minutes=2)).timestamp() * 1000)
    venue.fail("v1/klines", refusing(418, -1003, f"Way too many requests; IP banned until {end_ms}."))
    with pytest.raises(Throttled) as caught:
        await market.candles(BTC, "1h", clock.now(), 10)

    quote = await market.guarding().quote(BTC)

    assert caught.value.until == NOW + timedelta(minutes=2)
    assert quote.symbol == BTC
    with pytest.raises(Throttled):
        await market.quote("ETH/USDT:USDT")


async def test_during_a_ban_a_guards_questions_are_rare(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    ban = refusing(418, -1003, "Way too many requests", Retry_After="300")
    venue.fail("v1/klines", *[ban] * 99)
    asked_at = []

    for second in range(100):
        before = len(venue.asked)
        with pytest.raises(Throttled):
            await market.guarding().candles(BTC, "1h", clock.now(), 10)
        asked_at += [second] * (len(venue.asked) - before)
        clock.pass_time(seconds=1)

    assert asked_at == [0, 1, 11, 31, 71]


async def test_a_gateways_ban_lasts_ten_minutes(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/klines", page(403, "<html>403 Access too frequent</html>"))

    with pytest.raises(Throttled) as caught:
        await market.candles(BTC, "1h", clock.now(), 10)

    assert caught.value.until == NOW + timedelta(minutes=10)


async def test_an_exchange_that_stops_answering_is_one_state_with_its_beginning(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    clock.pass_time(seconds=2)
    venue.fail("v1/klines", *[OVERLOADED] * 4)
    before = market.outage()
    with pytest.raises(Unknown):
        await market.candles(BTC, "1h", clock.now(), 10)
    during, health = market.outage(), market.health()
    await market.measure_clock()

    assert before == market.outage() == ""
    assert during.startswith("the exchange does not answer since 2026-05-04 12:07:32 UTC (klines")
    assert (health.state, health.detail) == ("degraded", during)


@pytest.mark.parametrize(
    "answer",
    [page(), page(503, "System upgrading"), refusing(503, 0, "The system is under maintenance.")],
    ids=["page", "upgrade", "code"],
)
async def test_maintenance_is_believed_at_its_first_word(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock, answer: Answer
) -> None:
    venue.fail("v1/klines", answer, *[hang] * 3)
    hasty = Urgency("hasty", deadline_s=0.3, attempt_s=0.2, urgent=True)

    with pytest.raises(Unknown):
        await market.candles(BTC, "1h", clock.now(), 10, urgency=hasty)

    assert market.outage().startswith("the exchange is in maintenance since 2026-05-04 12:07:30 UTC")


async def test_empty_prices_for_everything_are_no_answer(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    for path in ("v1/ticker/bookTicker", "v1/premiumIndex", "v2/ticker/price"):
        venue.fail(path, *[saying([])] * 4)

    with pytest.raises(Unknown):
        await market.quote(BTC)

    assert "does not answer since" in market.outage()


@pytest.mark.parametrize(
    "answer",
    [
        refusing(400, -1102, "Mandatory parameter was not sent."),
        refusing(429, -1003, "Too many requests", Retry_After="1"),
        refusing(401, -2015, "Invalid API-key, IP, or permissions for action."),
    ],
    ids=["refusal", "ban", "key"],
)
async def test_a_refusal_or_a_ban_is_an_answer_and_no_outage(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock, answer: Answer
) -> None:
    for _ in range(4):
        venue.fail("v1/klines", answer)
        with pytest.raises(PerpilotError):
            await market.candles(BTC, "1h", clock.now(), 10)
        clock.pass_time(seconds=2)

    assert market.outage() == ""


async def test_a_silent_venue_is_given_up_at_the_deadline(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/klines", *[hang] * 9)
    hasty = Urgency("hasty", deadline_s=0.25, attempt_s=0.1, urgent=True)
    loop = asyncio.get_running_loop()
    started = loop.time()

    with pytest.raises(Unknown, match=r"within 0\.25 s"):
        await market.candles(BTC, "1h", clock.now(), 10, urgency=hasty)
    assert 0.2 < loop.time() - started < 2
    assert venue.counts()["v1/klines"] == 3


async def test_guarding_does_not_wait_behind_a_scan_that_hangs(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/klines", hang)
    scan = asyncio.create_task(market.candles(BTC, "1h", clock.now(), 10))
    async with asyncio.timeout(5):
        while not venue.asked:
            await asyncio.sleep(0.01)

        candles = await market.guarding().candles(BTC, "1h", clock.now(), 10)
    scan_was_waiting = not scan.done()
    scan.cancel()

    assert len(candles) == 10
    assert scan_was_waiting


async def test_health_says_what_is_wrong_and_that_it_is_over(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    before = market.health()
    venue.fail("v1/klines", *[OVERLOADED] * 4)
    with pytest.raises(Unknown):
        await market.candles(BTC, "1h", clock.now(), 10)
    during = market.health()
    await market.candles(BTC, "1h", clock.now(), 10)

    assert (before.state, before.detail) == ("ok", "")
    assert during.state == "degraded"
    assert "overloaded" in during.detail
    assert market.health().state == "ok"


async def test_an_unreachable_venue_is_unknown_and_the_market_recovers_by_itself(
    venue: FakeVenue, clock: FakeClock
) -> None:
    venue.fail("v1/exchangeInfo", *[OVERLOADED] * 4)
    market = CcxtMarket("binanceusdm", clock=clock, url=venue.url)

    with pytest.raises(Unknown):
        await market.open()
    quote = await market.quote(BTC)
    await market.close()

    assert quote.symbol == BTC


async def test_keys_never_reach_logs_or_errors(
    venue: FakeVenue, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("ccxt").setLevel(logging.DEBUG)  # what somebody's logging configuration may do
    venue.fail("v1/leverageBracket", *[cut] * 4)
    market = CcxtMarket(
        "binanceusdm", clock=clock, url=venue.url, api_key="canary-key", secret="canary-secret"
    )

    await market.open()
    instrument = await market.instrument(BTC)
    await market.close()

    assert instrument.tiers_assumed
    assert "leverageBracket" in caplog.text
    assert "canary" not in caplog.text
    assert "signature" not in caplog.text


@pytest.mark.parametrize("status", [None, 200, 500, 502, 504])
def test_what_names_no_reason_is_unknown(status: int | None) -> None:
    now = datetime.fromisoformat("2026-05-04T12:00:00+00:00")

    assert type(sort_failure("x", ValueError("broken"), status, now)) is Unknown
