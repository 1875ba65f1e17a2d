"""The arming that holds the entry gate: closed at first and in doubt, open for what is recorded."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from bot.arming import LiveArming
from core.errors import JournalError, NotAllowed
from core.journal import Arming
from core.risk.arming import OVERRIDE, UNKNOWN_KEY
from core.trading.entries import EntryGate
from tests.core.builders import NOW, D
from tests.core.trading.world import World

LIVE = "live:binanceusdm"


class Armings:
    """A journal of armings; `fails` makes it unreadable, `held` holds a read back."""

    def __init__(self, *made: Arming) -> None:
        self.made = list(made)
        self.fails = False
        self.held: asyncio.Event | None = None

    async def armings(self, account: str) -> tuple[Arming, ...]:
        assert account == LIVE
        found = tuple(self.made)
        if self.held is not None:
            await self.held.wait()
        if self.fails:
            raise JournalError("the database does not answer")
        return found


def an_arming(cap: Any = 60, *unmet: str) -> Arming:
    return Arming(LIVE, D(cap), "telegram:1", NOW, OVERRIDE, tuple(unmet))


def a_live(journal: Any) -> tuple[LiveArming, EntryGate]:
    gate = EntryGate()
    gate.open("start")
    live = LiveArming(journal, LIVE, lambda: Decimal(100))
    live.hold(gate)
    return live, gate


async def test_entries_are_closed_before_anything_was_read() -> None:
    live, gate = a_live(Armings(an_arming()))

    assert gate.is_closed_by("disarmed") and live.capital() == 0
    assert live.latest is None


async def test_an_account_that_was_never_armed_stays_closed_and_says_how_to_arm_it() -> None:
    live, gate = a_live(Armings())
    await live.read()

    assert gate.text == "live trading is not armed: /golive"
    assert live.capital() == 100  # what it would begin with: shown, not traded


async def test_an_unreadable_journal_keeps_entries_closed_and_the_cap_unknown_until_it_is_read() -> None:
    journal = Armings(an_arming())
    live, gate = a_live(journal)
    journal.fails = True
    await live.read()
    unread = gate.text, live.capital()
    journal.fails = False
    await live.settle()

    assert unread == ("whether live trading is armed could not be read", 0)
    assert (gate.text, live.capital()) == ("", 60)


async def test_doubt_after_a_writing_closes_what_was_open() -> None:
    live, gate = a_live(Armings(an_arming()))
    await live.read()
    live.doubt()

    assert gate.is_closed_by("disarmed") and live.capital() == 0


async def test_the_newest_arming_of_the_record_holds_after_a_restart() -> None:
    live, gate = a_live(Armings(an_arming(60), an_arming(40)))
    await live.read()

    assert (gate.text, live.capital()) == ("", 40)


async def test_what_is_written_while_a_slow_read_runs_is_not_taken_back_by_it() -> None:
    journal = Armings(an_arming(100))
    journal.held = asyncio.Event()
    live, _ = a_live(journal)
    reading = asyncio.create_task(live.read())
    await asyncio.sleep(0)
    live.note(an_arming(40))
    journal.held.set()
    await reading

    assert live.capital() == 40


async def test_an_unread_arming_refuses_entries_of_the_real_executor() -> None:
    world = await World().open()
    journal = Armings(an_arming())
    journal.fails = True
    live = LiveArming(journal, LIVE, lambda: Decimal(100))  # type: ignore[arg-type]
    live.hold(world.kernel.gate)
    await live.read()
    with pytest.raises(NotAllowed, match="could not be read"):
        await world.kernel.executor.enter(await world.cleared(), None, "test")
    journal.fails = False
    await live.settle()
    entered = await world.kernel.executor.enter(await world.cleared(), None, "test")

    assert entered is not None and not entered.fault


async def test_only_a_recorded_override_goes_past_an_unknown_key() -> None:
    plain, _ = a_live(Armings(an_arming(60, "2 of 4 weeks")))
    past, _ = a_live(Armings(an_arming(60, f"{UNKNOWN_KEY}: the exchange does not say")))
    before = past.overrides_unknown_key()
    await plain.read()
    await past.read()

    assert not before and not plain.overrides_unknown_key() and past.overrides_unknown_key()
