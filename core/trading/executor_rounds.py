"""Rounds of one trade: a look, the step that follows from it, and the next look.

Laws:
- No request is repeated here: repetition is a decision of `next_step`, after a look.
- A read that fails ends the round; nothing is concluded from it.
- A symbol is held for one round at a time, never while waiting: a wish to close always gets in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from core.errors import JournalError, PerpilotError, Throttled
from core.journal import TradeJournal
from core.market import Instrument
from core.ports import Clock, Market, Venue
from core.risk.limits import Limits
from core.trade import Trade, Want
from core.trading import moving
from core.trading.entries import EntryGate
from core.trading.executor_acting import Acting, Around
from core.trading.laddering import targets_filled
from core.trading.lifecycle import next_step
from core.trading.looking import Looker
from core.trading.parts import closed_parts, order_of
from core.trading.steps import (
    Abandon,
    Book,
    CancelOrder,
    EndPartial,
    Rest,
    Rules,
    Scene,
    Send,
    Step,
    Wait,
    WantClosed,
)
from core.trading.trade_rows import closing

log = logging.getLogger("perpilot.executor")

MAX_LOOKS = 40
"""Looks of one call: entry, stop, targets, their settling and some waiting; more is a loop of ours."""
PATIENCE_S = 5.0
"""Longest waiting within one call; what takes longer is the next pass's matter."""


class Rounds(Acting):
    """The part of the executor that brings a trade nearer to what is wanted, and remembers what it saw."""

    def __init__(
        self,
        venue: Venue,
        journal: TradeJournal,
        market: Market,
        clock: Clock,
        limits: Callable[[], Limits],
        gate: EntryGate,
        account: str,
        around: Around,
    ) -> None:
        super().__init__(venue, journal, clock, gate, around)
        self._market = market
        self._limits = limits
        self._account = account
        self._looker = Looker(venue, market, clock)
        self._locks: dict[str, asyncio.Lock] = {}
        self._instruments: dict[str, Instrument] = {}
        self._unsettled: set[str] = set()
        self._filled: dict[str, int] = {}
        """Trade id → targets that the newest look showed filled."""
        self._told_parts: dict[str, str] = {}
        """Order of a closed part that was told → trade id."""

    def busy(self, symbol: str) -> AbstractAsyncContextManager[None]:
        """Held while one symbol is acted on."""
        return self._locks.setdefault(symbol, asyncio.Lock())

    def known_instrument(self, symbol: str) -> Instrument | None:
        """As the newest round read it; None before the first."""
        return self._instruments.get(symbol)

    def targets_filled(self, trade_id: str) -> int:
        """As the newest look showed; 0 before the first."""
        return self._filled.get(trade_id, 0)

    def keep_only(self, trades: Sequence[Trade]) -> None:
        """Forgets whatever was remembered of trades that are over."""
        ids = {trade.id for trade in trades}
        self._looker.keep_only(ids)
        self._unsettled &= ids
        self._filled = {name: count for name, count in self._filled.items() if name in ids}
        self._told_parts = {name: owner for name, owner in self._told_parts.items() if owner in ids}
        self._unrecorded = {name: row for name, row in self._unrecorded.items() if row[0] in ids}

    @property
    def is_restless(self) -> bool:
        """Some trade neither rests nor is over: look again in seconds, not in a minute."""
        return bool(self._unsettled)

    async def advance(self, trade: Trade) -> Step:
        """Rounds until the trade rests, is over, or must wait for longer. Returns the last step.

        Raises `Unknown`, `Throttled` or `NotAllowed` when the venue cannot be seen, and `JournalError`
        when nothing can be recorded; then nothing was concluded, and the next call goes on from there.
        """
        self._unsettled.add(trade.id)
        try:
            step = await self._rounds(trade)
        except Throttled:
            if self._looker.was_covered(trade.id):
                self._unsettled.discard(trade.id)  # haste would only lengthen it
            raise
        except PerpilotError as error:
            self._failed(error)
            raise
        settle = self._unsettled.add if isinstance(step, Wait) else self._unsettled.discard
        settle(trade.id)
        return step

    async def _rounds(self, trade: Trade) -> Step:
        patience, undone = PATIENCE_S, ""
        for _ in range(MAX_LOOKS):
            async with self.busy(trade.symbol):
                step = await self._round(trade)
            match step:
                case Wait(again_s=again_s):
                    if again_s > patience:
                        return step
                    patience -= again_s
                    await self._clock.sleep(again_s)
                case EndPartial():
                    undone = step.undone
                case Rest():
                    return Rest(undone)
                case Book() | Abandon():
                    return step
        raise PerpilotError(f"{trade.symbol}: {MAX_LOOKS} looks did not bring {trade.id} to rest")

    async def _round(self, trade: Trade) -> Step:
        """One look and the one step that follows from it; and the exit, where that step was to want it."""
        scene = await self._scene(trade)
        if scene is None:
            return Rest()
        step = next_step(scene.trade, scene.intents, scene.seen, scene.rules, scene.now)
        if isinstance(step, CancelOrder) and self._is_being_cancelled(step.order):
            return Wait("a cancellation is on its way")
        if not isinstance(step, Rest | Wait):
            await self._perform(step, scene)
        if isinstance(step, WantClosed):  # the same look says how to leave: another would only cost time
            scene = replace(scene, trade=closing(scene.trade, step.reason))
            step = next_step(scene.trade, scene.intents, scene.seen, scene.rules, scene.now)
            if isinstance(step, Send):
                await self._perform(step, scene)
        return step

    async def _scene(self, trade: Trade) -> Scene | None:
        """One look; what it adds for good is recorded before anything is concluded. None: it is over."""
        rules = await self._rules(trade.symbol)
        current = await self._current(trade)
        if current is None:
            return None
        intents = await self._with_kept_answers(await self._journal.intentions(current.id))
        seen = await self._looker.look(current, intents, rules)
        position, noted = seen.position, current
        if position is not None and position.side is current.side and current.want is Want.OPEN:
            noted = moving.with_sight(current, position, rules.exits)
        scene = Scene(noted, intents, seen, rules, self._clock.now())
        parts = closed_parts(scene, self._told_parts.keys())
        if noted != current or parts:
            try:
                await self._journal.update_trade(noted, parts)
                self._told_parts.update((order_of(part), noted.id) for part in parts)
            except JournalError as error:  # a peak proves nothing, and keeps no stop back
                log.warning("a sight is not recorded: trade=%s error=%s", noted.id, error)
                scene = replace(scene, trade=current)
        self._filled[noted.id] = targets_filled(scene)
        return scene

    async def _rules(self, symbol: str) -> Rules:
        """With the newest instrument rules that could be had: guarding goes on with older ones."""
        try:
            self._instruments[symbol] = await self._market.instrument(symbol)
        except PerpilotError:
            if symbol not in self._instruments:
                raise
        instrument, limits = self._instruments[symbol], self._limits()
        return Rules(
            lot=instrument.lot,
            min_quantity=instrument.min_quantity,
            tick=instrument.tick,
            max_entry_drift=limits.approval_drift,
            exits=limits.exits,
            exit_cost=instrument.taker_fee + limits.slippage,
            entries_closed=self._entries_closed(),
            attaches_stops=self._venue.attaches_stops,
        )

    async def _current(self, trade: Trade) -> Trade | None:
        trades = await self._journal.open_trades(self._account)
        return next((row for row in trades if row.id == trade.id), None)
