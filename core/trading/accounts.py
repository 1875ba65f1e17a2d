"""The account as the checks and breakers need it, and the breakers' own bookkeeping."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from core.errors import PerpilotError
from core.journal import BreakerEvent, DeskJournal, EquityPoint, TradeJournal
from core.money import ZERO
from core.ports import Clock, Venue
from core.risk import breakers
from core.risk.account import Account, OpenRisk
from core.risk.limits import Limits
from core.trade import Balance, Position, Trade
from core.trading import notices
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.account")

RECENT_TRADES = 200
"""Enough for cooldowns and losing streaks."""
YESTERDAY = timedelta(days=1)
"""How far back an equity before midnight is looked for."""
MIDNIGHT_GAP = timedelta(minutes=15)
"""An equity seen this short before the new day's first look is the day's opening equity."""


class AccountJournal(TradeJournal, DeskJournal, Protocol):
    """Both parts of the journal that an account is read from."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the venue showed at one moment."""

    balance: Balance
    positions: tuple[Position, ...]


class AccountKeeper:
    """Reads equity, day, peak, exposure; trips and clears breakers."""

    def __init__(
        self,
        venue: Venue,
        journal: AccountJournal,
        clock: Clock,
        limits: Callable[[], Limits],
        gate: EntryGate,
        account: str,
    ) -> None:
        self._venue = venue
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self._gate = gate
        self.account = account
        self.last_sight: Sight | None = None
        self.last_account: Account | None = None
        self.last_readings: tuple[breakers.Reading, ...] = ()
        self.open_events: tuple[BreakerEvent, ...] = ()
        self._day: date | None = None

    async def look(self, without_card: str | None = None) -> Account:
        """The account now. What cannot be read is None, which every check refuses.

        `without_card` leaves one approval out: the one that is being decided.
        """
        now = self._clock.now()
        trades = await self._journal.open_trades(self.account)
        cards = await self._journal.open_approvals(self.account)
        recent = await self._journal.closed_trades(self.account, limit=RECENT_TRADES)
        sight = await self._see()
        risks = [
            *(_trade_risk(trade, sight) for trade in trades),
            *(
                OpenRisk(card.plan.symbol, card.plan.side, card.plan.loss_at_stop, is_card=True)
                for card in cards
                if card.id != without_card
            ),
        ]
        equity = sight.balance.equity if sight is not None else None
        day_opening, peak = await self._baselines(equity, now)
        streak = breakers.losses_in_a_row(recent, await self._streak_start())
        state = await self._journal.account_state(self.account)
        health = breakers.Health(equity, day_opening, peak, streak)
        tripped = await self._check_breakers(health, now)
        ours = {trade.symbol for trade in trades}
        foreign = [p for p in sight.positions if p.symbol not in ours] if sight else []
        risks += [OpenRisk(p.symbol, p.side, max(p.margin + p.unrealised, ZERO)) for p in foreign]
        account = Account(
            name=self.account,
            equity=equity,
            wallet=sight.balance.wallet if sight else None,
            available=sight.balance.available if sight else None,
            day_opening=day_opening,
            peak=peak,
            at=min(now, sight.balance.at) if sight else now,
            open_risks=tuple(risks),
            last_closed={trade.symbol: trade.closed_at for trade in recent},
            open_breakers=tuple(event.name for event in tripped),
            closed_to_entries=self._gate.text or (f"paused by {state.paused_by}" if state.is_paused else ""),
            foreign_symbols=frozenset(p.symbol for p in foreign),
        )
        self.last_account = account
        return account

    async def open_trades(self) -> tuple[Trade, ...]:
        return await self._journal.open_trades(self.account)

    async def begin_day(self) -> None:
        """Fixes the day's opening equity before anything is booked on that day."""
        if self._day != self._clock.now().date():
            await self.look()

    async def acknowledge(self, name: str, by: str) -> bool:
        """A person reopens a breaker; False when it is not tripped."""
        now = self._clock.now()
        done = await self._journal.resolve_breaker(
            self.account, name, by, now, [notices.breaker_cleared(name, by, now)]
        )
        await self.look()
        return done

    async def record_equity(self) -> None:
        if self.last_sight is not None:
            balance = self.last_sight.balance
            point = EquityPoint(self._clock.now(), balance.wallet, balance.unrealised)
            await self._journal.record_equity(self.account, point)

    async def _see(self) -> Sight | None:
        try:
            self.last_sight = Sight(await self._venue.balance(), await self._venue.positions())
        except PerpilotError as error:
            log.warning("account unknown: error=%s", str(error))
            self.last_sight = None
        return self.last_sight

    async def _baselines(
        self, equity: Decimal | None, now: datetime
    ) -> tuple[Decimal | None, Decimal | None]:
        if equity is None:
            return None, None
        opening = await self._before_midnight(now) or equity
        day_opening = await self._journal.day_opening_equity(self.account, now.date(), opening)
        self._day = now.date()
        acknowledged = await self._journal.last_resolved(self.account, breakers.DRAWDOWN)
        since = acknowledged.resolved_at if acknowledged else None
        recorded = await self._journal.peak_equity(self.account, since)
        state = await self._journal.account_state(self.account)
        start = state.initial_capital if since is None else ZERO
        return day_opening, max(equity, recorded or ZERO, start)

    async def _before_midnight(self, now: datetime) -> Decimal | None:
        """The equity seen last before 00:00 UTC: what was lost since is the new day's loss, also when
        nobody looked at midnight. None for an account without a yesterday."""
        last = self.last_account
        if last is not None and last.equity is not None and now - last.at <= MIDNIGHT_GAP:
            return last.equity if last.at.date() < now.date() else None
        if self._day == now.date():
            return None
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        points = await self._journal.equity_curve(self.account, midnight - YESTERDAY)
        before = [point.equity for point in points if point.at < midnight]
        return before[-1] if before else None

    async def _streak_start(self) -> datetime | None:
        event = await self._journal.last_resolved(self.account, breakers.CONSECUTIVE_LOSSES)
        return event.resolved_at if event else None

    async def _check_breakers(self, health: breakers.Health, now: datetime) -> tuple[BreakerEvent, ...]:
        """Recorded before they act; what clears by rule is cleared first."""
        for event in await self._journal.open_breakers(self.account):
            if breakers.clears_by_rule(event.name, event.created_at, now):
                told = [notices.breaker_cleared(event.name, "rule", now)]
                await self._journal.resolve_breaker(self.account, event.name, "rule", now, told)
        self.last_readings = breakers.readings(health, self._limits())
        open_names = {event.name for event in await self._journal.open_breakers(self.account)}
        for reading in self.last_readings:
            if (
                reading.is_tripped
                and reading.name not in open_names
                and not await self._is_waived(reading, now)
            ):
                await self._trip(reading, now)
        self.open_events = await self._journal.open_breakers(self.account)
        return self.open_events

    async def _is_waived(self, reading: breakers.Reading, now: datetime) -> bool:
        """A person cleared the day's loss today: what is left of the day's budget still holds."""
        if reading.name != breakers.DAILY_LOSS:
            return False
        event = await self._journal.last_resolved(self.account, reading.name)
        return event is not None and event.created_at.date() == now.date()

    async def _trip(self, reading: breakers.Reading, now: datetime) -> None:
        value, threshold = reading.shown()
        event = BreakerEvent(0, self.account, reading.name, value, threshold, "entries stopped", now)
        log.warning("breaker tripped: name=%s value=%s threshold=%s", reading.name, value, threshold)
        await self._journal.trip_breaker(
            event, [notices.breaker_tripped(reading.name, value, threshold, now)]
        )


def _trade_risk(trade: Trade, sight: Sight | None) -> OpenRisk:
    """What an open trade can still lose from the present equity; R while its position is unseen."""
    position = next((p for p in sight.positions if p.symbol == trade.symbol), None) if sight else None
    if position is None or position.side is not trade.side:
        return OpenRisk(trade.symbol, trade.side, trade.risk_usd)
    fall = (position.mark - trade.stop) * trade.side.sign * position.quantity
    return OpenRisk(trade.symbol, trade.side, max(fall, ZERO))
