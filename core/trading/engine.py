"""From a scan to the world, by mode: tell (`watch`), ask (`semi_auto`), trade (`auto`). Best plan first.

Laws:
- Every plan is examined again right before it is acted on, against an account read at that moment.
- `auto` never trades a single adviser's opinion, and trades rules only where they were chosen.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.advice.verdict import OUR_CHOICE
from core.errors import PerpilotError
from core.journal import DeskJournal, Mode
from core.market import Side, bar_open
from core.opinion import Flags, Silence
from core.plan import Cleared, Plan, Refused
from core.risk.checks import Case, examine
from core.risk.planning import at_price
from core.risk.refitting import cut_to_equity
from core.trading import notices
from core.trading.accounts import AccountKeeper
from core.trading.approvals import Approvals
from core.trading.decide import Circle, Rules
from core.trading.executor import Executor
from core.trading.records import gate_of
from core.trading.scanner import FAULT, Progress, Scan, Scanner
from core.trading.shadow_following import ShadowFollower

log = logging.getLogger("perpilot.engine")

MAX_SIGNALS = 3
"""Ideas told per scan in watch mode."""
TOLD_ELSEWHERE = OUR_CHOICE | {Silence.BUDGET}
"""Silences that are no failure of an adviser; a budget that is used up is told in its own words."""


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
        shadows: ShadowFollower,
    ) -> None:
        self._scanner = scanner
        self._circle = circle
        self._keeper = keeper
        self._approvals = approvals
        self._executor = executor
        self._journal = journal
        self._course = course
        self._shadows = shadows
        self.last_scan: Scan | None = None
        self._asked: dict[tuple[str, Side], datetime] = {}
        """When a card for this side of this symbol was shown last: the open of that hour."""

    async def scan(self, progress: Progress | None = None) -> Scan:
        """One scan and what follows from it."""
        course = await self._course()
        scan = await self._scanner.scan(course.symbols, course.rules, progress)
        self.last_scan = scan
        await self._tell_faults(scan)
        refusals = [each.outcome for each in scan.decisions if isinstance(each.outcome, Refused)]
        for place, cleared in enumerate(scan.cleared):
            try:
                refused = await self._act(cleared.plan, place, course)
            except PerpilotError as error:
                # One idea that could not be examined again is no reason to drop the others.
                log.warning("not acted on: symbol=%s error=%s", cleared.plan.symbol, error)
                continue
            if refused is not None:
                refusals.append(refused)
        await self._shadow(refusals)
        return scan

    async def _shadow(self, refusals: Sequence[Refused]) -> None:
        """A record of what the checks cost; a scan is none the worse without it."""
        try:
            await self._shadows.take(refusals)
        except PerpilotError as error:
            log.warning("refused ideas are not followed: count=%d error=%s", len(refusals), error)

    async def _act(self, plan: Plan, place: int, course: Course) -> Refused | None:
        """By the mode that holds at this moment: it may have changed while advisers were thinking.

        `Refused` where the checks no longer let it through.
        """
        state = await self._journal.account_state(self._keeper.account)
        match state.mode:
            case Mode.WATCH:
                if place < MAX_SIGNALS:
                    await self._journal.tell([notices.signal(plan)])
            case Mode.SEMI_AUTO:
                return await self._ask(plan, course)
            case Mode.AUTO:
                return await self._trade(plan, course)
        return None

    async def _is_still(self, mode: Mode) -> bool:
        """Asked with the lock held: waiting for it may have taken long."""
        state = await self._journal.account_state(self._keeper.account)
        return state.mode is mode

    async def _ask(self, plan: Plan, course: Course) -> Refused | None:
        async with self._executor.entering:
            if not await self._is_still(Mode.SEMI_AUTO):
                return None
            again = await self._again(plan, course)
            if isinstance(again, Cleared):
                await self._propose(again, course.approval_lifetime_s)
                return None
            _log_refusal("no card", again)
            return again

    async def _propose(self, cleared: Cleared[Plan], lifetime_s: float) -> None:
        """Once per symbol, side and hour: an answer holds until a new 1h bar can say something new."""
        plan = cleared.plan
        hour = bar_open(self._circle.clock.now(), "1h")
        if self._asked.get((plan.symbol, plan.side)) == hour:
            log.info("not asked again: symbol=%s side=%s", plan.symbol, plan.side.value)
            return
        if await self._approvals.propose(cleared, lifetime_s):
            self._asked[plan.symbol, plan.side] = hour

    async def _trade(self, plan: Plan, course: Course) -> Refused | None:
        barred = course.auto_barred
        if plan.verdict is None or plan.verdict.is_single:
            barred = barred or "a single adviser's opinion is never traded in auto"
        if barred:
            log.info("auto stays out: symbol=%s why=%s", plan.symbol, barred)
            return None
        async with self._executor.entering:
            again = await self._again(plan, course)
            if isinstance(again, Refused):
                _log_refusal("auto refused", again)
                return again
            if not await self._is_still(Mode.AUTO):
                return None
            try:
                entered = await self._executor.enter(again, None, "auto")
                fault = entered.fault if entered is not None else ""
            except PerpilotError as error:
                fault = str(error)
        if fault:
            # The trade, if it was recorded, is the guard's now; the owner hears that it was not smooth.
            text = f"{plan.symbol}: the entry did not go through smoothly: {fault}"
            await self._journal.tell([notices.system(f"{plan.id}:entry", text)])
        return None

    async def _again(self, plan: Plan, course: Course) -> Cleared[Plan] | Refused:
        quote = await self._circle.market.quote(plan.symbol)
        instrument = await self._circle.market.instrument(plan.symbol)
        account = await self._keeper.look()
        now = self._circle.clock.now()
        plan = at_price(plan, quote, instrument, course.rules.limits)
        plan = cut_to_equity(plan, account, instrument, course.rules.limits)
        # The flags were judged on closed bars that are the same still; a newer bar is a new scan's matter.
        return examine(Case(plan, quote, instrument, account, Flags(), course.rules.limits, now))

    async def _tell_faults(self, scan: Scan) -> None:
        """Once a day: each adviser that was asked and did not answer, each symbol that broke off."""
        day = scan.record.started_at.date().isoformat()
        verdicts = [decision.verdict for decision in scan.decisions if decision.verdict is not None]
        answered = sum(len(verdict.opinions) for verdict in verdicts)
        missing = [a for verdict in verdicts for a in verdict.abstentions if a.why not in TOLD_ELSEWHERE]
        silent = {a.adviser: a.why.value for a in missing}
        told = [
            notices.ai_degraded(f"ai:{day}:{name}", [f"{name}: {why}"], answered)
            for name, why in sorted(silent.items())
        ]
        for decision in scan.decisions:
            if gate_of(decision) == FAULT:
                text = f"{decision.symbol}: an unforeseen error ended its analysis; the log has the details."
                told.append(notices.system(f"fault:{day}:{decision.symbol}", text))
        if told:
            await self._journal.tell(told)


def _log_refusal(event: str, refused: Refused) -> None:
    reasons = "; ".join(reason.text for reason in refused.reasons)
    log.info("%s: symbol=%s why=%s", event, refused.plan.symbol, reasons)
