"""Work in the background: named, bounded, told when it fails, gone at shutdown."""

from __future__ import annotations

import asyncio

import pytest

from core.errors import Unknown
from handlers.background import MAX_TASKS, Background


async def forever() -> None:
    await asyncio.Event().wait()


async def nobody(text: str) -> None:
    raise AssertionError(text)


async def test_the_same_work_runs_once_at_a_time() -> None:
    background = Background()

    assert background.start("scan", forever, nobody)
    assert not background.start("scan", forever, nobody)
    assert background.start("export", forever, nobody)

    await background.close()


async def test_work_is_bounded() -> None:
    background = Background()

    started = [background.start(f"analyze {number}", forever, nobody) for number in range(MAX_TASKS + 1)]

    assert started == [True] * MAX_TASKS + [False]
    await background.close()


async def test_shutdown_cancels_what_runs() -> None:
    background = Background()
    background.start("scan", forever, nobody)

    await background.close()

    assert background.names == ()


@pytest.mark.parametrize(
    ("error", "sentence", "failures"),
    [
        (Unknown("The exchange does not answer."), "The exchange does not answer.", 0),
        (KeyError("secret"), "Something went wrong on my side", 1),
    ],
)
async def test_a_failure_is_told_in_one_sentence(error: Exception, sentence: str, failures: int) -> None:
    background, told = Background(), asyncio.Queue[str]()

    async def broken() -> None:
        raise error

    background.start("scan", broken, told.put)

    text = await asyncio.wait_for(told.get(), 1)
    assert text.startswith(sentence)
    assert "secret" not in text
    assert background.failures == failures
    assert background.names == ()
