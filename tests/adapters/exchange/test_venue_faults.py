"""What `CcxtVenue` makes of answers that are lost, late, wrong or forbidden, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.demo.exchange_faults import Failure
from core.errors import PerpilotError, Throttled, Unknown
from core.ports import Result
from core.trade import OrderSide, OrderStatus
from tests.adapters.exchange.venue_stage import KEY, SECRET, SOL, Stage, on_stage

D = Decimal
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as opened:
        await opened.venue.prepare(SOL, 5)
        opened.exchange.requests.clear()
        yield opened


def posts(stage: Stage) -> int:
    """How often an order request arrived at the exchange, whatever became of it."""
    return sum(count for name, count in stage.exchange.requests.items() if name.startswith("POST"))


@pytest.mark.parametrize(
    "failure", [Failure.LOST, Failure.SWALLOWED, Failure.UNKNOWN_DONE, Failure.TIMED_OUT_DONE]
)
async def test_an_order_whose_answer_is_lost_is_unknown_and_found_by_its_id(
    stage: Stage, failure: Failure
) -> None:
    stage.exchange.faults.fail_next(1, failure, path=ORDER, method="POST")

    outcome = await stage.venue.submit(stage.request("ppentry1"))
    order = await stage.venue.order(SOL, "ppentry1")
    (position,) = await stage.venue.positions()

    assert outcome.result is Result.UNKNOWN
    assert order is not None and order.status is OrderStatus.FILLED
    assert position.quantity == D(10)


@pytest.mark.parametrize(
    "failure",
    [Failure.UNKNOWN, Failure.UNAVAILABLE, Failure.SERVICE_UNAVAILABLE, Failure.TIMED_OUT, Failure.RESET,
     Failure.HTML],
)  # fmt: skip
async def test_an_order_that_was_not_taken_is_unknown_until_it_is_looked_for(
    stage: Stage, failure: Failure
) -> None:
    stage.exchange.faults.fail_next(1, failure, path=ORDER, method="POST")

    outcome = await stage.venue.submit(stage.request("ppentry1"))

    assert outcome.result is Result.UNKNOWN
    assert await stage.venue.order(SOL, "ppentry1") is None
    assert await stage.venue.positions() == ()
    assert posts(stage) == 0  # nothing of ours sent it again


async def test_an_order_that_is_accepted_late_shows_later(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.UNKNOWN_DONE, path=ORDER, method="POST", late_s=0.05)

    outcome = await stage.venue.submit(stage.request("ppentry1"))
    at_once = await stage.venue.order(SOL, "ppentry1")
    for _ in range(100):
        if await stage.venue.order(SOL, "ppentry1") is not None:
            break
        await asyncio.sleep(0.01)
    later = await stage.venue.order(SOL, "ppentry1")

    assert outcome.result is Result.UNKNOWN
    assert at_once is None
    assert later is not None and later.filled == D(10)


async def test_an_overloaded_venue_has_not_taken_the_order(stage: Stage) -> None:
    stage.exchange.faults.fail_next(1, Failure.OVERLOADED, path=ORDER, method="POST")

    outcome = await stage.venue.submit(stage.request("ppentry1"))

    assert (outcome.result, outcome.code) == (Result.THROTTLED, "-1008")
    assert outcome.detail.endswith("(closing is still possible)")


async def test_an_id_that_is_alive_already_is_unknown_and_is_looked_for(stage: Stage) -> None:
    await stage.venue.submit(stage.request("ppentry1"))
    first = await stage.venue.submit(stage.stop("ppstop1"))

    again = await stage.venue.submit(stage.stop("ppstop1"))

    assert first.result is Result.DONE
    assert (again.result, again.code) == (Result.UNKNOWN, "-4116")
    assert len(await stage.venue.open_orders(SOL)) == 1


async def test_a_stop_on_the_wrong_side_of_the_price_is_refused_with_its_code(stage: Stage) -> None:
    await stage.venue.submit(stage.request("ppentry1"))

    outcome = await stage.venue.submit(stage.stop("ppstop1", share="1.02"))

    assert (outcome.result, outcome.code) == (Result.REFUSED, "-2021")


async def test_reducing_what_is_not_held_is_refused(stage: Stage) -> None:
    exit_request = stage.request("ppexit1", side=OrderSide.SELL, reduce_only=True)

    outcome = await stage.venue.submit(exit_request)

    assert (outcome.result, outcome.code) == (Result.REFUSED, "-2022")


async def test_too_little_money_is_refused(stage: Stage) -> None:
    outcome = await stage.venue.submit(stage.request("ppentry1", quantity=D(5000)))

    assert outcome.result is Result.REFUSED
    assert outcome.code in ("-2019", "-2027")


@pytest.mark.parametrize("failure", [Failure.THROTTLED, Failure.BANNED])
async def test_a_ban_is_obeyed_by_entries_and_reading_but_not_by_protection(
    stage: Stage, failure: Failure
) -> None:
    await stage.venue.submit(stage.request("ppentry1"))
    stage.exchange.faults.fail_next(1, failure, path=ORDER, method="POST", retry_after_s=30)
    asked = stage.clock.now()

    entry = await stage.venue.submit(stage.request("ppentry2"))
    stage.exchange.requests.clear()
    next_entry = await stage.venue.submit(stage.request("ppentry3"))
    with pytest.raises(Throttled):
        await stage.venue.balance()
    stop = await stage.venue.submit(stage.stop("ppstop1"))
    seen = await stage.venue.guarding().open_orders(SOL)

    assert entry.result is Result.THROTTLED
    assert next_entry.result is Result.THROTTLED
    assert stage.exchange.requests.get("POST /fapi/v1/order") is None
    assert stage.venue.silent_until == asked + timedelta(seconds=30)
    assert stop.result is Result.DONE
    assert [order.client_id for order in seen] == ["ppstop1"]


async def test_during_a_long_ban_protection_still_goes_and_guarding_reads_get_rare(stage: Stage) -> None:
    await stage.venue.submit(stage.request("ppentry1"))
    guard, end = stage.venue.guarding(), stage.clock.now() + timedelta(hours=1)
    stage.budget.silence(end)
    stage.exchange.requests.clear()
    first = await guard.positions()
    stage.budget.silence(end)  # told again

    with pytest.raises(Throttled):
        await guard.positions()
    stop = await guard.submit(stage.stop("ppstop1"))
    covered = await guard.open_orders(SOL)

    assert (len(first), stop.result, len(covered)) == (1, Result.DONE, 1)
    assert (await stage.venue.submit(stage.request("ppentry2"))).result is Result.THROTTLED


async def test_a_rejection_by_the_instruments_rules_casts_doubt_on_them_and_no_other_does(
    stage: Stage,
) -> None:
    doubted: list[str] = []
    stage.venue.doubt = doubted.append

    outcomes = [
        await stage.venue.guarding().submit(stage.request("ppentry1", quantity=D("0.123456789"))),
        await stage.venue.submit(stage.request("ppentry2", side=OrderSide.SELL, reduce_only=True)),
    ]

    assert [outcome.result for outcome in outcomes] == [Result.REFUSED, Result.REFUSED]
    assert [outcome.code for outcome in outcomes] == ["-1111", "-2022"]
    assert doubted == [SOL]


async def test_a_cancellation_whose_answer_is_lost_is_unknown(stage: Stage) -> None:
    await stage.venue.submit(stage.request("ppentry1"))
    await stage.venue.submit(stage.stop("ppstop1"))
    stage.exchange.faults.fail_next(1, Failure.SWALLOWED, path=ALGO, method="DELETE")

    outcome = await stage.venue.cancel(SOL, "ppstop1")
    order = await stage.venue.order(SOL, "ppstop1")

    assert outcome.result is Result.UNKNOWN
    assert order is not None and order.status is OrderStatus.CANCELLED


async def test_a_cancellation_that_the_connection_repeats_by_itself_is_known_by_looking(stage: Stage) -> None:
    """aiohttp sends a DELETE again when a kept connection was cut; it names one order: that is harmless."""
    await stage.venue.submit(stage.request("ppentry1"))
    await stage.venue.submit(stage.stop("ppstop1"))
    stage.exchange.faults.fail_next(1, Failure.LOST, path=ALGO, method="DELETE")

    outcome = await stage.venue.cancel(SOL, "ppstop1")
    order = await stage.venue.order(SOL, "ppstop1")

    assert outcome.result in (Result.UNKNOWN, Result.REFUSED)
    assert order is not None and order.status is OrderStatus.CANCELLED


@pytest.mark.parametrize("path", ["/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders"])
async def test_half_an_answer_about_open_orders_is_no_answer(stage: Stage, path: str) -> None:
    stage.exchange.faults.fail_next(9, Failure.HTML, path=path)

    with pytest.raises(Unknown):
        await stage.venue.open_orders(SOL)


@pytest.mark.parametrize("failure", [Failure.HTML, Failure.UNAVAILABLE, Failure.RESET])
async def test_positions_that_cannot_be_read_are_never_flat(stage: Stage, failure: Failure) -> None:
    await stage.venue.submit(stage.request("ppentry1"))
    stage.exchange.faults.fail_next(20, failure, path="/fapi/v3/positionRisk")

    with pytest.raises(Unknown):
        await stage.venue.positions()


@pytest.mark.parametrize("failure", [Failure.HTML, Failure.UNAVAILABLE])
async def test_an_order_that_cannot_be_asked_for_is_never_absent(stage: Stage, failure: Failure) -> None:
    stage.exchange.faults.fail_next(20, failure, path=ORDER, method="GET")

    with pytest.raises(Unknown):
        await stage.venue.order(SOL, "ppentry1")


async def test_a_cancelled_task_leaves_by_its_cancellation_and_the_order_may_exist(stage: Stage) -> None:
    stage.exchange.faults.slow(ORDER, 0.1, method="POST")
    sending = asyncio.create_task(stage.venue.submit(stage.request("ppentry1")))
    await asyncio.sleep(0.02)

    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_keys_and_signatures_are_in_no_log_line_outcome_or_exception(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    for failure in Failure:
        stage.exchange.faults.fail_next(1, failure, path=ORDER, method="POST", retry_after_s=0)
        said.append(repr(await stage.venue.submit(stage.request("ppentry1"))))
        stage.exchange.faults.fail_next(1, failure, path=ALGO, method="DELETE", retry_after_s=0)
        said.append(repr(await stage.venue.cancel(SOL, "ppstop1")))
        for read in (stage.venue.positions, stage.venue.balance, stage.venue.open_orders):
            if failure is Failure.SWALLOWED:
                continue  # a read that is never answered takes its whole deadline to say so
            stage.exchange.faults.fail_next(5, failure, path="/fapi/", retry_after_s=0)
            try:
                await read()
            except PerpilotError as error:
                said.append("".join(traceback.format_exception(error)))
            stage.exchange.faults.heal()
    everything = "\n".join([*said, caplog.text, repr(stage.venue), *map(str, caplog.records)])

    assert len(said) > 40
    assert "exchange_order_answer" in caplog.text
    for secret in (KEY, SECRET, "signature=", "X-MBX-APIKEY"):
        assert secret not in everything
