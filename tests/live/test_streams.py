"""What streams add to looking: sooner. What they never change: what is done.

A minimal loop stands between them and the kernel: any hint brings one short pass of the guard about.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from core.adapters.clock import SystemClock
from core.adapters.exchange.client import Access
from core.adapters.exchange.stream_line import Patience
from core.adapters.exchange.stream_words import StreamPrice, What
from core.adapters.exchange.streams import Streams, has_streams
from core.trade import ExitReason
from tests.live.faces import BINANCE, BYBIT, KEY, SECRET, Face
from tests.live.stage import SOL, SOLUSDT, Bot, on_stage

QUICK = Patience(tick_s=0.02, first_pause_s=0.05, most_pause_s=0.2, ping_s=0.2, mark_s=1.5, owed_s=0.5)
NEXT_LOOK_S = 4.5
"""The guard's next pass begins after 5 s, that of a hint at once."""


@dataclass
class Listening:
    """One bot whose guard is poked by hints."""

    bot: Bot
    streams: Streams = field(init=False)
    hints: list[tuple[str | None, What]] = field(default_factory=list)
    prices: list[StreamPrice] = field(default_factory=list)
    passes: int = 0
    _poked: asyncio.Event = field(default_factory=asyncio.Event)

    def on_hint(self, symbol: str | None, what: What) -> None:
        self.hints.append((symbol, what))
        self._poked.set()

    async def obey(self) -> None:
        """One pass for all the hints that came meanwhile."""
        while True:
            await self._poked.wait()
            self._poked.clear()
            await self.bot.protect()
            self.passes += 1

    async def quiet(self) -> None:
        """Until every hint has been followed."""
        await self.bot.until(lambda: not self._poked.is_set() and self.passes > 0)


@asynccontextmanager
async def listening(bot: Bot, patience: Patience = QUICK) -> AsyncIterator[Listening]:
    access = Access(
        bot.face.exchange_id, url=bot.exchange.url, ws_url=bot.exchange.ws_url, api_key=KEY, secret=SECRET
    )
    heard = Listening(bot)
    streams = heard.streams = Streams(
        access,
        bot.budget,
        SystemClock(),
        heard.on_hint,
        heard.prices.append,
        patience,
    )
    async with AsyncExitStack() as stack:
        await streams.open()
        stack.push_async_callback(streams.close)
        task = asyncio.create_task(bot.supervised(heard.obey))
        stack.callback(task.cancel)
        await bot.until(lambda: not streams.is_silent("account"))
        await heard.quiet()
        yield heard


async def replaced_after_s(bot: Bot) -> float:
    """The stage's seconds from a stop cancelled by hand, just after the guard has looked, to the next."""
    rounds = bot.rounds
    await bot.until(lambda: bot.rounds > rounds)
    (stop,) = bot.records.stops()
    begun = bot.clock.monotonic()
    bot.exchange.hands.cancel(stop.client_id)
    await bot.until(bot.records.is_at_rest)
    return bot.clock.monotonic() - begun


async def test_a_stop_cancelled_by_hand_is_replaced_sooner_where_its_event_is_heard() -> None:
    async with on_stage(BINANCE) as bot, listening(bot):
        await bot.enter()

        assert await replaced_after_s(bot) < NEXT_LOOK_S


@pytest.mark.parametrize("face", [BINANCE, BYBIT], ids=lambda face: face.exchange_id)
async def test_without_streams_looking_alone_finds_it(face: Face) -> None:
    """Looked at by REST only: found by the guard's next pass."""
    async with on_stage(face) as bot:
        await bot.enter()

        assert NEXT_LOOK_S <= await replaced_after_s(bot) <= 10.0


async def test_the_second_face_has_no_streams() -> None:
    assert has_streams(BINANCE.exchange_id)
    assert not has_streams(BYBIT.exchange_id)


async def test_repeated_reordered_and_late_events_change_nothing() -> None:
    async with on_stage(BINANCE) as bot, listening(bot) as heard:
        faults = bot.exchange.faults
        faults.repeats_events = faults.reorders_events = True
        events: list[object] = []
        told = bot.exchange.account.told
        bot.exchange.account.told = lambda event: (events.append(event), told(event))
        trade = await bot.enter()
        (stop,) = bot.records.stops()
        for event in (*events, *reversed(events)):  # all of it once more, long after, and backwards
            bot.exchange.streams.tell(event)
        before = heard.passes
        await bot.until(lambda: heard.passes > before)
        await heard.quiet()

        assert bot.records.stops() == [stop] and bot.records.is_at_rest()
        assert len(bot.records.entries()) == 1
        assert await bot.is_open(trade)
        assert len([span for span in heard.hints if span == (SOL, What.ORDER)]) > len(bot.records.trades())
        await bot.leave()
        assert [trade.exit_reason for trade in await bot.booked()] == [ExitReason.OWNER]
        assert bot.records.resting() == []


async def test_a_silent_account_stream_is_noticed_while_looking_goes_on() -> None:
    async with on_stage(BINANCE) as bot, listening(bot) as heard:
        bot.exchange.faults.are_streams_silent = True
        before = heard.streams.events
        trade = await bot.enter()
        heard.streams.expect(before)
        await bot.until(lambda: heard.streams.health().state == "degraded")
        detail = heard.streams.health().detail
        await replaced_after_s(bot)

        assert "account" in detail
        assert await bot.is_open(trade)
        assert bot.records.longest_bare_s <= 10.0
        await bot.leave()
        assert len(await bot.booked()) == 1


async def test_a_silent_price_stream_is_noticed_while_looking_goes_on() -> None:
    async with on_stage(BINANCE) as bot, listening(bot) as heard:
        await bot.enter()
        heard.streams.hold([SOL])
        await bot.until(lambda: bool(heard.prices))
        bot.exchange.faults.are_streams_silent = True
        await bot.until(lambda: heard.streams.is_silent("mark"))

        assert "mark" in heard.streams.health().detail
        bot.exchange.hands.close(SOLUSDT)
        await bot.until_over()
        assert [trade.exit_reason for trade in await bot.booked()] == [ExitReason.OUTSIDE]


async def test_a_lost_connection_is_a_reason_to_look() -> None:
    async with on_stage(BINANCE) as bot, listening(bot) as heard:
        await bot.enter()
        await heard.quiet()
        bot.is_watching = False  # from here on only a hint can bring a pass about
        (stop,) = bot.records.stops()
        bot.exchange.faults.are_streams_silent = True
        bot.exchange.hands.cancel(stop.client_id)  # its event is told to nobody
        bot.exchange.faults.are_streams_silent = False
        heard.hints.clear()
        await bot.exchange.streams.drop()
        await bot.until(bot.records.is_at_rest)

        assert heard.hints[0] == (None, What.LOST)
