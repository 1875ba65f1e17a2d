"""Trading rules fetched from the demo's exchanges: with a key and without, kept whole, never made worse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.cli.download import access_of, rules_report
from bot.demo.bybit import BybitStandIn
from bot.demo.exchange import ExchangeStandIn
from bot.demo.exchange_faults import Failure
from bot.demo.exchange_signed import Credentials
from bot.demo.instruments import LISTED
from bot.demo.market import SeededMarket
from bot.settings import load_settings
from core.adapters.clock import SystemClock
from core.adapters.exchange.client import Access
from core.adapters.history.downloading import TRIES, Progress
from core.adapters.history.instrument_file import read_kept
from core.adapters.history.instruments_fetched import Told, fetch_instruments
from core.backtest.history import BadHistory

BTC, SOL, NOPE = "BTC/USDT:USDT", "SOL/USDT:USDT", "NOPE/USDT:USDT"
KEY, SECRET = "the-key", "the-secret"
BRACKETS = "/fapi/v1/leverageBracket"


class HastyClock(SystemClock):
    """The machine's clock, since requests are signed by it; nobody sleeps, and days can be put on top."""

    days = 0

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass
class Place:
    clock: HastyClock
    exchange: ExchangeStandIn | BybitStandIn
    folder: Path

    async def fetch(
        self,
        exchange: str = "binanceusdm",
        symbols: Sequence[str] = (BTC,),
        key: str = "",
        secret: str = SECRET,
    ) -> list[Told]:
        self.told: list[Progress] = []
        access = Access(exchange, self.exchange.url, api_key=key, secret=secret if key else "")
        return list(await fetch_instruments(access, self.folder, symbols, self.clock, self.told.append))


@asynccontextmanager
async def staged(
    kind: type[ExchangeStandIn | BybitStandIn], folder: Path, ahead_s: float = 0
) -> AsyncIterator[Place]:
    """`ahead_s`: of the machine's clock before the exchange's."""
    clock = HastyClock()
    market = SeededMarket(
        lambda: int((time.time() - ahead_s) * 1000), 3, instruments=LISTED[:4], scenario={}, history_days=1
    )
    exchange = kind(market, credentials=Credentials(KEY, SECRET))
    await exchange.start()
    try:
        yield Place(clock, exchange, folder)
    finally:
        await exchange.stop()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with staged(ExchangeStandIn, tmp_path) as made:
        yield made


async def test_without_a_key_binances_rules_are_kept_and_its_tiers_are_told_to_be_guessed(
    place: Place,
) -> None:
    (told,) = await place.fetch()

    kept = read_kept(place.folder / "instruments/BTCUSDT.json", BTC)
    assert kept is not None and kept == told.kept and kept.read_at.date() == datetime.now(UTC).date()
    assert kept.instrument.tiers_assumed and kept.tiers_read_at is None
    assert BRACKETS not in place.exchange.requests
    assert rules_report([told], has_key=False).splitlines() == [
        f"BTCUSDT instrument: tick {kept.instrument.tick:f}, lot {kept.instrument.lot:f}, from "
        f"{kept.instrument.min_quantity:f} and {kept.instrument.min_notional:f} USDT on, taker 0.05 %, "
        f"maker 0.02 %, {kept.instrument.tiers[0].max_leverage}x, in {told.path}",
        "  leverage tiers are guessed with care (Binance tells its own only to a key)",
    ]


async def test_with_a_key_binances_own_tiers_are_kept(place: Place) -> None:
    (told,) = await place.fetch(key=KEY)

    assert told.kept is not None and told.kept.tiers_read_at == told.kept.read_at
    assert not told.kept.instrument.tiers_assumed
    assert told.kept.instrument.tiers[0].maintenance_rate < Decimal("0.025")
    assert rules_report([told], has_key=True).count("\n") == 1


async def test_a_machine_whose_clock_is_wrong_gets_them_too(tmp_path: Path) -> None:
    async with staged(ExchangeStandIn, tmp_path, ahead_s=5) as skewed:
        (told,) = await skewed.fetch(key=KEY)

    assert told.kept is not None and not told.kept.instrument.tiers_assumed


async def test_a_key_that_the_exchange_refuses_is_told_and_nothing_else_suffers(place: Place) -> None:
    (told,) = await place.fetch(key="another-key")

    assert told.kept is not None and told.kept.instrument.tiers_assumed
    assert "the one in the settings didn't serve" in rules_report([told], has_key=True)
    assert "another-key" not in told.path.read_text()


async def test_tiers_told_once_are_not_replaced_by_a_guess(place: Place) -> None:
    (first,) = await place.fetch(key=KEY)
    place.clock.days = 2
    (again,) = await place.fetch()

    assert first.kept is not None and again.kept is not None
    assert again.kept.instrument.tiers == first.kept.instrument.tiers
    assert again.kept.tiers_read_at == first.kept.read_at < again.kept.read_at
    assert f"  leverage tiers of {first.kept.read_at:%Y-%m-%d}, as they were told" in rules_report(
        [again], has_key=False
    )


async def test_bybits_tiers_need_no_key_and_it_is_handed_none(tmp_path: Path) -> None:
    async with staged(BybitStandIn, tmp_path) as bybit:
        (told,) = await bybit.fetch("bybit", [SOL], key="the-key-of-somebody")

    assert told.kept is not None and told.kept.exchange == "bybit"
    assert not told.kept.instrument.tiers_assumed and told.kept.tiers_read_at is not None
    assert all(" /v5/market/" in asked for asked in bybit.exchange.requests)


async def test_a_broken_file_is_replaced(place: Place) -> None:
    path = place.folder / "instruments/BTCUSDT.json"
    path.parent.mkdir()
    path.write_text("{")

    (told,) = await place.fetch()

    assert read_kept(path, BTC) == told.kept


async def test_an_exchange_that_stays_away_is_told_after_bounded_tries_and_what_lies_there_stays(
    place: Place,
) -> None:
    await place.fetch(key=KEY)
    before = (place.folder / "instruments/BTCUSDT.json").read_bytes()
    place.exchange.faults.fail_next(10_000, Failure.UNAVAILABLE)

    told = await place.fetch(symbols=(BTC, SOL))

    assert [each.kept for each in told] == [None, None]
    assert len([each for each in place.told if each.note]) == TRIES - 1
    assert rules_report(told, has_key=False).count("a backtest takes what lies there, or guesses") == 2
    assert (place.folder / "instruments/BTCUSDT.json").read_bytes() == before


async def test_a_symbol_without_readable_rules_is_told_and_the_others_are_kept(place: Place) -> None:
    nope, btc = await place.fetch(symbols=(NOPE, BTC))

    assert nope.kept is None and "lists no perpetual NOPE" in nope.problem
    assert btc.kept is not None


async def test_a_disk_that_does_not_take_the_file_is_one_sentence(place: Place) -> None:
    (place.folder / "instruments").write_text("in the way")

    with pytest.raises(BadHistory, match=r"BTCUSDT.json cannot be written \("):
        await place.fetch()


@pytest.mark.parametrize(
    ("more", "asked", "key"),
    [
        ({}, "binanceusdm", "k1"),
        ({}, "bybit", ""),
        ({"EXCHANGE_TESTNET": "true"}, "binanceusdm", ""),
        ({"EXCHANGE_SECRET": ""}, "binanceusdm", ""),
    ],
)
def test_a_key_goes_only_to_the_exchange_of_the_settings_and_never_beside_its_sandbox(
    more: dict[str, str], asked: str, key: str
) -> None:
    given = {"EXCHANGE_API_KEY": "k1", "EXCHANGE_SECRET": "s1", "EXCHANGE_URL": "http://127.0.0.1:1", **more}
    settings = load_settings(given, uses=("exchange",))

    access = access_of(settings, asked)

    assert access.api_key == key and bool(access.secret) == bool(key)
    assert access.url == ("http://127.0.0.1:1" if asked == "binanceusdm" else None)
