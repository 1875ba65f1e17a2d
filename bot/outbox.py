"""The journal's notices, told in Telegram: in order, none lost, none knowingly twice.

Laws:
- A notice is begun (committed) before its message leaves and ended after Telegram took it. What was begun
  and not ended may have arrived: it is sent again, marked.
- A notice leaves the outbox only told, or given up for good with the reason in the log.
- Trading never waits for this task; this task waits for Telegram as long as it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiohttp import ClientConnectorError

from bot.outbox_sending import Letter, Sender
from bot.outbox_writing import Writer
from bot.owner_line import OwnerLine
from core.errors import PerpilotError
from core.journal import OutboxJournal, PendingNotice
from core.notice import CRITICAL, NoticeKind
from core.ports import Clock, ComponentHealth

log = logging.getLogger(__name__)

AT_ONCE = 30
"""Notices read in one pass."""
LOOK_EVERY_S = 0.5
"""`wake` makes it at once."""
MANY = 5
"""More waiting notices than this that are not critical are told together."""
MAX_DIGEST = 12
"""Notices in one digest; a message has room for about that many."""
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
BLOCKED_WAIT_S = 60.0
"""Between tries while the owner's chat can't be written to."""
MAX_BUG_ATTEMPTS = 3
"""A notice that breaks our own code so often is given up, so that those behind it are told."""
FINISH_S = 2.0


class Wait(Exception):
    """Telegram can't take anything now; try again after `seconds`."""

    def __init__(self, seconds: float, why: str, was_sent: bool | None = False) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.was_sent = was_sent
        """False: surely not; None: unknown."""


@dataclass(slots=True)
class OutboxFigures:
    told: int = 0
    given_up: int = 0
    errors: int = 0


class Outbox:
    def __init__(
        self,
        journal: OutboxJournal,
        writer: Writer,
        sender: Sender,
        clock: Clock,
        account: str,
        line: OwnerLine | None = None,
    ) -> None:
        """`line` hears of what arrived, and of a chat that can't be written to."""
        self._line = line or OwnerLine()
        self._journal = journal
        self._writer = writer
        self._sender = sender
        self._clock = clock
        self._account = account
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._turn = asyncio.Lock()
        self._surely_unsent: set[int] = set()
        self._failures = 0
        self._bugs: dict[int, int] = {}
        self._problem = ""
        self.figures = OutboxFigures()

    def wake(self) -> None:
        """There may be something new: look at once."""
        self._news.set()

    async def run(self) -> None:
        """Until `stop`; a cancellation lets the message that is being sent get its end."""
        while not self._stopping.is_set():
            await self._rest(await self._pass_shielded())

    async def stop(self) -> None:
        self._stopping.set()
        self._news.set()

    async def drain(self, deadline_s: float) -> bool:
        """Tells what is waiting, as far as the time goes; True when nothing is left."""
        try:
            return await asyncio.wait_for(self._tell_all(), deadline_s)
        except TimeoutError:
            return False

    def health(self) -> ComponentHealth:
        if self._failures:
            return ComponentHealth("down", self._problem)
        return ComponentHealth("ok", more={"told": self.figures.told, "given_up": self.figures.given_up})

    async def one_pass(self) -> float:
        """Tells what is due now; seconds to wait before the next pass."""
        async with self._turn:
            return await self._pass()

    # passes

    async def _pass_shielded(self) -> float:
        task = asyncio.create_task(self.one_pass())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=FINISH_S)
            task.cancel()
            raise

    async def _pass(self) -> float:
        try:
            due = await self._journal.due_notices(self._account, AT_ONCE)
            for bundle in bundles(due):
                if self._stopping.is_set():
                    break
                await self._tell(bundle)
        except Wait as wait:
            self._trouble(str(wait))
            return wait.seconds
        except PerpilotError as error:
            log.warning("outbox waits for the journal: error=%s", error)
            return self._backoff()
        except Exception:
            self.figures.errors += 1
            log.exception("outbox pass failed")
            return self._backoff()
        return 0.0 if len(due) == AT_ONCE else LOOK_EVERY_S

    async def _tell_all(self) -> bool:
        self._stopping.clear()
        while True:
            wait = await self.one_pass()
            if not await self._journal.due_notices(self._account, 1):
                return True
            await asyncio.sleep(min(max(wait, 0.05), 1.0))

    async def _rest(self, seconds: float) -> None:
        """New notices end a rest, but not a wait that Telegram asked for."""
        event = self._stopping if seconds > LOOK_EVERY_S else self._news
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
        self._news.clear()

    # one bundle

    async def _tell(self, bundle: Sequence[PendingNotice]) -> None:
        first = bundle[0]
        is_again = any(one.was_begun and one.id not in self._surely_unsent for one in bundle)
        try:
            letter = await self._letter(bundle, is_again)
        except PerpilotError:
            raise
        except Exception as error:
            await self._count_bug(first, error)
            return
        if letter is None:
            await self._end(bundle, None, "over before it was told")
            return
        for one in bundle:
            await self._journal.begin_notice(one.id, self._clock.now())
        try:
            message_id = await self._send(letter)
        except Wait as wait:
            self._note_sending(bundle, wait.was_sent)
            raise
        self._recovered()
        if message_id is not None:
            self._line.delivered()
        await self._end(bundle, message_id, "" if message_id is not None else "refused by Telegram")

    async def _letter(self, bundle: Sequence[PendingNotice], is_again: bool) -> Letter | None:
        if len(bundle) > 1:
            return await self._writer.digest([one.notice for one in bundle], is_again)
        return await self._writer.letter(bundle[0].notice, self._clock.now(), is_again)

    async def _send(self, letter: Letter) -> int | None:
        """The message's id; None when Telegram refuses its content for good."""
        try:
            return await self._sender.send(letter)
        except TelegramRetryAfter as limit:
            raise Wait(float(limit.retry_after), "slowed by Telegram") from None
        except (TelegramForbiddenError, TelegramUnauthorizedError) as error:
            raise self._blocked(f"the chat can't be written to: {type(error).__name__}") from None
        except TelegramMigrateToChat as moved:
            why = f"the group became a supergroup: set TELEGRAM_CHAT_ID to {moved.migrate_to_chat_id}"
            raise self._blocked(why) from None
        except TelegramBadRequest as refusal:
            if "chat not found" in refusal.message.lower():
                raise self._blocked("the chat can't be written to: chat not found") from None
            log.error("notice refused: error=%s", refusal.message)
            return None
        except TelegramNetworkError as error:
            never_left = isinstance(error.__cause__, ClientConnectorError)
            raise Wait(self._backoff(), "telegram out of reach", False if never_left else None) from None
        except (TelegramAPIError, ClientDecodeError) as error:
            raise Wait(self._backoff(), f"telegram fails: {type(error).__name__}", None) from None

    def _blocked(self, why: str) -> Wait:
        self._line.refused(why)
        return Wait(BLOCKED_WAIT_S, why)

    async def _end(self, bundle: Sequence[PendingNotice], message_id: int | None, error: str) -> None:
        for one in bundle:
            await self._journal.end_notice(one.id, message_id, self._clock.now(), error)
            self._surely_unsent.discard(one.id)
            self._bugs.pop(one.id, None)
        self.figures.told += len(bundle) if not error else 0
        self.figures.given_up += len(bundle) if error else 0

    def _note_sending(self, bundle: Sequence[PendingNotice], was_sent: bool | None) -> None:
        ids = {one.id for one in bundle if was_sent is False and not one.was_begun}
        kept = {one.id for one in bundle} & self._surely_unsent if was_sent is False else set()
        self._surely_unsent -= {one.id for one in bundle}
        self._surely_unsent |= ids | kept

    async def _count_bug(self, pending: PendingNotice, error: Exception) -> None:
        self.figures.errors += 1
        self._bugs[pending.id] = self._bugs.get(pending.id, 0) + 1
        log.error("notice not written: id=%d kind=%s", pending.id, pending.notice.kind, exc_info=error)
        if self._bugs[pending.id] < MAX_BUG_ATTEMPTS:
            raise Wait(BACKOFF_S[0], "a notice could not be written")
        await self._end([pending], None, f"could not be written: {type(error).__name__}")

    # trouble

    def _backoff(self) -> float:
        return BACKOFF_S[min(self._failures, len(BACKOFF_S) - 1)]

    def _trouble(self, why: str) -> None:
        if why != self._problem:
            log.warning("outbox waits: why=%s", why)
        self._failures += 1
        self._problem = why

    def _recovered(self) -> None:
        if self._failures:
            log.info("outbox tells again: failures=%d", self._failures)
        self._failures, self._problem = 0, ""


def bundles(due: Sequence[PendingNotice]) -> list[list[PendingNotice]]:
    """Neighbours that are not critical go together when many wait; order is kept."""
    harmless = [one for one in due if _is_harmless(one)]
    made: list[list[PendingNotice]] = []
    for one in due:
        joins = (
            len(harmless) > MANY
            and made
            and _is_harmless(one)
            and _is_harmless(made[-1][-1])
            and len(made[-1]) < MAX_DIGEST
        )
        if joins:
            made[-1].append(one)
        else:
            made.append([one])
    return made


def _is_harmless(one: PendingNotice) -> bool:
    return one.notice.kind not in CRITICAL and one.notice.kind is not NoticeKind.APPROVAL_CLOSED
