"""Which frames a feed passes on, and what it asks for."""

from __future__ import annotations

import asyncio
from typing import Any

from core.adapters.exchange.stream_feeds import AccountFeed, PriceFeed
from core.adapters.exchange.stream_line import Patience
from core.adapters.exchange.stream_words import PricePart, What

SOL, BTC = "SOL/USDT:USDT", "BTC/USDT:USDT"


def feed_of(told: list[PricePart], *held: str, silent_s: float = 20.0) -> PriceFeed:
    feed = PriceFeed("mark", lambda: "", "markPrice@1s", silent_s, told.append, lambda: None)
    feed.hold(frozenset(held))
    feed.connected()
    return feed


def mark(at_ms: int, price: str, name: str = "SOLUSDT") -> dict[str, Any]:
    return {"e": "markPriceUpdate", "E": at_ms, "s": name, "p": price}


async def test_a_late_or_repeated_price_is_not_told() -> None:
    told: list[PricePart] = []
    feed = feed_of(told, SOL)
    for frame in (mark(2, "10"), mark(1, "9"), mark(2, "10"), mark(3, "11")):
        feed.heard(frame)

    assert [str(part.mark) for part in told] == ["10", "11"]


async def test_a_price_that_nobody_holds_is_not_told() -> None:
    told: list[PricePart] = []
    feed_of(told, BTC).heard(mark(1, "9"))

    assert told == []


async def test_held_symbols_are_asked_for_once_and_given_up_when_let_go() -> None:
    feed = feed_of([], SOL, BTC)
    first, again = feed.to_send(), feed.to_send()
    feed.hold(frozenset({BTC}))
    last = feed.to_send()

    assert [(row["method"], row["params"]) for row in first] == [
        ("SUBSCRIBE", ["btcusdt@markPrice@1s", "solusdt@markPrice@1s"])
    ]
    assert again == []
    assert [(row["method"], row["params"]) for row in last] == [("UNSUBSCRIBE", ["solusdt@markPrice@1s"])]


async def test_a_symbol_that_stays_silent_beside_others_is_asked_for_again() -> None:
    feed = feed_of([], SOL, BTC, silent_s=0.2)
    feed.to_send()
    await asyncio.sleep(0.21)
    feed.heard(mark(1, "9"))

    assert [row["params"] for row in feed.to_send()] == [["btcusdt@markPrice@1s"]]
    assert feed.fault(0.0) == ""


async def test_an_unknown_event_is_heard_and_the_end_of_an_older_key_is_not_ours() -> None:
    hints: list[tuple[str | None, What]] = []
    feed = AccountFeed(None, None, lambda *hint: hints.append(hint), Patience())  # type: ignore[arg-type]
    feed.connected()
    feed.heard({"e": "listenKeyExpired", "listenKey": "an older one"})
    feed.heard({"e": "SOMETHING_NEW"})

    assert feed.fault(0.0) == ""
    assert (feed.events, hints[1:]) == (1, [(None, What.BALANCE)])
    feed.heard({"e": "listenKeyExpired"})
    assert feed.fault(0.0) == "the listen key expired"


async def test_an_owed_event_is_a_fault_only_until_it_comes() -> None:
    feed = AccountFeed(None, None, lambda *_: None, Patience(owed_s=0.0))  # type: ignore[arg-type]
    feed.connected()
    feed.owe()
    await asyncio.sleep(0.001)
    owed = feed.fault(0.0)
    feed.heard({"e": "ORDER_TRADE_UPDATE", "o": {"s": "SOLUSDT"}})

    assert "no event came" in owed
    assert feed.fault(0.0) == ""
