"""What `/status` shows, kept in memory by the loops that learn it: answered at once, whatever is going on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

from bot.book import SettingsBook
from bot.supervisor import Supervisor
from core.advice.strategy_voice import is_strategy, role_of
from core.advice.verdict import OUR_CHOICE
from core.desk import BreakerView, PositionView, StatusView, TradingState
from core.journal import AccountState, ScanRecord
from core.market import Instrument
from core.opinion import Role, Verdict
from core.ports import Clock
from core.risk.breakers import DRAWDOWN, title_of
from core.risk.limits import Limits
from core.risk.reopening import Standing
from core.risk.stop_moves import Held, break_even, loss_of, parts_of
from core.trade import Order, Position, Trade
from core.trading.kernel import Kernel
from core.trading.scanner import Scan

Row = tuple[Trade, Position | None, Order | None]


class StatusBoard:
    """Written by the guard and the scanner, read by everybody."""

    def __init__(
        self,
        kernel: Kernel,
        book: SettingsBook,
        supervisor: Supervisor,
        clock: Clock,
        state: AccountState,
        venue: str,
        advisers: tuple[str, ...],
    ) -> None:
        self._kernel = kernel
        self._book = book
        self._supervisor = supervisor
        self._clock = clock
        self._state = state
        self._venue = venue
        self._advisers = advisers
        self._scans_under_way = 0
        self.mode = state.mode
        self.rows: tuple[Row, ...] = ()
        self.open_cards = 0
        self.symbols: tuple[str, ...] = ()
        self.unsizeable: tuple[tuple[str, str], ...] = ()
        self.last_scan: ScanRecord | None = None
        self.warnings: tuple[str, ...] = ()
        self.silent_advisers: dict[str, str] = {}
        """Adviser → why its newest question went unanswered."""
        self.unheard: Callable[[], tuple[str, ...]] = tuple
        """Sources of news and mood of which nothing is known now."""

    @asynccontextmanager
    async def scanning(self) -> AsyncIterator[None]:
        """Counts a scan under way."""
        self._scans_under_way += 1
        try:
            yield
        finally:
            self._scans_under_way -= 1

    @property
    def is_scanning(self) -> bool:
        return self._scans_under_way > 0

    def forget(self, trade_ids: set[str]) -> None:
        """These are over: they are not shown until the next pass of the guard says so too."""
        self.rows = tuple(row for row in self.rows if row[0].id not in trade_ids)

    def note_scan(self, scan: Scan) -> None:
        self.last_scan = scan.record
        self.unsizeable = scan.unsizeable
        self.symbols = tuple(decision.symbol for decision in scan.decisions)
        for decision in scan.decisions:
            self._note_answers(decision.verdict)

    @property
    def adviser_names(self) -> tuple[str, ...]:
        """The models or rules of the start, then the strategies of now."""
        return (*self._advisers, *(part.name for part in self._book.rules().strategies.parts))

    def _note_answers(self, verdict: Verdict | None) -> None:
        if verdict is None:
            return
        for opinion in verdict.opinions:
            self.silent_advisers.pop(opinion.adviser, None)
        for abstention in verdict.abstentions:
            if abstention.why in OUR_CHOICE:
                continue
            self.silent_advisers[abstention.adviser] = abstention.why.value

    def _adviser_notes(self) -> dict[str, str]:
        rules = self._book.rules()
        notes = {}
        for name in self.adviser_names:
            role = rules.roles.get(name, Role.VOTER)
            role = role_of(name, rules.strategies, rules.decider) if is_strategy(name) else role
            parts = [role.value] if role is not Role.VOTER else []
            if (why := self.silent_advisers.get(name)) is not None:
                parts.append(f"silent: {why.replace('_', ' ')}")
            if parts:
                notes[name] = ", ".join(parts)
        return notes

    def view(self) -> StatusView:
        now = self._clock.now()
        account = self._kernel.keeper.last_account
        equity = account.equity if account else None
        next_in = self._supervisor.next_in_s("scanner")
        state, why = self._trading_state()
        return StatusView(
            state=state,
            why=why,
            mode=self.mode,
            is_paper=self._state.is_paper,
            account=self._state.account,
            venue=self._venue,
            initial=self._state.initial_capital,
            wallet=account.wallet if account else None,
            equity=equity,
            daily_pnl=account.earned_today if account else None,
            positions=self._positions(),
            unseen=tuple(trade.symbol for trade, position, _ in self.rows if position is None),
            open_cards=self.open_cards,
            last_scan=self.last_scan,
            next_scan_at=now + timedelta(seconds=next_in) if next_in is not None else None,
            loops=self._supervisor.views(),
            breakers=self._breakers(),
            advisers=self.adviser_names,
            adviser_notes=self._adviser_notes(),
            decider=self._book.settings.decider.value,
            symbols=self.symbols,
            unsizeable=self.unsizeable,
            warnings=self.warnings,
            at=now,
            foreign=self._kernel.adopter.views,
            cap=account.cap if account else None,
            unheard=self.unheard(),
        )

    def _positions(self) -> tuple[PositionView, ...]:
        executor, limits = self._kernel.executor, self._book.rules().limits
        return tuple(
            _position_view(
                trade,
                position,
                stop,
                executor.known_instrument(trade.symbol),
                executor.targets_filled(trade.id),
                limits,
            )
            for trade, position, stop in self.rows
            if position is not None
        )

    def _trading_state(self) -> tuple[TradingState, str]:
        gate = self._kernel.gate
        open_names = [title_of(event.name) for event in self._kernel.keeper.open_events]
        if gate.is_closed_by("disarmed"):
            return TradingState.DISARMED, gate.text
        if gate.is_closed_by("pause"):
            return TradingState.PAUSED, gate.text
        if open_names:
            told = (f"circuit breaker open: {', '.join(open_names)}", *gate.reasons)
            return TradingState.HALTED, "; ".join(told)
        if gate.reasons:
            return TradingState.HALTED, gate.text
        if self._kernel.keeper.is_orange:
            return TradingState.HALTED, "no entries at this drawdown until you acknowledge it: /breakers"
        if self.rows:
            return TradingState.TRADING, ""
        return TradingState.SCANNING, "a scan is under way" if self.is_scanning else ""

    def _breakers(self) -> tuple[BreakerView, ...]:
        keeper = self._kernel.keeper
        barring = DRAWDOWN if keeper.is_orange else ""
        return tuple(_breaker_view(standing, barring) for standing in keeper.standings)


def _breaker_view(standing: Standing, barring: str) -> BreakerView:
    """`barring` names the one that keeps entries out though it has not tripped."""
    value, threshold = standing.reading.shown()
    event = standing.event
    return BreakerView(
        name=standing.reading.name,
        value=value,
        threshold=threshold,
        is_open=event is not None,
        since=event.created_at if event is not None else None,
        clears=standing.clears,
        title=standing.title,
        policy=standing.policy.value,
        is_probing=standing.is_probing,
        is_barring=event is None and standing.reading.name == barring,
    )


def _position_view(
    trade: Trade,
    position: Position,
    stop: Order | None,
    instrument: Instrument | None,
    targets_filled: int,
    limits: Limits,
) -> PositionView:
    """`instrument` None: nothing is said that needs its rules."""
    held = Held(trade, position, position.mark, instrument, limits) if instrument is not None else None
    hours = limits.exits.time_stop_h
    return PositionView(
        trade_id=trade.id,
        symbol=trade.symbol,
        side=trade.side,
        leverage=position.leverage,
        quantity=position.quantity,
        entry=position.entry,
        mark=position.mark,
        unrealised=position.unrealised,
        stop=stop.trigger if stop is not None else None,
        targets=tuple(target.price for target in trade.targets),
        liquidation=position.liquidation,
        liquidation_distance=position.liquidation_distance(),
        r_now=position.unrealised / trade.risk_usd if trade.risk_usd > Decimal(0) else None,
        opened_at=min(trade.created_at, position.opened_at),  # a venue may tell of the last change
        stop_by=trade.stop_by,
        is_trailing=trade.is_trailing,
        targets_left=max(len(trade.targets) - targets_filled, 0),
        time_stop_at=trade.created_at + timedelta(hours=hours) if hours > 0 else None,
        loss_at_stop=loss_of(held, trade.stop) if held is not None else None,
        may_break_even=held is not None and held.tightens(break_even(held)),
        parts=parts_of(held) if held is not None else (),
    )
