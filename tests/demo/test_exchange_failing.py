"""The switches that make the account's face behave badly, seen through ccxt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest

from bot.demo.exchange_faults import Failure, WeightMeter
from tests.demo.exchange_stage import SOL, D, Stage, on_stage

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
NAMED = {"newClientOrderId": "pp1entry"}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage(timeout=700) as made:
        await made.isolated()
        yield made


async def buy(stage: Stage, amount: float = 2, **params: Any) -> Any:
    return await stage.client.create_order(SOL, "market", "buy", amount, None, {**NAMED, **params})


async def by_name(stage: Stage) -> Any:
    return await stage.client.fetch_order(None, SOL, {"origClientOrderId": "pp1entry"})


@pytest.mark.parametrize(
    ("failure", "expected", "is_taken"),
    [
        (Failure.LOST, ccxt.NetworkError, True),
        (Failure.SWALLOWED, ccxt.RequestTimeout, True),
        (Failure.UNKNOWN_DONE, ccxt.BaseError, True),
        (Failure.TIMED_OUT_DONE, ccxt.BaseError, True),
        (Failure.RESET, ccxt.NetworkError, False),
        (Failure.UNKNOWN, ccxt.BaseError, False),
        (Failure.TIMED_OUT, ccxt.BaseError, False),
        (Failure.SERVICE_UNAVAILABLE, ccxt.BaseError, False),
        (Failure.OVERLOADED, ccxt.BaseError, False),
        (Failure.THROTTLED, ccxt.DDoSProtection, False),
        (Failure.BANNED, ccxt.DDoSProtection, False),
    ],
)
async def test_an_order_whose_answer_is_an_error_was_taken_or_not(
    stage: Stage, failure: Failure, expected: type[Exception], is_taken: bool
) -> None:
    stage.exchange.faults.fail_next(1, failure, path=ORDER, method="POST")

    with pytest.raises(expected):
        await buy(stage)
    assert (await stage.position() is not None) is is_taken
    if is_taken:
        assert (await by_name(stage))["filled"] == 2
    else:
        with pytest.raises(ccxt.OrderNotFound):
            await by_name(stage)


async def test_a_lost_order_is_taken_once_although_the_client_library_may_ask_again(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.LOST, path=ORDER, method="POST")
    with pytest.raises(ccxt.NetworkError):
        await buy(stage)

    assert (await stage.position())["contracts"] == 2


async def test_a_late_acceptance_comes_inside_the_window_only(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.UNKNOWN_DONE, path=ORDER, method="POST", late_s=0.2)
    with pytest.raises(ccxt.BaseError, match="Unknown error"):
        await buy(stage)
    before = await stage.position()
    while await stage.position() is None:
        await asyncio.sleep(0.02)
    stage.exchange.faults.fail_next(1, Failure.UNKNOWN_DONE, path=ORDER, method="POST", late_s=0.2)
    with pytest.raises(ccxt.BaseError):
        await buy(stage, recvWindow=100)
    await asyncio.sleep(0.3)

    assert before is None
    assert (await stage.position())["contracts"] == 2


async def test_a_stop_is_refused_as_often_as_wanted(stage: Stage) -> None:
    await buy(stage)
    stage.exchange.faults.refuse_next(2, -2021, "Order would immediately trigger.", path=ALGO, method="POST")

    for _ in range(2):
        with pytest.raises(ccxt.ExchangeError, match="-2021"):
            await stage.stopped(amount=2)
    assert (await stage.stopped(amount=2))["status"] == "open"


async def test_the_second_of_two_requests_can_be_the_one_that_fails(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.UNAVAILABLE, path=ORDER, method="POST", skip=1)
    await buy(stage)

    with pytest.raises(ccxt.OperationFailed):
        await buy(stage)
    assert (await stage.position())["contracts"] == 2


async def test_the_venue_cancels_a_stop_by_itself(stage: Stage) -> None:
    await buy(stage)
    stop = await stage.stopped(amount=2, clientAlgoId="pp1stop")
    stage.exchange.hands.expire("pp1stop")

    assert (await stage.client.fetch_order(stop["id"], SOL, {"trigger": True}))["info"][
        "algoStatus"
    ] == "EXPIRED"
    assert await stage.client.fetch_open_orders(SOL, params={"trigger": True}) == []


async def test_the_owner_cancels_a_stop(stage: Stage) -> None:
    await buy(stage)
    await stage.stopped(amount=2, clientAlgoId="pp1stop")
    stage.exchange.hands.cancel("pp1stop")

    assert await stage.client.fetch_open_orders(SOL, params={"trigger": True}) == []
    with pytest.raises(KeyError):
        stage.exchange.hands.cancel("pp1stop")


async def test_a_partial_fill_stalls_until_it_is_cancelled(stage: Stage) -> None:
    stage.exchange.faults.fill_partly(D("0.4"))
    order = await buy(stage, 5)
    listed = await stage.client.fetch_open_orders(SOL)
    cancelled = await stage.client.cancel_order(order["id"], SOL)

    assert (order["status"], order["filled"], order["remaining"]) == ("open", 2, 3)
    assert [row["id"] for row in listed] == [order["id"]]
    assert (cancelled["status"], cancelled["filled"]) == ("canceled", 2)
    assert (await stage.position())["contracts"] == 2


async def test_a_partial_fill_goes_on_when_it_is_released(stage: Stage) -> None:
    stage.exchange.faults.fill_partly(D("0.4"))
    await buy(stage, 5)
    stage.exchange.hands.release("pp1entry")

    found = await by_name(stage)
    assert (found["status"], found["filled"]) == ("closed", 5)
    assert [row["amount"] for row in await stage.client.fetch_my_trades(SOL)] == [2, 3]


async def test_queries_lag_behind_what_was_taken(stage: Stage) -> None:
    stage.exchange.faults.query_lag_ms = 2_000
    await buy(stage)
    stop = await stage.stopped(amount=2)

    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await by_name(stage)
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await stage.client.fetch_order(stop["id"], SOL, {"trigger": True})
    assert await stage.client.fetch_open_orders(SOL, params={"trigger": True}) == []
    assert await stage.client.fetch_my_trades(SOL) == []
    stage.clock.forward(seconds=2)
    assert (await by_name(stage))["filled"] == 2
    assert len(await stage.client.fetch_open_orders(SOL, params={"trigger": True})) == 1


async def test_positions_are_shown_as_they_were_for_some_reads(stage: Stage) -> None:
    stage.exchange.hands.show_stale_positions(2)
    await buy(stage)

    assert [await stage.position() is None for _ in range(3)] == [True, True, False]


async def test_positions_are_shown_as_none_for_some_reads(stage: Stage) -> None:
    await buy(stage)
    stage.exchange.hands.show_no_positions(1)

    assert [await stage.position() is None for _ in range(2)] == [True, False]


async def test_what_positions_hide_the_balance_still_shows(stage: Stage) -> None:
    await buy(stage)
    stage.exchange.hands.show_no_positions(1)

    assert await stage.position() is None
    assert (await stage.client.fetch_balance())["USDT"]["used"] > 0


async def test_balances_can_be_old_while_positions_are_new(stage: Stage) -> None:
    stage.exchange.hands.show_stale_balances(1)
    await buy(stage)

    assert [(await stage.client.fetch_balance())["USDT"]["used"] > 0 for _ in range(2)] == [False, True]
    assert await stage.position() is not None


async def test_overload_spares_what_only_reduces(stage: Stage) -> None:
    await buy(stage)
    stage.exchange.faults.fail_next(3, Failure.OVERLOADED, path="/fapi/v1/", method="POST")

    with pytest.raises(ccxt.ExchangeError, match="-1008"):
        await buy(stage)
    assert (await stage.stopped(amount=2))["status"] == "open"


async def test_changed_rules_are_told_and_kept(stage: Stage) -> None:
    stage.exchange.hands.change_rules("SOLUSDT", lot_decimals=0, min_notional_usdt=200)
    with pytest.raises(ccxt.BadRequest, match="-1111"):
        await buy(stage, 2.5)
    with pytest.raises(ccxt.ExchangeError, match="-4164"):
        await buy(stage, 2)
    told = (await stage.client.load_markets(True))[SOL]

    assert (told["precision"]["amount"], told["limits"]["cost"]["min"]) == (1, 200)
    assert (await buy(stage, 3.7))["filled"] == 3  # ccxt rounds to the new lot


async def test_one_path_is_slow_and_the_others_are_not(stage: Stage) -> None:
    stage.exchange.faults.slow("/fapi/v3/positionRisk", 0.2)
    began = time.monotonic()
    await stage.client.fapiPrivateV3GetBalance()
    quick = time.monotonic() - began
    await stage.client.fapiPrivateV3GetPositionRisk()

    assert quick < 0.2 <= time.monotonic() - began


async def test_an_order_that_is_slower_than_the_client_is_taken_all_the_same(stage: Stage) -> None:
    stage.exchange.faults.slow(ORDER, 0.8, "POST")
    with pytest.raises(ccxt.RequestTimeout):
        await buy(stage)
    while await stage.position() is None:
        await asyncio.sleep(0.02)

    assert (await by_name(stage))["filled"] == 2


async def test_under_maintenance_everything_is_a_page_of_html(stage: Stage) -> None:
    stage.exchange.faults.is_under_maintenance = True

    assert (await buy(stage))["id"] is None  # what ccxt makes of it
    assert await stage.client.fetch_positions() == []
    stage.exchange.faults.heal()
    assert await stage.position() is None


async def test_a_ban_tells_its_end(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.BANNED, path=ORDER, retry_after_s=120)

    with pytest.raises(ccxt.DDoSProtection, match=f"banned until {stage.clock.ms + 120_000}"):
        await buy(stage)


async def test_a_ban_holds_for_every_path_until_it_ends(stage: Stage) -> None:
    now = [1_000.0]
    stage.exchange.meter = WeightMeter(2_400, lambda: now[0])
    stage.exchange.meter.ban(120)

    for call in (stage.client.fetch_balance, stage.client.fetch_time, lambda: buy(stage)):
        with pytest.raises(ccxt.DDoSProtection, match="418"):
            await call()
    now[0] += 121
    assert (await buy(stage))["filled"] == 2


async def test_who_spends_too_much_weight_is_throttled_on_the_account_too(stage: Stage) -> None:
    stage.exchange.meter.limit = 0

    with pytest.raises(ccxt.DDoSProtection, match="429"):
        await stage.client.fetch_balance()
