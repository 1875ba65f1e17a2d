"""ccxt's own client, with nothing changed but the host it talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def binance_at(url: str, **settings: Any) -> AsyncIterator[Any]:
    """A `binanceusdm` whose every REST address points at `url`; closed afterwards."""
    import ccxt.async_support as ccxt

    client = ccxt.binanceusdm(
        {"enableRateLimit": False, "options": {"fetchCurrencies": False, "fetchMargins": False}, **settings}
    )
    client.urls["api"] = {name: _moved(address, url) for name, address in client.urls["api"].items()}
    try:
        yield client
    finally:
        await client.close()


def _moved(address: Any, url: str) -> Any:
    if isinstance(address, str) and "://" in address:
        rest = address.split("://", 1)[1]
        return url + ("/" + rest.split("/", 1)[1] if "/" in rest else "")
    return address
