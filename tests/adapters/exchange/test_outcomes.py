"""Answers are sorted by status and code alone, whatever exception ccxt makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.adapters.exchange.client import Access, close_client, error_base, open_client
from core.adapters.exchange.outcomes import BINANCE, BOOKS, BYBIT, OKX, Heard, sort_answer
from core.ports import Result

DONE, REFUSED, THROTTLED = Result.DONE, Result.REFUSED, Result.THROTTLED
NOT_ALLOWED, UNKNOWN = Result.NOT_ALLOWED, Result.UNKNOWN

FACTS: list[tuple[int, int, str, str, str, Result]] = [
    # status, code, words, ccxt's class at the real host, ccxt's class at another host, what it means
    (400, -1000, "An unknown error occurred", "OperationFailed", "OperationFailed", UNKNOWN),
    (503, -1001, "Internal error; unable to process", "OperationFailed", "OperationFailed", UNKNOWN),
    (400, -1003, "Too many requests", "RateLimitExceeded", "RateLimitExceeded", THROTTLED),
    (429, -1003, "Too many requests", "DDoSProtection", "DDoSProtection", THROTTLED),
    (418, -1003, "IP banned until 1764000000000.", "DDoSProtection", "DDoSProtection", THROTTLED),
    (400, -1006, "Execution status unknown.", "OperationFailed", "OperationFailed", UNKNOWN),
    (408, -1007, "Timeout waiting for response", "RequestTimeout", "RequestTimeout", UNKNOWN),
    (503, -1008, "Server is currently overloaded", "OperationFailed", "ExchangeError", THROTTLED),
    (400, -1013, "Invalid quantity.", "BadRequest", "BadRequest", REFUSED),
    (400, -1021, "outside of the recvWindow.", "InvalidNonce", "InvalidNonce", REFUSED),
    (400, -1022, "Signature is not valid.", "AuthenticationError", "AuthenticationError", NOT_ALLOWED),
    (400, -1102, "Mandatory parameter was not sent", "BadRequest", "BadRequest", REFUSED),
    (400, -1106, "Parameter sent when not required.", "BadRequest", "BadRequest", REFUSED),
    (400, -1111, "Precision is over the maximum", "BadRequest", "BadRequest", REFUSED),
    (400, -1116, "Invalid orderType.", "BadRequest", "BadRequest", REFUSED),
    (400, -1121, "Invalid symbol.", "BadSymbol", "BadSymbol", REFUSED),
    (400, -2010, "NEW_ORDER_REJECTED", "InvalidOrder", "InvalidOrder", REFUSED),
    (400, -2011, "Unknown order sent.", "OrderNotFound", "OrderNotFound", REFUSED),
    (400, -2013, "Order does not exist.", "OrderNotFound", "OrderNotFound", REFUSED),
    (401, -2014, "API-key format invalid.", "AuthenticationError", "AuthenticationError", NOT_ALLOWED),
    (401, -2015, "Invalid API-key, IP", "AuthenticationError", "AuthenticationError", NOT_ALLOWED),
    (400, -2018, "Balance is insufficient.", "InsufficientFunds", "ExchangeError", REFUSED),
    (400, -2019, "Margin is insufficient.", "InsufficientFunds", "ExchangeError", REFUSED),
    (400, -2020, "Unable to fill.", "OperationFailed", "ExchangeError", REFUSED),
    (400, -2021, "Order would immediately trigger.", "OrderImmediatelyFillable", "ExchangeError", REFUSED),
    (400, -2022, "ReduceOnly Order is rejected.", "InvalidOrder", "ExchangeError", REFUSED),
    (400, -2023, "User in liquidation mode now.", "OperationFailed", "ExchangeError", REFUSED),
    (400, -2024, "Position is not sufficient.", "InsufficientFunds", "ExchangeError", REFUSED),
    (400, -2025, "Reach max open order limit.", "OperationRejected", "ExchangeError", REFUSED),
    (400, -2027, "Exceeded the maximum position", "OperationRejected", "ExchangeError", REFUSED),
    (400, -2028, "Leverage is smaller", "OperationRejected", "ExchangeError", REFUSED),
    (400, -4003, "Quantity less than zero.", "BadRequest", "BadRequest", REFUSED),
    (400, -4005, "Quantity greater than max", "BadRequest", "BadRequest", REFUSED),
    (400, -4014, "Price not increased by tick", "BadRequest", "BadRequest", REFUSED),
    (400, -4028, "Leverage 126 is not valid", "BadRequest", "BadRequest", REFUSED),
    (400, -4044, "Position is not enough", "BadRequest", "BadRequest", REFUSED),
    (400, -4045, "Reach max stop order limit.", "OperationRejected", "OperationRejected", REFUSED),
    (400, -4046, "No need to change margin type.", "MarginModeAlreadySet", "MarginModeAlreadySet", UNKNOWN),
    (400, -4047, "open orders.", "OperationRejected", "OperationRejected", REFUSED),
    (400, -4048, "exists position.", "OperationRejected", "OperationRejected", REFUSED),
    (400, -4059, "No need to change position side.", "OperationRejected", "OperationRejected", UNKNOWN),
    (400, -4061, "position side does not match", "OperationRejected", "OperationRejected", NOT_ALLOWED),
    (400, -4118, "ReduceOnly order failed.", "OperationRejected", "ExchangeError", REFUSED),
    (400, -4120, "Order type not supported", "InvalidOrder", "ExchangeError", REFUSED),
    (400, -4131, "PERCENT_PRICE filter limit.", "OperationRejected", "ExchangeError", REFUSED),
    (400, -4164, "notional must be no smaller", "InvalidOrder", "ExchangeError", REFUSED),
    (400, -4400, "only reduceOnly order is allowed", "PermissionDenied", "ExchangeError", NOT_ALLOWED),
    (400, -5021, "the FOK order has been rejected.", "OrderNotFillable", "InvalidOrder", REFUSED),
    (400, -5022, "the Post Only order will be rejected.", "OrderNotFillable", "InvalidOrder", REFUSED),
]  # fmt: skip


def heard(status: int | None, body: Any, text: str | None = None) -> Heard:
    return Heard(status, body, json.dumps(body) if text is None else text)


@pytest.fixture(scope="module")
def ccxt_says() -> Any:
    """What class ccxt makes of an answer, by host."""

    async def asked() -> dict[tuple[int, int, str], str]:
        client = await open_client(Access("binanceusdm"))
        found = {}
        for status, code, words, *_ in FACTS:
            for host in ("https://fapi.binance.com/fapi/v1/order", "http://127.0.0.1:9/fapi/v1/order"):
                body = {"code": code, "msg": words}
                try:
                    client.handle_errors(
                        status, "", host, "POST", {}, json.dumps(body), {**body, "code": str(code)}, {}, ""
                    )
                except error_base() as error:
                    found[status, code, host[:5]] = type(error).__name__
        await close_client(client)
        return found

    import asyncio

    return asyncio.run(asked())


@pytest.mark.parametrize(("status", "code", "words", "real", "loopback", "meaning"), FACTS)
def test_a_binance_code_means_the_same_whatever_class_the_host_gives_it(
    ccxt_says: dict[tuple[int, int, str], str],
    status: int,
    code: int,
    words: str,
    real: str,
    loopback: str,
    meaning: Result,
) -> None:
    outcome = sort_answer(BINANCE, heard(status, {"code": code, "msg": words}), "ppid")

    assert outcome.result is meaning
    assert outcome.code == str(code)
    if code not in (-4046,):  # ccxt wants the exact words of this one
        assert ccxt_says[status, code, "https"] == real
        assert ccxt_says[status, code, "http:"] == loopback


@pytest.mark.parametrize(("book", "codes"), [(BINANCE, [-4046, -4059]), (BYBIT, [110026, 110043])])
def test_a_setting_that_was_so_already_is_known_as_wanted(book: Any, codes: list[int]) -> None:
    assert {str(code) for code in codes} <= book.as_wanted


@pytest.mark.parametrize("book", BOOKS.values(), ids=list(BOOKS))
def test_no_code_is_in_two_lists_that_contradict_each_other(book: Any) -> None:
    lists = (book.refused, book.throttled, book.not_allowed, book.duplicate, book.unknown, book.as_wanted)

    assert sum(len(codes) for codes in lists) == len(frozenset().union(*lists))
    assert book.clock <= book.refused and book.absent <= book.refused
    assert book.rules and book.rules <= book.refused
    assert all(code.lstrip("-").isdigit() for codes in lists for code in codes)


@pytest.mark.parametrize(
    ("book", "body", "meaning"),
    [
        (BINANCE, {"code": -4116, "msg": "ClientOrderId is duplicated."}, UNKNOWN),
        (BYBIT, {"retCode": 110072, "retMsg": "OrderLinkedID is duplicate"}, UNKNOWN),
        (OKX, {"code": "1", "data": [{"sCode": "51016", "sMsg": "Duplicated client order ID"}]}, UNKNOWN),
        (BYBIT, {"retCode": 10016, "retMsg": "System error"}, UNKNOWN),
        (OKX, {"code": "50004", "msg": "Endpoint request timeout", "data": []}, UNKNOWN),
        (OKX, {"code": "1", "data": [{"sCode": "51149", "sMsg": "Order timed out"}]}, UNKNOWN),
        (BYBIT, {"retCode": 110007, "retMsg": "ab not enough for new order"}, REFUSED),
        (BYBIT, {"retCode": 110017, "retMsg": "Reduce-only rule not satisfied"}, REFUSED),
        (BYBIT, {"retCode": 110093, "retMsg": "expect Falling, but trigger_price >= current"}, REFUSED),
        (BYBIT, {"retCode": 10006, "retMsg": "too many requests"}, THROTTLED),
        (BYBIT, {"retCode": 10003, "retMsg": "API key is invalid"}, NOT_ALLOWED),
        (OKX, {"code": "1", "data": [{"sCode": "51008", "sMsg": "insufficient margin"}]}, REFUSED),
        (OKX, {"code": "1", "data": [{"sCode": "51280", "sMsg": "SL trigger price"}]}, REFUSED),
        (OKX, {"code": "50011", "msg": "Too Many Requests", "data": []}, THROTTLED),
        (OKX, {"code": "1", "data": [{"sCode": "51155", "sMsg": "local compliance"}]}, NOT_ALLOWED),
        (BINANCE, {"code": -99999, "msg": "something new"}, UNKNOWN),
        (BYBIT, {"retCode": 199999, "retMsg": "something new"}, UNKNOWN),
        (OKX, {"code": "1", "data": [{"sCode": "59999", "sMsg": "something new"}]}, UNKNOWN),
    ],
)  # fmt: skip
def test_a_code_of_each_venue_is_sorted_by_its_own_book(book: Any, body: Any, meaning: Result) -> None:
    assert sort_answer(book, heard(200, body), "ppid").result is meaning


@pytest.mark.parametrize(
    ("book", "body"),
    [
        (BINANCE, {"orderId": 1, "clientOrderId": "ppid"}),
        (BINANCE, {"algoId": 1, "clientAlgoId": "ppid", "code": "200", "msg": "success"}),
        (BYBIT, {"retCode": 0, "retMsg": "OK", "result": {"orderId": "a", "orderLinkId": "ppid"}}),
        (OKX, {"code": "0", "msg": "", "data": [{"ordId": "1", "clOrdId": "ppid", "sCode": "0"}]}),
        (OKX, {"code": "0", "msg": "", "data": [{"algoId": "1", "algoClOrdId": "ppid", "sCode": "0"}]}),
    ],
)
def test_a_receipt_that_names_our_id_is_done_and_one_that_names_another_is_not(book: Any, body: Any) -> None:
    assert sort_answer(book, heard(200, body), "ppid").result is DONE
    assert sort_answer(book, heard(200, body), "ppother").result is UNKNOWN


@pytest.mark.parametrize("body", [None, [], {}, "ok", 7, {"orderId": 1}, {"data": "x"}, {"result": None}])
@pytest.mark.parametrize("book", BOOKS.values(), ids=list(BOOKS))
def test_a_friendly_status_without_a_receipt_is_unknown(book: Any, body: Any) -> None:
    assert sort_answer(book, heard(200, body, "<html>"), "ppid").result is UNKNOWN


@pytest.mark.parametrize(
    ("status", "text", "meaning"),
    [
        (None, "", UNKNOWN),
        (500, "<html>", UNKNOWN),
        (502, "Bad gateway", UNKNOWN),
        (503, "Service Unavailable.", UNKNOWN),
        (504, "", UNKNOWN),
        (404, "<html>", UNKNOWN),
        (400, "<html>", UNKNOWN),
        (401, "", UNKNOWN),
        (403, "<html>Forbidden</html>", UNKNOWN),
        (403, "Service unavailable from a restricted location", NOT_ALLOWED),
        (451, "", NOT_ALLOWED),
        (429, "slow down", THROTTLED),
        (418, "", THROTTLED),
    ],
)
@pytest.mark.parametrize("book", BOOKS.values(), ids=list(BOOKS))
def test_a_status_without_a_code_says_only_what_it_proves(
    book: Any, status: int | None, text: str, meaning: Result
) -> None:
    assert sort_answer(book, heard(status, None, text), "ppid").result is meaning


def test_what_the_venue_says_is_shortened_and_kept_on_one_line() -> None:
    outcome = sort_answer(BINANCE, heard(400, {"code": -2021, "msg": "a\n" * 500}), "ppid")

    assert len(outcome.detail) <= 160
    assert "\n" not in outcome.detail
