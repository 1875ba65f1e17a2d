"""Positions that are not a trade's, as a person sees them: what is shown, and what was told of each.

Laws:
- It is told once, and told again when it was to be ignored and has grown. What a crash kept from being told
  is told after it.
- What is remembered is written before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from core.desk import ForeignView
from core.errors import PerpilotError
from core.notice import Notice
from core.ports import Clock, Market
from core.risk.limits import Limits
from core.trade import Order, Position
from core.trading import notices
from core.trading.accounts import AccountJournal
from core.trading.foreign import Terms, view_of
from core.trading.foreign_memory import ForeignMemory, Known
from core.trading.looking import LOOKS_APART_S

LOST_TEXT = (
    "Orders of mine are on the exchange that the journal does not know: the database was lost or put back. "
    "What is open there is guarded. No entry is made until you have looked at /positions and confirm with "
    "/resume."
)


class ForeignShown:
    """Raises `JournalError` where the memory cannot be read or written, or nothing can be told."""

    def __init__(
        self,
        journal: AccountJournal,
        market: Market,
        clock: Clock,
        limits: Callable[[], Limits],
        memory: ForeignMemory,
    ) -> None:
        self._journal = journal
        self._market = market
        self._clock = clock
        self._limits = limits
        self._memory = memory
        self._gone: dict[str, float] = {}
        """Symbol of a known foreign position → since when it is not shown, monotonic seconds."""
        self._told: set[str] = set()
        self.views: tuple[ForeignView, ...] = ()
        """Positions that are somebody else's, or could not be sorted, as the newest pass saw them."""

    def of(self, symbol: str) -> ForeignView | None:
        return next((view for view in self.views if view.symbol == symbol), None)

    def change(self, changed: ForeignView) -> None:
        self.views = tuple(changed if view.symbol == changed.symbol else view for view in self.views)

    def drop(self, symbol: str) -> None:
        self.views = tuple(view for view in self.views if view.symbol != symbol)

    async def view(
        self, position: Position, orders: Sequence[Order], *, is_unsorted: bool = False
    ) -> ForeignView:
        known = await self._know(position, is_unsorted=is_unsorted)
        try:
            terms = Terms(await self._market.instrument(position.symbol), self._limits())
        except PerpilotError:
            terms = None
        view = view_of(position, orders, terms, known.ignored_by)
        return replace(view, is_unsorted=is_unsorted)

    async def _know(self, position: Position, *, is_unsorted: bool) -> Known:
        """What was told of it; anew where it is another one, or was to be left alone and has grown."""
        symbol, known = position.symbol, (await self._memory.read()).foreign.get(position.symbol)
        is_same = known is not None and known.side is position.side
        if known is None or not is_same or (known.ignored_by and position.quantity > known.quantity):
            known = Known(position.side, position.quantity, self._clock.now(), is_unsorted=is_unsorted)
        elif known.is_unsorted is not is_unsorted:
            known = replace(known, is_unsorted=is_unsorted)
        else:
            return known
        changed = known
        await self._memory.change(lambda memory: memory.knowing(symbol, changed))
        return changed

    async def forget_gone(self, shown: set[str], now: float) -> None:
        """Once it is not shown by two looks; a turned one is a new one already."""
        memory = await self._memory.read()
        self._gone = {symbol: self._gone.get(symbol, now) for symbol in memory.foreign if symbol not in shown}
        over = {symbol for symbol, since in self._gone.items() if now - since >= LOOKS_APART_S}
        if over:
            await self._memory.change(lambda memory: memory.without(over))

    async def tell(self) -> None:
        """The keys are the memory's: what a crash kept from being told is told after it; nothing twice."""
        memory = await self._memory.read()
        for view in self.views:
            known = memory.foreign.get(view.symbol)
            if known is not None and not view.ignored_by:
                kind = "unsorted" if view.is_unsorted else "foreign"
                key = f"{kind}:{view.symbol}:{view.side}:{known.since.isoformat()}"
                await self._tell(notices.foreign(view, key))
        await self._tell_lost()

    async def _tell_lost(self) -> None:
        lost_at = (await self._memory.read()).lost_at
        if lost_at is not None:
            await self._tell(notices.system(f"lost_journal:{lost_at.isoformat()}", LOST_TEXT))

    async def _tell(self, notice: Notice) -> None:
        if notice.key not in self._told:
            await self._journal.tell([notice])
            self._told.add(notice.key)
