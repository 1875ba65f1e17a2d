"""The checklist before real money, counted from the journal, and the typed sentence that arms it.

Laws:
- Evidence is paper trading's, whatever account runs now; a demo has none.
- Settings looser than those the evidence was gathered under restart the count, however they were changed.
- Arming is recorded before anybody is told; what is armed is read from the record, never remembered.
- A demo that trades on paper is never armed. One that plays the live path with play money may be, by the
  override alone: its evidence never counts.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bot.arming import LiveArming
from bot.book import SettingsBook
from bot.setting_changes import STRATEGIES, say_of_strategies
from bot.settings import Settings, Spec, specs
from core.desk import DoctorLine, ReadinessView, Tap, WeekFigures
from core.errors import JournalError
from core.journal import Arming, DeskJournal, HouseJournal, ReadinessJournal
from core.money import ZERO
from core.notice import NoticeKind
from core.ports import Blobs, Clock
from core.risk import arming, readiness
from core.trading import notices

log = logging.getLogger("perpilot.readiness")

PAPER = "paper"
"""The account whose trading is evidence."""
DOCTOR_AGE = timedelta(minutes=10)
"""A look at the checklist takes the doctor's last answer up to this age; arming always asks afresh."""
MOST_TRIPS = 1_000
"""More breaker events than years of trading make."""
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

Doctor = Callable[[], Awaitable[tuple[DoctorLine, ...]]]


class EvidenceJournal(DeskJournal, HouseJournal, ReadinessJournal, Blobs, Protocol):
    """The parts of the journal that evidence is counted from."""


class ReadinessDesk:
    def __init__(
        self,
        journal: EvidenceJournal,
        book: SettingsBook,
        clock: Clock,
        doctor: Doctor,
        account: str,
        *,
        is_paper: bool,
        is_demo: bool,
        live: LiveArming | None = None,
        never: Callable[[], tuple[str, ...]] = tuple,
        on_armed: Callable[[Arming], None] = lambda made: None,
        live_bar: str = "",
    ) -> None:
        """`live` hears of every arming before `on_armed` does; None on paper. `never`: what no sentence goes
        past, asked right after the doctor. `live_bar` has no effect."""
        self._journal = journal
        self._book = book
        self._clock = clock
        self._doctor = doctor
        self._account = account
        self._is_paper = is_paper
        self._is_demo = is_demo
        self._live = live
        self._never = never
        self._on_armed = on_armed
        self._proven = account if is_demo else PAPER
        self._asked: tuple[datetime, tuple[DoctorLine, ...]] | None = None
        self._noted: Settings | None = None
        self._arming, self._noting = asyncio.Lock(), asyncio.Lock()

    async def view(self) -> ReadinessView:
        """Raises `JournalError` when something cannot be counted."""
        evidence = await self._evidence(await self._doctor_lately())
        weeks = readiness.weeks(evidence)
        counted = readiness.weeks_counted(weeks)
        record = None if self._is_paper else await self._live_record()
        armed = record.armed if record is not None else None
        return ReadinessView(
            items=readiness.checklist(evidence, counted),
            weeks_counted=counted,
            weeks_needed=readiness.WEEKS_NEEDED,
            weeks=weeks,
            is_paper=self._is_paper,
            is_demo=self._is_demo,
            is_armed=armed is not None,
            cap=armed.cap if armed is not None else None,
            next_cap=arming.next_cap(record) if record is not None else None,
            next_cap_needs=arming.rise_needs(record) if record is not None and armed is not None else (),
            at=evidence.now,
            never=() if self._is_paper else self._never(),
        )

    async def armed(self) -> Arming | None:
        """The newest arming of this account; None: never, paper, or the key opens another account than the
        one that was armed. Raises `JournalError`."""
        if self._is_paper or (self._live is not None and self._live.is_for_another):
            return None
        armings = await self._journal.armings(self._account)
        return armings[-1] if armings else None

    async def success(self) -> WeekFigures | None:
        """The figures since the count began, without the doctor; None before there is a day to count."""
        found = readiness.weeks(await self._evidence(()))
        return found[-1] if found else None

    async def go_live(self, sentence: str, cap: Decimal | None, by: str) -> Tap:
        """Arms, raises or lowers the cap where the sentence allows it; otherwise what would be right."""
        if self._is_demo and self._is_paper:
            return Tap(False, "This is a demo: nothing was armed. Demo and replay never go live.")
        async with self._arming:  # two sentences at once: the second is judged on top of the first
            self._asked = None
            view = await self.view()
            unmet = tuple(item.text for item in view.items if not item.is_met)
            if self._is_paper:
                return Tap(False, PAPER_STAYS, unmet)
            ruling = arming.rule(sentence, cap, unmet, await self._live_record(), view.never)
            if ruling.cap is None:
                return Tap(False, ruling.refusal, ruling.reasons)
            return await self._arm(sentence, ruling.cap, ruling.unmet, by)

    async def note_risk(self) -> None:
        """Counts a raise of risk since the last time this was asked, a restart between them or not. Asked
        every minute: whether it is armed is read again here while that is unknown."""
        if self._live is not None:
            await self._live.settle()
        async with self._noting:  # the minute's round and a confirmed change may meet here
            await self._note_risk()

    async def _note_risk(self) -> None:
        settings = self._book.settings
        if settings is self._noted:
            return
        name = f"risk:{self._proven}"
        kept = await self._journal.load(name)
        known: dict[str, str] = json.loads(kept) if kept is not None else {}
        raised = [spec.name for spec in _risk_specs() if _is_looser(spec, known.get(spec.name), settings)]
        say = say_of_strategies(settings)
        if say and known and known.get(STRATEGIES, "") != say:  # not noted yet: there was none
            raised.append(STRATEGIES)
        if raised:
            log.warning("risk raised, readiness counts anew: settings=%s", ",".join(raised))
            day = self._clock.now().date()
            await self._journal.count(self._proven, day, readiness.RISK_RAISED, 1)
        now = {spec.name: spec.kind.write(getattr(settings, spec.attribute)) for spec in _risk_specs()}
        now[STRATEGIES] = say
        if now != known:
            await self._journal.save(name, json.dumps(now, sort_keys=True))
        self._noted = settings

    async def _arm(self, sentence: str, cap: Decimal, unmet: tuple[str, ...], by: str) -> Tap:
        now = self._clock.now()
        made = Arming(self._account, cap, by, now, sentence, unmet)
        play = " (a demo: play money)" if self._is_demo else ""
        text = f"Live trading on {self._account}{play} is armed with a cap of {cap} USDT by {by}."
        if unmet:
            text += f" Overridden: {len(unmet)} of the checklist, recorded with it."  # the answer lists them
        await self._record(made, text)
        log.warning("armed: account=%s cap=%s by=%s unmet=%d", self._account, cap, by, len(unmet))
        closed = self._live.closed_words() if self._live is not None else ""
        honest = f" Entries are still closed: {closed}." if closed else ""
        return Tap(True, f"Recorded: armed with a cap of {cap} USDT{play}.{honest}", unmet)

    async def _record(self, made: Arming, text: str) -> None:
        """Raises `JournalError`; it may have been written then, so that nothing counts as armed until it was
        read again."""
        told = [notices.system(f"armed:{self._account}:{made.at.isoformat()}", text)]
        try:
            await self._journal.arm(made, told)
            if self._live is not None:
                await self._live.bind()
        except BaseException:
            if self._live is not None:
                self._live.doubt()
            raise
        if self._live is not None:
            self._live.note(made)
        self._on_armed(made)

    async def _doctor_lately(self) -> tuple[DoctorLine, ...]:
        now = self._clock.now()
        if self._asked is None or now - self._asked[0] > DOCTOR_AGE:
            self._asked = now, await self._doctor()
        return self._asked[1]

    async def _evidence(self, doctor: tuple[DoctorLine, ...]) -> readiness.Evidence:
        journal, account = self._journal, self._proven
        try:
            state = await journal.account_state(account)
        except JournalError:  # live before any paper trading; a broken journal fails at the next line
            state = None
        opened_at = state.opened_at if state is not None else None
        first = opened_at.date() if opened_at is not None else date.max
        counts = await journal.counts(account, first)
        since = readiness.counts_from(opened_at, counts)
        return readiness.Evidence(
            opened_at=opened_at,
            now=self._clock.now(),
            never_counts=self._is_demo,
            beats=await journal.beats(account, first),
            counts=counts,
            trades=await journal.closed_trades(account),
            curve=await journal.equity_curve(account, since),
            initial=state.initial_capital if state is not None else ZERO,
            trips=await journal.breaker_events(account, MOST_TRIPS),
            limits=self._book.rules().limits,
            ai_cost=(await journal.ai_figures(since)).cost_usd,
            doctor=doctor,
        )

    async def _live_record(self) -> arming.LiveRecord:
        journal, account, armed = self._journal, self._account, await self.armed()
        since = armed.at if armed is not None else BEGINNING
        trades = await journal.closed_trades(account, since)
        return arming.LiveRecord(
            armed=armed,
            trades=[trade for trade in trades if trade.opened_at >= since],
            curve=await journal.equity_curve(account, since),
            naked=await journal.times_told(account, NoticeKind.NAKED, since),
            start_cap=self._book.settings.live_capital_cap,
            now=self._clock.now(),
        )


PAPER_STAYS = (
    "This account is paper: nothing was armed. USE_PAPER_TRADING=false and a restart make it live, "
    "disarmed at first; then /golive asks for the sentence."
)


def _risk_specs() -> tuple[Spec, ...]:
    return tuple(spec for spec in specs() if spec.is_risk)


def _is_looser(spec: Spec, known: str | None, settings: Settings) -> bool:
    """The present value is less careful than the one that was noted; an unknown one compares to nothing."""
    if known is None:
        return False
    try:
        before = spec.kind.read(known)
    except ValueError:  # its bounds have changed since
        return False
    now = getattr(settings, spec.attribute)
    return bool(before != now and spec.strictest(before, now) == before)
