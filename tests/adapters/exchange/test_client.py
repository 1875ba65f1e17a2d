"""How the ccxt client is built: where it may speak, what it loads, what it leaves behind."""

from __future__ import annotations

import decimal
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from core.adapters.exchange.client import Access, close_client, open_client, rehomed
from core.errors import NotAllowed


def addresses(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        for branch in tree.values():
            yield from addresses(branch)
    elif isinstance(tree, str):
        yield tree


@pytest.mark.parametrize("testnet", [False, True])
@pytest.mark.parametrize("exchange_id", ["binanceusdm", "bybit", "okx"])
async def test_with_a_url_no_rest_address_keeps_its_own_host(exchange_id: str, testnet: bool) -> None:
    access = Access(exchange_id, url="http://127.0.0.1:9/", ws_url="ws://127.0.0.1:8", testnet=testnet)
    client = await open_client(access)
    found = list(addresses(client.urls["api"]))
    await close_client(client)

    assert len(found) > 1 or exchange_id == "okx"
    assert all(at.startswith(("http://127.0.0.1:9", "ws://127.0.0.1:8")) for at in found)
    assert not any("//" in at.split("://", 1)[1] for at in found)


async def test_the_path_of_an_address_is_kept() -> None:
    client = await open_client(Access("binanceusdm", url="http://gateway.local:80/venue"))
    address = client.urls["api"]["fapiPublic"]
    await close_client(client)

    assert address == "http://gateway.local:80/venue/fapi/v1"


async def test_the_testnet_is_the_venues_own_sandbox() -> None:
    client = await open_client(Access("binanceusdm", testnet=True))
    address = client.urls["api"]["fapiPublic"]
    await close_client(client)

    assert "testnet" in address


def test_templates_and_websockets_are_rehomed_by_their_own_rule() -> None:
    tree = {"rest": "https://api.{hostname}", "ws": {"public": "wss://stream.{hostname}/v5"}, "n": None}

    assert rehomed(tree, "http://h:1", None) == {
        "rest": "http://h:1",
        "ws": {"public": "wss://stream.{hostname}/v5"},
        "n": None,
    }
    assert rehomed(tree, None, "ws://h:2")["ws"]["public"] == "ws://h:2/v5"


@pytest.mark.parametrize("exchange_id", ["nosuchexchange", "../binance", "base", ""])
async def test_an_exchange_ccxt_does_not_know_is_named(exchange_id: str) -> None:
    with pytest.raises(NotAllowed, match="EXCHANGE="):
        await open_client(Access(exchange_id))


async def test_a_url_without_a_host_is_refused() -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:9000"):
        await open_client(Access("binanceusdm", url="localhost:80"))


async def test_closing_leaves_no_connection_open() -> None:
    client = await open_client(Access("binanceusdm"))
    session = client.session

    await close_client(client)

    assert session.closed
    assert client.session is None


async def test_ccxt_neither_retries_nor_throttles_nor_chats() -> None:
    logging.getLogger("ccxt").setLevel(logging.DEBUG)
    client = await open_client(Access("binanceusdm"))
    await close_client(client)

    assert not client.enableRateLimit
    assert not client.verbose
    assert client.options["maxRetriesOnFailure"] == 0
    assert not client.has["fetchCurrencies"]
    assert client.logger.getEffectiveLevel() == logging.WARNING


def test_keys_are_not_in_the_text_of_an_access() -> None:
    access = Access("binanceusdm", api_key="canary1", secret="canary2", password="canary3")

    assert "canary" not in repr(access)


LIGHT = """
import asyncio, sys
from core.adapters.exchange.client import Access, close_client, open_client

async def main():
    client = await open_client(Access("binanceusdm"))
    light = "ccxt.async_support.kraken" not in sys.modules and "ccxt" not in sys.modules
    import ccxt.async_support
    whole = ccxt.async_support.binanceusdm is type(client) and hasattr(ccxt.async_support, "kraken")
    caught = issubclass(ccxt.async_support.NetworkError, sys.modules["ccxt.base.errors"].BaseError)
    await close_client(client)
    again = await open_client(Access("okx"))
    await close_client(again)
    print(light, whole, caught)

import core.adapters.exchange.market
assert not any(name.split(".")[0] in ("ccxt", "aiohttp") for name in sys.modules), "loaded too early"
asyncio.run(main())
"""


def test_only_the_asked_exchange_is_loaded_and_a_later_import_finds_the_rest() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.split() == ["True", "True", "True"], done.stderr


async def test_the_rounding_of_ccxt_stays_within_ccxt() -> None:
    client = await open_client(Access("binanceusdm", url="http://127.0.0.1:9"))
    try:
        before = decimal.getcontext().copy()
        rounded = client.decimal_to_precision("2.25", 1, 1)

        assert rounded == "2.3"
        assert decimal.getcontext().rounding == before.rounding == decimal.ROUND_HALF_EVEN
        assert not decimal.getcontext().traps[decimal.Underflow]
    finally:
        await close_client(client)
