"""The trading core put together from its ports: the same for live, paper, demo and simulation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core.journal import ShadowJournal
from core.ports import AdviserPanel, Clock, Market, Moods, Venue
from core.trading.accounts import AccountKeeper
from core.trading.adopting import Adopter, AdoptingJournal
from core.trading.approvals import Approvals
from core.trading.decide import Circle, Compute, Rules
from core.trading.engine import Course, Engine
from core.trading.entries import EntryGate
from core.trading.executor import Executor
from core.trading.executor_acting import Around
from core.trading.exit_opinion import ExitOpinion
from core.trading.failures import Failures
from core.trading.guard import Guard
from core.trading.invariants import Invariants
from core.trading.policies import Policies
from core.trading.scanner import Scanner
from core.trading.shadow_following import ShadowFollower
from core.trading.watch import MarketWatch


class KernelJournal(AdoptingJournal, ShadowJournal, Protocol):
    """The parts of the journal that trading writes."""


@dataclass(frozen=True, slots=True)
class Ports:
    market: Market
    guard_market: Market
    """The same facts through the guard's own reserve."""
    venue: Venue
    panel: AdviserPanel
    journal: KernelJournal
    clock: Clock
    compute: Compute
    account: str
    moods: Moods | None = None
    version: str = ""
    """Of the program, for the tapes of its decisions."""


@dataclass(frozen=True, slots=True)
class Kernel:
    gate: EntryGate
    circle: Circle
    keeper: AccountKeeper
    executor: Executor
    approvals: Approvals
    guard: Guard
    adopter: Adopter
    scanner: Scanner
    engine: Engine
    exit_opinion: ExitOpinion
    shadows: ShadowFollower


def build_kernel(
    ports: Ports,
    rules: Callable[[], Rules],
    course: Callable[[], Awaitable[Course]],
    capital: Callable[[], Decimal | None] = lambda: None,
) -> Kernel:
    """`rules` is asked afresh by everything that runs longer than one decision; so is `capital`, the most
    that trading may count on: None without a cap, 0 while that is unknown."""
    gate = EntryGate()
    failures = Failures(ports.clock)
    circle = Circle(
        ports.market,
        ports.panel,
        ports.clock,
        ports.compute,
        ports.account,
        failures.note,
        ports.moods,
        ports.version,
    )
    keeper = AccountKeeper(
        ports.venue,
        ports.journal,
        ports.clock,
        lambda: rules().limits,
        gate,
        ports.account,
        MarketWatch(ports.guard_market, ports.clock, failures),
        capital,
    )
    executor = Executor(
        ports.venue,
        ports.journal,
        ports.guard_market,
        ports.clock,
        lambda: rules().limits,
        gate,
        ports.account,
        Around(
            lambda: tuple(event.name for event in keeper.open_events),
            failures.note,
            keeper.note_booking,
            keeper.begin_day,
        ),
    )
    policies = Policies(executor, lambda: rules().limits, lambda: keeper.open_events)
    approvals = Approvals(ports.journal, keeper, executor, circle)
    invariants = Invariants(ports.clock, gate, ports.journal, lambda: rules().limits)
    adopter = Adopter(
        ports.venue,
        ports.journal,
        ports.guard_market,
        executor,
        keeper,
        ports.clock,
        gate,
        lambda: rules().limits,
    )
    guard = Guard(
        ports.venue, ports.journal, executor, keeper, approvals, ports.clock, policies, invariants, adopter
    )
    scanner = Scanner(circle, keeper, ports.journal)
    shadows = ShadowFollower(ports.journal, ports.market, ports.clock, lambda: rules().limits, ports.account)
    engine = Engine(scanner, circle, keeper, approvals, executor, ports.journal, course, shadows)
    exit_opinion = ExitOpinion(circle, ports.venue, ports.journal, executor, guard, rules)
    return Kernel(
        gate, circle, keeper, executor, approvals, guard, adopter, scanner, engine, exit_opinion, shadows
    )
