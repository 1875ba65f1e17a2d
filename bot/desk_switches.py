"""What a person may switch while the bot runs: pause, mode, breakers, settings, notes.

Laws:
- Less risk is always taken at once. More is refused while somebody else may be giving the commands.
- What is asked for is recorded before it is answered.
"""

from __future__ import annotations

import contextlib
import logging

from bot.desk_reach import DeskPart
from core.desk import ProposedChange, Tap
from core.errors import PerpilotError
from core.journal import Mode, SettingChange
from core.profile_views import ProfileRow, ProfileView
from core.risk import breakers
from core.trading import notices

log = logging.getLogger("perpilot.desk")

MAX_NOTE = 1_000
MAX_REASON = 200
"""Characters of one journal note."""


class Switches(DeskPart):
    """The switches of the desk."""

    async def pause(self, by: str) -> Tap:
        self._kernel.gate.close("pause", f"paused by {by}")
        log.info("paused: by=%s", by)
        now = self._clock.now()
        state = await self._journal.account_state(self._account)
        if state.is_paused:
            return Tap(True, "Already paused. Open positions stay guarded.")
        text = f"Paused by {by}: no new entries; open positions stay guarded."
        told = [notices.system(f"pause:{now.isoformat()}", text)]
        await self._journal.set_paused(self._account, True, by, now, told)
        return Tap(True, "Paused: no new entries. Open positions stay guarded.")

    async def resume(self, by: str) -> Tap:
        self._refuse_more_risk()
        now = self._clock.now()
        state = await self._journal.account_state(self._account)
        if state.is_paused:
            told = [notices.system(f"resume:{now.isoformat()}", f"Resumed by {by}.")]
            await self._journal.set_paused(self._account, False, by, now, told)
        self._kernel.gate.open("pause")
        await self._reach.forgive()
        was_lost = await self._kernel.adopter.confirm(by)
        note = "What the journal lost is taken as looked at. " if was_lost else ""
        self._reach.wake("scanner")
        if barring := self._barring():
            return Tap(True, f"{note}Not paused any more, but entries stay closed: {barring}.")
        return Tap(True, f"{note}Running: entries are possible again.")

    def _barring(self) -> str:
        """Why nothing may be entered now: closed gates, then open breakers. Empty when something may."""
        titles = ", ".join(breakers.title_of(event.name) for event in self._kernel.keeper.open_events)
        reasons = (self._kernel.gate.text, f"circuit breaker open: {titles}" if titles else "")
        return "; ".join(reason for reason in reasons if reason)

    async def set_mode(self, mode: Mode, by: str) -> Tap:
        now = self._clock.now()
        state = await self._journal.account_state(self._account)
        if state.mode is mode:
            return Tap(True, f"The mode is {mode} already.")
        if mode.rank > state.mode.rank:
            self._refuse_more_risk()
        told = [notices.system(f"mode:{now.isoformat()}", f"Mode {state.mode} → {mode} by {by}.")]
        change = SettingChange("TRADING_MODE", state.mode.value, mode.value, by, now)
        await self._journal.record_setting(self._account, change)  # first: a start takes up what was asked
        await self._journal.set_mode(self._account, mode, by, now, told)
        self._reach.board.mode = mode
        log.info("mode changed: old=%s new=%s by=%s", state.mode.value, mode.value, by)
        if mode is not Mode.SEMI_AUTO:
            await self._kernel.approvals.drop_all(by, f"the mode is {mode} now")
        course = await self._reach.book.course()
        if mode is Mode.AUTO and course.auto_barred:
            return Tap(True, f"The mode is auto now, but it will not trade: {course.auto_barred}.")
        return Tap(True, f"The mode is {mode} now.")

    async def acknowledge(self, breaker: str, by: str, reason: str) -> Tap:
        name, reason = breakers.named(breaker), reason.strip()
        if name is None:
            return Tap(False, f"There is no breaker {breaker[:40]!r}.")
        if not 0 < len(reason) <= MAX_REASON:
            return Tap(False, f"A reason has 1 to {MAX_REASON} characters.")
        self._refuse_more_risk()
        title = breakers.title_of(name)
        if not await self._kernel.keeper.acknowledge(name, by, reason):
            return Tap(False, f"The breaker {title} is not tripped.")
        self._reach.wake("outbox")
        if name == breakers.DAILY_LOSS:
            text = "acknowledged; what is left of the day's limit still bounds every new trade"
            return Tap(True, f"The breaker {title} is {text}.")
        if barring := self._barring():
            return Tap(True, f"The breaker {title} is acknowledged, but entries stay closed: {barring}.")
        return Tap(True, f"The breaker {title} is acknowledged; entries are possible again.")

    def propose_setting(self, name: str, text: str) -> ProposedChange:
        account = self._kernel.keeper.last_account
        return self._reach.book.propose(name, text, account.sizing_equity if account else None)

    async def change_setting(self, name: str, text: str, by: str) -> Tap:
        if self._reach.book.propose(name, text, None).raises_risk:
            self._refuse_more_risk()
        change = await self._reach.book.change(name, text, by)
        if change.refusal:
            return Tap(False, change.refusal)
        log.info("setting changed: name=%s old=%s new=%s by=%s", change.name, change.old, change.new, by)
        with contextlib.suppress(PerpilotError):  # the house asks again within the minute
            await self._reach.readiness.note_risk()
        return Tap(True, f"{change.name}: {change.old} → {change.new}.")

    async def profiles(self) -> tuple[ProfileRow, ...]:
        return await self._reach.profiles.rows()

    async def profile(self, name: str) -> ProfileView:
        account = self._kernel.keeper.last_account
        return await self._reach.profiles.view(name, account.sizing_equity if account else None)

    async def adopt_profile(self, name: str, mark: str, by: str) -> Tap:
        if (await self._reach.profiles.view(name, None)).raises_risk:
            self._refuse_more_risk()
        tap = await self._reach.profiles.adopt(name, mark, by)
        if tap.is_done:
            with contextlib.suppress(PerpilotError):  # the house asks again within the minute
                await self._reach.readiness.note_risk()
        return tap

    async def add_note(self, trade_id: str, text: str, by: str) -> Tap:
        text = text.strip()
        if not 0 < len(text) <= MAX_NOTE:
            return Tap(False, f"A note has 1 to {MAX_NOTE} characters.")
        if not await self._journal.add_note(self._account, trade_id, text, by, self._clock.now()):
            return Tap(False, "There is no trade with this id; /history shows them.")
        return Tap(True, "Noted.")
