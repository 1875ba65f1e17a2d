"""What could be lost now, from what the loops already know: nothing is asked of the venue for it.

Laws:
- Unknown is None or counts as its full R, never as nothing.
- Under a capital cap the drawdown and what may still be lost are measured on the cap, as the breakers and
  checks measure them; what is open and could be lost stays beside the whole equity.
- The figures are those of one look at the account; `at` is when that was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bot.book import SettingsBook
from bot.status import StatusBoard
from core.desk import BreakerView, RiskView
from core.money import ZERO
from core.ports import Clock
from core.risk import exposure
from core.risk.account import Account
from core.risk.breakers import BY_NAME, Reading
from core.risk.ceilings import account_share, left_down, left_today
from core.risk.limits import Limits
from core.trade import Position, Trade
from core.trading.kernel import Kernel

ENTERING_TIERS = ("green", "yellow")
"""In every other one nothing is opened."""


@dataclass(frozen=True, slots=True)
class RiskFacts:
    """`account` and `positions` are of the same look; None: it failed, or there was none yet."""

    trades: Sequence[Trade]
    account: Account | None
    positions: Sequence[Position] | None
    limits: Limits
    breakers: Sequence[BreakerView]
    readings: Sequence[Reading]
    now: datetime


class RiskReport:
    def __init__(self, kernel: Kernel, board: StatusBoard, book: SettingsBook, clock: Clock) -> None:
        self._kernel = kernel
        self._board = board
        self._book = book
        self._clock = clock

    async def view(self) -> RiskView:
        """Raises `JournalError` when the open trades cannot be read."""
        keeper = self._kernel.keeper
        trades = await keeper.open_trades()
        sight = keeper.last_sight
        facts = RiskFacts(
            trades=trades,
            account=keeper.last_account,
            positions=sight.positions if sight is not None else None,
            limits=self._book.rules().limits,
            breakers=self._board.view().breakers,
            readings=keeper.last_readings,
            now=self._clock.now(),
        )
        return risk_of(facts)


def risk_of(facts: RiskFacts) -> RiskView:
    account, limits, can_see = facts.account, facts.limits, facts.positions is not None
    risks = account.open_risks if account is not None else ()
    shown = exposure.exposures(facts.trades, facts.positions, risks, exposure.GAP)
    equity = account.equity if account is not None else None
    drawdown = account.drawdown if account is not None else None
    tier = exposure.drawdown_tier(drawdown, limits)
    margin = _sum_seen([one.margin for one in shown], can_see)
    return RiskView(
        equity=equity,
        day_opening=account.day_opening if account is not None else None,
        peak=account.peak if account is not None else None,
        drawdown=drawdown,
        tier=tier,
        size_share=_size_share(tier, account, limits),
        exposures=shown,
        gross_notional=_sum_seen([one.notional for one in shown], can_see),
        net_notional=exposure.net_notional(shown) if can_see else None,
        beta_notional=exposure.beta_notional(shown) if can_see else None,
        margin_used=margin,
        margin_share=margin / equity if margin is not None and equity is not None and equity > 0 else None,
        loss_at_stops=sum((one.loss_at_stop for one in shown), ZERO),
        loss_at_gap=exposure.total_at_gap(shown),
        gap=exposure.GAP,
        daily_left=_room(left_today(account, limits) if account is not None else None),
        drawdown_left=_room(left_down(account, limits) if account is not None else None),
        breakers=_with_use(facts.breakers, facts.readings),
        cap=account.cap if account is not None else None,
        at=account.at if account is not None else facts.now,
    )


def used_share(reading: Reading) -> float | None:
    """Of a breaker's threshold, 1 where it trips; None: unknown. Where it trips below its threshold, the
    threshold ÷ the value: half of it is used up at twice the distance."""
    if reading.gauge.is_quiet:
        return 0.0
    value, threshold = reading.value, reading.threshold
    if value is None:
        return None
    if BY_NAME[reading.name].trips_below:
        return float(threshold / value) if value > 0 else 1.0
    return float(value / threshold) if threshold > 0 else 1.0


def _size_share(tier: str, account: Account | None, limits: Limits) -> Decimal:
    """0 where a check would refuse a new trade for its drawdown."""
    if account is None or tier not in ENTERING_TIERS:
        return ZERO
    return account_share(account, limits)


def _sum_seen(amounts: Sequence[Decimal | None], can_see: bool) -> Decimal | None:
    """None when the venue shows nothing right now; what is not open there has no amount."""
    if not can_see:
        return None
    return sum((amount for amount in amounts if amount is not None), ZERO)


def _room(left: Decimal | None) -> Decimal | None:
    return None if left is None else max(left, ZERO)


def _with_use(views: Sequence[BreakerView], readings: Sequence[Reading]) -> tuple[BreakerView, ...]:
    used = {reading.name: used_share(reading) for reading in readings}
    return tuple(replace(view, used=used.get(view.name)) for view in views)
