"""The account as the checks and breakers need it: equity and what it is measured from, exposure, breakers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from core.errors import PerpilotError
from core.journal import AccountState, Approval, BreakerEvent, DeskJournal, EquityPoint, TradeJournal
from core.market import coin
from core.money import ZERO
from core.ports import Clock, Venue
from core.risk import breakers
from core.risk.account import Account, OpenRisk
from core.risk.breakers import UNKNOWN, Gauge, Health, quiet
from core.risk.limits import Limits
from core.risk.reopening import Standing
from core.trade import Balance, ClosedTrade, ExitReason, Position, Trade
from core.trading.baselines import Baselines, Levels
from core.trading.entries import EntryGate
from core.trading.failures import Failures
from core.trading.flows import Flows
from core.trading.tripping import BreakerBook
from core.trading.watch import MarketGauges, MarketWatch

log = logging.getLogger("perpilot.account")

RECENT_TRADES = 200
"""Enough for cooldowns, losing streaks and the probe after a breaker."""
ASSUMED_FEE = Decimal("0.0005")
"""Taker's, of a trade that was recorded without its costs."""


class AccountJournal(TradeJournal, DeskJournal, Protocol):
    """Both parts of the journal that an account is read from."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the venue showed at one moment."""

    balance: Balance
    positions: tuple[Position, ...]
    has_flows: bool
    """What was paid in and out behind this wallet is known; without it a loss cannot be told from a
    withdrawal."""
    flows: Decimal
    """USDT, everything that was paid in and out and is in this wallet."""
    at: datetime
    """When the balance was asked for."""

    def position(self, trade: Trade) -> Position | None:
        """The trade's own; None where nothing or the other side is held."""
        found = (p for p in self.positions if p.symbol == trade.symbol and p.side is trade.side)
        return next(found, None)


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
        watch: MarketWatch,
        capital: Callable[[], Decimal | None] = lambda: None,
    ) -> None:
        """`capital`: `Account.cap`, asked at every look."""
        self._venue = venue
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self._gate = gate
        self.account = account
        self._watch = watch
        self._capital = capital
        self._flows = Flows(venue, journal, watch.failures, account)
        self._baselines = Baselines(journal, self._flows, account)
        self._book = BreakerBook(journal, account)
        self._recent: tuple[ClosedTrade, ...] | None = None
        self._bookings = 0
        self._flows_counted = 0
        self._judging = asyncio.Lock()
        """Held from the measuring of the breakers until their events are written."""
        self.last_sight: Sight | None = None
        self.last_account: Account | None = None
        self.standings: tuple[Standing, ...] = ()

    @property
    def failures(self) -> Failures:
        return self._watch.failures

    @property
    def open_events(self) -> tuple[BreakerEvent, ...]:
        return self._book.open_events

    @property
    def last_readings(self) -> tuple[breakers.Reading, ...]:
        return tuple(standing.reading for standing in self.standings)

    async def look(self, without_card: str | None = None) -> Account:
        """The account now. What cannot be read is None, which every check refuses.

        `without_card` leaves one approval out: the one that is being decided.
        """
        now = self._clock.now()
        trades = await self._journal.open_trades(self.account)
        cards = await self._journal.open_approvals(self.account)
        state = await self._journal.account_state(self.account)
        sight = await self._see(state)
        market = await self._watch.look(trade.symbol for trade in trades)
        async with self._judging:
            recent = await self._recently()
            refused = await self._refused(now)
            equity, levels = await self._levels(sight, state, now)
            cap = self._capital()  # asked late: a cap that was lowered meanwhile holds at once
            health = self._health(equity, levels, sight, market, trades, recent, cap, now)
            await self._judge(health, recent, now)
        known = self._account(sight, trades, cards, recent, state, equity, levels, cap, without_card, now)
        self.last_account = known = replace(known, last_refused=refused)
        return known

    async def open_trades(self) -> tuple[Trade, ...]:
        return await self._journal.open_trades(self.account)

    def note_booking(self) -> None:
        """A trade was booked, or may have been: history is read afresh."""
        self._bookings += 1
        self._recent = None

    async def begin_day(self) -> None:
        """Fixes the day's opening equity before anything is booked on that day."""
        if not self._baselines.has_day(self._clock.now()):
            await self.look()

    async def acknowledge(self, name: str, by: str, reason: str = "") -> bool:
        """A person reopens a breaker; False when it is not tripped.

        The equity of this moment is recorded: what is lost from now on is measured from it. An orange
        drawdown is ended like a tripped one: nothing is opened in it, so that no trade could lead out of it.
        """
        async with self._judging:
            await self._book.load()
            now, orange = self._clock.now(), self._orange()
            done = await self._book.resolve(name, by, now, reason)
            if not done and orange is not None and orange.name == name:
                done = await self._book.begin_anew(orange, by, now, reason)
            for reading in self.last_readings:
                if done and reading.name == name:
                    self._book.waive(reading)
            if done and name == breakers.EXCHANGE_ERRORS:
                self._watch.failures.forget()
        if done:
            await self._see(await self._journal.account_state(self.account))
            await self.record_equity()
        await self.look()
        return done

    def _orange(self) -> breakers.Reading | None:
        """The drawdown beside the tier from which nothing is opened; None before it."""
        fall = self.last_account.drawdown if self.last_account is not None else None
        limit = self._limits().orange_drawdown
        if fall is None or fall < limit:
            return None
        return breakers.Reading(breakers.DRAWDOWN, Gauge(fall), limit)

    @property
    def is_orange(self) -> bool:
        """Nothing is opened for the drawdown, until a person acknowledges it."""
        return self._orange() is not None

    async def record_equity(self) -> None:
        """Not while it is unknown what of it was paid in: such a point would lie for ever.

        Of the moment when it was seen: a transfer between that and now is not in it.
        """
        if self.last_sight is not None:
            await self._record(self.last_sight)

    async def _record(self, sight: Sight) -> None:
        if sight.has_flows:
            balance = sight.balance
            point = EquityPoint(sight.at, balance.wallet, balance.unrealised, sight.flows)
            await self._baselines.record(point)

    # ------------------------------------------------------------ seeing

    async def _see(self, state: AccountState) -> Sight | None:
        now = self._clock.now()
        try:
            known = self._flows.count
            balance = await self._venue.balance()
            has_flows = await self._flows.follow(balance.wallet, state.opened_at, now)
            if self._flows.count != known:
                now = self._clock.now()
                balance = await self._venue.balance()  # with what came in meanwhile
            flows = self._flows.total()
            self.last_sight = Sight(balance, await self._venue.positions(), has_flows, flows, now)
        except PerpilotError as error:
            self._watch.failures.note(error)
            log.warning("account unknown: error=%s", str(error))
            self.last_sight = None
        return self.last_sight

    async def _recently(self) -> tuple[ClosedTrade, ...]:
        """The newest closed trades, oldest first; read again only after a booking."""
        if self._recent is not None:
            return self._recent
        bookings = self._bookings
        found = await self._journal.closed_trades(self.account, limit=RECENT_TRADES)
        if bookings == self._bookings:  # else one came in between, and the next look reads again
            self._recent = found
        return found

    async def _refused(self, now: datetime) -> Mapping[str, datetime]:
        return await self._journal.refused_entries(
            self.account, now - timedelta(seconds=self._limits().cooldown_s)
        )

    # ------------------------------------------------------------ measuring

    async def _levels(
        self, sight: Sight | None, state: AccountState, now: datetime
    ) -> tuple[Decimal | None, Levels]:
        """(equity, what it is measured from). What clears at its time is cleared first: the peak counts from
        then on.

        A transfer that was learned of is recorded at once: what is lost after it is lost of the money that it
        left.
        """
        if self._flows.count != self._flows_counted:
            self._flows_counted = self._flows.count
            self._baselines.forget()
            if sight is not None:
                await self._record(sight)
        await self._book.load()
        await self._book.clear_by_clock(self._limits(), now)
        if sight is None or not sight.has_flows:
            return None, Levels()
        flows = self._flows.total()  # another look may have learned of a transfer since
        equity = sight.balance.equity + flows - sight.flows
        rolling_from = self._book.acknowledged_at(breakers.ROLLING_LOSS)
        peak_from = self._book.resolved_at(breakers.DRAWDOWN)
        return equity, await self._baselines.levels(equity, flows, state, now, rolling_from, peak_from)

    def _health(
        self,
        equity: Decimal | None,
        levels: Levels,
        sight: Sight | None,
        market: MarketGauges,
        trades: Sequence[Trade],
        recent: Sequence[ClosedTrade],
        cap: Decimal | None,
        now: datetime,
    ) -> Health:
        streak_from = self._book.resolved_at(breakers.CONSECUTIVE_LOSSES)
        window_s = self._limits().breakers.error_window_s
        return Health(
            equity=equity,
            day_opening=levels.day_opening,
            day_ago=levels.day_ago,
            peak=levels.peak,
            losses_in_a_row=breakers.losses_in_a_row(recent, streak_from),
            liquidation=self._liquidation(sight, trades, recent, now),
            price_age=market.price_age,
            failed_calls=Gauge(Decimal(self._watch.failures.count(window_s))),
            price_move=market.price_move,
            funding=market.funding,
            cap=cap,
            lost_today=levels.lost_today,
            lost_24h=levels.lost_24h,
            lost_from_peak=levels.lost_from_peak,
        )

    def _liquidation(
        self, sight: Sight | None, trades: Sequence[Trade], recent: Sequence[ClosedTrade], now: datetime
    ) -> Gauge:
        """Our position nearest to its liquidation; none left at all after one that was liquidated today."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        cleared = self._book.resolved_at(breakers.LIQUIDATION_RISK)
        since = midnight if cleared is None else max(midnight, cleared)
        for trade in recent:
            if trade.exit_reason is ExitReason.LIQUIDATED and trade.closed_at >= since:
                return Gauge(ZERO, f"{coin(trade.symbol)} was liquidated today")
        if sight is None:
            return UNKNOWN
        held = [position for trade in trades if (position := sight.position(trade)) is not None]
        if not held:
            return UNKNOWN if trades else quiet("no position")
        nearest = min(held, key=lambda position: position.liquidation_distance())
        return Gauge(nearest.liquidation_distance(), coin(nearest.symbol))

    async def _judge(self, health: Health, recent: Sequence[ClosedTrade], now: datetime) -> None:
        limits = self._limits()
        found = breakers.readings(health, limits)
        try:
            await self._book.review(found, limits, now)
        finally:
            self.standings = self._book.standings(found, recent, limits)

    # ------------------------------------------------------------ telling

    def _account(
        self,
        sight: Sight | None,
        trades: Sequence[Trade],
        cards: Iterable[Approval],
        recent: Sequence[ClosedTrade],
        state: AccountState,
        equity: Decimal | None,
        levels: Levels,
        cap: Decimal | None,
        without_card: str | None,
        now: datetime,
    ) -> Account:
        ours = {trade.symbol for trade in trades}
        foreign = [p for p in sight.positions if p.symbol not in ours] if sight else []
        slippage = self._limits().slippage
        risks = [
            *(_trade_risk(trade, sight, slippage) for trade in trades),
            *(_card_risk(card) for card in cards if card.id != without_card),
            *(OpenRisk(p.symbol, p.side, max(p.margin + p.unrealised, ZERO)) for p in foreign),
        ]
        return Account(
            name=self.account,
            equity=equity,
            wallet=sight.balance.wallet if sight else None,
            available=sight.balance.available if sight else None,
            day_opening=levels.day_opening,
            peak=levels.peak,
            at=min(now, sight.balance.at) if sight else now,
            open_risks=tuple(risks),
            last_closed={trade.symbol: trade.closed_at for trade in recent},
            open_breakers=tuple(event.name for event in self.open_events),
            closed_to_entries=self._gate.text or (f"paused by {state.paused_by}" if state.is_paused else ""),
            foreign_symbols=frozenset(p.symbol for p in foreign),
            is_probing=any(standing.is_probing for standing in self.standings),
            earned_today=levels.earned_today,
            cap=cap,
            lost_today=levels.lost_today,
            lost_from_peak=levels.lost_from_peak,
            margin_held=sum((_margin_of(trade, sight) for trade in trades), ZERO),
        )


def _trade_risk(trade: Trade, sight: Sight | None, slippage: Decimal) -> OpenRisk:
    """What an open trade can still lose from the present equity, leaving included; R while its position is
    unseen."""
    position = sight.position(trade) if sight is not None else None
    if position is None:
        return OpenRisk(trade.symbol, trade.side, trade.risk_usd, beta=trade.beta)
    fall = (position.mark - trade.stop) * trade.side.sign * position.quantity
    leaving = trade.cost / 2 if trade.cost > 0 else ASSUMED_FEE + slippage
    loss = max(fall, ZERO) + leaving * trade.stop * position.quantity
    return OpenRisk(trade.symbol, trade.side, loss, beta=trade.beta)


def _margin_of(trade: Trade, sight: Sight | None) -> Decimal:
    """What was planned while its position is unseen."""
    position = sight.position(trade) if sight is not None else None
    return trade.quantity * trade.entry_reference / trade.leverage if position is None else position.margin


def _card_risk(card: Approval) -> OpenRisk:
    plan = card.plan
    return OpenRisk(plan.symbol, plan.side, plan.loss_at_stop, is_card=True, beta=plan.beta)
