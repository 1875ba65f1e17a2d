from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from core.adapters.exchange.market import CcxtMarket
from tests.adapters.exchange.fake_venue import FakeClock, FakeVenue


@asynccontextmanager
async def serving(handler: object) -> AsyncIterator[str]:
    """The address of a server that sends every request to `handler`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def venue(clock: FakeClock) -> AsyncIterator[FakeVenue]:
    fake = FakeVenue(clock)
    async with serving(fake.serve) as fake.url:
        yield fake


@pytest.fixture
async def market(venue: FakeVenue, clock: FakeClock) -> AsyncIterator[CcxtMarket]:
    """Opened; what opening asked is forgotten."""
    opened = CcxtMarket("binanceusdm", clock=clock, url=venue.url)
    try:
        await opened.open()
        venue.asked.clear()
        yield opened
    finally:
        await opened.close()
