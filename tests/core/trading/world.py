"""The real trading core over a real journal and a fake venue; it can be killed and booted again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from core.analysis.flags import FlagLimits
from core.journal import Approval, Mode
from core.market import Side
from core.notice import NoticeKind
from core.opinion import Decider, Features, Flags, Role
from core.plan import Cleared, Plan, Target
from core.risk.checks import Case, examine
from core.risk.limits import Limits
from core.risk.sizing import with_size
from core.sim.clock import VirtualClock
from core.trade import Intention, OrderKind, Purpose, Trade
from core.trading.decide import Rules
from core.trading.engine import Course
from core.trading.kernel import Kernel, Ports, build_kernel
from db.journal import SqlJournal
from db.session import InlineDatabase, _empty_schema
from tests.core.builders import (
    NOW,
    PAPER,
    SOL,
    D,
    a_plan,
    a_verdict,
    an_account,
    an_idea,
    an_instrument,
    some_features,
)
from tests.core.trading.fakes import FakeMarket, FakePanel, FakeVenue, Watched

_kept: list[InlineDatabase] = []


def _blank_database() -> InlineDatabase:
    """One connection for all worlds, emptied for each: compiling its statements costs more than a test."""
    if not _kept:
        _kept.append(InlineDatabase())
    _kept[0]._driver.deserialize(_empty_schema())
    return _kept[0]


Hook = Callable[[str], None]


class World:
    """`kernel` is the running process; everything else outlives it. One at a time: a new one ends the old."""

    def __init__(self, mode: Mode = Mode.SEMI_AUTO, **limits: Any) -> None:
        self.clock = VirtualClock(NOW)
        self.market = FakeMarket(self.clock)
        self.venue = FakeVenue(self.clock, self.market)
        self.database = _blank_database()
        self.journal = SqlJournal(self.database, self.clock.now)
        self.panel = FakePanel(self.clock)
        self.mode = mode
        self.limits = Limits(**limits)
        self.cap: Decimal | None = None
        self.symbols: tuple[str, ...] = (SOL,)
        self.auto_barred = ""
        self.roles: dict[str, Role] = {}
        self.features: Callable[[str], Features] = lambda symbol: some_features(symbol=symbol)
        self.kernel: Kernel = self._build(None)

    async def open(self) -> World:
        await self.journal.open_account(PAPER, True, D(1000), self.mode, self.clock.now())
        self.kernel.gate.open("start")
        return self

    def boot(self, hook: Hook | None = None, *, opens: bool = True) -> Kernel:
        """A new process over the same journal and venue."""
        self.kernel = self._build(hook)
        if opens:
            self.kernel.gate.open("start")
        return self.kernel

    async def restart(self) -> None:
        """What the application does at start."""
        kernel = self.boot(opens=False)
        await kernel.approvals.recover()
        await kernel.guard.watch()
        kernel.gate.open("start")

    def _build(self, hook: Hook | None) -> Kernel:
        venue: Any = self.venue if hook is None else Watched(self.venue, hook, "venue")
        journal: Any = self.journal if hook is None else Watched(self.journal, hook, "journal")

        async def compute(work: Any) -> Features:
            return self.features(inspect.getclosurevars(work).nonlocals["symbol"])

        async def course() -> Course:
            return Course(self.symbols, self.rules(), 300.0, self.auto_barred)

        ports = Ports(self.market, self.market, venue, self.panel, journal, self.clock, compute, PAPER)
        return build_kernel(ports, self.rules, course, lambda: self.cap)

    def rules(self) -> Rules:
        return Rules(self.limits, FlagLimits(), Decider.AI, self.roles)

    # ---- plans and cards

    def plan(self, side: Side = Side.LONG, name: str = "plan-1", symbol: str = SOL, **fields: Any) -> Plan:
        shape = fields.pop("target_fractions", ())
        idea = an_idea(side, id=name, symbol=symbol, features=some_features(side, symbol=symbol))
        made = a_plan(side, idea=idea, limits=self.limits)
        if shape:
            targets = tuple(Target(made.entry * (1 + way * side.sign), share) for way, share in shape)
            made = with_size(replace(made, targets=targets), an_instrument(), self.limits)
        return replace(made, verdict=a_verdict(side), created_at=self.clock.now(), **fields)

    async def cleared(self, side: Side = Side.LONG, **fields: Any) -> Cleared[Plan]:
        plan = self.plan(side, **fields)
        quote = await self.market.quote(plan.symbol)
        instrument = await self.market.instrument(plan.symbol)
        account, now = an_account(at=self.clock.now()), self.clock.now()
        outcome = examine(Case(plan, quote, instrument, account, Flags(), self.limits, now))
        assert isinstance(outcome, Cleared), outcome
        return outcome

    async def card(self, side: Side = Side.LONG, **fields: Any) -> Approval:
        cleared = await self.cleared(side, **fields)
        assert await self.kernel.approvals.propose(cleared, 300.0)
        return next(
            card for card in await self.journal.open_approvals(PAPER) if card.plan.id == cleared.plan.id
        )

    async def tap(self, card: Approval, share: Any = 1) -> Any:
        return await self.kernel.approvals.approve(card.id, D(str(share)), self.limits, "owner", 300.0)

    async def hold(self, side: Side = Side.LONG, **fields: Any) -> Trade:
        """A covered position, told as opened."""
        entered = await self.kernel.executor.enter(await self.cleared(side, **fields), None, "test")
        assert entered is not None and not entered.fault
        await self.kernel.guard.watch()
        return next(t for t in await self.trades() if t.id == entered.trade.id)

    # ---- looking

    async def trades(self) -> tuple[Trade, ...]:
        return await self.journal.open_trades(PAPER)

    async def trade(self) -> Trade:
        (only,) = await self.trades()
        return only

    async def intents(self, purpose: Purpose, trade_id: str = "plan-1") -> list[Intention]:
        return [i for i in await self.journal.intentions(trade_id) if i.purpose is purpose]

    async def history(self) -> tuple[Any, ...]:
        return await self.journal.closed_trades(PAPER)

    async def told(self, kind: NoticeKind | None = None) -> list[str]:
        """Keys of the notices, in order of telling."""
        rows = await self.journal.due_notices(PAPER, 1000)
        return [row.notice.key for row in rows if kind in (None, row.notice.kind)]

    async def facts(self, kind: NoticeKind) -> list[Any]:
        rows = await self.journal.due_notices(PAPER, 1000)
        return [row.notice.facts for row in rows if row.notice.kind is kind]

    @property
    def held(self) -> Decimal:
        """Quantity at the venue."""
        return sum((row[1] for row in self.venue.held.values()), D(0))

    def is_covered(self, symbol: str = SOL) -> bool:
        """One resting reduce-only stop of exactly the position's size; or no position."""
        held = self.venue.held.get(symbol)
        stops = [o for o in self.venue.resting(OrderKind.STOP_MARKET) if o.symbol == symbol]
        if held is None:
            return not stops
        return len(stops) == 1 and stops[0].quantity == held[1] and stops[0].reduce_only

    def is_bare(self, symbol: str = SOL) -> bool:
        """A position that no resting reduce-only stop covers in full."""
        held = self.venue.held.get(symbol)
        stops = [o for o in self.venue.resting(OrderKind.STOP_MARKET) if o.symbol == symbol and o.reduce_only]
        return held is not None and not any(order.quantity >= held[1] for order in stops)

    async def settle(self, passes: int = 20, every_s: float = 2.0) -> None:
        """Guarding goes on until nothing is unsettled, and once more."""
        for _ in range(passes):
            await self.kernel.guard.watch()
            if self.kernel.guard.pause_s(60) == 60:
                break
            self.clock.advance(every_s)
        await self.kernel.guard.watch()
