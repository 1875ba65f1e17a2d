"""The streams' own client, and a connection on which nobody answers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest
from aiohttp import web

from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.stream_words import What
from tests.adapters.exchange.conftest import serving
from tests.adapters.exchange.streams_stage import QUICK, on_stage, until

LIGHT = """
import asyncio, sys
from core.adapters.exchange.client import Access, close_client, open_client

async def main():
    plain = await open_client(Access("binanceusdm"))
    client = await open_client(Access("binanceusdm"), streams=True)
    light = "ccxt.async_support.kraken" not in sys.modules and "ccxt" not in sys.modules
    import ccxt.pro
    whole = ccxt.pro.binanceusdm is type(client) and isinstance(client, type(plain).__mro__[1])
    await close_client(client)
    await close_client(plain)
    print(light, whole)

asyncio.run(main())
"""


def test_only_the_asked_exchange_is_loaded_with_its_streams() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.split() == ["True", "True"], done.stderr


@pytest.mark.parametrize("exchange_id", ["binanceusdm", "bybit", "okx"])
async def test_the_streams_client_is_set_up_like_any_other(exchange_id: str) -> None:
    access = Access(exchange_id, url="http://127.0.0.1:9", ws_url="ws://127.0.0.1:8")
    client = await open_client(access, streams=True)
    session = client.session
    await close_client(client)

    assert hasattr(client, "watch_orders") and not client.enableRateLimit
    assert "ws://127.0.0.1:8" in str(client.urls["api"]["ws"])
    assert session.closed


async def deaf(request: web.Request) -> web.WebSocketResponse:
    """Takes the connection and answers neither pings nor the wish to close."""
    socket = web.WebSocketResponse(autoping=False, autoclose=False)
    await socket.prepare(request)
    await asyncio.sleep(60)
    return socket


async def test_a_connection_without_pongs_is_replaced_and_still_closes_in_time() -> None:
    patience = replace(QUICK, ping_s=0.1, close_s=0.2)
    async with on_stage() as stage, serving(deaf) as url:
        access = replace(stage.access, ws_url="ws" + url.removeprefix("http"))
        streams = stage.streams(patience, access=access)
        await streams.open()
        await until(lambda: stage.dials(streams, "account") > 2)
        was_lost = (None, What.LOST) in stage.hints
        async with asyncio.timeout(2):
            await streams.close()

        assert was_lost and streams.is_silent("account")
