"""Stops that a person steers: what a move would do, and doing it.

Laws:
- A proposal changes nothing. What was proposed is checked again when it is confirmed, at the price of that
  moment.
- A stop goes away from the price only where the caller may loosen, and only within the rules of an entry.
- What cannot be seen right now (position, price) is an error in words, never a guess.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from decimal import Decimal

from core.desk import StopMove, StopProposal, Tap
from core.errors import PerpilotError, Unknown
from core.market import coin
from core.ports import Market, Venue
from core.risk.limits import Limits
from core.risk.stop_moves import (
    Held,
    against_loosening,
    break_even,
    loosened,
    loss_of,
    tightened,
    towards_price,
)
from core.trade import StopBy, Trade
from core.trading.kernel import Kernel
from core.trading.steps import Rest

log = logging.getLogger("perpilot.steering")


class Steering:
    """Positions and prices come through the guard's own reserve."""

    def __init__(self, kernel: Kernel, venue: Venue, market: Market, limits: Callable[[], Limits]) -> None:
        self._kernel = kernel
        self._venue = venue
        self._market = market
        self._limits = limits

    async def proposal(self, symbol: str, move: StopMove, price: Decimal | None) -> StopProposal | None:
        """None when there is no such position. Raises what venue and market raise."""
        trade = await self._trade(symbol)
        if trade is None:
            return None
        held = await self._held(trade)
        if move is StopMove.PRICE and not (price is not None and price.is_finite() and price > 0):
            refusal = f"stop {price} must be a price above 0"
            return StopProposal(symbol, move, trade.stop, trade.stop, *_losses(held, trade.stop), refusal)
        new = _wanted(held, move, price)
        refusal = "; ".join(await self._against(held, move, new))
        return StopProposal(symbol, move, trade.stop, new, *_losses(held, new), refusal)

    async def move(self, symbol: str, price: Decimal, by: str, *, may_loosen: bool) -> Tap:
        proposal = await self.proposal(symbol, StopMove.PRICE, price)
        if proposal is None:
            return Tap(False, f"There is no open position in {coin(symbol)}.")
        if proposal.refusal:
            return Tap(False, f"The stop of {coin(symbol)} stays at {proposal.old}.", (proposal.refusal,))
        if proposal.is_loosening and not may_loosen:
            text = f"The stop of {coin(symbol)} stays at {proposal.old}: {proposal.new} would add risk."
            return Tap(False, text)
        trade = await self._trade(symbol)
        if trade is None:
            return Tap(False, f"There is no open position in {coin(symbol)}.")
        is_moved, words = await self._kernel.executor.move_stop(
            trade, proposal.new, StopBy.OWNER, may_loosen=may_loosen, told=f"by {by}"
        )
        if not is_moved:
            return Tap(False, f"The stop of {coin(symbol)} stays at {proposal.old}.", (words,))
        log.info("stop moved: symbol=%s old=%s new=%s by=%s", symbol, proposal.old, proposal.new, by)
        return await self._carried_out(trade, words)

    async def _carried_out(self, trade: Trade, words: str) -> Tap:
        """Recorded already: what is said is how far the order came."""
        name = coin(trade.symbol)
        try:
            step = await self._kernel.executor.advance(trade)
        except PerpilotError as error:
            return Tap(True, f"{name}: {words}. The order follows once it can be placed.", (str(error),))
        rest = (
            "" if isinstance(step, Rest) else " The new order is on its way; the old one covers until then."
        )
        return Tap(True, f"{name}: {words}.{rest}")

    async def _against(self, held: Held, move: StopMove, new: Decimal) -> tuple[str, ...]:
        if move is StopMove.BREAK_EVEN and held.is_passed(new):
            return (
                f"the price {held.mark.normalize():f} is not beyond break-even {new} (costs included) yet",
            )
        if move is StopMove.BREAK_EVEN and not held.tightens(new):
            return (f"the stop {held.trade.stop} is at break-even or better already",)
        if move is StopMove.TIGHTEN and new == held.trade.stop:
            return (f"the stop {new} is as near to the price {held.mark.normalize():f} as it may be",)
        loosens = held.loosens(new)
        account = await self._kernel.keeper.look() if loosens else None
        reasons = against_loosening(held, new, account) if account is not None else ()
        if reasons:
            return tuple(reason.text for reason in reasons)
        why = await self._kernel.executor.against_stop(held.trade, new, StopBy.OWNER, may_loosen=loosens)
        return (why,) if why else ()

    async def _trade(self, symbol: str) -> Trade | None:
        trades = await self._kernel.keeper.open_trades()
        return next((trade for trade in trades if trade.symbol == symbol), None)

    async def _held(self, trade: Trade) -> Held:
        positions = await self._venue.positions()
        position = next((p for p in positions if p.symbol == trade.symbol and p.side is trade.side), None)
        if position is None:
            raise Unknown(f"the position in {coin(trade.symbol)} cannot be seen right now")
        quote = await self._market.quote(trade.symbol)
        instrument = await self._market.instrument(trade.symbol)
        return Held(trade, position, quote.mark, instrument, self._limits())


def _wanted(held: Held, move: StopMove, price: Decimal | None) -> Decimal:
    match move:
        case StopMove.BREAK_EVEN:
            return break_even(held)
        case StopMove.TIGHTEN:
            return tightened(held)
        case StopMove.LOOSEN:
            return loosened(held)
        case StopMove.PRICE:
            assert price is not None, "a typed stop has a price"
            return towards_price(price, held)


def _losses(held: Held, new: Decimal) -> tuple[Decimal, Decimal]:
    return loss_of(held, held.trade.stop), loss_of(held, new)
