"""The ccxt client: built here and nowhere else.

Laws:
- ccxt is imported on first use, in a thread: it takes most of a second.
- Where a URL is given, no REST address keeps a host of its own.
- ccxt neither retries nor throttles nor speaks: tries, budget and log lines are ours. Its logger never goes
  below WARNING: at DEBUG it prints headers with keys.
- The connections are ours, so closing leaves none behind.
"""

from __future__ import annotations

import asyncio
import decimal
import functools
import importlib
import importlib.util
import logging
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from core.errors import NotAllowed

CONNECTIONS = 100
"""At once: a scan of 30 symbols on three timeframes still goes out in one wave."""

DNS_LIFE_S = 300

OWN_BUDGET = ("binanceusdm", "bybit", "okx")
"""Venues whose limits we count ourselves; any other keeps ccxt's own throttle."""

_importing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Access:
    """Which venue, where, and as whom. Secrets stay out of `repr`."""

    exchange_id: str
    url: str | None = None
    """Replaces scheme and host of every REST address; a path is put in front of each."""
    ws_url: str | None = None
    testnet: bool = False
    api_key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


async def open_client(access: Access, *, streams: bool = False) -> Any:
    """A ready ccxt client with no markets loaded, `streams` the one of ccxt.pro; end it with `close_client`.

    Raises `NotAllowed` when ccxt doesn't know the venue or the venue has no sandbox, `ValueError` for a bad
    URL.
    """
    client_class, tls = await asyncio.to_thread(_imported, access.exchange_id, streams)
    import aiohttp

    client = _configured(client_class, access)
    connector = aiohttp.TCPConnector(ssl=tls, limit=CONNECTIONS, ttl_dns_cache=DNS_LIFE_S)
    client.ssl_context = tls
    client.session = aiohttp.ClientSession(connector=connector)
    client.own_session = False
    client.timeout_on_exit = 0
    client.asyncio_loop = asyncio.get_running_loop()
    return client


async def close_client(client: Any) -> None:
    session = client.session
    await client.close()
    if session is not None:
        await session.close()


def error_base() -> type[Exception]:
    """The root of ccxt's exceptions; only once a client has been opened."""
    base: type[Exception] = sys.modules["ccxt.base.errors"].BaseError
    return base


def rehomed(addresses: Any, url: str | None, ws_url: str | None) -> Any:
    """ccxt's tree of addresses with scheme and host replaced; `{hostname}` templates too."""
    if isinstance(addresses, dict):
        return {key: rehomed(value, url, ws_url) for key, value in addresses.items()}
    if isinstance(addresses, list):
        return [rehomed(value, url, ws_url) for value in addresses]
    if not isinstance(addresses, str) or "://" not in addresses:
        return addresses
    new = ws_url if addresses.startswith("ws") else url
    if new is None:
        return addresses
    _scheme, _, rest = addresses.partition("://")
    _host, slash, path = rest.partition("/")
    return new.rstrip("/") + slash + path


def _imported(exchange_id: str, streams: bool) -> tuple[Any, ssl.SSLContext]:
    with _importing:
        client_class = _exchange_class(exchange_id, "pro" if streams else "async_support")
    importlib.import_module("aiohttp")
    certifi = importlib.import_module("certifi")
    return client_class, ssl.create_default_context(cafile=certifi.where())


def _configured(client_class: Any, access: Access) -> Any:
    for address in (access.url, access.ws_url):
        if address is not None and not (urlsplit(address).scheme and urlsplit(address).netloc):
            raise ValueError(f"{address!r} is not an address like http://127.0.0.1:9000")
    _hush(logging.getLogger("ccxt"))
    client = client_class(
        {
            "apiKey": access.api_key,
            "secret": access.secret,
            "password": access.password,
            "enableRateLimit": access.exchange_id not in OWN_BUDGET,
            "verbose": False,
            "options": _options(access.exchange_id),
        }
    )
    client.has["fetchCurrencies"] = (
        False  # with keys it would ask for every coin's deposit addresses and fees
    )
    _hush(client.logger)
    client.decimal_to_precision = contained(client.decimal_to_precision)
    if access.testnet:
        _into_sandbox(client, access.exchange_id)
    client.urls["api"] = rehomed(client.urls["api"], access.url, access.ws_url)
    return client


def _hush(logger: logging.Logger) -> None:
    """Never below WARNING, whatever the root is set to later; what was made quieter itself stays so."""
    if logger.level < logging.WARNING:
        logger.setLevel(logging.WARNING)


def contained(rounding: Callable[..., str]) -> Callable[..., str]:
    """ccxt's rounding sets the whole thread's decimal context to half-up and makes underflow an error.

    Within this it does so for itself alone: money of ours is rounded by our rules.
    """

    @functools.wraps(rounding)
    def rounded(*args: Any, **kwargs: Any) -> str:
        with decimal.localcontext():
            return rounding(*args, **kwargs)

    return rounded


def _options(exchange_id: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "fetchCurrencies": False,
        "fetchMargins": False,
        "maxRetriesOnFailure": 0,
        "defaultType": "swap",
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    }
    wanted = {"okx": ["swap"], "bybit": ["linear"]}.get(exchange_id)
    if wanted:
        options["fetchMarkets"] = {"types": wanted}
    return options


def _into_sandbox(client: Any, exchange_id: str) -> None:
    try:
        client.set_sandbox_mode(True)
    except error_base() as error:
        raise NotAllowed(f"{exchange_id} has no sandbox: set EXCHANGE_TESTNET=false") from error


def _exchange_class(exchange_id: str, part: str) -> Any:
    """`part` of ccxt: `async_support`, or `pro`, which has websockets too."""
    package = importlib.util.find_spec("ccxt")
    if package is None or not package.submodule_search_locations:
        raise NotAllowed("ccxt is not installed: pip install -r requirements.txt")
    root = Path(package.submodule_search_locations[0])
    if not exchange_id.isidentifier() or not (root / part / f"{exchange_id}.py").is_file():
        raise NotAllowed(f"EXCHANGE={exchange_id!r} is no exchange that ccxt knows")
    if "ccxt" in sys.modules:
        return getattr(importlib.import_module(f"ccxt.{part}"), exchange_id)
    try:
        return _light_class(root, exchange_id, part)
    except ImportError:
        return getattr(importlib.import_module(f"ccxt.{part}"), exchange_id)


def _light_class(root: Path, exchange_id: str, part: str) -> Any:
    """One exchange without the other hundred: half the time and 50 MB less than ccxt's own `__init__`.

    Leans on ccxt's module layout (`ccxt.base`, `ccxt.async_support.<id>`, `ccxt.pro.<id>`): three bare
    packages stand in for its three `__init__` files while the one module loads, and leave again, so a later
    `import ccxt` finds everything.
    """
    stand_ins = {"ccxt": root, "ccxt.async_support": root / "async_support", "ccxt.pro": root / "pro"}
    for name, place in stand_ins.items():
        module = ModuleType(name)
        module.__path__ = [str(place)]
        module.__getattr__ = _from_ccxt_base  # type: ignore[method-assign]
        sys.modules[name] = module
    try:
        plain = getattr(importlib.import_module(f"ccxt.async_support.{exchange_id}"), exchange_id)
        if part == "async_support":
            return plain
        _named_as_by_ccxt(plain)
        return getattr(importlib.import_module(f"ccxt.{part}.{exchange_id}"), exchange_id)
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def _named_as_by_ccxt(plain: Any) -> None:
    """ccxt.pro derives from `ccxt.async_support.<id>`, meaning the class and not the module of that name."""
    package = sys.modules["ccxt.async_support"]
    sys.modules["ccxt"].async_support = package  # type: ignore[attr-defined]
    for each in plain.__mro__:
        if each.__module__ == f"ccxt.async_support.{each.__name__}":
            setattr(package, each.__name__, each)


def _from_ccxt_base(name: str) -> Any:
    for source in ("ccxt.base.errors", "ccxt.base.exchange"):
        module = importlib.import_module(source)
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)
