"""Housekeeping of the running bot: console, summaries, the lease, its vitals, backups."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta

from bot.reports import ReportJournal, Reports, period_start
from bot.vitals import Vitals
from core.desk import Desk, Period
from core.errors import PerpilotError
from core.performance import performance
from core.ports import Clock
from core.trading import notices
from core.trading.accounts import AccountKeeper
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.house")

SUMMARY_HOUR = 8
"""UTC; the daily summary tells of the day before, on Mondays the weekly one of the week before."""
CONSOLE_AGE = timedelta(minutes=2)
"""An older request from the console was for a bot that is gone."""
LEASE = "bot"
LEASE_TTL_S = 45.0

Command = Callable[[], Awaitable[str]]


class House:
    """One pass a second; every part is bounded and none blocks trading."""

    def __init__(
        self,
        journal: ReportJournal,
        reports: Reports,
        keeper: AccountKeeper,
        gate: EntryGate,
        clock: Clock,
        owner: str,
        vitals: Vitals,
        commands: Mapping[str, Command],
        backup: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._journal = journal
        self._reports = reports
        self._keeper = keeper
        self._gate = gate
        self._clock = clock
        self._owner = owner
        self._vitals = vitals
        self._commands = commands
        self._backup = backup
        self._next_minute = clock.now()
        self._backed_up = clock.now().date()
        self._swept: date | None = None

    async def tidy(self) -> None:
        """One pass."""
        await self._answer_console()
        now = self._clock.now()
        if now >= self._next_minute:
            self._next_minute = now + timedelta(seconds=20)
            await self._keep_lease(now)
            await self._vitals.take()
            await self._summaries(now)
            await self._back_up(now)
            await self._sweep(now)

    async def _answer_console(self) -> None:
        for request_id, command in await self._journal.console_requests(self._clock.now() - CONSOLE_AGE):
            act = self._commands.get(command)
            try:
                answer = await act() if act else f"unknown command {command[:20]!r}"
            except PerpilotError as error:
                answer = f"{command} failed: {error}"
            await self._journal.answer_console(request_id, answer, self._clock.now())

    async def _keep_lease(self, now: datetime) -> None:
        """Whoever lost the lease must not enter: another bot may be trading this account."""
        if await self._journal.renew_lease(LEASE, self._owner, now, LEASE_TTL_S):
            self._gate.open("lease")
        else:
            self._gate.close("lease", "another bot has taken over this database")
            log.error("lease lost: owner=%s", self._owner)

    async def _summaries(self, now: datetime) -> None:
        if now.hour < SUMMARY_HOUR:
            return
        today = period_start(Period.DAY, now)
        await self._summary("daily", today - timedelta(days=1), today)
        if today.weekday() == 0:
            await self._summary("weekly", today - timedelta(days=7), today)

    async def _summary(self, period: str, since: datetime, until: datetime) -> None:
        """Told once by its key; days before the account existed have none."""
        state = await self._journal.account_state(self._keeper.account)
        if state.opened_at >= until:
            return
        account = self._keeper.account
        trades = [t for t in await self._journal.closed_trades(account, since) if t.closed_at < until]
        curve = [p for p in await self._journal.equity_curve(account, since) if p.at < until]
        opening = curve[0].equity if curve else state.initial_capital
        equity = self._keeper.last_account.equity if self._keeper.last_account else None
        key = f"summary:{account}:{period}:{since.date().isoformat()}"
        spent = await self._journal.ai_figures(since), await self._journal.ai_figures(until)
        figures = performance(trades, curve, opening, ai_cost=spent[0].cost_usd - spent[1].cost_usd)
        await self._journal.tell([notices.summary(key, period, figures, equity)])

    async def _back_up(self, now: datetime) -> None:
        if self._backup is not None and now.date() > self._backed_up:
            await self._backup()
            self._backed_up = now.date()

    async def _sweep(self, now: datetime) -> None:
        """At the first pass and once a day: a bot whose advisers are silent keeps no old answers either."""
        if self._swept != now.date():
            await self._journal.forget_expired_answers(now)
            self._swept = now.date()


def console_commands(desk: Desk, plain: Callable[[], str]) -> dict[str, Command]:
    """What the machine's console may ask; `plain` is the status as text."""

    async def status() -> str:
        return plain()

    async def pause() -> str:
        return (await desk.pause("console")).text

    async def panic() -> str:
        tap = await desk.panic("console")
        return "\n".join([tap.text, *tap.reasons])

    return {"status": status, "pause": pause, "panic": panic}
