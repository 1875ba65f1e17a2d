"""The eight flows that are killed at every point: short and calm, each with a proof that it happened.

A story waits for what it is about and stops there: each further pass of the guard is points of nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from core.journal import Mode
from core.trading.sending import ATTEMPTS_PER_REQUEST
from tests.core.builders import BTC, SOL, D, an_instrument
from tests.simulation.exchange import covered
from tests.simulation.points_bot import Bot
from tests.simulation.points_checker import Tables, filled_parts, stop_sizes, stops_at_venue
from tests.simulation.world import CALM_LIMITS, World

if TYPE_CHECKING:
    from tests.simulation.points import PointWorld

LONGEST_STEP_S = 25.0
"""Of virtual time; a story that waits longer for one thing has failed."""
RISK, TRAIL = "RISK_PER_TRADE", "TRAILING_ATR"


class StuckError(Exception):
    """An undisturbed story did not come to what it is about."""


async def _never(world: World) -> None:
    """Nothing to set up, or nothing to do afterwards."""


@dataclass(frozen=True, slots=True)
class Story:
    tell: Callable[[PointWorld], Awaitable[None]]
    undone: Callable[[Tables], list[str]]
    """What an undisturbed run did not do, though it is what the story is about."""
    set_up: Callable[[World], None] = lambda world: None
    afterwards: Callable[[World], Awaitable[None]] = _never
    """What the owner does once the bot is back."""
    wrong: Callable[[Tables, World], list[str]] = lambda tables, world: []
    """What must hold in this story besides what holds always."""


# ---------------------------------------------------------------- what stories are made of


async def _until(world: World, holds: Callable[[], bool], what: str) -> None:
    deadline = world.loop.time() + LONGEST_STEP_S
    while not holds():
        if world.loop.time() > deadline:
            raise StuckError(f"waited {LONGEST_STEP_S:.0f} s for {what}")
        await asyncio.sleep(0.05)


async def desk(world: World, wish: Callable[[Any], Awaitable[Any]], name: str) -> Any:
    """The owner asks the running bot."""
    await _until(world, lambda: world.process is not None and world.process.is_ready, "a bot that is ready")
    process = world.process
    assert isinstance(process, Bot)
    return await world.ask(lambda _: wish(process.desk), name)


async def scan(world: World) -> None:
    await world.ask(lambda kernel: kernel.engine.scan(), "scan")


async def enter(world: World) -> None:
    await scan(world)
    await _until(world, lambda: is_protected(world), "a position that is covered and rests")


def is_protected(world: World) -> bool:
    state, process = world.exchange.state, world.process
    is_quiet = process is not None and process.is_ready and not process.kernel.executor.is_restless
    return SOL in state.holdings and covered(state, SOL) and is_quiet


async def stop_moved(world: World) -> None:
    before = _trigger(world)
    await _until(
        world, lambda: _trigger(world) not in (before, None) and is_protected(world), "a stop that was moved"
    )


def _trigger(world: World) -> Decimal | None:
    """Of the one stop that rests; None while two do."""
    resting = {
        row.trigger
        for row in world.exchange.state.orders
        if row.symbol == SOL and row.status.value == "open" and row.kind.value == "stop_market"
    }
    return resting.pop() if len(resting) == 1 else None


async def flat(world: World) -> None:
    await _until(world, lambda: SOL not in world.exchange.state.holdings, "a flat account")


async def close_all(world: World) -> None:
    """Whatever is open, so that the money can be counted."""
    if world.exchange.state.holdings:
        await desk(world, lambda desk: desk.close_all("owner"), "close all")


# ---------------------------------------------------------------- the stories


async def _part_first(world: PointWorld) -> None:
    world.dice.armed.add("partial")
    await enter(world)


async def _trailing(world: PointWorld) -> None:
    await enter(world)
    for factor in (1.056, 1.008):
        world.move(factor, 0.0)
        await stop_moved(world)


async def _partial_exit(world: PointWorld) -> None:
    await enter(world)
    await desk(world, lambda desk: desk.close(SOL, D("0.5"), "owner"), "close half")
    await _until(world, lambda: is_protected(world), "a rest that is covered")


async def _exit(world: PointWorld) -> None:
    await enter(world)
    await desk(world, lambda desk: desk.close(SOL, D(1), "owner"), "close")
    await flat(world)


async def _panic(world: PointWorld) -> None:
    await enter(world)
    await desk(world, lambda desk: desk.set_mode(Mode.SEMI_AUTO, "owner"), "semi_auto")
    world.prices[BTC] = D(100)  # from here on it is listed
    await scan(world)
    await desk(world, lambda desk: desk.panic("owner"), "panic")


async def _approval(world: PointWorld) -> None:
    await desk(world, lambda desk: desk.set_mode(Mode.SEMI_AUTO, "owner"), "semi_auto")
    await scan(world)
    await _tap(world)
    await _until(world, lambda: is_protected(world), "an approved position")


async def _tap(world: World) -> None:
    """Two fingers on every card there ever was."""
    for card in [row["id"] for row in Tables(world.database, world.exchange).cards]:

        def approve(desk: Any, name: str = card) -> Any:
            return desk.approve(name, D(1), "owner")

        await asyncio.gather(desk(world, approve, "tap"), desk(world, approve, "tap"))


async def _config(world: PointWorld) -> None:
    """The stop trails; then the owner halves the risk, and lets it trail nearer."""
    await enter(world)
    world.move(1.056, 0.0)
    await stop_moved(world)
    await desk(world, lambda desk: desk.change_setting(RISK, "0.01", "owner"), RISK)
    await desk(world, lambda desk: desk.change_setting(TRAIL, "1.5", "owner"), TRAIL)
    await stop_moved(world)


def _with_two_symbols(world: World) -> None:
    world.rules_of[BTC] = an_instrument(symbol=BTC, base="BTC")
    world.limits = replace(CALM_LIMITS, max_open_positions=2)


async def _scan_again(world: World) -> None:
    """A bot that is paused enters nothing, whatever the scan finds and the owner taps."""
    if Tables(world.database, world.exchange).is_paused:
        await scan(world)
        await _tap(world)


# ---------------------------------------------------------------- whether they happened


def _lacks(**did: bool) -> list[str]:
    return [f"undisturbed, and not {name.replace('_', ' ')}" for name, is_so in did.items() if not is_so]


def _entered(tables: Tables) -> list[str]:
    orders = filled_parts(tables, "entry")
    rests = SOL in tables.exchange.state.holdings and covered(tables.exchange.state, SOL)
    return _lacks(filled=[filled == asked for filled, asked in orders] == [True], covered=rests)


def _came_in_parts(tables: Tables) -> list[str]:
    entry = {row["client_id"] for row in tables.intents_for("entry")}
    fills = [row for row in tables.venue_fills(SOL) if row.client_id in entry]
    ((filled, asked),) = filled_parts(tables, "entry")
    return _lacks(
        filled_in_part=len(fills) == 2 and fills[0].quantity < asked == filled,
        covered_in_part=stop_sizes(tables) == [fills[0].quantity, asked],
    )


def _trailed(tables: Tables) -> list[str]:
    triggers = stops_at_venue(tables)
    (trade,) = tables.open_trades()
    return _lacks(
        moved_twice=len(triggers) >= 3 and triggers == sorted(triggers),
        trailed=trade["trade"]["stop_by"] == "trailing",
    )


def _left_in_part(tables: Tables) -> list[str]:
    held, exits = tables.exchange.state.holdings.get(SOL), filled_parts(tables, "exit")
    return _lacks(part_closed=len(exits) == 1 and exits[0][0] > 0, rest_held=held is not None)


def _left(tables: Tables, reason: str) -> list[str]:
    reasons = [row["exit_reason"] for row in tables.history]
    return _lacks(booked=reasons == [reason], flat=not tables.exchange.state.holdings)


def _panicked(tables: Tables) -> list[str]:
    cards = [(row["symbol"], row["state"]) for row in tables.cards]
    return _left(tables, "panic") + _lacks(paused=tables.is_paused, refused_card=cards == [(BTC, "refused")])


def _approved(tables: Tables) -> list[str]:
    states = [row["state"] for row in tables.cards]
    by_card = [row["approval_id"] for row in tables.open_trades()]
    return _entered(tables) + _lacks(approved=states == ["approved"] and None not in by_card)


def _changed(tables: Tables) -> list[str]:
    settings = [(row["name"], row["new_value"]) for row in tables.settings]
    is_recorded = settings == [(RISK, "0.01"), (TRAIL, "1.5")]
    return _lacks(recorded=is_recorded, moved_nearer=len(stops_at_venue(tables)) >= 3)


def _otherwise_in_force(tables: Tables, world: World) -> list[str]:
    """Old or new, as the newest row of the audit says it; each change at most once."""
    names = [row["name"] for row in tables.settings if row["name"] in (RISK, TRAIL)]
    found = [
        f"setting {name}: recorded {names.count(name)} times" for name in set(names) if names.count(name) > 1
    ]
    process = world.process
    if not isinstance(process, Bot):
        return found
    limits = process._rules().limits
    held = {RISK: str(limits.risk_per_trade), TRAIL: f"{limits.exits.trail_atr:g}"}
    for name, old in ((RISK, "0.02"), (TRAIL, "2.5")):
        wanted = tables.setting(name) or old
        if held[name] != wanted:
            found.append(f"setting {name}: {held[name]} is in force, the audit says {wanted}")
    return found


def _left_more_than_asked(tables: Tables, world: World) -> list[str]:
    """One wish, one part, however often the bot dies over it."""
    first = range(ATTEMPTS_PER_REQUEST, 2 * ATTEMPTS_PER_REQUEST)
    for name, trade in tables.trades.items():
        rows = (row for row in tables.intents_for("exit") if row["trade_id"] == name)
        asked = [row["client_id"] for row in rows if row["attempt"] in first]
        orders = [tables.exchange.all_orders[each] for each in asked if each in tables.exchange.all_orders]
        left, half = sum(order.filled for order in orders), Decimal(trade["trade"]["quantity"]) / 2
        was_part = bool(orders) and orders[0].quantity <= half  # else everything was closed at once
        if was_part and left > half:
            return [f"part {name}: {left} was closed, {half} was to be"]
    return []


def _entered_after_pause(tables: Tables, world: World) -> list[str]:
    is_other = any(row["symbol"] != SOL for row in tables.trades.values())
    return ["pause: something was entered after it"] if tables.is_paused and is_other else []


STORIES: dict[str, Story] = {
    "entry": Story(enter, _entered),
    "partial_fill": Story(_part_first, _came_in_parts),
    "trailing": Story(_trailing, _trailed),
    "partial_exit": Story(_partial_exit, _left_in_part, wrong=_left_more_than_asked),
    "exit": Story(_exit, lambda tables: _left(tables, "owner")),
    "panic": Story(
        _panic,
        _panicked,
        set_up=_with_two_symbols,
        afterwards=_scan_again,
        wrong=_entered_after_pause,
    ),
    "approval": Story(_approval, _approved, afterwards=_tap),
    "config": Story(_config, _changed, wrong=_otherwise_in_force),
}
