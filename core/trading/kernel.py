"""The trading core put together from its ports: the same for live, paper, demo and simulation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from core.ports import AdviserPanel, Clock, Market, Venue
from core.trading.accounts import AccountJournal, AccountKeeper
from core.trading.approvals import Approvals
from core.trading.decide import Circle, Compute, Rules
from core.trading.engine import Course, Engine
from core.trading.entries import EntryGate
from core.trading.executor import Executor
from core.trading.guard import Guard
from core.trading.scanner import Scanner


@dataclass(frozen=True, slots=True)
class Ports:
    market: Market
    guard_market: Market
    """The same facts through the guard's own reserve."""
    venue: Venue
    panel: AdviserPanel
    journal: AccountJournal
    clock: Clock
    compute: Compute
    account: str


@dataclass(frozen=True, slots=True)
class Kernel:
    gate: EntryGate
    circle: Circle
    keeper: AccountKeeper
    executor: Executor
    approvals: Approvals
    guard: Guard
    scanner: Scanner
    engine: Engine


def build_kernel(ports: Ports, rules: Callable[[], Rules], course: Callable[[], Awaitable[Course]]) -> Kernel:
    """`rules` is asked afresh by everything that runs longer than one decision."""
    gate = EntryGate()
    circle = Circle(ports.market, ports.panel, ports.clock, ports.compute, ports.account)

    keeper = AccountKeeper(
        ports.venue, ports.journal, ports.clock, lambda: rules().limits, gate, ports.account
    )
    executor = Executor(
        ports.venue,
        ports.journal,
        ports.guard_market,
        ports.clock,
        lambda: rules().limits,
        gate,
        ports.account,
        lambda: tuple(event.name for event in keeper.open_events),
    )
    approvals = Approvals(ports.journal, keeper, executor, circle)
    guard = Guard(ports.venue, ports.journal, executor, keeper, approvals, ports.clock)
    scanner = Scanner(circle, keeper, ports.journal)
    engine = Engine(scanner, circle, keeper, approvals, executor, ports.journal, course)
    return Kernel(gate, circle, keeper, executor, approvals, guard, scanner, engine)
