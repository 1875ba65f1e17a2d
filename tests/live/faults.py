"""The table's rows: what a venue, a line or a person does to the bot, and how the bot must come out of it.

A row's `play` brings the fault about, lets the bot act, and asserts what is peculiar to this fault; what must
hold after any of them is asserted by `verdict`. Seconds are the stage's.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from bot.demo.exchange_faults import Failure
from core.trade import ExitReason
from tests.live.stage import SOLUSDT, Bot

D = Decimal
LONGEST_BARE_S = 10.0
OUTLASTS_A_SCAN = timedelta(seconds=10)
"""A silence as long as this still holds when the next scan looks."""
BAN_S, SOUNDING_S = 6.0, 10.0
"""A ban, and what a client that was told to be silent leaves between two tries to look through it."""

Play = Callable[[Bot], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    name: str
    play: Play
    entries: int = 1
    """Orders of ours that were filled and opened a position; 0 where the fault forbids every entry."""
    reasons: tuple[ExitReason, ...] = (ExitReason.OWNER,)
    """Why the trade may have ended: everything that is still held after the play, the owner closes."""
    told: tuple[tuple[str, ...], ...] = ()
    """For each: words that one notice has."""
    longest_bare_s: float = LONGEST_BARE_S


# ---------------------------------------------------------------- the entry's answer


def entry_taken(failure: Failure, late_s: float = 0.0) -> Play:
    """The venue takes the entry, and its answer says so to nobody."""

    async def play(bot: Bot) -> None:
        bot.face.fail_entry(bot.exchange, failure, late_s=late_s)
        await bot.enter()
        await bot.scan()  # another scan while it is looked for, or held

    return play


def entry_not_taken(failure: Failure) -> Play:
    """Nothing arrives at the venue, and the answer does not say so."""

    async def play(bot: Bot) -> None:
        for _ in range(2):
            bot.face.fail_entry(bot.exchange, failure)
        await bot.scan()
        unknown = await bot.trades()
        await bot.scan()  # while the first one's fate is unknown nothing follows it
        after = await bot.trades()
        assert not set(unknown) & set(after) or after == unknown
        assert bot.records.entries() == []
        await bot.until_over()

    return play


def entry_forbidden(failure: Failure) -> Play:
    """A plain no: known at once, told, and not repeated by anybody."""

    async def play(bot: Bot) -> None:
        bot.face.fail_entry(bot.exchange, failure, retry_after_s=30)
        await bot.scan()
        await bot.until_over()
        silent_until = bot.venue.silent_until
        if silent_until is None or silent_until - bot.clock.now() < OUTLASTS_A_SCAN:
            return  # only this one request, or this one second, was too much
        await bot.scan()
        assert bot.records.entries() == []
        await bot.until_over()

    return play


async def entry_filled_in_part(bot: Bot) -> None:
    """Three tenths are filled, and then nothing more happens."""
    bot.exchange.faults.fill_partly(D("0.3"))
    trade = await bot.enter()
    await bot.until(lambda: not any(order.is_open for order in bot.records.entries()))
    await bot.until(bot.records.is_at_rest)

    assert D(0) < bot.records.held < trade.quantity * D("0.31")


# ---------------------------------------------------------------- the stop


async def safe(bot: Bot) -> None:
    """Until our stop rests alone, or the position is closed."""
    await bot.until(lambda: bot.records.is_at_rest() or bot.records.is_over())


def stop_fails(failure: Failure, count: int = 1) -> Play:
    async def play(bot: Bot) -> None:
        bot.face.fail_stops(bot.exchange, count, failure)
        await bot.scan()
        await safe(bot)

    return play


def stop_refused(count: int) -> Play:
    async def play(bot: Bot) -> None:
        bot.face.refuse_stops(bot.exchange, count)
        await bot.scan()
        await safe(bot)

    return play


def stop_taken_away(how: str) -> Play:
    """By the owner in the app (`cancel`), or by the venue (`expire`)."""

    async def play(bot: Bot) -> None:
        await bot.enter()
        (stop,) = bot.records.stops()
        getattr(bot.exchange.hands, how)(stop.client_id)
        assert not bot.records.is_covered()
        await safe(bot)

        assert bot.records.stops()[0].client_id != stop.client_id

    return play


# ---------------------------------------------------------------- the position


async def closed_by_hand(bot: Bot) -> None:
    await bot.enter()
    bot.exchange.hands.close(SOLUSDT)
    await bot.until_over()


async def halved_by_hand(bot: Bot) -> None:
    await bot.enter()
    half = (bot.records.held / 2).quantize(D("0.1"))
    bot.exchange.hands.trade(SOLUSDT, "SELL", half, reduce_only=True)
    await bot.until(bot.records.is_at_rest)


async def halved_by_the_venue(bot: Bot) -> None:
    await bot.enter()
    bot.exchange.hands.deleverage(SOLUSDT, D("0.5"))
    await bot.until(bot.records.is_at_rest)


async def liquidated(bot: Bot) -> None:
    await bot.enter()
    bot.exchange.hands.liquidate(SOLUSDT)
    await bot.until_over()


async def gap_through_the_stop(bot: Bot) -> None:
    """The venue triggers the stop and fills it where the price has gone."""
    trade = await bot.enter()
    bot.gap_to("0.90")
    await bot.until_over()

    (closed,) = await bot.booked()
    assert closed.exit_price < trade.stop
    assert closed.net_pnl < -trade.risk_usd


async def gap_while_the_stop_is_missing(bot: Bot) -> None:
    """The price passes the stop in the moment in which somebody took it away: the bot leaves by itself."""
    await bot.enter()
    (stop,) = bot.records.stops()
    bot.exchange.hands.cancel(stop.client_id)
    bot.gap_to("0.90")
    await bot.until_over()


# ---------------------------------------------------------------- the venue as a whole


async def banned_while_holding(bot: Bot) -> None:
    """Every request is answered with the ban; guarding goes on asking, entries are closed."""
    await bot.enter()
    (stop,) = bot.records.stops()
    started = time.monotonic()
    bot.exchange.meter.ban(BAN_S / bot.clock.speed)
    bot.exchange.hands.cancel(stop.client_id)
    await bot.until(lambda: bot.venue.silent_until is not None)
    await bot.scan()
    assert len(bot.records.entries()) == 1
    await safe(bot)

    assert time.monotonic() - started >= BAN_S / bot.clock.speed


async def under_maintenance(bot: Bot) -> None:
    """Pages of HTML with status 200: no answer is read as an empty one."""
    trade = await bot.enter()
    bot.exchange.faults.is_under_maintenance = True
    await bot.until(lambda: bool(bot.kernel.guard.faults))
    await bot.clock.sleep(3)
    assert await bot.is_open(trade)
    bot.exchange.faults.is_under_maintenance = False
    await bot.until(lambda: not bot.kernel.guard.faults)

    assert await bot.is_open(trade)
    assert bot.records.is_at_rest()


async def positions_lag(bot: Bot) -> None:
    """The next reads say that nothing is held: one source alone never makes the bot flat."""
    trade = await bot.enter()
    (stop,) = bot.records.stops()
    bot.exchange.hands.show_no_positions(4)
    for _ in range(4):
        await bot.protect()

    assert await bot.is_open(trade)
    assert bot.records.stops() == [stop]


async def orders_lag(bot: Bot) -> None:
    """Orders and fills are shown two seconds after they happened."""
    bot.exchange.faults.query_lag_ms = 2_000
    await bot.enter()
    await bot.clock.sleep(3)
    bot.exchange.faults.query_lag_ms = 0


async def clock_wrong(bot: Bot) -> None:
    """3 s: entries are closed until it is right. 8 s, beyond the receive window: guarding finds its way."""
    bot.exchange.faults.clock_skew_ms = 3_000
    await bot.until(lambda: bot.kernel.gate.is_closed_by("clock"))
    await bot.scan()
    assert bot.records.entries() == []
    assert "the clock is" in bot.kernel.gate.text
    bot.exchange.faults.clock_skew_ms = 0
    await bot.until(lambda: not bot.kernel.gate.is_closed_by("clock"))
    await bot.enter()
    bot.exchange.faults.clock_skew_ms = 8_000
    (stop,) = bot.records.stops()
    bot.exchange.hands.cancel(stop.client_id)
    await safe(bot)
    await bot.until(lambda: bot.kernel.gate.is_closed_by("clock"))


# ---------------------------------------------------------------- the table

FAILED = (("entry_failed",),)
OUTSIDE = (("outside_change",),)
LEFT_IN_TIME = (ExitReason.OWNER, ExitReason.UNPROTECTED)
"""A stop that comes too late for the bot's own deadline ends the trade before the owner does."""

FAULTS = (
    Fault("answer lost after acceptance", entry_taken(Failure.LOST)),
    Fault("no answer after acceptance", entry_taken(Failure.SWALLOWED)),
    Fault("503 after acceptance", entry_taken(Failure.UNKNOWN_DONE)),
    Fault("503, accepted later", entry_taken(Failure.UNKNOWN_DONE, late_s=1.5)),
    Fault("timeout at the venue, accepted later", entry_taken(Failure.TIMED_OUT_DONE, late_s=1.5)),
    Fault("503 at the entry", entry_not_taken(Failure.SERVICE_UNAVAILABLE), entries=0, told=FAILED),
    Fault("reset at the entry", entry_not_taken(Failure.RESET), entries=0, told=FAILED),
    Fault("429 at the entry", entry_forbidden(Failure.THROTTLED), entries=0, told=FAILED),
    Fault("ban at the entry", entry_forbidden(Failure.BANNED), entries=0, told=FAILED),
    Fault("overload at the entry", entry_forbidden(Failure.OVERLOADED), entries=0, told=FAILED),
    Fault("partial fill, then nothing", entry_filled_in_part),
    Fault("503 at the stop", stop_fails(Failure.SERVICE_UNAVAILABLE), reasons=LEFT_IN_TIME),
    Fault("reset at the stop", stop_fails(Failure.RESET), reasons=LEFT_IN_TIME),
    Fault("answer to the stop lost", stop_fails(Failure.LOST), reasons=LEFT_IN_TIME),
    Fault("answer to the stop swallowed", stop_fails(Failure.SWALLOWED), reasons=LEFT_IN_TIME),
    Fault("429 at the stop", stop_fails(Failure.THROTTLED), reasons=LEFT_IN_TIME),
    Fault("stop refused once", stop_refused(1), reasons=LEFT_IN_TIME, told=(("naked",),)),
    Fault("stop refused always", stop_refused(3), reasons=LEFT_IN_TIME, told=(("naked",),)),
    Fault("stop cancelled by hand", stop_taken_away("cancel")),
    Fault("stop expired by the venue", stop_taken_away("expire")),
    Fault("position closed by hand", closed_by_hand, reasons=(ExitReason.OUTSIDE,)),
    Fault("position halved by hand", halved_by_hand, told=OUTSIDE),
    Fault("position deleveraged by half", halved_by_the_venue, told=OUTSIDE),
    Fault("liquidation", liquidated, reasons=(ExitReason.LIQUIDATED,)),
    Fault("gap through the stop", gap_through_the_stop, reasons=(ExitReason.STOP,)),
    Fault("gap while no stop rests", gap_while_the_stop_is_missing, reasons=(ExitReason.SOFTWARE_STOP,)),
    Fault(
        "ban while a position is open",
        banned_while_holding,
        reasons=LEFT_IN_TIME,
        longest_bare_s=BAN_S + SOUNDING_S + LONGEST_BARE_S,
    ),
    Fault("maintenance", under_maintenance),
    Fault("positions shown late", positions_lag),
    Fault("orders shown late", orders_lag, reasons=LEFT_IN_TIME),
    Fault("clock skew", clock_wrong, reasons=LEFT_IN_TIME),
)
