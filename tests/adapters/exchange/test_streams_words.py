"""What is read from a frame of Binance's streams, and what never is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.adapters.exchange.stream_words import What, changes_in, price_in

SOL, BTC = "SOL/USDT:USDT", "BTC/USDT:USDT"
D = Decimal

NO_EVENT: list[Any] = [
    None,
    [],
    "pong",
    7,
    {},
    {"result": None, "id": 1},
    {"e": None},
    {"e": "listenKeyExpired", "listenKey": "k"},
    {"error": {"code": 2, "msg": "Invalid request"}, "id": 1},
]


@pytest.mark.parametrize("frame", NO_EVENT)
def test_an_answer_or_an_unreadable_frame_hints_at_nothing(frame: Any) -> None:
    assert changes_in(frame) == ()
    assert price_in(frame) is None


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"e": "ORDER_TRADE_UPDATE", "o": {"s": "SOLUSDT"}}, ((SOL, What.ORDER),)),
        ({"e": "ALGO_UPDATE", "o": {"s": "SOLUSDT"}}, ((SOL, What.ORDER),)),
        ({"e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "or": {"s": "SOLUSDT"}}, ((SOL, What.ORDER),)),
        ({"e": "TRADE_LITE", "s": "SOLUSDT"}, ((SOL, What.ORDER),)),
        ({"e": "ACCOUNT_CONFIG_UPDATE", "ac": {"s": "SOLUSDT", "l": 5}}, ((SOL, What.POSITION),)),
        ({"e": "ACCOUNT_CONFIG_UPDATE", "ai": {"j": True}}, ((None, What.POSITION),)),
        ({"e": "MARGIN_CALL", "p": [{"s": "SOLUSDT"}]}, ((SOL, What.POSITION),)),
        ({"e": "MARGIN_CALL"}, ((None, What.POSITION),)),
        (
            {"e": "ACCOUNT_UPDATE", "a": {"B": [{"a": "USDT"}], "P": [{"s": "SOLUSDT"}, {"s": "BTCUSDT"}]}},
            ((SOL, What.POSITION), (BTC, What.POSITION), (None, What.BALANCE)),
        ),
        ({"e": "ACCOUNT_UPDATE", "a": {"P": [{"s": "SOLUSDT"}] * 2}}, ((SOL, What.POSITION),)),
    ],
)
def test_an_event_names_what_changed(frame: Any, expected: Any) -> None:
    assert changes_in(frame) == expected


@pytest.mark.parametrize(
    "frame",
    [
        {"e": "SOMETHING_NEW"},
        {"e": "ACCOUNT_UPDATE"},
        {"e": "ACCOUNT_UPDATE", "a": {}},
        {"e": "ACCOUNT_UPDATE", "a": {"B": 7, "P": "x"}},
    ],
)
def test_an_event_that_is_not_understood_is_a_reason_to_look_at_the_account(frame: Any) -> None:
    assert changes_in(frame) == ((None, What.BALANCE),)


def test_an_order_event_without_a_symbol_is_a_reason_to_look_at_everything() -> None:
    assert changes_in({"e": "ORDER_TRADE_UPDATE"}) == ((None, What.ORDER),)
    assert changes_in({"e": "ORDER_TRADE_UPDATE", "o": {"s": 7}}) == ((None, What.ORDER),)


def test_a_mark_price_and_a_touch_are_read_exactly() -> None:
    mark = price_in({"e": "markPriceUpdate", "E": 5, "s": "SOLUSDT", "p": "145.10000000"})
    touch = price_in({"e": "bookTicker", "E": 5, "u": 9, "s": "SOLUSDT", "b": "145.09", "a": "145.11"})

    assert mark is not None and (mark.symbol, mark.mark, mark.serial) == (SOL, D("145.1"), (5, 0))
    assert touch is not None and (touch.bid, touch.ask, touch.serial) == (D("145.09"), D("145.11"), (5, 9))


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "", "x", None, [], {}])
def test_an_impossible_price_is_not_told(price: Any) -> None:
    assert price_in({"e": "markPriceUpdate", "E": 5, "s": "SOLUSDT", "p": price}) is None
    assert price_in({"e": "bookTicker", "E": 5, "s": "SOLUSDT", "b": price, "a": "145"}) is None


@pytest.mark.parametrize(
    "change", [{"b": "145.2"}, {"E": None}, {"E": "soon"}, {"s": "SOLUSDC"}, {"s": None}, {"u": []}]
)
def test_a_crossed_undated_or_foreign_touch_is_not_told(change: dict[str, Any]) -> None:
    frame = {"e": "bookTicker", "E": 5, "u": 1, "s": "SOLUSDT", "b": "145.09", "a": "145.11"} | change

    assert price_in(frame) is None
