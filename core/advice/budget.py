"""The purse that every request to a model is asked of first.

Laws:
- Fail closed: no price, no budget, no database, and nothing leaves.
- What keeps entries closed bars every request that serves entries, also between two tries of one question.
- Reaching the budget is told once a UTC day; guarding never asks a purse.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

from core.errors import JournalError
from core.notice import Notice, NoticeKind
from core.opinion import Purpose
from core.ports import AdviserCall, Clock
from core.spending import Reservation, Room, SpendingJournal

log = logging.getLogger("perpilot.spending")

SERVES_ENTRIES = frozenset({Purpose.ENTRY, Purpose.READING})
PATIENCE_S = 20.0
"""Longest wait for what other requests have set aside to come back; a question's own deadline ends it too."""
POLL_S = 0.5
SILENT_S = 900.0
"""A bar: when questions find no room and none was paid for so long, the budget is used up."""
STARTING = "the bot is starting"


class PurseJournal(SpendingJournal, Protocol):
    async def tell(self, notices: Sequence[Notice]) -> None: ...


@dataclass(frozen=True, slots=True)
class UsedUp:
    """A day on which a request found no room for `worst`, nor would a cheaper question have."""

    day: date
    budget: Decimal
    worst: Decimal


class BudgetPurse:
    """A `core.ports.Purse` over one account's budget of a UTC day."""

    def __init__(
        self, journal: PurseJournal, clock: Clock, account: str, budget_usd: Callable[[], Decimal]
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._account = account
        self._budget_usd = budget_usd
        self._closed: Callable[[], str] = lambda: STARTING
        self._line = asyncio.Lock()
        """Held by who waits for room: the others stand behind, in their order."""
        self._waiting = 0
        self._least_usd: Decimal | None = None
        """Of questions; reading news is far cheaper, and says nothing of them."""
        self._paid_s = clock.monotonic()
        """Of the newest question that found room."""
        self._used_up: UsedUp | None = None

    def watch(self, closed: Callable[[], str]) -> None:
        """`closed`: why no entry may be made now, empty where one may. Until then none may."""
        self._closed = closed

    def barred(self, purpose: Purpose) -> str:
        if purpose in SERVES_ENTRIES and (why := self._closed()):
            return f"entries are closed: {why}"
        return ""

    async def reserve(self, call: AdviserCall, worst_usd: Decimal | None) -> str:
        if refusal := self._refusal(call, worst_usd):
            return refusal
        assert worst_usd is not None  # refused above
        wanted = _reservation(call, self._account, worst_usd)
        is_question = call.purpose is not Purpose.READING
        if is_question and (self._least_usd is None or worst_usd < self._least_usd):
            self._least_usd = worst_usd
        try:
            refusal = await self._set_aside(wanted)
        except JournalError as error:
            log.error("reservation failed: call=%s error=%s", call.id, error)
            return f"what it may cost could not be recorded: {error}"
        if is_question and not refusal:
            self._paid_s = self._clock.monotonic()
        return refusal

    def _refusal(self, call: AdviserCall, worst_usd: Decimal | None) -> str:
        if not self._budget_usd() > 0:
            return "AI_DAILY_BUDGET_USD is 0: no model is asked"
        if worst_usd is None or not worst_usd.is_finite() or worst_usd < 0:
            model = call.model_asked
            stated = f"AI_PRICES={model}=in/out/cached states it, in USD per million tokens"
            return f"what {model} costs is unknown; {stated}"
        return self._used_up_words() if self._is_used_up(worst_usd) else ""

    def _is_used_up(self, worst_usd: Decimal) -> bool:
        """What is cheaper than anything seen tries itself: the first that asks after a start may be dear."""
        used = self._used_up
        if used is None or (used.day, used.budget) != (_day(self._clock.now()), self._budget_usd()):
            return False
        return worst_usd >= used.worst

    async def _set_aside(self, wanted: Reservation) -> str:
        give_up_at = self._clock.monotonic() + PATIENCE_S
        room = None if self._waiting else await self._try(wanted)
        if room is None or not room.is_reserved:
            room = await self._stand_in_line(wanted, give_up_at)
        return "" if room.is_reserved else await self._refused(wanted, room)

    async def _try(self, wanted: Reservation) -> Room:
        return await self._journal.reserve_spending(wanted, self._budget_usd())

    async def _stand_in_line(self, wanted: Reservation, give_up_at: float) -> Room:
        self._waiting += 1
        try:
            async with self._line:
                return await self._wait_for_room(wanted, give_up_at)
        finally:
            self._waiting -= 1

    async def _wait_for_room(self, wanted: Reservation, give_up_at: float) -> Room:
        """Requests set aside more than they cost: what is under way gives most of it back."""
        while True:
            room = await self._try(wanted)
            is_hopeless = _free(wanted, room) + room.open_usd < wanted.worst_usd
            is_over = self._is_used_up(wanted.worst_usd) or self._clock.monotonic() >= give_up_at
            if room.is_reserved or is_hopeless or is_over or self.barred(wanted.purpose):
                return room
            await self._clock.sleep(POLL_S)

    async def _refused(self, wanted: Reservation, room: Room) -> str:
        if barred := self.barred(wanted.purpose):
            return barred
        if room.free_usd >= wanted.worst_usd:
            return f"{_usd(room.exit_free_usd)} is left of the half of the budget that open trades may take"
        budget = self._budget_usd()
        if self._is_reached(wanted, room):
            self._used_up = UsedUp(wanted.day, budget, wanted.worst_usd)
            await self._journal.tell([budget_reached(wanted.account, wanted.day, budget, room.free_usd)])
            return self._used_up_words()
        worst, free = _usd(wanted.worst_usd), _usd(max(room.free_usd, Decimal(0)))
        return f"it may cost {worst}, and {free} is left of AI_DAILY_BUDGET_USD {budget}"

    def _is_reached(self, wanted: Reservation, room: Room) -> bool:
        """No question seen so far could be paid, or none was for a bar: the cheapest need not come again."""
        could = room.free_usd + room.open_usd
        if could >= wanted.worst_usd:
            return False
        is_silent = self._clock.monotonic() - self._paid_s >= SILENT_S
        return is_silent or self._least_usd is None or could < self._least_usd

    def _used_up_words(self) -> str:
        return f"AI_DAILY_BUDGET_USD {self._budget_usd()} is used up until 00:00 UTC"


def budget_reached(account: str, day: date, budget: Decimal, free: Decimal) -> Notice:
    """facts: budget, left."""
    facts = {"budget": format(budget, "f"), "left": format(max(free, Decimal(0)), "f")}
    return Notice(NoticeKind.BUDGET_REACHED, f"budget:{account}:{day.isoformat()}", facts)


def _reservation(call: AdviserCall, account: str, worst_usd: Decimal) -> Reservation:
    return Reservation(
        call_id=call.id,
        account=account,
        adviser=call.adviser,
        model=call.model_asked,
        purpose=call.purpose,
        decision_id=call.decision_id,
        at=call.at,
        worst_usd=worst_usd,
    )


def _free(wanted: Reservation, room: Room) -> Decimal:
    """For this purpose."""
    return min(room.free_usd, room.exit_free_usd) if wanted.purpose is Purpose.EXIT else room.free_usd


def _usd(amount: Decimal) -> str:
    return f"${amount:.4f}"


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
