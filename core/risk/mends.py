"""What would have to be otherwise for the venue's smallest order to fit: settings with values, or an equity.

A refusal for size names these. Each value is worked out for the smallest order and rounded so that it really
allows it. Where the capital cap is what binds, the cap is named: no equity would help.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from core.market import Instrument, Side
from core.money import CENT, ONE, ceil_to
from core.risk.account import Account, bounded
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
    equity = account.sizing_equity
    assert equity is not None, "unknown equity is refused before size is"
    uncapped = account.uncapped_equity if account.is_cap_binding else None
    by_size = size_mend(small, equity, limits, share, is_manual=is_manual, uncapped=uncapped)
    if equity_needed(small, equity, limits, share) is not None:
        return by_size
    by_account = account_mends(small.with_headroom(), side, beta, account, limits)
    return " and ".join(filter(None, (by_size, *by_account)))


def account_mends(
    small: Smallest, side: Side, beta: Decimal | None, account: Account, limits: Limits
) -> Iterator[str]:
    """Where open risk and losses so far leave too little room, though the account is large enough."""
    on_side, equity = side_risk(side, beta, account, limits), account.sizing_equity
    if on_side is not None and equity is not None:
        needed = on_side.taken + small.loss * on_side.weight
        if needed > on_side.cap:
            yield _direction_mend(needed / (limits.risk_per_trade * equity), limits)
    at_stake = account.open_risk + small.loss
    for name, limit, start, left in (
        ("DAILY_LOSS_LIMIT_PERCENT", limits.daily_loss, account.day_opening, left_today(account, limits)),
        ("MAX_DRAWDOWN_PERCENT", limits.max_drawdown, account.peak, left_down(account, limits)),
    ):
        if start is not None and left is not None and bounded(start, account.cap) > 0 and at_stake > left:
            value = _up(limit + (at_stake - left) / bounded(start, account.cap))
            yield f"{name}={value}" if value <= LARGEST_BUDGET else "less open risk"
    bound, free = small.margin + small.fee, account.sizing_available
    if account.available is not None and bound > account.available:
        yield f"{ceil_to(bound, CENT)} USDT of available margin"
    elif free is not None and bound > free:
        yield cap_mend(account.margin_held + bound)


def _direction_mend(trades: Decimal, limits: Limits) -> str:
    """`trades`: the risk needed on the side, in risks of one trade."""
    share = _up(trades / limits.max_open_positions)
    if share <= 1:
        return f"SAME_DIRECTION_PERCENT={share}"
    places = (trades / limits.same_direction_share).to_integral_value(ROUND_CEILING)
    return f"MAX_OPEN_POSITIONS={places}"


def cap_mend(needed: Decimal) -> str:
    """Before live trading was armed the setting decides, from then on the chat; a rise is at most twofold."""
    amount = f"{needed.to_integral_value(ROUND_CEILING):f}"
    return f"a capital cap of {amount} USDT (LIVE_CAPITAL_CAP={amount}, once armed: /golive with CAP)"


def equity_needed(small: Smallest, equity: Decimal, limits: Limits, share: Decimal = ONE) -> Decimal | None:
    """USDT without which no setting would do; None where a setting does."""
    loss, margin = small.with_headroom().loss, small.with_headroom().margin
    bound = margin + small.with_headroom().fee
    budget = min(limits.daily_loss, limits.max_drawdown)
    if (
        equity > 0
        and loss <= equity * limits.max_trade_loss * share
        and loss <= equity * budget
        and bound <= equity
    ):
        return None
    allowed = min(min(limits.risk_per_trade, limits.max_trade_loss) * share, budget)
    return max(loss / allowed, margin / limits.position_size, bound)


def size_mend(
    small: Smallest,
    equity: Decimal,
    limits: Limits,
    share: Decimal = ONE,
    *,
    is_manual: bool = False,
    uncapped: Decimal | None = None,
) -> str:
    """The settings, with values, under which the smallest order fits; an equity where no setting would do.

    `share` is what the ceilings leave of a size; `uncapped`: what `equity` would be under a higher capital
    cap, None where no cap binds. Empty where they hold already.
    """
    loss, margin = small.with_headroom().loss, small.with_headroom().margin
    needed = equity_needed(small, equity, limits, share)
    if needed is not None:
        by_equity = f"equity of {needed.to_integral_value(ROUND_CEILING):f} USDT"
        by_cap = cap_mend(needed) if uncapped is not None else ""
        is_there = uncapped is not None and needed <= uncapped
        return " and ".join(filter(None, (by_cap, "" if is_there else by_equity)))
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
