"""What is known of an exchange's clock, how old that is, and whether our own was set meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from core.adapters.exchange.market import CcxtMarket
from core.adapters.exchange.reader import VenueTime
from tests.adapters.exchange.fake_venue import NOW, FakeClock, FakeVenue


@dataclass
class SettableClock(FakeClock):
    """Its wall clock may be set while its durations go on."""

    set_by_s: float = 0.0

    def monotonic(self) -> float:
        return self.moment.timestamp() - self.set_by_s

    def set_by(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.set_by_s += seconds


def test_before_the_first_measurement_nothing_is_known() -> None:
    time = VenueTime(FakeClock())

    assert time.reading() is None and time.offset_s is None and time.now() == NOW


def test_a_reading_grows_old_and_shows_that_our_clock_was_set() -> None:
    clock = SettableClock()
    time = VenueTime(clock)
    time.offset_s = 0.2
    clock.pass_time(seconds=90)
    clock.set_by(-0.75)

    reading = time.reading()
    time.offset_s = 0.3
    anew = time.reading()

    assert reading is not None and anew is not None
    assert reading.offset_s == 0.2
    assert (reading.age_s, reading.stepped_s) == (pytest.approx(90), pytest.approx(-0.75))
    assert (anew.offset_s, anew.age_s, anew.stepped_s) == (0.3, 0, 0)


async def test_the_market_measures_again_every_five_minutes_by_itself(
    market: CcxtMarket, venue: FakeVenue, clock: FakeClock
) -> None:
    venue.ahead_s = 0.7
    clock.pass_time(seconds=299)
    await market.quote("BTC/USDT:USDT")
    early = market.clock_reading()
    clock.pass_time(seconds=2)
    await market.quote("ETH/USDT:USDT")
    later = market.clock_reading()

    assert early is not None and early.offset_s == 0 and early.age_s == 299
    assert later is not None and later.offset_s == 0.7 and later.age_s == 0
