"""The doctor's lines: what could not be read is unknown, and nothing follows from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot import doctor
from bot.assembly_live import access_of, key_lines
from bot.settings import load_settings
from core.adapters.exchange.permissions import look_at_key
from core.errors import NotAllowed, UnknownSymbol
from core.market import Instrument
from core.sim.clock import VirtualClock
from tests.core.builders import BTC, NOW, SOL, D
from tests.core.trading.fakes import FakeMarket


class _Unlisted(FakeMarket):
    async def instrument(self, symbol: str) -> Instrument:
        raise UnknownSymbol(f"no perpetual {symbol}")


def _refusing() -> Any:
    async def key_facts(urgency: object) -> None:
        raise NotAllowed("Invalid API-key (code -2015)")

    return SimpleNamespace(dialect=SimpleNamespace(key_facts=key_facts), urgency=None)


async def lines_of(market: FakeMarket) -> list[doctor.DoctorLine]:
    return await doctor.symbol_lines((BTC, SOL), market, load_settings({}), D(1000))


async def test_a_price_that_cannot_be_read_is_no_reason_to_change_a_setting() -> None:
    market = FakeMarket(VirtualClock(NOW))
    market.silent = {BTC, SOL}

    first, *each = await lines_of(market)

    assert not first.is_ok and not first.is_needed and "2 could not be read" in first.text
    assert {line.mend for line in (first, *each)} == {"ask again in a minute"}


def test_the_doctor_names_the_sources_of_news_that_are_silent() -> None:
    settings = load_settings({"NEWS_FEEDS": "https://news.example/rss?key=secret"})

    (well,), (ill,) = doctor.mood_lines(settings, ()), doctor.mood_lines(settings, ("news.example",))

    assert well.is_ok
    assert not ill.is_ok and not ill.is_needed
    assert "nothing is known of news.example" in ill.text and "secret" not in ill.text
    assert doctor.mood_lines(load_settings({"FEAR_GREED_URL": ""}), ()) == []


async def test_a_symbol_that_is_not_listed_is_to_be_taken_out() -> None:
    first, *each = await lines_of(_Unlisted(VirtualClock(NOW)))

    assert first.is_needed and not first.is_ok
    assert {line.mend for line in each} == {"take it out of SYMBOLS"}


async def test_one_unread_symbol_beside_a_sizeable_one_stops_nothing() -> None:
    market = FakeMarket(VirtualClock(NOW))
    market.silent = {BTC}

    first, *_ = await lines_of(market)

    assert first.is_ok and "1 of 2" in first.text and "1 could not be read" in first.text


async def test_a_refused_key_is_told_with_what_to_do_before_what_the_exchange_said() -> None:
    (line,) = key_lines(await look_at_key(_refusing()))

    assert line.text == "the exchange refuses this key"
    assert line.mend.startswith("check the key") and "(code -2015)" in line.mend


def test_an_okx_key_without_its_passphrase_is_named() -> None:
    settings = load_settings({"EXCHANGE": "okx", "EXCHANGE_API_KEY": "k", "EXCHANGE_SECRET": "s"})

    with pytest.raises(NotAllowed, match="needs EXCHANGE_PASSWORD"):
        access_of(settings)


def test_a_binance_key_needs_no_passphrase() -> None:
    settings = load_settings({"EXCHANGE_API_KEY": "k", "EXCHANGE_SECRET": "s"})

    assert access_of(settings).password == ""
