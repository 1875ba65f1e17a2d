"""What moving the stop of an open position means in money, and what forbids moving it away from the price.

Laws:
- Amounts are worked out from the position as it stands, exit costs included: never smaller than they will be.
- Tightening needs no permission. Loosening must hold every rule that an entry with that stop would have to
  hold; unknown refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from core.market import Instrument
from core.money import ZERO, ceil_to, exact, floor_to, nearest_to
from core.plan import Reason
from core.risk.account import Account
from core.risk.ceilings import left_down, left_today
from core.risk.limits import Limits
from core.risk.margin import distance, profit, room, slipped
from core.trade import Position, Trade
from core.trading.exits import on_tick, price_at_r


@dataclass(frozen=True, slots=True)
class Held:
    """An open trade as it stands at one moment."""

    trade: Trade
    position: Position
    mark: Decimal
    instrument: Instrument
    limits: Limits

    @property
    def sign(self) -> int:
        return self.trade.side.sign

    def tightens(self, stop: Decimal) -> bool:
        return (stop - self.trade.stop) * self.sign > 0

    def loosens(self, stop: Decimal) -> bool:
        """It lies further from the price than the present stop."""
        return (stop - self.trade.stop) * self.sign < 0

    def is_passed(self, stop: Decimal) -> bool:
        """The price is there already, or beyond it."""
        return (self.mark - stop) * self.sign <= 0


def loss_at(position: Position, stop: Decimal, fee: Decimal, slippage: Decimal) -> Decimal:
    """USDT lost from the entry on if `stop` is hit, fees of both ways and the exit's slippage included;
    negative: so much is locked in. The entry's own slippage is in its price already."""
    got = slipped(stop, position.side, slippage, is_opening=False)
    fees = (position.entry + got) * position.quantity * fee
    return fees - profit(position.side, position.quantity, position.entry, got)


def loss_of(held: Held, stop: Decimal) -> Decimal:
    return loss_at(held.position, stop, held.instrument.taker_fee, held.limits.slippage)


def break_even(held: Held) -> Decimal:
    """Where the rule book itself would put the stop after the first target: costs included, on the tick."""
    trade, tick = held.trade, held.instrument.tick
    cost = trade.cost or 2 * (held.instrument.taker_fee + held.limits.slippage)
    entry, planned = float(held.position.entry), float(trade.planned_stop)
    even = on_tick(price_at_r(entry, planned, held.sign, float(cost), 0.0), float(tick), held.sign)
    return nearest_to(exact(even), tick)


def tightened(held: Held) -> Decimal:
    """Half of the way from the stop to the price, but not nearer to it than one ATR of the plan; the present
    stop where it is that near already."""
    sign, stop = held.sign, held.trade.stop
    half = stop + (held.mark - stop) / 2
    nearest = held.mark - sign * plan_atr(held)
    wanted = min(half, nearest) if sign > 0 else max(half, nearest)
    wanted = _away_from_price(wanted, held)
    return wanted if held.tightens(wanted) else stop


def loosened(held: Held) -> Decimal:
    """One ATR of the plan further away."""
    return _away_from_price(held.trade.stop - held.sign * plan_atr(held), held)


def plan_atr(held: Held) -> Decimal:
    """1h ATR at the plan. Where it was unknown: what the planned stop's distance says it was."""
    trade = held.trade
    if trade.atr is not None and trade.atr > 0:
        return trade.atr
    return abs(trade.entry_reference - trade.planned_stop) / exact(held.limits.exits.stop_atr)


PARTS = (Decimal("0.25"), Decimal("0.5"))
"""Shares of a position that are offered to be taken."""


def parts_of(held: Held) -> tuple[Decimal, ...]:
    """Those of `PARTS` that the venue takes; of half a position and less it then takes the rest too."""
    rules, quantity = held.instrument, held.position.quantity
    least = max(rules.min_quantity, rules.lot)
    return tuple(share for share in PARTS if floor_to(quantity * share, rules.lot) >= least)


def towards_price(stop: Decimal, held: Held) -> Decimal:
    """The tick at `stop` or the next one nearer to the price: a typed stop risks no more than was meant."""
    tick = held.instrument.tick
    return ceil_to(stop, tick) if held.sign > 0 else floor_to(stop, tick)


def _away_from_price(stop: Decimal, held: Held) -> Decimal:
    tick = held.instrument.tick
    return floor_to(stop, tick) if held.sign > 0 else ceil_to(stop, tick)


# ---------------------------------------------------------------- what forbids it


def against_loosening(held: Held, stop: Decimal, account: Account) -> tuple[Reason, ...]:
    """Every rule that a stop so far away would break, with both numbers."""
    return (
        *_distance(held, stop),
        *_loss(held, stop, account),
        *_liquidation(held, stop),
        *_budgets(held, stop, account),
    )


def _distance(held: Held, stop: Decimal) -> Iterator[Reason]:
    entry, most = held.position.entry, held.limits.max_stop
    if not (entry - stop) * held.sign <= most * entry:
        share = distance(entry, stop)
        yield Reason("stop_distance", f"stop distance {share:.4f} is over MAX_STOP_LOSS_PERCENT {most}")


def _loss(held: Held, stop: Decimal, account: Account) -> Iterator[Reason]:
    equity, loss, most = account.sizing_equity, loss_of(held, stop), held.limits.max_trade_loss
    if equity is None or not equity > 0:
        yield Reason("equity", "equity is unknown, so what may be risked is too")
    elif not loss <= equity * most:
        yield Reason(
            "loss_at_stop",
            f"loss at stop {loss:.2f} is over MAX_TRADE_LOSS_PERCENT {most} of {account.sizing_words}",
        )


def _liquidation(held: Held, stop: Decimal) -> Iterator[Reason]:
    """As for an entry: the stop must be hit long before the venue would take the position."""
    limits, position = held.limits, held.position
    away = room(position.side, position.entry, position.liquidation)
    away_of_stop = max((position.entry - stop) * held.sign / position.entry, ZERO)
    if not away >= limits.liquidation_per_stop * away_of_stop:
        yield Reason(
            "liquidation",
            f"liquidation {away:.4f} away is nearer than {limits.liquidation_per_stop} times the stop "
            f"distance {away_of_stop:.4f}",
        )
    if not away >= limits.min_liquidation_distance:
        yield Reason("liquidation", f"liquidation {away:.4f} away is under {limits.min_liquidation_distance}")


def _budgets(held: Held, stop: Decimal, account: Account) -> Iterator[Reason]:
    """All that is open, this position with its new stop, must fit into what may still be lost."""
    today, down = left_today(account, held.limits), left_down(account, held.limits)
    if today is None or down is None:
        yield Reason("daily_budget", "what may still be lost today is unknown")
        return
    symbol = held.trade.symbol
    others = sum((one.loss_at_stop for one in account.open_risks if one.symbol != symbol), ZERO)
    at_stake = others + _loss_from_now(held, stop)
    if not at_stake <= today:
        yield Reason(
            "daily_budget",
            f"open risk with this stop {at_stake:.2f} is over the {today:.2f} left of the daily limit",
        )
    if not at_stake <= down:
        yield Reason(
            "drawdown_budget",
            f"open risk with this stop {at_stake:.2f} is over the {down:.2f} left of the drawdown limit",
        )


def _loss_from_now(held: Held, stop: Decimal) -> Decimal:
    got = slipped(stop, held.trade.side, held.limits.slippage, is_opening=False)
    fee = got * held.position.quantity * held.instrument.taker_fee
    return max(fee - profit(held.trade.side, held.position.quantity, held.mark, got), ZERO)
