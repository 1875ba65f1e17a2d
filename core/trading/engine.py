"""From a scan to the world, by mode: tell (`watch`), ask (`semi_auto`), trade (`auto`). Best plan first.

Laws:
- Every plan is examined again right before it is acted on, against an account read at that moment.
- `auto` never trades a single adviser's opinion, and trades rules only where they were chosen.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from core.errors import PerpilotError
from core.journal import AccountState, DeskJournal, Mode
from core.opinion import Flags
from core.plan import Cleared, Plan, Refused
from core.risk.checks import Case, examine
from core.trading import notices
from core.trading.accounts import AccountKeeper
from core.trading.approvals import Approvals
from core.trading.decide import Circle, Rules
from core.trading.executor import Executor
from core.trading.scanner import Progress, Scan, Scanner

log = logging.getLogger("perpilot.engine")

MAX_SIGNALS = 3
"""Ideas told per scan in watch mode."""


@dataclass(frozen=True, slots=True)
class Course:
    """How one scan is to be acted on; read once per scan."""

    symbols: tuple[str, ...]
    rules: Rules
    approval_lifetime_s: float
    auto_barred: str
    """Why `auto` does not trade (too few advisers); empty when it does."""


class Engine:
    def __init__(
        self,
        scanner: Scanner,
        circle: Circle,
        keeper: AccountKeeper,
        approvals: Approvals,
        executor: Executor,
        journal: DeskJournal,
        course: Callable[[], Awaitable[Course]],
    ) -> None:
        self._scanner = scanner
        self._circle = circle
        self._keeper = keeper
        self._approvals = approvals
        self._executor = executor
        self._journal = journal
        self._course = course
        self.last_scan: Scan | None = None

    async def scan(self, progress: Progress | None = None) -> Scan:
        """One scan and what follows from it."""
        course = await self._course()
        scan = await self._scanner.scan(course.symbols, course.rules, progress)
        self.last_scan = scan
        state = await self._journal.account_state(self._keeper.account)
        await self._tell_silence(scan)
        await self._act(scan.cleared, course, state)
        return scan

    async def _act(self, cleared: Sequence[Cleared[Plan]], course: Course, state: AccountState) -> None:
        match state.mode:
            case Mode.WATCH:
                await self._journal.tell([notices.signal(c.plan) for c in cleared[:MAX_SIGNALS]])
            case Mode.SEMI_AUTO:
                for plan in [c.plan for c in cleared]:
                    again = await self._again(plan, course)
                    if isinstance(again, Cleared):
                        await self._approvals.propose(again, course.approval_lifetime_s)
            case Mode.AUTO:
                for plan in [c.plan for c in cleared]:
                    await self._trade(plan, course)

    async def _trade(self, plan: Plan, course: Course) -> None:
        barred = course.auto_barred
        if plan.verdict is None or plan.verdict.is_single:
            barred = barred or "a single adviser's opinion is never traded in auto"
        if barred:
            log.info("auto stays out: symbol=%s why=%s", plan.symbol, barred)
            return
        again = await self._again(plan, course)
        if isinstance(again, Refused):
            reasons = "; ".join(reason.text for reason in again.reasons)
            log.info("auto refused: symbol=%s why=%s", plan.symbol, reasons)
            return
        try:
            await self._executor.enter(again, None, "auto")
        except PerpilotError as error:
            # The trade, if it was recorded, is the guard's now; the owner hears that it was not smooth.
            text = f"{plan.symbol}: the entry did not go through smoothly: {error}"
            await self._journal.tell([notices.system(f"{plan.id}:entry", text)])

    async def _again(self, plan: Plan, course: Course) -> Cleared[Plan] | Refused:
        quote = await self._circle.market.quote(plan.symbol)
        instrument = await self._circle.market.instrument(plan.symbol)
        account = await self._keeper.look()
        now = self._circle.clock.now()
        # The flags were judged on closed bars that are the same still; a newer bar is a new scan's matter.
        return examine(Case(plan, quote, instrument, account, Flags(), course.rules.limits, now))

    async def _tell_silence(self, scan: Scan) -> None:
        """Once a day per adviser, when somebody was asked and did not answer."""
        silent, answered = set(), 0
        for decision in scan.decisions:
            if decision.verdict is not None:
                answered += len(decision.verdict.opinions)
                silent |= {f"{a.adviser}: {a.why.value}" for a in decision.verdict.abstentions}
        if silent:
            day = scan.record.started_at.date().isoformat()
            key = f"ai:{day}:{','.join(sorted(silent))}"
            await self._journal.tell([notices.ai_degraded(key, sorted(silent), answered)])
