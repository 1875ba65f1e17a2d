"""The providers' stand-in over loopback, a journal in memory, and a clock that waits for nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.demo.ai import AiStandIn
from tests.adapters.advisers.worlds import MemoryJournal, NeverWaits


@pytest.fixture
async def stand_in() -> AsyncIterator[AiStandIn]:
    server = AiStandIn(latency_s=(0.0, 0.0))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def clock() -> NeverWaits:
    return NeverWaits()
