"""Killed at every call to the journal and the venue, and booted again over what is left.

Whatever the moment: at most one entry, covered within seconds of the restart, journal = venue at the end,
booked once, everything told once.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from core.errors import JournalError
from core.journal import ApprovalState
from core.market import Side
from core.notice import NoticeKind
from core.trade import ExitReason, OrderKind, StopBy
from tests.core.builders import PAPER, D
from tests.core.trading.fakes import Crash, WatchedVenue, seconds
from tests.core.trading.world import World

Script = Callable[[World], Awaitable[None]]

LADDER = ((D("0.08"), D("0.5")), (D("0.16"), D("0.5")))
STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET


EFFECTS = frozenset(
    f"{port}:after"
    for port in (
        "venue.prepare",
        "venue.submit",
        "venue.cancel",
        "journal.propose",
        "journal.claim_approval",
        "journal.settle_approval",
        "journal.open_trade",
        "journal.update_trade",
        "journal.intend",
        "journal.settle_intention",
        "journal.abandon_trade",
        "journal.book",
        "journal.tell",
    )
)
"""Between two of these nothing changes outside the process: dying there is dying after the first."""


class Tripwire:
    """Dies right after the effect number `at`, and stays dead: a dead process calls nobody."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.count = 0

    def __call__(self, point: str) -> None:
        if self.at is not None and self.count >= self.at:
            raise Crash(f"{self.count}: {point}")
        self.count += point in EFFECTS
        if self.at is not None and self.count >= self.at:
            raise Crash(f"{self.count}: {point}")


async def approve(world: World) -> None:
    """Card, tap, position, stop, target."""
    card = await world.card(Side.SHORT)
    await world.tap(card)
    await world.kernel.guard.watch()


async def stopped_out(world: World) -> None:
    await approve(world)
    world.clock.advance(30)
    world.venue.move(106)
    await world.kernel.guard.watch()


async def panicked(world: World) -> None:
    await approve(world)
    world.clock.advance(30)
    trades = await world.kernel.keeper.open_trades()
    await world.kernel.guard.close(trades, ExitReason.PANIC, D(1), "owner")
    await world.kernel.guard.watch()


async def halved(world: World) -> None:
    await approve(world)
    world.clock.advance(30)
    trades = await world.kernel.keeper.open_trades()
    await world.kernel.guard.close(trades, ExitReason.OWNER, D("0.5"), "owner")
    await world.kernel.guard.watch()


async def climb(world: World) -> None:
    """A short from 99.99 with stop 105 and two targets: at 91.9 the first is reached and the stop trails."""
    card = await world.card(Side.SHORT, target_fractions=LADDER)
    await world.tap(card)
    await world.kernel.guard.watch()
    world.clock.advance(30)
    world.venue.move("91.9")
    await world.kernel.guard.watch()


async def trailed_out(world: World) -> None:
    await climb(world)
    world.clock.advance(30)
    world.venue.move(91)
    await world.kernel.guard.watch()
    world.clock.advance(30)
    world.venue.move("93.6")
    await world.kernel.guard.watch()


async def steered(world: World) -> None:
    """The owner tightens a stop."""
    await approve(world)
    world.clock.advance(30)
    for trade in await world.trades():
        await world.kernel.executor.move_stop(trade, D(103), StopBy.OWNER, may_loosen=False)
    await world.kernel.guard.watch()


async def climbed_and_halved(world: World) -> None:
    await climb(world)
    world.clock.advance(30)
    trades = await world.kernel.keeper.open_trades()
    await world.kernel.guard.close(trades, ExitReason.OWNER, D("0.5"), "owner")
    await world.kernel.guard.watch()


FAULTS: dict[str, dict[OrderKind, list[str]]] = {
    "none": {},
    "entry mute": {MARKET: ["mute"]},
    "entry lost": {MARKET: ["lose"]},
    "stop refused": {STOP: ["refuse"]},
    "stop mute": {STOP: ["mute"]},
    "stop lost, target refused": {STOP: ["lose"], TARGET: ["refuse"]},
    "no stop at all": {STOP: ["refuse"] * 99},
    "exit mute": {MARKET: ["take", "mute"]},
    "exit lost": {MARKET: ["take", "lose"]},
    "moved stop refused": {STOP: ["take", "refuse"]},
    "moved stop mute": {STOP: ["take", "mute"]},
    "moved stop lost": {STOP: ["take", "lose"]},
    "moved stop dropped": {STOP: ["take", "drop"]},
}

MOVES = tuple(fault for fault in FAULTS if fault.startswith("moved"))

CASES = [
    *((approve, fault) for fault in ("none", "entry mute", "entry lost", "stop refused", "stop mute")),
    *((approve, fault) for fault in ("stop lost, target refused", "no stop at all")),
    (stopped_out, "none"),
    *((panicked, fault) for fault in ("none", "exit mute", "exit lost")),
    *((halved, fault) for fault in ("none", "exit mute", "exit lost", *MOVES[:1])),
    *((climb, fault) for fault in ("none", *MOVES)),
    *((steered, fault) for fault in ("none", *MOVES[:2])),
    (trailed_out, "none"),
    (climbed_and_halved, "none"),
    (climbed_and_halved, "exit lost"),
]


async def a_world(fault: str) -> World:
    world = World()
    world.venue = WatchedVenue(world.clock, world.market)
    world.boot()
    await world.open()
    for kind, answers in FAULTS[fault].items():
        world.venue.next_answers[kind] = list(answers)
    return world


async def run_until_dead(world: World, script: Script, wire: Tripwire) -> bool:
    """True when it died on the way."""
    world.boot(wire)
    try:
        await script(world)
    except Crash:
        return True
    return False


async def recover(world: World) -> None:
    """A new process, two seconds later; it looks until all is settled."""
    world.clock.advance(2)
    born = world.clock.now()
    await world.restart()
    bare_until = born
    for _ in range(30):
        if world.is_bare():
            bare_until = world.clock.now()
        if not world.kernel.executor.is_restless:
            break
        world.clock.advance(2)
        await world.kernel.guard.watch()
    assert bare_until - born <= seconds(8), "naked for too long after the restart"
    assert world.is_covered() and not world.kernel.executor.is_restless


async def check_the_end(world: World) -> None:
    """Everything closed by the owner: journal and venue agree to the last digit, told once."""
    half = world.held
    assert not world.venue.bare
    trades = await world.trades()
    assert bool(trades) == (half > 0), "journal and venue disagree about a position"
    if trades:
        await world.kernel.guard.close(trades, ExitReason.OWNER, D(1), "owner")
        await world.settle()
    history = await world.history()
    state = await world.journal.account_state(PAPER)
    assert len(world.venue.entries) <= 1
    assert world.held == 0 and world.venue.resting() == [] and await world.trades() == ()
    assert state.current_capital == world.venue.wallet
    assert len(history) == bool(world.venue.all_fills)
    await check_what_was_told(world, bool(history))


async def check_what_was_told(world: World, is_booked: bool) -> None:
    keys = await world.told()
    card = await world.journal.approval(f"{keys[0].split(':')[0]}") if keys else None
    assert len(keys) == len(set(keys))
    assert ("plan-1:closed" in keys) == is_booked
    if card is None:
        return
    was_sent = "plan-1:sent" in keys
    closings = [f for f in await world.facts(NoticeKind.APPROVAL_CLOSED) if f["approval_id"] == card.id]
    assert was_sent == (card.state is ApprovalState.APPROVED)
    if card.state is ApprovalState.OPEN:  # died before the tap was claimed: the card may still be answered
        assert closings == [] and not was_sent
    else:
        assert len(closings) == 1 and closings[0]["outcome"] == card.state.value
    assert (("plan-1:closed" in keys) + ("plan-1:failed" in keys)) == was_sent


@pytest.mark.parametrize(("script", "fault"), CASES)
async def test_a_crash_at_any_call_costs_nothing_but_time(script: Script, fault: str) -> None:
    calm = Tripwire()
    await run_until_dead(await a_world(fault), script, calm)

    assert calm.count >= 5
    for at in range(calm.count + 1):
        world = await a_world(fault)
        died = await run_until_dead(world, script, Tripwire(at))
        assert died
        await recover(world)
        await check_the_end(world)


async def test_a_second_crash_during_recovery_costs_no_more() -> None:
    dice = random.Random(11)
    scripts = [approve, stopped_out, panicked, halved, climb, trailed_out, steered, climbed_and_halved]

    for _ in range(60):
        script, fault = dice.choice(scripts), dice.choice(list(FAULTS))
        world = await a_world(fault)
        await run_until_dead(world, script, Tripwire(dice.randint(1, 45)))
        world.clock.advance(dice.choice([0.1, 2, 20, 70]))
        world.boot(Tripwire(dice.randint(0, 6)), opens=False)
        with suppress(Crash):
            await world.kernel.approvals.recover()
            await world.kernel.guard.watch()
        await recover(world)
        await check_the_end(world)


async def test_a_partial_close_that_died_on_the_way_closes_its_part_once() -> None:
    calm = Tripwire()
    await run_until_dead(await a_world("none"), halved, calm)
    sizes = set()

    for at in range(1, calm.count + 1):
        world = await a_world("none")
        await run_until_dead(world, halved, Tripwire(at))
        full = sum((f.quantity for f in world.venue.all_fills[:1]), D(0))
        await recover(world)
        half = (full / 2).quantize(D("0.01"), rounding="ROUND_FLOOR")
        assert world.held in (full, full - half)
        sizes.add(world.held)

    assert len(sizes) == 3  # no entry, whole, halved


async def test_a_crash_while_a_stop_moves_forgets_neither_the_peak_nor_the_first_stop() -> None:
    calm = Tripwire()
    await run_until_dead(await a_world("none"), climb, calm)
    moved = 0

    for at in range(1, calm.count + 1):
        world = await a_world("none")
        await run_until_dead(world, climb, Tripwire(at))
        before = {trade.id: trade for trade in await world.trades()}
        await recover(world)
        for new in await world.trades():  # none when it died before its entry was sent
            old = before[new.id]
            assert new.planned_stop == old.planned_stop
            assert new.stop <= old.stop  # a short's stop only falls
            assert old.best_mark is None or (new.best_mark or D(999)) <= old.best_mark
            assert new.is_trailing or not old.is_trailing
            moved += new.stop < new.planned_stop

    assert moved > 5


@pytest.mark.parametrize("script", [approve, panicked, climb, steered])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_journal_that_fails_once_anywhere_costs_nothing_but_time(script: Script, when: str) -> None:
    """The process lives on; `after` is a commit whose answer was lost."""
    names = {effect.removesuffix("after") + when for effect in EFFECTS if effect.startswith("journal")}
    for at in range(1, 60):
        world, count = await a_world("none"), [0]

        def failing(point: str, at: int = at, count: list[int] = count) -> None:
            count[0] += point in names
            if point in names and count[0] == at:
                raise JournalError("the disk is full")

        world.boot(failing)
        with suppress(JournalError):
            await script(world)
        if count[0] < at:
            break
        with suppress(JournalError):
            await world.settle()
        world.clock.advance(2)
        await world.settle()
        assert world.is_covered() and not world.kernel.executor.is_restless
        await check_the_end(world)
    assert at > 5
