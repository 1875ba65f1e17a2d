"""Approval cards: proposed once, claimed by one tap, re-checked at that moment, or expired.

Laws:
- The database row is the truth. Exactly one tap claims it; everything else is told that it is over.
- What is filled is what holds now: price, spread, account, breakers and caps are looked at afresh.
- A price beyond the drift is re-quoted as a new card, never filled.
- A claim that nobody handles any more, after a crash or a failure, is closed, never resumed.
- What a person is told is what happened: "nothing was traded" only when nothing was sent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from core.desk import Tap
from core.errors import PerpilotError
from core.journal import Approval, ApprovalState, DeskJournal, Mode
from core.market import Instrument, Quote, coin
from core.opinion import Flags
from core.plan import Cleared, Origin, Plan, Reason, Refused
from core.risk.checks import Case, examine
from core.risk.limits import Limits
from core.risk.planning import repriced, resized
from core.risk.refitting import cut_to_equity
from core.trading import notices
from core.trading.accounts import AccountKeeper
from core.trading.decide import Circle
from core.trading.executor import Entered, Executor
from core.trading.ids import derived
from core.trading.steps import Abandon, Wait

OVER = {
    ApprovalState.CLAIMED: "This card is being handled already.",
    ApprovalState.APPROVED: "This card was approved already.",
    ApprovalState.REJECTED: "This card was rejected.",
    ApprovalState.EXPIRED: "This card has expired; nothing was traded.",
    ApprovalState.REQUOTED: "This card was replaced by a newer one.",
    ApprovalState.REFUSED: "This card was refused by the checks; nothing was traded.",
}


class Approvals:
    def __init__(
        self, journal: DeskJournal, keeper: AccountKeeper, executor: Executor, circle: Circle
    ) -> None:
        self._journal = journal
        self._keeper = keeper
        self._executor = executor
        self._circle = circle
        self._handled: set[str] = set()
        """Cards that a tap is being decided of right now."""

    async def propose(self, cleared: Cleared[Plan], lifetime_s: float, requote_of: str | None = None) -> bool:
        """Writes the card and its notice; False when the symbol already has one."""
        plan, now = cleared.plan, self._circle.clock.now()
        approval = Approval(
            id=derived("card", plan.id),
            account=self._keeper.account,
            plan=plan,
            created_at=now,
            expires_at=now + timedelta(seconds=lifetime_s),
            requote_of=requote_of,
        )
        return await self._journal.propose(approval, [notices.approval_card(approval)])

    async def approve(
        self, approval_id: str, share: Decimal, limits: Limits, by: str, lifetime_s: float
    ) -> Tap:
        """One claimed tap: re-check, then fill, re-quote or refuse."""
        if approval_id in self._handled:
            return Tap(False, OVER[ApprovalState.CLAIMED])
        self._handled.add(approval_id)
        try:
            approval = await self._journal.claim_approval(approval_id, by, self._circle.clock.now())
            if approval is None:
                return await self._over(approval_id)
            try:
                async with self._executor.entering:
                    return await self._decide(approval, share, limits, by, lifetime_s)
            except PerpilotError as error:
                return await self._undecided(approval, by, error)
        finally:
            self._handled.discard(approval_id)

    async def reject(self, approval_id: str, by: str) -> Tap:
        if approval_id in self._handled:
            return Tap(False, OVER[ApprovalState.CLAIMED])
        self._handled.add(approval_id)
        try:
            return await self._reject(approval_id, by)
        finally:
            self._handled.discard(approval_id)

    async def _reject(self, approval_id: str, by: str) -> Tap:
        approval = await self._journal.claim_approval(approval_id, by, self._circle.clock.now())
        if approval is None or not await self._settle(approval, ApprovalState.REJECTED, by, ()):
            return await self._over(approval_id)
        return Tap(True, f"Rejected: {_named(approval.plan)}.")

    async def expire(self) -> int:
        """Closes what was not answered in time, and claims that nobody handles any more; how many."""
        now, count = self._circle.clock.now(), 0
        for approval in await self._journal.open_approvals(self._keeper.account):
            if approval.state is ApprovalState.OPEN and approval.expires_at <= now:
                count += await self._settle(approval, ApprovalState.EXPIRED, "time", ())
            elif approval.state is ApprovalState.CLAIMED and approval.id not in self._handled:
                reason = "the tap could not be handled to its end; nothing was traded"
                count += await self._settle(approval, ApprovalState.REFUSED, "failure", (reason,))
        return count

    async def drop_all(self, by: str, reason: str) -> None:
        """Every open card is refused: panic, or a mode that no longer asks."""
        for approval in await self._journal.open_approvals(self._keeper.account):
            if approval.state is ApprovalState.OPEN:
                await self._settle(approval, ApprovalState.REFUSED, by, (reason,))

    async def recover(self) -> None:
        """At start: a claim without a trade belongs to a process that is gone."""
        for approval in await self._journal.open_approvals(self._keeper.account):
            if approval.state is ApprovalState.CLAIMED and approval.id not in self._handled:
                reason = "the bot restarted while this tap was being handled"
                await self._settle(approval, ApprovalState.REFUSED, "restart", (reason,))
        await self.expire()

    async def _decide(
        self, approval: Approval, share: Decimal, limits: Limits, by: str, lifetime_s: float
    ) -> Tap:
        plan, now = approval.plan, self._circle.clock.now()
        if now > approval.expires_at:
            late = Reason("expiry", "the card expired while another order was being handled")
            return await self._refuse(approval, Refused(plan, (late,)), by)
        if (barred := await self._barred(plan)) is not None:
            return await self._refuse(approval, Refused(plan, (barred,)), by)
        quote = await self._circle.market.quote(plan.symbol)
        instrument = await self._circle.market.instrument(plan.symbol)
        account = await self._keeper.look(without_card=approval.id)
        drift = abs(quote.taking(plan.side) - plan.entry) / plan.entry
        fresh = cut_to_equity(_at_price(plan, quote, instrument, limits), account, instrument, limits)
        if drift > limits.approval_drift:
            fresh = replace(fresh, id=derived("requote", plan.id, quote.at.isoformat()), created_at=now)
            judged = examine(Case(fresh, quote, instrument, account, Flags(), limits, now))
            return await self._requote(approval, judged, drift, by, lifetime_s)
        sized = resized(fresh, share, instrument, limits) if share < 1 else fresh
        judged = examine(Case(sized, quote, instrument, account, Flags(), limits, now))
        if isinstance(judged, Refused):
            return await self._refuse(approval, judged, by)
        entered = await self._executor.enter(judged, approval.id, by)
        if entered is None:
            await self._settle(approval, ApprovalState.REFUSED, by, ("it was traded already",))
            return Tap(False, "Nothing was traded: this plan was traded already.")
        told = _told(entered)
        cuts = sized.notes[len(plan.notes) :]  # since the card was shown
        return replace(told, reasons=(*told.reasons, *cuts)) if told.is_done else told

    async def _barred(self, plan: Plan) -> Reason | None:
        """A scan's card asks only in the mode that asks; a person's own idea asks in every mode."""
        state = await self._journal.account_state(self._keeper.account)
        if plan.origin is Origin.SCAN and state.mode is not Mode.SEMI_AUTO:
            return Reason("mode", f"the mode is {state.mode} now")
        return None

    async def _undecided(self, approval: Approval, by: str, error: PerpilotError) -> Tap:
        """Something failed on the way: nothing was traded, unless the trade was recorded all the same."""
        if await self._settle(approval, ApprovalState.REFUSED, by, (f"could not be checked: {error}",)):
            return Tap(
                False, f"Nothing was traded: {_named(approval.plan)} could not be checked.", (str(error),)
            )
        known = await self._journal.approval(approval.id)
        if known is not None and known.state is ApprovalState.APPROVED:
            return Tap(True, "Approved, but what became of it is not known yet; /positions.", (str(error),))
        return Tap(False, f"Nothing was traded: {_named(approval.plan)} could not be checked.", (str(error),))

    async def _requote(
        self,
        approval: Approval,
        judged: Cleared[Plan] | Refused,
        drift: Decimal,
        by: str,
        lifetime_s: float,
    ) -> Tap:
        moved = f"the price moved {drift * 100:.2f} % since the card was shown"
        if isinstance(judged, Refused):
            return await self._refuse(approval, judged, by, moved)
        await self._settle(approval, ApprovalState.REQUOTED, by, (moved,))
        await self.propose(judged, lifetime_s, requote_of=approval.id)
        return Tap(
            False, f"Nothing was traded: {_named(approval.plan)}: {moved}. A new card follows.", (moved,)
        )

    async def _refuse(self, approval: Approval, judged: Refused, by: str, first: str = "") -> Tap:
        reasons = tuple(filter(None, (first, *(reason.text for reason in judged.reasons))))
        await self._settle(approval, ApprovalState.REFUSED, by, reasons)
        return Tap(False, f"Nothing was traded: {_named(approval.plan)} no longer holds.", reasons)

    async def _settle(
        self, approval: Approval, state: ApprovalState, by: str, reasons: tuple[str, ...]
    ) -> bool:
        return await self._journal.settle_approval(
            approval.id,
            state,
            by,
            self._circle.clock.now(),
            reasons,
            [notices.approval_closed(approval.id, state, reasons)],
        )

    async def _over(self, approval_id: str) -> Tap:
        approval = await self._journal.approval(approval_id)
        if approval is None:
            return Tap(False, "There is no such card.")
        if approval.state is ApprovalState.OPEN:
            await self.expire()
            return Tap(False, OVER[ApprovalState.EXPIRED])
        return Tap(False, OVER[approval.state], approval.reasons)


def _named(plan: Plan) -> str:
    return f"{coin(plan.symbol)} {plan.side}"


def _told(entered: Entered) -> Tap:
    trade = entered.trade
    words = f"{coin(trade.symbol)} {trade.side}"
    match entered.step:
        case Abandon(reason):
            return Tap(False, f"Nothing was traded: {reason}.")
        case Wait(reason):
            return Tap(True, f"Approved: {words}; it is being looked after: {reason}.")
        case None:
            text = f"Approved: {words}; what became of the order is not known yet, it is being looked for."
            return Tap(True, text, (entered.fault,))
        case _:
            return Tap(True, f"Approved: {words}, order sent.")


def _at_price(plan: Plan, quote: Quote, instrument: Instrument, limits: Limits) -> Plan:
    """The plan at the present price: stop and targets keep their place within the drift."""
    moved = quote.taking(plan.side) - plan.entry
    is_small = abs(moved) / plan.entry <= limits.approval_drift
    return repriced(plan, quote.taking(plan.side), instrument, limits, keep_levels=is_small)
