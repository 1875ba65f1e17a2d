"""One pass over the universe: every symbol decided at the same time, every end recorded, the best first."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from core.errors import PerpilotError
from core.journal import DeskJournal, ScanRecord
from core.plan import Cleared, Decision, Plan, Reason
from core.risk.account import Account
from core.risk.ceilings import account_share
from core.trading.accounts import AccountKeeper
from core.trading.decide import Circle, Rules, Trail
from core.trading.ids import derived
from core.trading.recording import decide_recorded
from core.trading.records import gate_of, record_of
from core.trading.screen import barred, unsizeable
from core.trading.tape import TapeRecord

log = logging.getLogger("perpilot.scanner")

FAULT = "fault"
"""The gate at which an unforeseen error ends a symbol."""
MAX_AT_ONCE = 64
"""Symbols decided at the same time; the venue's rate budget is the real limit."""

Progress = Callable[[int, int, str, str], Awaitable[None]]
"""(done, total, symbol, gate)."""


@dataclass(frozen=True, slots=True)
class Scan:
    record: ScanRecord
    decisions: tuple[Decision, ...]
    cleared: tuple[Cleared[Plan], ...]
    """Best score first."""
    unsizeable: tuple[tuple[str, str], ...]
    """(symbol, mend)."""


class Scanner:
    def __init__(self, circle: Circle, keeper: AccountKeeper, journal: DeskJournal) -> None:
        self._circle = circle
        self._keeper = keeper
        self._journal = journal
        self._count = 0

    async def scan(self, symbols: Sequence[str], rules: Rules, progress: Progress | None = None) -> Scan:
        started = self._circle.clock.now()
        self._count += 1
        scan_id = derived("scan", self._keeper.account, started.isoformat(), self._count)
        account = await self._keeper.look()
        places = asyncio.Semaphore(MAX_AT_ONCE)
        small: list[tuple[str, str]] = []
        ended: dict[str, Decision] = {}
        tapes: dict[str, TapeRecord] = {}

        async def one(symbol: str) -> None:
            async with places:
                screen = partial(self._screen, symbol, account, rules, small)
                ended[symbol], tapes[symbol] = await decide_recorded(
                    symbol, self._circle, self._keeper.look, rules, scan_id, screen=screen
                )
            if progress is not None:
                await progress(len(ended), len(symbols), symbol, gate_of(ended[symbol]))

        results = await asyncio.gather(*(one(symbol) for symbol in symbols), return_exceptions=True)
        for symbol, error in zip(symbols, results, strict=True):
            if error is not None:
                self._broke_off(symbol, error, ended, scan_id)
        decisions = [ended[symbol] for symbol in symbols]
        cleared = sorted(
            (d.outcome for d in decisions if isinstance(d.outcome, Cleared)),
            key=lambda c: (-c.plan.score.total, c.plan.symbol),
        )
        record = ScanRecord(
            id=scan_id,
            account=self._keeper.account,
            started_at=started,
            ended_at=self._circle.clock.now(),
            symbols=len(symbols),
            funnel=dict(Counter(gate_of(decision) for decision in decisions)),
            ranking=tuple(_rank_row(c.plan) for c in cleared),
        )
        rows = [record_of(d, self._keeper.account, scan_id, tapes.get(d.symbol)) for d in decisions]
        await self._journal.record_decisions(rows, record)
        ends = " ".join(f"{gate}={count}" for gate, count in sorted(record.funnel.items()))
        log.info("scan ended: symbols=%d cleared=%d %s", len(symbols), len(cleared), ends)
        return Scan(record, tuple(decisions), tuple(cleared), tuple(sorted(small)))

    def _broke_off(self, symbol: str, error: BaseException, ended: dict[str, Decision], scan_id: str) -> None:
        """One symbol's unforeseen error is its own end, not the others'; a listener's is nobody's."""
        if not isinstance(error, Exception):
            raise error
        if symbol in ended:
            log.error("scan listener failed: symbol=%s", symbol, exc_info=error)
            return
        log.error("decision broke off: symbol=%s", symbol, exc_info=error)
        known = str(error) if isinstance(error, PerpilotError) else type(error).__name__
        reason = Reason("fault", f"the decision broke off: {known}")
        trail = Trail(derived("decision", symbol, scan_id), symbol, self._circle.clock)
        ended[symbol] = trail.stay(FAULT, reason)

    async def _screen(
        self, symbol: str, account: Account, rules: Rules, small: list[tuple[str, str]]
    ) -> tuple[Reason, ...]:
        reasons = barred(symbol, account, rules.limits, self._circle.clock.now())
        equity = account.sizing_equity
        if equity is None:
            return reasons
        try:
            instrument = await self._circle.market.instrument(symbol)
            quote = await self._circle.market.quote(symbol)
        except PerpilotError:
            return reasons  # `decide` meets the same error and reports it as such
        share = account_share(account, rules.limits)
        uncapped = account.uncapped_equity if account.is_cap_binding else None
        reason = unsizeable(instrument, quote, equity, rules.limits, share, uncapped=uncapped)
        if reason is None:
            return reasons
        small.append((symbol, reason.mend or reason.text))
        return (*reasons, reason)


def _rank_row(plan: Plan) -> dict[str, Any]:
    return {
        "symbol": plan.symbol,
        "side": plan.side.value,
        "score": round(plan.score.total, 1),
        "loss_at_stop": format(plan.loss_at_stop.quantize(Decimal("0.01")), "f"),
        "reward_risk": format(plan.reward_risk.quantize(Decimal("0.01")), "f"),
    }
