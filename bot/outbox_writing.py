"""Notices → letters: their cards, whom they answer, what they replace, and the buttons they carry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from bot.cards import Card, pages
from bot.cards_ideas import approval_card, settled_card
from bot.cards_notices import again, approval_over, notice_card
from bot.keyboards import approval_choices, approval_keys, foreign_choices, foreign_keys, why_keys
from bot.outbox_sending import Letter
from core.desk import Buttons, Desk
from core.errors import PerpilotError
from core.journal import Approval, ApprovalState, OutboxJournal
from core.notice import Notice, NoticeKind
from core.plan import Plan
from core.ports import Charts

log = logging.getLogger(__name__)

CHART_WAIT_S = 3.0
"""An idea is told without its picture rather than late."""
FOREIGN_LIFETIME_S = 86_400.0
"""So long the alarm of a foreign position can be answered; /positions asks again at any time."""
SILENT = frozenset(
    {
        NoticeKind.STARTED,
        NoticeKind.STOPPED,
        NoticeKind.ENTRY_SENT,
        NoticeKind.CHANGED,
        NoticeKind.BREAKER_CLEARED,
        NoticeKind.APPROVAL_CLOSED,
        NoticeKind.SUMMARY,
    }
)
"""These arrive without a sound."""


class Writer:
    def __init__(
        self,
        *,
        desk: Desk,
        buttons: Buttons,
        journal: OutboxJournal,
        charts: Charts,
        account: str,
        is_paper: bool,
        owner_id: int,
        chart_wait_s: float = CHART_WAIT_S,
    ) -> None:
        """`owner_id`: whose buttons these are; 0 for any owner, as in a group."""
        self._desk = desk
        self._buttons = buttons
        self._journal = journal
        self._charts = charts
        self._account = account
        self._is_paper = is_paper
        self._owner_id = owner_id
        self._chart_wait_s = chart_wait_s
        self._drawing: set[asyncio.Task[bytes]] = set()

    async def letter(self, notice: Notice, now: datetime, is_again: bool) -> Letter | None:
        """None when there is nothing left to tell."""
        if notice.kind is NoticeKind.APPROVAL:
            return await self._question(notice, now, is_again)
        if notice.kind is NoticeKind.APPROVAL_CLOSED:
            return await self._answer(notice)
        if notice.kind is NoticeKind.FOREIGN:
            return await self._foreign(notice, is_again)
        shown = notice_card(notice, self._account, self._is_paper)
        return Letter(
            again(shown) if is_again else shown,
            reply_to=await self._thread(notice),
            is_silent=notice.kind in SILENT,
        )

    async def digest(self, notices: Sequence[Notice], is_again: bool) -> Letter:
        """Several notices in one message, oldest first."""
        shown = Card(())
        for notice in notices:
            shown += notice_card(notice, self._account, self._is_paper)
        threads = {notice.thread for notice in notices}
        reply_to = await self._thread(notices[0]) if len(threads) == 1 else None
        is_silent = all(notice.kind in SILENT for notice in notices)
        return Letter(again(shown) if is_again else shown, reply_to=reply_to, is_silent=is_silent)

    async def _question(self, notice: Notice, now: datetime, is_again: bool) -> Letter | None:
        """The card with its buttons; nothing when the question is over already: its end is told instead."""
        approval = await self._desk.approval(notice.facts["approval_id"])
        if approval is None or approval.state is not ApprovalState.OPEN or approval.expires_at <= now:
            return None
        picture = await self._picture(approval.plan)
        asked = [(one.action, one.args) for one in approval_choices(approval.id)]
        left_s = (approval.expires_at - now).total_seconds()
        tokens = await self._buttons.offer(asked, self._owner_id, left_s)
        shown = approval_card(approval, self._is_paper)
        return Letter(again(shown) if is_again else shown, approval_keys(approval.id, tokens), picture)

    async def _foreign(self, notice: Notice, is_again: bool) -> Letter:
        symbol = str(notice.facts["foreign"]["symbol"])
        asked = [(one.action, one.args) for one in foreign_choices(symbol)]
        tokens = await self._buttons.offer(asked, self._owner_id, FOREIGN_LIFETIME_S)
        shown = notice_card(notice, self._account, self._is_paper)
        return Letter(again(shown) if is_again else shown, foreign_keys(symbol, tokens))

    async def _answer(self, notice: Notice) -> Letter:
        """The card's end, put over the card itself."""
        approval_id = notice.facts["approval_id"]
        approval = await self._desk.approval(approval_id)
        message_id = await self._journal.message_of(f"{approval_id}:card")
        shown = self._end(approval, notice)
        edits = message_id if len(pages(shown)) == 1 else None
        return Letter(shown, why_keys(approval_id) if approval else None, edits=edits, is_silent=True)

    def _end(self, approval: Approval | None, notice: Notice) -> Card:
        is_final = approval is not None and approval.state not in (ApprovalState.OPEN, ApprovalState.CLAIMED)
        if approval is None or not is_final:
            return approval_over(notice.facts)
        return settled_card(approval, self._is_paper)

    async def _picture(self, plan: Plan) -> bytes | None:
        """None when there is none in time. A late one is finished unseen: killing its worker costs more."""
        task = asyncio.create_task(self._drawn(plan))
        self._drawing.add(task)
        task.add_done_callback(self._drawn_late)
        done, _ = await asyncio.wait({task}, timeout=self._chart_wait_s)
        return task.result() if done and task.exception() is None else None

    def _drawn_late(self, task: asyncio.Task[bytes]) -> None:
        self._drawing.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        is_ours = isinstance(error, PerpilotError)
        log.log(logging.INFO if is_ours else logging.ERROR, "no picture: error=%s", type(error).__name__)

    async def _drawn(self, plan: Plan) -> bytes:
        view = await self._desk.plan_chart(plan)
        return await self._charts.candles_png(view.candles, view.lines, view.title)

    async def _thread(self, notice: Notice) -> int | None:
        return await self._journal.thread_message(notice.thread) if notice.thread else None
