"""Foreign positions through the desk, and the confirmation that a lost journal waits for."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from bot.desk import TradingDesk
from bot.desk_reach import Reach
from bot.status import StatusBoard
from core.desk import TradingState
from core.trade import OrderSide
from core.trading.adopting import LOST
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.world import World


class Counter:
    """A desk over the real core; whatever it does not need here is absent."""

    def __init__(self, world: World, state: Any) -> None:
        self.world = world
        self.kernel = world.boot()
        supervisor: Any = SimpleNamespace(next_in_s=lambda name: None, views=tuple)
        decider = SimpleNamespace(decider=SimpleNamespace(value="ai"))
        book: Any = SimpleNamespace(settings=decider, rules=world.rules)
        self.board = StatusBoard(self.kernel, book, supervisor, world.clock, state, "paper venue", ())
        absent: dict[str, Any] = {each.name: None for each in fields(Reach)}
        present = {"board": self.board, "book": book, "wake": lambda loop: None, "forgive": self._forgive}
        reach = Reach(**absent | present)
        journal: Any = world.journal
        self.desk = TradingDesk(self.kernel, journal, world.clock, reach, PAPER)

    async def _forgive(self) -> None:
        """No crash is to be forgiven here."""

    async def guarded(self) -> None:
        self.board.rows = await self.kernel.guard.watch()


async def at_the_desk(world: World) -> Counter:
    counter = Counter(world, await world.journal.account_state(PAPER))
    for _ in range(4):
        world.clock.advance(5)
        await counter.guarded()
    return counter


async def strange() -> Counter:
    world = await World().open()
    world.venue.by_hand(OrderSide.BUY, 2)
    return await at_the_desk(world)


async def lost() -> Counter:
    world = await World().open()
    await world.hold()
    world.clock.advance(600)
    world.journal = SqlJournal(InlineDatabase(), world.clock.now)
    await world.open()
    return await at_the_desk(world)


async def test_the_status_names_it_and_adopting_makes_it_a_position_of_ours() -> None:
    counter = await strange()
    before = counter.desk.status()

    tap = await counter.desk.adopt(SOL, "owner")
    await counter.guarded()

    after = counter.desk.status()
    assert tap.is_done and counter.desk.foreign() == ()
    assert [one.symbol for one in before.foreign] == [SOL] and before.positions == ()
    assert [one.symbol for one in after.positions] == [SOL] and after.foreign == ()
    assert after.positions[0].stop == after.positions[0].entry * 95 / 100


async def test_panic_and_close_all_leave_it_alone() -> None:
    counter = await strange()

    await counter.desk.close_all("owner")
    await counter.desk.panic("owner")

    assert counter.world.venue.submitted == [] and counter.world.held == 2


async def test_close_and_ignore_go_through_the_desk() -> None:
    counter = await strange()

    ignored = await counter.desk.ignore_foreign(SOL, "owner")
    closed = await counter.desk.close_foreign(SOL, "owner")

    assert ignored.is_done and closed.is_done and counter.world.held == 0


async def test_resume_confirms_what_the_journal_lost_and_says_so() -> None:
    counter = await lost()
    halted = counter.desk.status()

    tap = await counter.desk.resume("owner")

    assert halted.state is TradingState.HALTED and "/resume" in halted.why
    assert "journal lost" in tap.text and "Running" in tap.text
    assert not counter.kernel.gate.is_closed_by(LOST)


async def test_resume_without_a_loss_says_nothing_of_one() -> None:
    counter = await strange()

    assert (await counter.desk.resume("owner")).text == "Running: entries are possible again."


async def test_resume_under_an_open_breaker_promises_no_entries() -> None:
    counter = await strange()
    counter.world.venue.wallet *= D("0.8")
    await counter.guarded()

    tap = await counter.desk.resume("owner")

    assert "Daily loss" in tap.text or "Loss of" in tap.text
    assert "entries stay closed" in tap.text and "possible" not in tap.text


async def test_a_panic_names_what_is_not_ours_and_stays_open() -> None:
    counter = await strange()

    tap = await counter.desk.panic("owner")

    assert counter.world.held == 2
    assert "of mine" in tap.text and any("SOL" in reason and "stays open" in reason for reason in tap.reasons)
