"""How a person leaves positions: ours in part or whole, all of them in panic, and what is not ours.

Laws:
- Closing needs no price, no pause and no other part to succeed.
- A position that cannot be read is not called flat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal

from bot.desk_switches import Switches
from core.desk import CloseEstimate, ForeignView, Tap
from core.errors import PerpilotError
from core.market import coin
from core.money import floor_to
from core.risk.margin import profit
from core.trade import ExitReason, Trade

PAUSE_FIRST_S = 1.0
"""Longest that a panic's closing waits for the pause to be recorded: a locked database holds up nothing."""


class Leaving(Switches):
    """The ways out; panic also pauses, so it stands on the switches."""

    async def close_estimate(self, symbol: str, share: Decimal) -> CloseEstimate | None:
        for trade, position, _ in self._reach.board.rows:
            if trade.symbol == symbol and position is not None:
                try:
                    quote = await self._kernel.circle.market.quote(symbol)
                    instrument = await self._kernel.circle.market.instrument(symbol)
                except PerpilotError:
                    return None  # closing must be possible without a price
                price = quote.taking(position.side.opposite)
                quantity = (
                    position.quantity if share == 1 else floor_to(position.quantity * share, instrument.lot)
                )
                return CloseEstimate(
                    symbol=symbol,
                    share=share,
                    quantity=quantity,
                    price=price,
                    pnl=profit(position.side, quantity, position.entry, price),
                    fee=quantity * price * instrument.taker_fee,
                )
        return None

    async def close(self, symbol: str, share: Decimal, by: str) -> Tap:
        trades = [t for t in await self._open_trades() if t.symbol == symbol]
        if not trades:
            return Tap(False, f"There is no open position in {coin(symbol)}.")
        return await self._close(trades, ExitReason.OWNER, share, by)

    async def close_all(self, by: str) -> Tap:
        trades = await self._open_trades()
        if not trades:
            return Tap(False, "There is no open position.")
        return await self._close(trades, ExitReason.OWNER, Decimal(1), by)

    async def panic(self, by: str) -> Tap:
        """The gate first, then the pause, the closing and the rest: no part needs another to succeed.

        The pause is in the journal before any exit is: a process that dies here never closes in panic and
        then trades on. Closing waits for it no longer than `PAUSE_FIRST_S`.
        """
        self._kernel.gate.close("pause", f"paused by {by}")
        pausing = asyncio.ensure_future(self.pause(by))
        await asyncio.wait({pausing}, timeout=PAUSE_FIRST_S)
        troubles: list[str] = []
        try:
            tap = await self._close_for_panic(by)
        finally:  # an error nobody foresaw must not leave the rest undone either
            troubles += await _trouble(pausing)
            troubles += await _trouble(self._kernel.approvals.drop_all(by, "panic"))
        return Tap(tap.is_done, f"Paused. {tap.text}", (*tap.reasons, *self._left_open(), *troubles))

    def _left_open(self) -> tuple[str, ...]:
        names = ", ".join(coin(view.symbol) for view in self.foreign())
        return (f"not mine, so it stays open: {names}; /positions closes it",) if names else ()

    async def _close_for_panic(self, by: str) -> Tap:
        try:
            trades = await self._open_trades()
        except PerpilotError as error:
            return Tap(False, "What is open could not be read, so nothing was closed yet.", (str(error),))
        if not trades:
            return Tap(
                True,
                "There was no open position of mine." if self.foreign() else "There was no open position.",
            )
        return await self._close(trades, ExitReason.PANIC, Decimal(1), by)

    async def _close(self, trades: list[Trade], reason: ExitReason, share: Decimal, by: str) -> Tap:
        unfinished = await self._kernel.guard.close(trades, reason, share, by)
        if not unfinished and share >= 1:
            self._reach.board.forget({trade.id for trade in trades})
        self._reach.wake("guard")
        self._reach.wake("outbox")
        names = ", ".join(coin(trade.symbol) for trade in trades)
        if unfinished:
            text = f"Closing {names} was begun and is being repeated until it is done."
            return Tap(True, text, tuple(unfinished))
        return Tap(True, f"Closed {names}." if share >= 1 else f"Closed {share:.0%} of {names}.")

    # ------------------------------------------------------------ what is not ours

    def foreign(self) -> tuple[ForeignView, ...]:
        return self._kernel.adopter.views

    async def adopt(self, symbol: str, by: str) -> Tap:
        return self._took_over(await self._kernel.adopter.adopt(symbol, by))

    async def close_foreign(self, symbol: str, by: str) -> Tap:
        return self._took_over(await self._kernel.adopter.close(symbol, by))

    async def ignore_foreign(self, symbol: str, by: str) -> Tap:
        return self._took_over(await self._kernel.adopter.ignore(symbol, by))

    def _took_over(self, tap: Tap) -> Tap:
        self._reach.wake("guard")
        self._reach.wake("outbox")
        return tap


async def _trouble(part: Awaitable[object]) -> list[str]:
    """What keeps one part of a panic from being recorded; empty when nothing does."""
    try:
        await part
    except PerpilotError as error:
        return [f"not recorded: {error}"]
    return []
