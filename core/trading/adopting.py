"""Positions at the venue without a trade in the journal: ours that it lost, and somebody else's.

Laws:
- Nothing is concluded from one look. Until such a position is known to be the one or the other, no entry is
  made; what could not be read is not known. What stays so is told and shown, and a person decides: left
  alone, it blocks its symbol only.
- Ours is guarded at once. A journal that does not know the ids of our own orders has lost something: entries
  stay closed until a person confirms, across restarts.
- Somebody else's is touched only after a person said so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from core.desk import ForeignView, Tap
from core.errors import JournalError, PerpilotError, Throttled
from core.market import coin
from core.ports import Blobs, Clock, Market, Venue
from core.risk.limits import Limits
from core.trade import Fill, Order, Position, Trade
from core.trading.accounts import AccountJournal, AccountKeeper
from core.trading.entries import EntryGate
from core.trading.executor import Executor
from core.trading.foreign import is_whole, our_ids, ours_resting
from core.trading.foreign_memory import ForeignMemory
from core.trading.foreign_shown import ForeignShown
from core.trading.foreign_taking import Taking
from core.trading.ids import is_ours
from core.trading.steps import Book
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
        self._keeper = keeper
        self._clock = clock
        self._gate = gate
        self._memory = ForeignMemory(journal, clock, keeper.account)
        self._shown = ForeignShown(journal, market, clock, limits, self._memory)
        self._taking = Taking(venue, journal, market, executor, keeper, clock, limits, self._shown)
        self._unsorted = Unsorted()
        self._taken: dict[str, float] = {}
        """Symbol → when an open trade of it was seen last, monotonic seconds."""
        self._explained: frozenset[str] = frozenset()
        """Client ids of ours that the journal knows, or that it was suspected for."""
        self._is_unsure = False
        self._is_worth_haste = False

    @property
    def views(self) -> tuple[ForeignView, ...]:
        """Positions that are somebody else's, or could not be sorted, as the newest pass saw them."""
        return self._shown.views

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
            self._shown.views = tuple(view for view in found if isinstance(view, ForeignView))
            await self._shown.forget_gone({position.symbol for position in strange}, now)
            self._is_unsure = any(map(_holds_entries, found))
        finally:
            self._hold_entries()
        await self._shown.tell()

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
            return await self._shown.view(position, orders)
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
        return await self._shown.view(position, orders)

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
        view = await self._shown.view(position, orders, is_unsorted=True)
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
        trade = await self._taking.record(position.symbol, position.side, text, by="perpilot", closes=False)
        if trade is not None:
            log.warning("adopted: trade=%s symbol=%s ids=%s", trade.id, trade.symbol, ",".join(sorted(ids)))
            await self._taking.first_rounds(trade)
        return trade

    # ------------------------------------------------------------ what a person asks for

    async def adopt(self, symbol: str, by: str) -> Tap:
        """Raises what the ports raise; then nothing was recorded."""
        view = self._shown.of(symbol)
        if view is None:
            return _nothing(symbol)
        text = f"adopted by {by}; it was opened outside of Perpilot"
        trade = await self._taking.record(symbol, view.side, text, by, closes=False)
        if trade is None:
            return _changed(symbol)
        step, undone = await self._taking.first_rounds(trade)
        if isinstance(step, Book):
            return Tap(True, f"{coin(symbol)} was guarded and had to be closed at once.", _why(view.warning))
        rest = "Its stop follows once it can be placed." if undone else f"Its stop is at {trade.stop}."
        return Tap(True, f"{coin(symbol)} is guarded from now on. {rest}", _why(undone))

    async def close(self, symbol: str, by: str) -> Tap:
        """Raises what the ports raise; then nothing was recorded."""
        view = self._shown.of(symbol)
        if view is None:
            return _nothing(symbol)
        trade = await self._taking.record(
            symbol, view.side, f"closing all of it, asked for by {by}", by, closes=True
        )
        if trade is None:
            return _changed(symbol)
        _, undone = await self._taking.first_rounds(trade)
        if undone:
            text = f"Closing {coin(symbol)} was begun and is being repeated until it is done."
            return Tap(True, text, _why(undone))
        return Tap(True, f"Closed {coin(symbol)}.")

    async def ignore(self, symbol: str, by: str) -> Tap:
        """Raises `JournalError`; then nothing was recorded."""
        view = self._shown.of(symbol)
        known = (await self._memory.read()).foreign.get(symbol)
        if view is None or known is None:
            return _nothing(symbol)
        ignored = replace(known, quantity=view.quantity, ignored_by=by)
        await self._memory.change(lambda memory: memory.knowing(symbol, ignored))
        self._shown.change(replace(view, ignored_by=by))
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
