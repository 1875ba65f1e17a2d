"""What is known before any adviser is asked: may an entry follow at all, and can it be sized?"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.market import Instrument, Quote, Side
from core.plan import Reason
from core.risk.account import Account
from core.risk.limits import Limits
from core.risk.sizing import Smallest, leverage_carried, size_mend, smallest_order, smallest_quantity


def barred(symbol: str, account: Account, limits: Limits, now: datetime) -> tuple[Reason, ...]:
    """Why no entry on `symbol` could pass now, whatever anybody thinks of it; empty when one could."""
    reasons = []
    if account.closed_to_entries:
        reasons.append(Reason("entries", f"entries are closed: {account.closed_to_entries}"))
    reasons += [Reason("breakers", f"circuit breaker {name} is open") for name in account.open_breakers]
    if account.equity is None:
        reasons.append(Reason("equity", "equity is unknown"))
    if any(risk.symbol == symbol for risk in account.open_risks):
        reasons.append(Reason("positions", f"{symbol} already has a position or an open card"))
    elif len(account.open_risks) >= limits.max_open_positions:
        reasons.append(
            Reason("positions", f"all {limits.max_open_positions} of MAX_OPEN_POSITIONS are taken")
        )
    if symbol in account.foreign_symbols:
        reasons.append(Reason("positions", f"{symbol} has a position that is not ours"))
    closed = account.last_closed.get(symbol)
    if closed is not None and (now - closed).total_seconds() < limits.cooldown_s:
        reasons.append(Reason("cooldown", f"{symbol} closed less than {limits.cooldown_s / 60:.0f} min ago"))
    return tuple(reasons)


def unsizeable(instrument: Instrument, quote: Quote, equity: Decimal, limits: Limits) -> Reason | None:
    """The venue's smallest order takes more than a trade may; with the setting that would allow it.

    Judged at the least stop distance and the largest leverage: what fails here fails for every idea.
    """
    if not instrument.is_active:
        return Reason("symbol", f"{instrument.symbol} is not open for trading")
    if not all(price.is_finite() and price > 0 for price in (quote.bid, quote.ask, quote.mark)):
        return Reason("data", f"a price of {quote.symbol} is not a number above 0")
    sides = [_smallest(side, instrument, quote, limits) for side in Side]
    loss, committed = min(one.loss for one in sides), min(one.committed for one in sides)
    budget, ceiling = equity * limits.risk_per_trade, equity * limits.position_size
    if loss <= budget and committed <= ceiling:
        return None
    costliest = Smallest(max(one.loss for one in sides), max(one.committed for one in sides))
    text = f"the smallest order risks {loss:.2f} USDT, more than {budget:.2f} (RISK_PER_TRADE)"
    if loss <= budget:
        text = (
            f"the smallest order binds {committed:.2f} USDT, more than {ceiling:.2f} (POSITION_SIZE_PERCENT)"
        )
    return Reason("minimums", text, size_mend(costliest, equity, limits))


def _smallest(side: Side, instrument: Instrument, quote: Quote, limits: Limits) -> Smallest:
    entry = quote.taking(side)
    stop = entry * (1 - limits.min_stop * side.sign)
    quantity = smallest_quantity(instrument, min(entry, quote.mark))
    leverage = leverage_carried(side, quantity, entry, stop, instrument, limits)
    return smallest_order(side, entry, stop, quote.mark, leverage, instrument, limits)
