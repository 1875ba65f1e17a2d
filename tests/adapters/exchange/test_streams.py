"""The account's and the prices' streams over real sockets: hints in time, silence noticed, nothing left."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from core.adapters.clock import SystemClock
from core.adapters.exchange.client import Access
from core.adapters.exchange.stream_words import What
from core.adapters.exchange.streams import has_streams
from core.errors import NotAllowed
from tests.adapters.exchange.streams_stage import BTC, QUICK, SECRET, SOL, Stage, listening, on_stage, until

HINT_WITHIN_S = 0.1


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with on_stage() as built:
        yield built


async def test_an_order_is_hinted_at_within_a_tenth_of_a_second(stage: Stage) -> None:
    async with listening(stage):
        stage.told_at.clear()
        await stage.order()
        await until(
            lambda: {(SOL, What.ORDER), (SOL, What.POSITION), (None, What.BALANCE)} <= set(stage.hints)
        )

    assert stage.hinted_at[0] - stage.told_at[0] < HINT_WITHIN_S
    assert stage.hinted_at[-1] - stage.told_at[-1] < HINT_WITHIN_S


async def test_connecting_and_losing_the_connection_are_reasons_to_look(stage: Stage) -> None:
    async with listening(stage):
        await stage.exchange.streams.drop()
        await until(lambda: (None, What.CONNECTED) in stage.hints)

    assert stage.hints == [(None, What.LOST), (None, What.CONNECTED)]


async def test_after_a_dropped_connection_events_are_heard_again(stage: Stage) -> None:
    async with listening(stage) as streams:
        await stage.exchange.streams.drop()
        await until(lambda: (None, What.CONNECTED) in stage.hints)
        await stage.order()
        await until(lambda: (SOL, What.ORDER) in stage.hints)

        assert not streams.is_silent("account")


async def test_an_expired_listen_key_is_replaced_at_once(stage: Stage) -> None:
    async with listening(stage):
        keys = stage.asked_keys
        stage.exchange.streams.expire_key()
        await until(lambda: stage.asked_keys > keys and bool(stage.exchange.streams.listeners))
        await until(lambda: (None, What.CONNECTED) in stage.hints)
        await stage.order()
        await until(lambda: (SOL, What.ORDER) in stage.hints)

    assert stage.hints[:2] == [(None, What.LOST), (None, What.CONNECTED)]


async def test_a_replaced_connection_is_closed(stage: Stage) -> None:
    async with listening(stage) as streams:
        stage.exchange.streams.expire_key()
        await until(lambda: (None, What.CONNECTED) in stage.hints)
        await until(lambda: len(stage.exchange.streams._sockets) <= 1)

        assert stage.dials(streams, "account") > 1
        assert len(stage.exchange.streams._sockets) == 1


async def test_a_listen_key_that_ended_unsaid_is_noticed_at_its_renewal(stage: Stage) -> None:
    async with listening(stage, patience=replace(QUICK, renew_s=0.2)) as streams:
        await until(lambda: stage.renewals >= 1)
        keys = stage.asked_keys
        stage.exchange.streams.close_key()
        await until(lambda: (None, What.CONNECTED) in stage.hints)
        await until(lambda: bool(stage.exchange.streams.listeners))
        await stage.order()
        await until(lambda: (SOL, What.ORDER) in stage.hints)

        assert stage.hints[:2] == [(None, What.LOST), (None, What.CONNECTED)]
        assert stage.asked_keys > keys and not streams.is_silent("account")


async def test_a_renewed_listen_key_keeps_its_connection(stage: Stage) -> None:
    async with listening(stage, patience=replace(QUICK, renew_s=0.05)) as streams:
        await until(lambda: stage.renewals >= 3)

        assert stage.dials(streams, "account") == 1
        assert stage.hints == []


async def test_a_renewal_without_an_answer_is_tried_again_and_loses_nothing(stage: Stage) -> None:
    async with listening(stage, patience=replace(QUICK, renew_s=0.1, renew_again_s=0.1)) as streams:
        stage.exchange.faults.is_under_maintenance = True
        await until(lambda: stage.budget.used > 4)
        stage.exchange.faults.is_under_maintenance = False
        renewals = stage.renewals
        await until(lambda: stage.renewals > renewals)

        assert stage.dials(streams, "account") == 1


async def test_an_account_stream_that_misses_an_order_is_replaced(stage: Stage) -> None:
    async with listening(stage) as streams:
        stage.exchange.faults.are_streams_silent = True
        before = streams.events
        await stage.order()
        streams.expect(before)
        await until(lambda: stage.dials(streams, "account") > 1)
        missed = (SOL, What.ORDER) not in stage.hints
        stage.exchange.faults.are_streams_silent = False
        await until(lambda: (None, What.CONNECTED) in stage.hints)
        await stage.order()
        await until(lambda: (SOL, What.ORDER) in stage.hints)

        assert missed and stage.hints[0] == (None, What.LOST)


async def test_an_order_whose_event_came_before_its_answer_is_not_waited_for(stage: Stage) -> None:
    async with listening(stage) as streams:
        before = streams.events
        await stage.order()
        await until(lambda: (SOL, What.ORDER) in stage.hints)
        streams.expect(before)
        await asyncio.wait([asyncio.create_task(until(lambda: False))], timeout=2 * QUICK.owed_s)

        assert stage.dials(streams, "account") == 1


async def test_a_quiet_account_is_not_taken_for_a_silent_one(stage: Stage) -> None:
    async with listening(stage, patience=replace(QUICK, account_s=3.0)) as streams:
        task = asyncio.create_task(until(lambda: bool(stage.hints)))
        await asyncio.wait([task], timeout=4.5)

        assert stage.hints == [] and not streams.is_silent("account")
        task.cancel()


async def test_repeated_and_reordered_events_are_only_more_hints(stage: Stage) -> None:
    stage.exchange.faults.repeats_events = stage.exchange.faults.reorders_events = True
    async with listening(stage) as streams:
        await stage.order()
        await stage.order()
        await until(lambda: (SOL, What.ORDER) in stage.hints and (SOL, What.POSITION) in stage.hints)

        assert stage.dials(streams, "account") == 1


async def test_prices_of_held_symbols_are_told_with_their_touch(stage: Stage) -> None:
    async with listening(stage, SOL):
        await until(lambda: any(price.bid for price in stage.prices))
        price = stage.prices[-1]
        now = SystemClock().now()

    assert {each.symbol for each in stage.prices} == {SOL}
    assert price.bid is not None and price.ask is not None and price.bid <= price.ask
    assert abs(price.mark / price.bid - 1) < 0.01
    assert now - price.at < timedelta(seconds=5)


async def test_prices_follow_what_is_held(stage: Stage) -> None:
    async with listening(stage, SOL) as streams:
        await until(lambda: bool(stage.prices))
        streams.hold([BTC])
        await until(lambda: any(price.symbol == BTC for price in stage.prices))
        stage.prices.clear()
        await until(lambda: len(stage.prices) > 3)

        assert {price.symbol for price in stage.prices} == {BTC}
        assert stage.dials(streams, "mark") == 1


async def test_without_a_held_symbol_no_price_stream_is_connected(stage: Stage) -> None:
    async with listening(stage) as streams:
        assert stage.dials(streams, "mark") == stage.dials(streams, "touch") == 0
        assert not streams.is_silent("mark")
        streams.hold([SOL])
        await until(lambda: bool(stage.prices))
        streams.hold([])
        await until(lambda: not any(each.is_wanted for each in streams.states()[1:]))

        assert streams.health().state == "ok"


async def test_a_silent_price_stream_is_noticed_dialled_again_and_heard_again(stage: Stage) -> None:
    async with listening(stage, SOL, patience=replace(QUICK, mark_s=2.5)) as streams:
        await until(lambda: bool(stage.prices))
        stage.exchange.faults.are_streams_silent = True
        await until(lambda: streams.is_silent("mark"))
        assert streams.health().state == "degraded" and "mark" in streams.health().detail
        await until(lambda: stage.dials(streams, "mark") > 1)
        stage.exchange.faults.are_streams_silent = False
        stage.prices.clear()
        await until(lambda: bool(stage.prices))
        await until(lambda: not streams.is_silent("mark"))


async def test_a_price_stream_that_repeats_one_moment_is_silent(stage: Stage) -> None:
    async with listening(stage, SOL, patience=replace(QUICK, mark_s=2.5)) as streams:
        await until(lambda: bool(stage.prices))
        stage.exchange.freeze()
        await until(lambda: stage.dials(streams, "mark") > 1)

        assert stage.dials(streams, "account") == 1


async def test_an_exchange_that_is_away_is_dialled_until_it_is_back(stage: Stage) -> None:
    stage.exchange.faults.is_under_maintenance = True
    streams = stage.streams()
    await streams.open()
    try:
        await until(lambda: streams.states()[0].detail not in ("", "not connected yet"))
        assert streams.is_silent("account") and streams.health().state == "degraded"
        stage.exchange.faults.is_under_maintenance = False
        await until(lambda: not streams.is_silent("account"))
    finally:
        await streams.close()


async def test_an_owner_that_fails_hurts_no_stream(stage: Stage) -> None:
    stage.fails = True
    async with listening(stage, SOL) as streams:
        await stage.order()
        await until(lambda: (SOL, What.ORDER) in stage.hints and len(stage.prices) > 2)

        assert not any(each.is_silent for each in streams.states())
        assert stage.dials(streams, "account") == 1


async def test_closing_leaves_no_task_and_no_socket(stage: Stage) -> None:
    before = asyncio.all_tasks()
    async with listening(stage, SOL):
        await until(lambda: bool(stage.prices))
        while_open = {task for task in asyncio.all_tasks() - before if _is_ours(task)}
    await until(lambda: not stage.exchange.streams._sockets)

    # what else is left belongs to the stand-in's own connections, which end with their sockets
    assert while_open and {task for task in asyncio.all_tasks() - before if _is_ours(task)} == set()


def _is_ours(task: asyncio.Task[object]) -> bool:
    name = repr(task.get_coro())
    return any(part in name for part in ("ccxt", "core.adapters", "Line.", "Client."))


async def test_closing_while_it_dials_ends_at_once_and_a_second_time_is_harmless(stage: Stage) -> None:
    stage.exchange.faults.latency_s = 30.0
    streams = stage.streams()
    await streams.open()
    await until(lambda: bool(asyncio.all_tasks()))
    async with asyncio.timeout(2):
        await streams.close()
        await streams.close()

    assert streams.is_silent("account") is True


async def test_closing_at_any_moment_of_a_dial_ends_it(stage: Stage) -> None:
    for step in range(40):
        streams = stage.streams()
        streams.hold([SOL])
        await streams.open()
        for _ in range(2 * step):
            await asyncio.sleep(0)
        async with asyncio.timeout(2):
            await streams.close()
    await until(lambda: not stage.exchange.streams._sockets)

    assert not any(_is_ours(task) for task in asyncio.all_tasks())


async def test_neither_key_nor_listen_key_is_logged(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening(stage, SOL) as streams:
        await stage.exchange.streams.drop()
        await until(lambda: (None, What.CONNECTED) in stage.hints)
        stage.exchange.streams.expire_key()
        await until(lambda: stage.hints.count((None, What.CONNECTED)) == 2)
        details = " ".join(each.detail for each in streams.states())
    gc.collect()
    ours = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("perpilot", "ccxt", "asyncio"))
    ]

    assert any("exchange_stream_lost" in line for line in ours)
    for text in (*ours, details):
        assert "demoListenKey" not in text and SECRET not in text and "canary" not in text


async def test_streams_for_an_exchange_that_has_none_are_refused(stage: Stage) -> None:
    streams = stage.streams(access=Access("okx"))

    assert not has_streams("okx")
    with pytest.raises(NotAllowed, match="okx has no streams"):
        await streams.open()
    assert streams.is_silent("account") and streams.health().state == "unused"
    await streams.close()
