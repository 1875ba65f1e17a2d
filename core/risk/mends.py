"""What would have to be otherwise for the venue's smallest order to fit: settings with values, or an equity.

A refusal for size names these. Each value is worked out for the smallest order and rounded so that it really
allows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from core.market import Instrument, Side
from core.money import CENT, ONE, ceil_to
from core.risk.account import Account
from core.risk.ceilings import left_down, left_today, side_risk
from core.risk.limits import Limits
from core.risk.sizing import Ticket, entry_fee, loss_at, smallest_quantity

MEND_HEADROOM = Decimal("1.005")
"""A named value allows the order still after the price has moved by this much."""
MEND_STEP = Decimal("0.0001")
LARGEST_BUDGET = Decimal("0.5")
"""No daily or drawdown limit is named beyond this: less open risk is the mend then."""


@dataclass(frozen=True, slots=True)
class Smallest:
    """What the venue's smallest order would take, USDT."""

    loss: Decimal
    """At the stop."""
    margin: Decimal
    fee: Decimal
    """Of the entry."""

    def with_headroom(self) -> Smallest:
        return Smallest(self.loss * MEND_HEADROOM, self.margin * MEND_HEADROOM, self.fee * MEND_HEADROOM)


def smallest_order(ticket: Ticket, leverage: int, instrument: Instrument, limits: Limits) -> Smallest:
    quantity = smallest_quantity(instrument, min(ticket.entry, ticket.mark))
    notional = quantity * ticket.entry
    return Smallest(
        loss_at(ticket.side, quantity, ticket.entry, ticket.stop, instrument, limits, ticket.funding),
        notional / leverage,
        entry_fee(notional, instrument),
    )


def mend(
    small: Smallest,
    side: Side,
    beta: Decimal | None,
    account: Account,
    limits: Limits,
    share: Decimal,
    *,
    is_manual: bool,
) -> str:
    """Everything that stands in the way of the smallest order, joined; empty where nothing does.

    Equity known and above 0. `share` is what the ceilings leave of a size.
    """
    assert account.equity is not None, "unknown equity is refused before size is"
    by_size = size_mend(small, account.equity, limits, share, is_manual=is_manual)
    if by_size.startswith("equity"):
        return by_size
    by_account = account_mends(small.with_headroom(), side, beta, account, limits)
    return " and ".join(filter(None, (by_size, *by_account)))


def account_mends(
    small: Smallest, side: Side, beta: Decimal | None, account: Account, limits: Limits
) -> Iterator[str]:
    """Where open risk and losses so far leave too little room, though the account is large enough."""
    on_side = side_risk(side, beta, account, limits)
    if on_side is not None and account.equity is not None:
        needed = on_side.taken + small.loss * on_side.weight
        if needed > on_side.cap:
            yield _direction_mend(needed / (limits.risk_per_trade * account.equity), limits)
    at_stake = account.open_risk + small.loss
    for name, limit, start, left in (
        ("DAILY_LOSS_LIMIT_PERCENT", limits.daily_loss, account.day_opening, left_today(account, limits)),
        ("MAX_DRAWDOWN_PERCENT", limits.max_drawdown, account.peak, left_down(account, limits)),
    ):
        if start is not None and left is not None and start > 0 and at_stake > left:
            value = _up(limit + (at_stake - left) / start)
            yield f"{name}={value}" if value <= LARGEST_BUDGET else "less open risk"
    bound = small.margin + small.fee
    if account.available is not None and bound > account.available:
        yield f"{ceil_to(bound, CENT)} USDT of available margin"


def _direction_mend(trades: Decimal, limits: Limits) -> str:
    """`trades`: the risk needed on the side, in risks of one trade."""
    share = _up(trades / limits.max_open_positions)
    if share <= 1:
        return f"SAME_DIRECTION_PERCENT={share}"
    places = (trades / limits.same_direction_share).to_integral_value(ROUND_CEILING)
    return f"MAX_OPEN_POSITIONS={places}"


def size_mend(
    small: Smallest, equity: Decimal, limits: Limits, share: Decimal = ONE, *, is_manual: bool = False
) -> str:
    """The settings, with values, under which the smallest order fits; an equity where no setting would do.

    `share` is what the ceilings leave of a size. Empty where they hold already.
    """
    loss, margin = small.with_headroom().loss, small.with_headroom().margin
    bound = margin + small.with_headroom().fee
    budget = min(limits.daily_loss, limits.max_drawdown)
    if not (
        equity > 0
        and loss <= equity * limits.max_trade_loss * share
        and loss <= equity * budget
        and bound <= equity
    ):
        allowed = min(min(limits.risk_per_trade, limits.max_trade_loss) * share, budget)
        needed = max(loss / allowed, margin / limits.position_size, bound)
        return f"equity of {needed.to_integral_value(ROUND_CEILING):f} USDT"
    risk, parts = min(_up(loss / (equity * share)), limits.max_trade_loss), []
    if is_manual:
        parts.append(f"a risk of {risk * 100:.2f} %")
    elif loss > equity * limits.risk_per_trade * share:
        parts.append(f"RISK_PER_TRADE={risk}")
    if margin > equity * limits.position_size:
        parts.append(f"POSITION_SIZE_PERCENT={min(_up(margin / equity), ONE)}")
    return " and ".join(parts)


def _up(fraction: Decimal) -> Decimal:
    return ceil_to(fraction, MEND_STEP)
