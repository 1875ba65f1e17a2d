"""One seed, one schedule: its flow, its faults, its crashes; played, brought to rest and judged."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from core.journal import Mode
from core.market import Side
from tests.simulation import checker
from tests.simulation.disk import rows_of
from tests.simulation.faults import CALM, Rates
from tests.simulation.flows import FLOWS, close, enter, ours, set_mode, weather
from tests.simulation.world import DEPOSIT, CrashPlan, World

STORM_S = 45.0
"""Faults blow at least so long, and no longer than the flow takes."""
REST_S, LONGEST_REST_S = 6.0, 90.0
"""The quiet phase ends when nothing changes any more; a schedule that goes on changing has failed."""
CALM_TRIES = 3
BEFORE_THE_CLOSE = datetime(2026, 3, 2, 12, 14, 35, tzinfo=UTC)
"""Where a schedule begins that waits for a 15-minute close."""


@dataclass(frozen=True, slots=True)
class Schedule:
    seed: str
    flow: str
    side: Side
    rates: Rates
    crashes: CrashPlan
    has_weather: bool = True
    start: datetime = datetime(2026, 3, 2, 12, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one schedule."""

    schedule: Schedule
    violations: tuple[str, ...]
    trace_hash: str
    bare_s: tuple[float, ...]
    """Every span without a covering stop."""
    fills: int
    effects: int
    crashes: int
    counts: Counter[str] = field(default_factory=Counter)
    lines: tuple[str, ...] = ()


def schedule_of(seed: int) -> Schedule:
    """Everything about a schedule follows from its seed."""
    dice = random.Random(f"schedule {seed}")
    flow = dice.choice(sorted(FLOWS))
    side = dice.choice([Side.LONG, Side.SHORT])
    rates = Rates().times(dice.choice([0.5, 1.0, 1.0, 1.5]))
    start = BEFORE_THE_CLOSE if flow == "opinion" else Schedule.__dataclass_fields__["start"].default
    return Schedule(f"{seed}", flow, side, rates, CrashPlan(), has_weather=True, start=start)


def killed_at(flow: str, effect: int, *, faulty: bool) -> Schedule:
    """One crash, after exactly this effect."""
    rates = replace(Rates(), crash=0.0) if faulty else CALM
    start = BEFORE_THE_CLOSE if flow == "opinion" else Schedule.__dataclass_fields__["start"].default
    crashes = CrashPlan(frozenset({effect}), by_chance=False)
    return Schedule(f"{flow} {faulty}", flow, Side.LONG, rates, crashes, has_weather=False, start=start)


def play(schedule: Schedule, *, keeps_trace: bool = False) -> Played:
    world = World(schedule.seed, schedule.rates, schedule.crashes, schedule.start)
    world.side = schedule.side
    world.lines = [] if keeps_trace else None
    found: list[str] = []

    async def story(world: World) -> None:
        storm = asyncio.ensure_future(weather(world, STORM_S)) if schedule.has_weather else None
        await FLOWS[schedule.flow](world)
        if schedule.has_weather and world.loop.time() < STORM_S:
            await asyncio.sleep(STORM_S - world.loop.time())
        if storm is not None:
            storm.cancel()
        found.extend(await _judged(world, schedule.side))

    with _quietly(keeps_trace):
        world.play(story)
    spans = [*world.exchange.bare, *world.exchange.still_bare()]
    return Played(
        schedule,
        (*found, *world.bugs),
        world.trace_hash,
        tuple(span.length_s for span in spans),
        len(ours(world)),
        world.effects_in_storm,
        world.crashed,
        world.dice.counts,
        tuple(world.lines or ()),
    )


async def _judged(world: World, side: Side) -> list[str]:
    """Calm weather until everything rests; judged with what is open, then flat."""
    world.calm_down()
    world.side = side
    if not ours(world):
        await _enter_in_calm(world)
    restless = await _rest(world)
    limits = world.limits
    found = checker.at_rest(world.database, world.exchange, max(5, limits.max_leverage), 1)
    await close(world, 1)
    restless = restless or await _rest(world)
    found += checker.at_rest(world.database, world.exchange, max(5, limits.max_leverage), 1)
    found += checker.when_flat(world.database, world.exchange, DEPOSIT)
    if restless:
        found.append(restless)
    if not ours(world):
        found.append("nothing was ever filled")
    return list(dict.fromkeys(found))


async def _enter_in_calm(world: World) -> None:
    """Every schedule trades: what the storm kept from trading trades now."""
    await set_mode(world, Mode.AUTO)
    await world.ask(lambda kernel: kernel.approvals.drop_all("owner", "the storm is over"), "drop cards")
    for _ in range(CALM_TRIES):
        if await enter(world):
            return


async def _rest(world: World) -> str:
    """Waits until journal and venue have not changed for a while; why not, if they never do."""
    before, since = "", world.loop.time()
    deadline = since + LONGEST_REST_S
    while world.loop.time() < deadline:
        await asyncio.sleep(1.0)
        now = _picture(world)
        if now != before:
            before, since = now, world.loop.time()
        process = world.process
        is_restless = process is None or not process.is_ready or process.kernel.executor.is_restless
        is_restless = is_restless or _has_unsettled(world)
        if not is_restless and world.loop.time() - since >= REST_S:
            return ""
    return f"not at rest within {LONGEST_REST_S:.0f} s"


def _has_unsettled(world: World) -> bool:
    """Of an open trade; nobody asks any more what became of an order of one that is over."""
    found = rows_of(
        world.database,
        "SELECT 1 FROM intentions i JOIN trades t ON t.id = i.trade_id "
        "WHERE t.state = 'open' AND i.state = 'sent' LIMIT 1",
    )
    return bool(found)


def _picture(world: World) -> str:
    state = world.exchange.state
    journal = rows_of(world.database, "SELECT client_id, state FROM intentions")
    trades = rows_of(world.database, "SELECT id, state, want FROM trades")
    return repr((state.orders, sorted(state.holdings), len(state.fills), journal, trades))


@contextmanager
def _quietly(is_loud: bool) -> Iterator[None]:
    """Warnings by the thousand are what a storm is for; nobody reads them unless one seed is replayed."""
    before = logging.root.manager.disable
    logging.disable(logging.NOTSET if is_loud else logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
