"""How the account is set at the exchange: what `doctor` names, and what is changed after a person said so.

Laws:
- A mode is changed only while the whole account is flat: no position, no order of either kind.
- What was set is read back before it is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.adapters.exchange.dialects import Modes
from core.adapters.exchange.venue import CcxtVenue, obstacles
from core.errors import NotAllowed, Throttled
from core.ports import Result


@dataclass(frozen=True, slots=True)
class AccountReport:
    """Facts about the account, and what of them forbids live trading."""

    modes: Modes
    obstacles: tuple[str, ...]
    """Each with what to do; empty when the account is as this bot needs it."""
    can_be_mended: bool
    """`mend` would remove every obstacle, once the account is flat."""
    clock_offset_s: float | None

    @property
    def lines(self) -> tuple[str, ...]:
        words = {None: "not told", True: "on", False: "off"}
        rows = (
            ("hedge mode", self.modes.is_hedge),
            ("multi-asset margin", self.modes.is_multi_asset),
            ("portfolio margin", self.modes.is_portfolio),
            ("account-wide isolated margin", self.modes.is_isolated),
        )
        return tuple(f"{name}: {words[value]}" for name, value in rows)


async def look_at_account(venue: CcxtVenue) -> AccountReport:
    """Raises what reads raise."""
    modes = await venue.modes()
    return AccountReport(
        modes=modes,
        obstacles=tuple(obstacles(venue.exchange_id, modes)),
        can_be_mended=not modes.is_portfolio and modes.can_trade is not False,
        clock_offset_s=venue.clock_offset_s,
    )


async def mend(venue: CcxtVenue) -> AccountReport:
    """Sets one-way mode and single-asset or isolated margin for the account, and reads them back.

    Only after a person said so. Raises `NotAllowed` when the account isn't flat or the exchange refuses.
    """
    before = await look_at_account(venue)
    if not before.obstacles:
        return before
    if not before.can_be_mended:
        raise NotAllowed("; ".join(before.obstacles))
    await _check_flat(venue)
    for sending in venue.dialect.one_way():
        outcome = await venue.line.send(sending)
        if outcome.code in venue.line.book.as_wanted:
            continue
        if outcome.result is Result.THROTTLED:
            raise Throttled(f"{sending.endpoint}: {outcome.detail}", venue.silent_until)
        if outcome.result in (Result.REFUSED, Result.NOT_ALLOWED):
            raise NotAllowed(
                f"{sending.endpoint} was refused: {outcome.detail} (code {outcome.code}); set it in the app"
            )
    after = await look_at_account(venue)
    if after.obstacles:
        raise NotAllowed("; ".join(after.obstacles))
    return after


async def _check_flat(venue: CcxtVenue) -> None:
    held = await venue.positions()
    if held:
        names = ", ".join(sorted({position.symbol for position in held}))
        raise NotAllowed(f"modes change only while flat: close {names} first")
    orders = await venue.open_orders()
    if orders:
        names = ", ".join(sorted({order.symbol for order in orders}))
        raise NotAllowed(f"modes change only while flat: cancel the orders of {names} first")
