"""One running bot for the scenarios of a module that don't disturb each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.end_to_end.theatre import Theatre, theatre


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Theatre]:
    """The module's `SETTINGS` over the calm ones; the bot runs and has said so."""
    home: Path = tmp_path_factory.mktemp("bot")
    async with theatre(home, **getattr(request.module, "SETTINGS", {})) as opened:
        await opened.start()
        yield opened
