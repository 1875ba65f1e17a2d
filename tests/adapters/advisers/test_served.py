"""Who answers at a provider's own address: a redirection is told on first sight."""

from __future__ import annotations

from datetime import UTC, datetime

from core.adapters.advisers.served import Served
from tests.adapters.advisers.worlds import MemoryJournal

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


async def served(asked: str, is_own_address: bool, journal: MemoryJournal) -> Served:
    memory = Served("grok", asked, is_own_address=is_own_address, journal=journal)
    await memory.read()
    return memory


async def test_a_redirected_id_is_told_on_first_sight_and_its_answer_is_used() -> None:
    journal = MemoryJournal()
    change = (await served("grok-3", True, journal)).meet("grok-4.3", AT)

    assert change is not None
    assert not change.is_swap
    assert [notice.key for notice in change.told] == ["adviser:grok:redirected:grok-3:grok-4.3"]


async def test_another_server_may_serve_what_it_likes_under_any_name() -> None:
    change = (await served("grok-3", False, MemoryJournal())).meet("llama", AT)

    assert change is not None
    assert change.told == ()


async def test_a_dated_id_is_the_one_that_was_asked_for() -> None:
    memory = await served("gpt-6-luna", True, MemoryJournal())
    change = memory.meet("gpt-6-luna-2026-10-01", AT)

    assert change is not None
    assert (change.is_swap, change.told) == (False, ())
    assert memory.meet("gpt-6-luna", AT) is None


async def test_a_reply_that_names_no_model_changes_nothing() -> None:
    memory = await served("gpt-6-luna", True, MemoryJournal())
    memory.meet("gpt-6-luna", AT)

    assert memory.meet("", AT) is None
    swap = memory.meet("gpt-6-sol", AT)
    assert swap is not None
    assert swap.words == "gpt-6-luna → gpt-6-sol"
