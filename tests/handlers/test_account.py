"""/orders, /balance and /sync when the exchange cannot be read: said in words, and nothing is shown."""

from __future__ import annotations

import pytest

from core.errors import JournalError, NotAllowed, PerpilotError, Throttled, Unknown
from handlers.account import read


async def _fails(error: PerpilotError) -> str:
    raise error


@pytest.mark.parametrize("error", [Unknown("account: code -1001"), Throttled("budget is spent", None)])
async def test_an_unanswered_exchange_is_said_in_words(error: PerpilotError) -> None:
    with pytest.raises(PerpilotError, match="could not be read, so nothing is shown") as refused:
        await read(_fails(error))

    assert str(error) in str(refused.value)


@pytest.mark.parametrize("error", [JournalError("the database is locked"), NotAllowed("key refused")])
async def test_another_fault_is_not_blamed_on_the_exchange(error: PerpilotError) -> None:
    with pytest.raises(type(error)):
        await read(_fails(error))
