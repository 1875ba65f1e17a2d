"""Positions at the venue without a trade in the journal: ours that it lost, and somebody else's.

Laws:
- Nothing is concluded from one look. Until such a position is known to be the one or the other, no entry is
  made; what could not be read is not known. What stays so is told and shown, and a person decides: left
  alone, it blocks its symbol only.
- Ours is guarded at once. A journal that does not know the ids of our own orders has lost something: entries
  stay closed until a person confirms, across restarts.
- Somebody else's is touched only after a person said so. It is told once, and told again when it was to be
  ignored and has grown.
- A trade is recorded before anything is sent for it, and an adopted one never sends an entry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from core.desk import ForeignView, Tap
from core.errors import JournalError, PerpilotError, Throttled, Unknown
from core.market import Side, coin
from core.money import ZERO
from core.notice import Notice
from core.ports import Blobs, Clock, Market, Venue
from core.risk.limits import Limits
from core.trade import Fill, Opening, Order, Position, Trade
from core.trading import notices
from core.trading.accounts import AccountJournal, AccountKeeper
from core.trading.entries import EntryGate
from core.trading.executor import Executor
from core.trading.foreign import (
    Terms,
    adopted_trade,
    is_whole,
    opening_of,
    our_ids,
    ours_resting,
    stop_of,
    view_of,
)
from core.trading.foreign_memory import ForeignMemory, Known
from core.trading.ids import is_ours
from core.trading.looking import FILLS_MARGIN, LOOKS_APART_S
from core.trading.steps import Book, Step, Wait
from core.trading.unsorted import Unsorted

log = logging.getLogger("perpilot.adopting")

UNSURE, LOST = "unknown_position", "lost_journal"
"""Names at the entry gate."""
SETTLED_S = 30.0
"""A venue may show a position for so long after its trade was booked or given up."""
RECENT = timedelta(hours=2)
"""Asked for first: a position that began within needs no more pages."""
FILLS_BACK = timedelta(days=3)
"""How far back fills are asked whose order they were; what is older is known by what rests at the venue."""

UNSURE_TEXT = "a position without a trade is on the exchange, and whose it is is not known yet"
UNSEEN_TEXT = "what is open on the exchange could not be read"
LOST_TEXT = (
    "Orders of mine are on the exchange that the journal does not know: the database was lost or put back. "
    "What is open there is guarded. No entry is made until you have looked at /positions and confirm with "
    "/resume."
)


class AdoptingJournal(AccountJournal, Blobs, Protocol):
    """The parts of the journal that are needed here."""


class Adopter:
    def __init__(
        self,
        venue: Venue,
        journal: AdoptingJournal,
        market: Market,
        executor: Executor,
        keeper: AccountKeeper,
        clock: Clock,
        gate: EntryGate,
        limits: Callable[[], Limits],
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._market = market
        self._executor = executor
        self._keeper = keeper
        self._clock = clock
        self._gate = gate
        self._limits = limits
        self._memory = ForeignMemory(journal, clock, keeper.account)
        self._unsorted = Unsorted()
        self._gone: dict[str, float] = {}
        """Symbol of a known foreign position → since when it is not shown, monotonic seconds."""
        self._taken: dict[str, float] = {}
        """Symbol → when an open trade of it was seen last, monotonic seconds."""
        self._told: set[str] = set()
        self._explained: frozenset[str] = frozenset()
        """Client ids of ours that the journal knows, or that it was suspected for."""
        self._is_unsure = False
        self._is_worth_haste = False
        self.views: tuple[ForeignView, ...] = ()
        """Positions that are somebody else's, or could not be sorted, as the newest pass saw them."""

    @property
    def is_unsettled(self) -> bool:
        """Whose some position is, is not known yet: look again in seconds. Not where the venue asked for
        patience."""
        return self._is_worth_haste

    # ------------------------------------------------------------ what a pass of the guard does

    async def review(self, positions: Sequence[Position], orders: Sequence[Order]) -> None:
        """Sorts what no trade stands for. `orders`: everything that rests at the venue, of the same survey.

        Raises `JournalError` when the journal cannot be read or written: then nothing was concluded.
        """
        self._is_unsure, self._is_worth_haste, now = True, False, self._clock.monotonic()
        try:
            await self.check(orders)
            strange = await self._strange(positions, now)
            self._unsorted.saw(strange, now)
            found = [await self._sort(position, orders, now) for position in strange]
            self.views = tuple(view for view in found if isinstance(view, ForeignView))
            await self._forget_gone({position.symbol for position in strange}, now)
            self._is_unsure = any(map(_holds_entries, found))
        finally:
            self._hold_entries()
        await self._tell_foreign()

    def doubt(self) -> None:
        """What is held and rests could not be read: nothing is entered until it was."""
        self._is_unsure = True
        self._gate.close(UNSURE, UNSEEN_TEXT)

    async def check(self, orders: Sequence[Order]) -> None:
        """Closes the entries where the journal does not know an order of ours that rests at the venue."""
        await self._suspect(frozenset(order.client_id for order in orders if is_ours(order.client_id)))
        self._hold_lost()

    async def _suspect(self, ids: frozenset[str]) -> None:
        """Client ids of ours that the venue shows: each was intended before it was sent, so a journal that
        does not know one has lost something. Each is suspected once."""
        unknown = ids - self._explained
        if not unknown:
            return
        lost = unknown - await self._journal.intended(unknown)
        if lost:
            log.error("journal lost: orders=%s", ",".join(sorted(lost)))
            await self._memory.change(
                lambda memory: replace(memory, lost_at=memory.lost_at or self._clock.now())
            )
        self._explained |= unknown

    async def _strange(self, positions: Sequence[Position], now: float) -> list[Position]:
        """Positions on symbols without an open trade. The trades are read after the positions: what was
        entered in between is ours."""
        taken = {trade.symbol for trade in await self._keeper.open_trades()}
        self._taken = {symbol: at for symbol, at in self._taken.items() if now - at < SETTLED_S}
        self._taken.update((symbol, now) for symbol in taken)
        return [position for position in positions if position.symbol not in taken]

    async def _sort(
        self, position: Position, orders: Sequence[Order], now: float
    ) -> ForeignView | Trade | None:
        """Somebody else's; ours, which has a trade now; None: not known yet. What stays unknown is shown."""
        symbol, memory = position.symbol, await self._memory.read()
        known, is_marked = memory.foreign.get(symbol), bool(ours_resting(symbol, orders))
        is_foreign = known is not None and known.side is position.side and not known.is_unsorted
        if not is_marked and is_foreign:
            self._unsorted.sorted(symbol)
            return await self._view(position, orders)
        if not self._unsorted.has_agreed(symbol) or self._has_just_ended(symbol, now):
            self._is_worth_haste |= not self._unsorted.is_old(symbol, now)
            return await self._doubtful(position, orders, now)
        if not is_marked and not self._unsorted.is_due(symbol, now):
            self._is_worth_haste |= self._unsorted.is_hasty(symbol)
            return await self._doubtful(position, orders, now)
        try:
            found = await self._identify(position, orders, now)
        except JournalError:
            raise
        except PerpilotError as error:
            self._keeper.failures.note(error)
            log.warning("whose position is unknown: symbol=%s error=%s", symbol, error)
            self._unsorted.failed(symbol, now)
            is_hasty = is_marked or self._unsorted.is_hasty(symbol)
            self._is_worth_haste |= is_hasty and not isinstance(error, Throttled)
            return await self._doubtful(position, orders, now)
        if found is not None:
            self._unsorted.sorted(symbol)
        return found

    async def _identify(
        self, position: Position, orders: Sequence[Order], now: float
    ) -> ForeignView | Trade | None:
        fills = await self._fills_of(position, orders, now)
        if ids := our_ids(position, orders, fills):
            return await self._take_back(position, ids)
        return await self._view(position, orders)

    async def _fills_of(self, position: Position, orders: Sequence[Order], now: float) -> tuple[Fill, ...]:
        """As far back as they are needed; none where they cannot be read and an order of ours says enough."""
        symbol, today = position.symbol, self._clock.now()
        if not self._unsorted.is_due(symbol, now):
            return ()
        try:
            recent = await self._venue.fills(symbol, today - RECENT)
            if is_whole(position, recent):
                return recent
            return await self._venue.fills(symbol, today - FILLS_BACK)
        except PerpilotError as error:
            if not ours_resting(symbol, orders):
                raise
            log.warning("fills of a position of ours unknown: symbol=%s error=%s", symbol, error)
            return ()

    async def _doubtful(self, position: Position, orders: Sequence[Order], now: float) -> ForeignView | None:
        """Shown once it has been doubtful for long, here or before a restart. What an order of ours rests on
        is left alone by nobody."""
        known = (await self._memory.read()).foreign.get(position.symbol)
        was_shown = known is not None and known.side is position.side and known.is_unsorted
        if not was_shown and not self._unsorted.is_old(position.symbol, now):
            return None
        view = await self._view(position, orders, is_unsorted=True)
        return replace(view, ignored_by="") if ours_resting(position.symbol, orders) else view

    def _has_just_ended(self, symbol: str, now: float) -> bool:
        """A trade of it was open a moment ago, here or before a restart: this may be its shadow."""
        account = self._keeper.last_account
        closed_at = account.last_closed.get(symbol) if account is not None else None
        ago_s = (self._clock.now() - closed_at).total_seconds() if closed_at is not None else SETTLED_S
        return symbol in self._taken or abs(ago_s) < SETTLED_S

    def _hold_entries(self) -> None:
        if self._is_unsure:
            self._gate.close(UNSURE, UNSURE_TEXT)
        else:
            self._gate.open(UNSURE)
        self._hold_lost()

    def _hold_lost(self) -> None:
        memory = self._memory.known
        if memory is not None and memory.lost_at is not None:
            self._gate.close(LOST, "the journal lost something; look at /positions and confirm with /resume")

    # ------------------------------------------------------------ ours

    async def _take_back(self, position: Position, ids: frozenset[str]) -> Trade | None:
        """Guarded as a trade from now on. That the journal lost something is kept first: a crash in between
        must not open the entries."""
        await self._suspect(ids)
        text = "it carries my own orders, and the journal had no trade of it"
        trade = await self._record(position.symbol, position.side, text, by="perpilot", closes=False)
        if trade is not None:
            log.warning("adopted: trade=%s symbol=%s ids=%s", trade.id, trade.symbol, ",".join(sorted(ids)))
            await self._first_rounds(trade)
        return trade

    # ------------------------------------------------------------ somebody else's

    async def _view(
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

    async def _forget_gone(self, shown: set[str], now: float) -> None:
        """Once it is not shown by two looks; a turned one is a new one already."""
        memory = await self._memory.read()
        self._gone = {symbol: self._gone.get(symbol, now) for symbol in memory.foreign if symbol not in shown}
        over = {symbol for symbol, since in self._gone.items() if now - since >= LOOKS_APART_S}
        if over:
            await self._memory.change(lambda memory: memory.without(over))

    async def _tell_foreign(self) -> None:
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

    # ------------------------------------------------------------ what a person asks for

    async def adopt(self, symbol: str, by: str) -> Tap:
        """Raises what the ports raise; then nothing was recorded."""
        view = self._view_of(symbol)
        if view is None:
            return _nothing(symbol)
        text = f"adopted by {by}; it was opened outside of Perpilot"
        trade = await self._record(symbol, view.side, text, by, closes=False)
        if trade is None:
            return _changed(symbol)
        step, undone = await self._first_rounds(trade)
        if isinstance(step, Book):
            return Tap(True, f"{coin(symbol)} was guarded and had to be closed at once.", _why(view.warning))
        rest = "Its stop follows once it can be placed." if undone else f"Its stop is at {trade.stop}."
        return Tap(True, f"{coin(symbol)} is guarded from now on. {rest}", _why(undone))

    async def close(self, symbol: str, by: str) -> Tap:
        """Raises what the ports raise; then nothing was recorded."""
        view = self._view_of(symbol)
        if view is None:
            return _nothing(symbol)
        trade = await self._record(
            symbol, view.side, f"closing all of it, asked for by {by}", by, closes=True
        )
        if trade is None:
            return _changed(symbol)
        _, undone = await self._first_rounds(trade)
        if undone:
            text = f"Closing {coin(symbol)} was begun and is being repeated until it is done."
            return Tap(True, text, _why(undone))
        return Tap(True, f"Closed {coin(symbol)}.")

    async def ignore(self, symbol: str, by: str) -> Tap:
        """Raises `JournalError`; then nothing was recorded."""
        view = self._view_of(symbol)
        known = (await self._memory.read()).foreign.get(symbol)
        if view is None or known is None:
            return _nothing(symbol)
        ignored = replace(known, quantity=view.quantity, ignored_by=by)
        await self._memory.change(lambda memory: memory.knowing(symbol, ignored))
        self._show(replace(view, ignored_by=by))
        text = (
            f"{coin(symbol)} is left alone: no more word of it unless it turns or grows. "
            "It still counts as exposure, and no entry is made on it."
        )
        return Tap(True, text)

    async def confirm(self, by: str) -> bool:
        """A person has looked at what the journal lost; False when nothing waited for that."""
        if (await self._memory.read()).lost_at is None:
            return False
        await self._memory.change(lambda memory: replace(memory, lost_at=None))
        self._gate.open(LOST)
        log.warning("lost journal confirmed: by=%s", by)
        return True

    def _view_of(self, symbol: str) -> ForeignView | None:
        return next((view for view in self.views if view.symbol == symbol), None)

    def _show(self, changed: ForeignView) -> None:
        self.views = tuple(changed if view.symbol == changed.symbol else view for view in self.views)

    # ------------------------------------------------------------ the trade

    async def _record(self, symbol: str, side: Side, text: str, by: str, *, closes: bool) -> Trade | None:
        """The trade of the position as it stands now; None where it is gone, turned, or has a trade already.

        Position and fills belong together: the position is read before and after the fills.
        """
        async with self._executor.busy(symbol):
            now = self._clock.now()
            position = await self._position(symbol, side)
            if position is None:
                return None
            fills = await self._venue.fills(symbol, now - FILLS_MARGIN)
            orders = await self._venue.open_orders(symbol)
            again = await self._position(symbol, side)
            if again is None or again.quantity != position.quantity:
                raise Unknown(f"the position in {coin(symbol)} is moving right now; please try again")
            opening = opening_of(again, fills, now - FILLS_MARGIN)
            trade = await self._trade_of(again, orders, opening, now, closes=closes)
            told = notices.adopted(trade, again, text)
            if closes:
                told = notices.changed(trade, "close:1", text)
            is_new = await self._journal.open_trade(trade, None, None, by, [told])
        self.views = tuple(view for view in self.views if view.symbol != symbol)
        return trade if is_new else None

    async def _trade_of(
        self, position: Position, orders: Sequence[Order], opening: Opening, now: datetime, *, closes: bool
    ) -> Trade:
        terms = Terms(await self._market.instrument(position.symbol), self._limits())
        stop, account = stop_of(position, orders, terms), self._keeper.last_account
        equity = account.equity if account is not None and account.equity is not None else ZERO
        name = self._keeper.account
        return adopted_trade(position, stop, opening, terms, name, equity, now, closes=closes)

    async def _position(self, symbol: str, side: Side) -> Position | None:
        found = await self._venue.positions()
        return next((p for p in found if p.symbol == symbol and p.side is side), None)

    async def _first_rounds(self, trade: Trade) -> tuple[Step | None, str]:
        """The last step (None: the rounds broke off) and why it is neither at rest nor over; the guard goes
        on from there."""
        try:
            step = await self._executor.advance(trade)
        except PerpilotError as error:
            log.warning("first rounds broke off: trade=%s symbol=%s error=%s", trade.id, trade.symbol, error)
            return None, str(error)
        return step, step.reason if isinstance(step, Wait) else ""


def _holds_entries(found: ForeignView | Trade | None) -> bool:
    return found is None or (isinstance(found, ForeignView) and found.is_unsorted and not found.ignored_by)


def _why(reason: str) -> tuple[str, ...]:
    return (reason,) if reason else ()


def _nothing(symbol: str) -> Tap:
    return Tap(False, f"There is no foreign position in {coin(symbol)} any more; /positions shows what is.")


def _changed(symbol: str) -> Tap:
    return Tap(
        False, f"The position in {coin(symbol)} has changed meanwhile: please look at /positions again."
    )
