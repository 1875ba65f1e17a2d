"""The live code over the simulated venue, for a world that the fast engine plays as well.

Decision, plan, checks, executor, guard and journal are the real ones; only the prices are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import count
from typing import Any, cast

import numpy as np

from core.advice.strategy_adviser import StrategyAdviser
from core.advice.strategy_voice import PREFIX
from core.market import from_ms, to_ms
from core.opinion import Decider
from core.plan import Cleared, Decision, Plan, Refused
from core.risk.account import Account
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket
from core.sim.panel import InlinePanel
from core.sim.runner import SimSettings, Simulation, inline
from core.strategy_use import Strategies, StrategyPart, StrategyRole
from core.trade import ClosedTrade, ExitReason
from core.trading.decide import Circle, Rules, decide
from core.trading.kernel import KernelJournal
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.core.backtest.side_by_side import BAR_MS, FRAME, Played, Row, World, in_time, said_of

ACCOUNT = "sim"
WORDS = {
    ExitReason.LIQUIDATION_GUARD: "guard",
    ExitReason.LIQUIDATED: "liquidation",
    ExitReason.ADVISER: "signal",
}
"""Where the journal and the engine have two words for one end."""


_numbers = count(1)


@cache
def _shared() -> InlineDatabase:
    """One for many accounts: most of a short run would be the making of it."""
    return InlineDatabase()


def simulated(world: World) -> Played:
    return asyncio.run(_simulated(world))


async def _simulated(world: World) -> Played:
    account = f"{ACCOUNT}-{next(_numbers)}"
    simulation, journal = await opened(world, account=account)
    refusals = Refusals()
    await simulation.run(world.bars, FRAME, world.first, world.last, refusals.look)
    found = played(simulation, await journal.closed_trades(account))
    return replace(found, said=tuple(refusals.said))


@dataclass
class Refusals:
    """Looks on and notes every idea that was not entered."""

    said: list[str] = field(default_factory=list)
    newest: str = ""

    def look(self, simulation: Simulation) -> None:
        scan = simulation.kernel.engine.last_scan
        if scan is None or scan.record.id == self.newest:
            return
        self.newest = scan.record.id
        for decision in scan.decisions:
            if not isinstance(decision.outcome, Cleared):
                reasons = "; ".join(reason.text for reason in decision.outcome.reasons)
                if "no entry at this close" not in reasons:
                    self.said.append(f"{scan.record.started_at:%m-%d %H:%M} {decision.symbol} {reasons}")


async def opened(
    world: World, kind: type[HistoryMarket] = HistoryMarket, account: str = ACCOUNT
) -> tuple[Simulation, SqlJournal]:
    """With a journal of its own, or as one of the `quick` ones that share one."""
    clock = VirtualClock(world.first)
    market = kind(world.bars, FRAME, world.instruments, clock, world.funding)
    is_quick = account != ACCOUNT
    journal = SqlJournal(_shared() if is_quick else InlineDatabase(), clock.now)
    settings = SimSettings(
        symbols=tuple(world.bars),
        deposit=Decimal(str(world.setup.capital)),
        limits=world.limits,
        flags=world.flags,
        decider=Decider.RULES,
        strategies=_alone(world),
        scan_every_s=0.0,
        account=account,
        scans_at_open=True,
        has_news=spoken(world),
        slippage=world.slippage,
    )
    kept = cast(KernelJournal, RememberingJournal(journal) if is_quick else journal)
    simulation = Simulation(market, clock, kept, journal, InlinePanel([_adviser(world)]), settings)
    await simulation.open()
    return simulation, journal


NAME = f"{PREFIX}world"
REMEMBERED = frozenset({"open_trades", "open_approvals", "account_state", "intentions", "refused_entries"})
"""What a guard's pass reads many times over."""
UNRELATED = frozenset(
    {"show_positions", "record_equity", "closed_trades", "load", "save", "tell", "day_opening_equity"}
)
"""Calls of the journal that change nothing of it."""


class RememberingJournal:
    """The journal, which answers what it was asked before as long as nothing was written since.

    Only for speed: most of a simulation's time is such reads.
    """

    def __init__(self, journal: SqlJournal) -> None:
        self._journal = journal
        self._known: dict[tuple[object, ...], object] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._journal, name)
        if name in UNRELATED:
            return found

        async def asked(*given: Any, **named: Any) -> Any:
            if name not in REMEMBERED:
                self._known.clear()
                return await found(*given, **named)
            key = (name, *given, *named.items())
            if key not in self._known:
                self._known[key] = await found(*given, **named)
            return self._known[key]

        return asked


def spoken(world: World) -> Callable[[datetime], bool]:
    """Whether the strategy says anything at a close: other scans would change nothing."""
    at: set[int] = set()
    for symbol, rows in world.bars.items():
        side = said_of(world, symbol).side
        at |= {int(ms) + BAR_MS for ms in rows[np.flatnonzero(side), 0]}
    return lambda moment: _bar_of(moment) in at


def played(simulation: Simulation, closed: Sequence[ClosedTrade]) -> Played:
    state = simulation.venue.state
    held = {symbol: (_bar_of(one.opened_at), one.side.sign) for symbol, one in state.holdings.items()}
    return Played(tuple(_row_of(trade) for trade in closed), held)


def _row_of(trade: ClosedTrade) -> Row:
    left = to_ms(trade.closed_at)
    return Row(
        symbol=trade.symbol,
        side=trade.side.sign,
        entered_ms=_bar_of(trade.opened_at),
        left_ms=(left, left),
        quantity=float(trade.quantity),
        leverage=trade.leverage,
        entry=float(trade.entry_price),
        exit=float(trade.exit_price),
        fees=float(trade.fees),
        funding=float(trade.funding),
        net=float(trade.net_pnl),
        reason=WORDS.get(trade.exit_reason, trade.exit_reason.value),
    )


def _bar_of(moment: datetime) -> int:
    ms = to_ms(moment)
    return ms - ms % BAR_MS


# ---------------------------------------------------------------- what live plans at each signal

RICH = Decimal(10) ** 9
"""USDT: no plan of one signal is cut by the account."""


async def plans(world: World) -> Mapping[tuple[str, int], Plan]:
    """(symbol, place of the signal's bar) → the plan that live draws at the next open, whatever the account.

    What a gate before the plan refuses is not in it.
    """
    clock = VirtualClock(world.first)
    market = HistoryMarket(world.bars, FRAME, world.instruments, clock, world.funding)
    circle = Circle(market, InlinePanel([_adviser(world)]), clock, inline, ACCOUNT)
    found = {}
    for opened_ms, symbol, place in sorted(_signalled(world)):
        clock.reach(from_ms(opened_ms))
        market.set_price(symbol, float(world.bars[symbol][place + 1, 1]))
        outcome = (await _decided(world, symbol, circle)).outcome
        if isinstance(outcome, Cleared | Refused):
            found[symbol, place] = outcome.plan
    return found


def _signalled(world: World) -> Iterator[tuple[int, str, int]]:
    """(open of the next bar, symbol, place) of every entry that is said in time."""
    for symbol, rows in world.bars.items():
        for place in np.flatnonzero(np.abs(in_time(world, symbol).side) == 1).tolist():
            if place + 1 < len(rows) and rows[place + 1, 0] < to_ms(world.last):
                yield int(rows[place + 1, 0]), symbol, place


async def _decided(world: World, symbol: str, circle: Circle) -> Decision:
    now = circle.clock.now()

    async def look() -> Account:
        return Account(ACCOUNT, RICH, RICH, RICH, RICH, RICH, now)

    return await decide(
        symbol,
        circle,
        look,
        Rules(world.limits, world.flags, Decider.RULES, strategies=_alone(world)),
        "plan",
    )


def _adviser(world: World) -> StrategyAdviser:
    return StrategyAdviser(world.strategy, world.timeframe, NAME)


def _alone(world: World) -> Strategies:
    """The strategy in the place of the rule-based verdict, with all of the capital."""
    return Strategies(StrategyRole.ALONE, (StrategyPart(NAME, "world", (), world.timeframe, Decimal(1)),))
