"""ccxt.pro's own websockets before the demo exchange."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from core.adapters.exchange.client import rehomed
from tests.demo.exchange_stage import KEY, SECRET, SOL, D, Stage, on_stage

PATIENCE_S = 5.0


@dataclass
class Listening:
    stage: Stage
    pro: Any

    async def got(self, awaitable: Any) -> Any:
        return await asyncio.wait_for(awaitable, PATIENCE_S)


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    import ccxt.pro as ccxtpro

    async with on_stage() as stage:
        options = {"fetchCurrencies": False, "fetchMargins": False}
        pro = ccxtpro.binanceusdm(
            {"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "options": options}
        )
        pro.urls["api"] = rehomed(pro.urls["api"], stage.exchange.url, stage.exchange.ws_url)
        pro.nonce = stage.clock
        try:
            await stage.isolated()
            await pro.load_markets()
            yield Listening(stage, pro)
        finally:
            await pro.close()


@asynccontextmanager
async def raw(stage: Stage) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """The user data stream without ccxt."""
    key = (await stage.client.fapiPrivatePostListenKey())["listenKey"]
    path = f"/private/ws?listenKey={key}"
    async with aiohttp.ClientSession(stage.exchange.url) as session, session.ws_connect(path) as socket:
        yield socket


async def heard(socket: Any, kind: str, count: int = 1) -> list[Any]:
    """The next `count` events of a kind."""
    found: list[Any] = []
    while len(found) < count:
        event = json.loads((await asyncio.wait_for(socket.receive(), PATIENCE_S)).data)
        if event["e"] == kind:
            found.append(event)
    return found


async def test_an_order_is_heard_of_as_it_is_filled(listening: Listening) -> None:
    watching = asyncio.create_task(listening.pro.watch_orders(SOL))
    await until_connected(listening)
    sent = await listening.stage.client.create_order(
        SOL, "market", "buy", 3, None, {"newClientOrderId": "pp1"}
    )
    orders = await listening.got(watching)
    while orders[-1]["status"] != "closed":
        orders = await listening.got(listening.pro.watch_orders(SOL))

    assert (orders[-1]["id"], orders[-1]["clientOrderId"]) == (sent["id"], "pp1")
    assert (orders[-1]["filled"], orders[-1]["average"]) == (3, sent["average"])


async def until_connected(listening: Listening) -> None:
    """The stream has no event of its own for having been opened."""
    while not listening.stage.exchange.streams.listeners:
        await asyncio.sleep(0.01)


async def first(watch: Callable[[], Any], is_meant: Callable[[Any], bool]) -> Any:
    """The first answer of a watch that is meant; snapshots may come before it."""
    while not is_meant(answer := await watch()):
        pass
    return answer


async def test_positions_balances_and_trades_are_heard_of(listening: Listening) -> None:
    pro = listening.pro
    watching = [
        asyncio.create_task(first(lambda: pro.watch_positions([SOL]), any)),
        asyncio.create_task(first(pro.watch_balance, lambda row: row["USDT"]["total"] < 10_000)),
        asyncio.create_task(first(lambda: pro.watch_my_trades(SOL), any)),
    ]
    await until_connected(listening)
    await listening.stage.client.create_order(SOL, "market", "sell", 2)
    positions, balance, trades = [await listening.got(each) for each in watching]

    assert (positions[0]["side"], positions[0]["contracts"]) == ("short", 2)
    assert balance["USDT"]["total"] == pytest.approx(float(await listening.stage.wallet()))
    assert (trades[0]["amount"], trades[0]["side"], trades[0]["takerOrMaker"]) == (2, "sell", "taker")


async def test_a_stop_is_heard_of_from_its_birth_to_its_child(listening: Listening) -> None:
    stage = listening.stage
    async with raw(stage) as socket:
        await stage.client.create_order(SOL, "market", "buy", 3)
        stop = await stage.stopped("0.98", 3, clientAlgoId="pp1stop")
        stage.move_to(stage.mark() * D("0.97"))

        steps = [event["o"] for event in await heard(socket, "ALGO_UPDATE", 3)]
        assert [step["X"] for step in steps] == ["NEW", "TRIGGERED", "FINISHED"]
        assert {step["caid"] for step in steps} == {"pp1stop"} and str(steps[0]["aid"]) == stop["id"]
        child = await stage.client.fetch_order(steps[-1]["ai"], SOL)
        assert child["status"] == "closed"


async def test_a_stop_is_seen_by_ccxt_as_an_order(listening: Listening) -> None:
    watching = asyncio.create_task(listening.pro.watch_orders(SOL))
    await until_connected(listening)
    stop = await listening.stage.stopped("0.98", 3, clientAlgoId="pp1stop")
    orders = await listening.got(watching)

    assert [(row["id"], row["clientOrderId"], row["status"]) for row in orders] == [
        (stop["id"], "pp1stop", "open")
    ]


async def test_the_mark_price_and_the_book_are_streamed(listening: Listening) -> None:
    ticker = await listening.got(listening.pro.watch_mark_price(SOL))
    touch = (await listening.got(listening.pro.watch_bids_asks([SOL])))[SOL]

    assert ticker["markPrice"] == float(listening.stage.mark())
    assert touch["bid"] < touch["ask"]


@pytest.mark.parametrize("call", ["watch_ticker", "watch_trades", "watch_ohlcv"])
async def test_the_other_market_streams_answer(listening: Listening, call: str) -> None:
    assert await listening.got(getattr(listening.pro, call)(SOL))


async def test_funding_and_deposits_are_heard_of(listening: Listening) -> None:
    stage = listening.stage
    await stage.client.create_order(SOL, "market", "buy", 3)
    async with raw(stage) as socket:
        stage.exchange.account.transfer(D(50))
        stage.clock.forward(hours=6)
        stage.exchange.account.advance()
        reasons = [event["a"]["m"] for event in await heard(socket, "ACCOUNT_UPDATE", 1)]

        assert reasons == ["DEPOSIT"]


async def test_a_silent_stream_stays_open_and_tells_nothing(listening: Listening) -> None:
    stage = listening.stage
    async with raw(stage) as socket:
        stage.exchange.faults.are_streams_silent = True
        await stage.client.create_order(SOL, "market", "buy", 3)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.3)
        assert not socket.closed


async def test_events_are_repeated_or_come_in_the_wrong_order(listening: Listening) -> None:
    stage = listening.stage
    async with raw(stage) as socket:
        stage.exchange.faults.repeats_events = True
        await stage.client.create_order(SOL, "market", "buy", 3)
        repeated = [event["o"]["X"] for event in await heard(socket, "ORDER_TRADE_UPDATE", 4)]
        stage.exchange.faults.heal()
        stage.exchange.faults.reorders_events = True
        await stage.client.create_order(SOL, "market", "buy", 3)
        turned = [event["o"]["X"] for event in await heard(socket, "ORDER_TRADE_UPDATE", 2)]

        assert repeated == ["NEW", "NEW", "FILLED", "FILLED"]
        assert turned == ["FILLED", "NEW"]


async def test_an_expired_key_is_told_once_and_then_nothing_comes(listening: Listening) -> None:
    stage = listening.stage
    async with raw(stage) as socket:
        stage.clock.forward(hours=1)
        await stage.client.create_order(SOL, "market", "buy", 3)
        first = json.loads((await socket.receive()).data)

        assert first["e"] == "listenKeyExpired"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.2)
        with pytest.raises(Exception, match="-1125"):
            await stage.client.fapiPrivatePutListenKey()


async def test_a_renewed_key_goes_on(listening: Listening) -> None:
    stage = listening.stage
    async with raw(stage) as socket:
        stage.clock.forward(minutes=50)
        await stage.client.fapiPrivatePutListenKey()
        stage.clock.forward(minutes=50)
        await stage.client.create_order(SOL, "market", "buy", 3)

        assert len(await heard(socket, "ORDER_TRADE_UPDATE", 2)) == 2


async def test_a_deleted_key_silences_whoever_listens(listening: Listening) -> None:
    stage = listening.stage
    async with raw(stage) as socket:
        await stage.client.fapiPrivateDeleteListenKey()
        await stage.client.create_order(SOL, "market", "buy", 3)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.receive(), 0.2)


async def test_a_dropped_connection_is_closed(listening: Listening) -> None:
    async with raw(listening.stage) as socket:
        await listening.stage.exchange.streams.drop()

        assert (await asyncio.wait_for(socket.receive(), PATIENCE_S)).type is aiohttp.WSMsgType.CLOSE


async def test_an_unknown_stream_is_refused(listening: Listening) -> None:
    async with (
        aiohttp.ClientSession(listening.stage.exchange.url) as http,
        http.ws_connect("/market/ws/0") as ws,
    ):
        await ws.send_json({"method": "SUBSCRIBE", "params": ["solusdt@wish"], "id": 7})
        answer = await asyncio.wait_for(ws.receive_json(), PATIENCE_S)

    assert answer["id"] == 7 and answer["error"]["code"] == 2
