"""What happens in a schedule besides faults: a trade is opened, and then its story goes on.

A story waits for the world, never for one process: whoever is asked may be dead the next moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from core.journal import Mode, SettingChange
from core.market import Side
from core.money import floor_to
from core.risk.limits import Policy
from core.trade import ExitReason, OrderKind, OrderSide
from core.trading.ids import is_ours
from core.trading.kernel import Kernel
from tests.core.builders import SOL, D
from tests.simulation.exchange import at_once
from tests.simulation.world import ACCOUNT, World

Flow = Callable[[World], Awaitable[None]]

ENTRY_TRIES = 6


# ---------------------------------------------------------------- getting in


async def enter(world: World) -> bool:
    """Scans until a position of ours is seen at the venue; False when nothing came of it."""
    for _ in range(ENTRY_TRIES):
        await world.ask(lambda kernel: kernel.engine.scan(), "scan")
        if world.mode is Mode.SEMI_AUTO:
            await tap(world)
        for _ in range(4):
            if is_held(world):
                return True
            await asyncio.sleep(world.dice.between(0.3, 1.5))
    return is_held(world)


async def tap(world: World, *, twice: bool = False) -> None:
    """The owner approves whatever card is open, sometimes in half, sometimes with two fingers."""
    cards = await world.ask(lambda kernel: kernel.approvals._journal.open_approvals(ACCOUNT), "cards")
    share = D(1) if world.dice.random.random() < 0.7 else D("0.5")
    for card in cards or ():

        def approve(kernel: Kernel, name: str = card.id) -> Any:
            return kernel.approvals.approve(name, share, world.limits, "owner", 300.0)

        taps = [world.ask(approve, "tap") for _ in range(1 + twice)]
        await asyncio.gather(*taps)


def is_held(world: World) -> bool:
    return SOL in world.exchange.state.holdings and world.exchange.is_ours_at(SOL)


async def pause(world: World, low: float = 2.0, high: float = 8.0) -> None:
    await asyncio.sleep(world.dice.between(low, high))


def away(world: World, share: float, seconds: float) -> None:
    """The price goes `share` in the favour of the position that is held; against it when negative."""
    held = world.exchange.state.holdings.get(SOL)
    sign = held.side.sign if held is not None else 1
    world.move(1 + share * sign, seconds)


async def close(world: World, share: Any, reason: ExitReason = ExitReason.OWNER) -> None:
    async def wish(kernel: Kernel) -> None:
        trades = await kernel.keeper.open_trades()
        await kernel.guard.close(trades, reason, D(str(share)), "owner")

    await world.ask(wish, f"close {share} {reason.value}")


# ---------------------------------------------------------------- the flows


async def entry(world: World) -> None:
    await enter(world)
    await pause(world)


async def approval(world: World) -> None:
    world.mode = Mode.SEMI_AUTO
    await set_mode(world, Mode.SEMI_AUTO)
    await world.ask(lambda kernel: kernel.engine.scan(), "scan")
    await tap(world, twice=True)
    await pause(world)
    if not is_held(world):
        await enter(world)
    await pause(world)


async def approval_and_crash(world: World) -> None:
    world.mode = Mode.SEMI_AUTO
    await set_mode(world, Mode.SEMI_AUTO)
    await world.ask(lambda kernel: kernel.engine.scan(), "scan")
    if world.crashes.by_chance:
        world.later(world.dice.between(0.0, 1.5), lambda: world.kill("while a card is approved"))
    await tap(world)
    await pause(world, 3, 6)


async def stop(world: World) -> None:
    if await enter(world):
        await pause(world)
        away(world, -0.08, 0.0 if world.dice.random.random() < 0.5 else 6.0)
        await pause(world)


async def ladder(world: World) -> None:
    """Both targets, one after the other or in one go."""
    if await enter(world):
        await pause(world)
        if world.dice.random.random() < 0.7:
            away(world, 0.10, 4.0)
            await pause(world, 5, 9)
        away(world, 0.12, 4.0)
        await pause(world, 5, 9)


async def trailing(world: World) -> None:
    if await enter(world):
        await pause(world, 2, 4)
        away(world, 0.065, 5.0)
        await pause(world, 6, 8)
        away(world, 0.03, 6.0)
        await pause(world, 6, 9)
        away(world, -0.05, 5.0)
        await pause(world, 6, 8)


async def partial_exit(world: World) -> None:
    if await enter(world):
        await pause(world, 2, 5)
        await close(world, "0.5")
        await pause(world)
        if world.dice.random.random() < 0.4:
            await close(world, "0.4")
            await pause(world)


async def exit_by_owner(world: World) -> None:
    if await enter(world):
        await pause(world, 0.5, 5)
        await close(world, 1)
        await pause(world)


async def panic(world: World) -> None:
    """As `bot.desk` does it: the gate, everything closed, the pause recorded, cards dropped."""

    async def wish(kernel: Kernel) -> None:
        kernel.gate.close("pause", "paused by owner")
        trades = await kernel.keeper.open_trades()
        await kernel.guard.close(trades, ExitReason.PANIC, D(1), "owner")
        journal: Any = kernel.approvals._journal
        await journal.set_paused(ACCOUNT, True, "owner", world.clock.now())
        await kernel.approvals.drop_all("owner", "panic")

    if await enter(world):
        await pause(world, 0.2, 5)
        await world.ask(wish, "panic")
        await pause(world)


async def breaker(world: World) -> None:
    """A breaker trips while a position is open, and its policy acts."""
    policy = world.dice.random.choice([Policy.FLATTEN, Policy.TIGHTEN, Policy.TIGHTEN, Policy.HOLD])
    if await enter(world):
        await pause(world)
        before = world.limits
        tripping = replace(before.breakers, funding_per_8h=0.00001, policies=(("funding_extreme", policy),))
        world.limits = replace(before, breakers=tripping)
        world.note("breaker", policy.value)
        await pause(world, 24, 30)  # the market is read every twenty seconds
        world.limits = before


async def opinion(world: World) -> None:
    """The 15-minute close finds the advisers on the other side: the stop is tightened."""
    if await enter(world):
        world.side = world.side.opposite if world.side is not None else None
        seconds = (15 * 60 - world.clock.true_now().timestamp() % (15 * 60)) % (15 * 60)
        if seconds < 60:
            await asyncio.sleep(seconds)
        await pause(world, 10, 16)


async def config(world: World) -> None:
    """A setting is changed in the middle of a trade."""

    async def wish(kernel: Kernel) -> None:
        change = SettingChange("RISK_PER_TRADE", "0.02", "0.01", "owner", world.clock.now())
        journal: Any = kernel.approvals._journal
        await journal.record_setting(ACCOUNT, change)
        exits = world.limits.exits._replace(trail_atr=1.5, break_even_after=2)
        world.limits = replace(world.limits, risk_per_trade=D("0.01"), max_leverage=3, exits=exits)

    if await enter(world):
        away(world, 0.06, 4.0)
        await pause(world, 3, 5)
        await world.ask(wish, "config")
        await pause(world, 3, 5)
        away(world, 0.02, 3.0)
        await pause(world)


async def hands(world: World) -> None:
    """The owner trades in the venue's own app; the venue reduces, liquidates and gaps."""
    if await enter(world):
        for _ in range(world.dice.random.randint(1, 3)):
            await pause(world, 0.5, 7)
            if is_held(world):
                by_hand(world)
        await pause(world)


FLOWS: dict[str, Flow] = {
    "entry": entry,
    "approval": approval,
    "approval_and_crash": approval_and_crash,
    "stop": stop,
    "ladder": ladder,
    "trailing": trailing,
    "partial_exit": partial_exit,
    "exit": exit_by_owner,
    "panic": panic,
    "breaker": breaker,
    "opinion": opinion,
    "config": config,
    "hands": hands,
}


# ---------------------------------------------------------------- other hands, advisers, clocks


def by_hand(world: World) -> None:
    """One thing that somebody else does to an open position."""
    held = world.exchange.state.holdings[SOL]
    leaving = OrderSide.SELL if held.side is Side.LONG else OrderSide.BUY
    adding = OrderSide.BUY if held.side is Side.LONG else OrderSide.SELL
    half = max(floor_to(held.quantity / 2, D("0.01")), D("0.01"))
    kind = world.dice.random.choice(["close", "reduce", "add", "cancel", "cancel", "adl", "gap", "liquidate"])
    world.dice.counts[f"hand:{kind}"] += 1
    world.note("hand", kind)
    match kind:
        case "close":
            world.exchange.by_hand(SOL, leaving, held.quantity)
        case "reduce":
            world.exchange.by_hand(SOL, leaving, half)
        case "add":
            world.exchange.by_hand(SOL, adding, floor_to(held.quantity / 4, D("0.01")))
        case "adl":
            world.exchange.by_hand(SOL, leaving, half, "adl")
        case "cancel":
            chosen = world.dice.random.choice([OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET])
            for order in world.exchange.resting(SOL, chosen)[:1]:
                at_once(world.exchange.cancel(SOL, order.client_id))
        case "gap":
            away(world, -0.12, 0.0)
        case _:
            for order in world.exchange.resting(SOL, OrderKind.STOP_MARKET):
                at_once(world.exchange.cancel(SOL, order.client_id))
            away(world, -0.6 if held.side is Side.LONG else -0.4, 0.0)


async def weather(world: World, until_s: float) -> None:
    """Clocks jump, Telegram is down, advisers misbehave, hands meddle: whatever the flow is."""
    dice = world.dice
    while world.loop.time() < until_s:
        await asyncio.sleep(dice.between(3.0, 15.0))
        if world.loop.time() >= until_s:
            return
        match dice.random.choice(
            ["clock", "clock", "telegram", "adviser", "adviser", "hand", "none", "none"]
        ):
            case "clock":
                await _clock_jump(world)
            case "telegram":
                world.dice.counts["telegram_down"] += 1
                world.is_telegram_down = not world.is_telegram_down
            case "adviser":
                world.adviser_temper = dice.random.choice(["late", "silent", "broken", "quick", "quick"])
                world.dice.counts[f"adviser:{world.adviser_temper}"] += 1
            case "hand" if is_held(world) and dice.random.random() < 0.5:
                by_hand(world)


async def _clock_jump(world: World) -> None:
    """Small ones stay for a while, large ones are mended within seconds."""
    dice = world.dice
    span = dice.random.choice([0.4, 0.8, 3.0, 40.0])
    world.clock.wrong_by_s = dice.between(-span, span)
    dice.counts["clock_jump"] += 1
    world.note("clock", f"{world.clock.wrong_by_s:+.2f} s")
    await asyncio.sleep(dice.between(2.0, 10.0) if span > 1 else 0)
    if span > 1:
        world.clock.wrong_by_s = 0.0
        world.note("clock", "right again")


async def set_mode(world: World, mode: Mode) -> None:
    """The mode is the account's; it is set by whoever runs it, before the storm."""
    await world.ask(
        lambda kernel: kernel.approvals._journal.set_mode(ACCOUNT, mode, "owner", world.clock.now()), "mode"
    )
    world.mode = mode


def ours(world: World) -> list[Decimal]:
    return [fill.quantity for fill in world.exchange.all_fills.values() if is_ours(fill.client_id)]
