"""What is known before any adviser is asked: may an entry follow at all, and can it be sized?"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.market import Instrument, Quote, Side
from core.money import ONE, exact
from core.plan import Reason
from core.risk.account import Account
from core.risk.breakers import title_of
from core.risk.limits import Limits
from core.risk.mends import Smallest, size_mend, smallest_order
from core.risk.sizing import Ticket, leverage_carried, round_trip_cost, smallest_quantity
from core.risk.standing import too_soon


def barred(symbol: str, account: Account, limits: Limits, now: datetime) -> tuple[Reason, ...]:
    """Why no entry on `symbol` could pass now, whatever anybody thinks of it; empty when one could."""
    reasons = []
    if account.closed_to_entries:
        reasons.append(Reason("entries", f"entries are closed: {account.closed_to_entries}"))
    reasons += [
        Reason("breakers", f"the circuit breaker “{title_of(name)}” is open")
        for name in account.open_breakers
    ]
    if account.equity is None:
        reasons.append(Reason("equity", "equity is unknown"))
    if account.cap is not None and not account.cap > 0:
        reasons.append(Reason("equity", "the capital cap of live trading is unknown"))
    fall = account.drawdown
    if fall is not None and not fall < limits.orange_drawdown:
        text = f"the drawdown {fall * 100:.2f} % has reached {limits.orange_drawdown * 100:.2f} %"
        reasons.append(Reason("drawdown", text, "/breakers"))
    if any(risk.symbol == symbol for risk in account.open_risks):
        reasons.append(Reason("positions", f"{symbol} already has a position or an open card"))
    elif len(account.open_risks) >= limits.max_open_positions:
        reasons.append(
            Reason("positions", f"all {limits.max_open_positions} of MAX_OPEN_POSITIONS are taken")
        )
    if symbol in account.foreign_symbols:
        reasons.append(Reason("positions", f"{symbol} has a position that is not ours"))
    reasons += too_soon(symbol, account, limits, now)
    return tuple(reasons)


def unsizeable(
    instrument: Instrument,
    quote: Quote,
    equity: Decimal,
    limits: Limits,
    share: Decimal = ONE,
    *,
    uncapped: Decimal | None = None,
) -> Reason | None:
    """The venue's smallest order takes more than a trade may; with the setting that would allow it.

    Judged at the least stop distance and the largest leverage: what fails here fails for every idea. `share`
    is what drawdown or probe leave of every size. `equity` is what sizing counts on; `uncapped`: what that
    would be under a higher capital cap, None where no cap binds.
    """
    if not instrument.is_active:
        return Reason("symbol", f"{instrument.symbol} is not open for trading")
    if not all(price.is_finite() and price > 0 for price in (quote.bid, quote.ask, quote.mark)):
        return Reason("data", f"a price of {quote.symbol} is not a number above 0")
    sides = [_smallest(side, instrument, quote, limits) for side in Side]
    loss, margin = min(one.loss for one in sides), min(one.margin for one in sides)
    budget, ceiling = equity * limits.risk_per_trade * share, equity * limits.position_size
    if loss <= budget and margin <= ceiling:
        return None
    costliest = Smallest(*(max(values) for values in zip(*map(_figures, sides), strict=True)))
    whole = "" if share == 1 else f" at {share.normalize():f} of the size"
    text = f"the smallest order risks {loss:.2f} USDT, more than {budget:.2f} (RISK_PER_TRADE{whole})"
    if loss <= budget:
        text = f"the smallest order binds {margin:.2f} USDT, more than {ceiling:.2f} (POSITION_SIZE_PERCENT)"
    return Reason("minimums", text, size_mend(costliest, equity, limits, share, uncapped=uncapped))


def _figures(small: Smallest) -> tuple[Decimal, Decimal, Decimal]:
    return small.loss, small.margin, small.fee


def _smallest(side: Side, instrument: Instrument, quote: Quote, limits: Limits) -> Smallest:
    entry = quote.taking(side)
    stop = entry * (1 - _least_stop(instrument, limits) * side.sign)
    quantity = smallest_quantity(instrument, min(entry, quote.mark))
    leverage = leverage_carried(side, quantity, entry, stop, instrument, limits)
    return smallest_order(Ticket(side, entry, stop, quote.mark), leverage, instrument, limits)


def _least_stop(instrument: Instrument, limits: Limits) -> Decimal:
    """The least distance that the rule book gives a stop of its own, fraction of the price."""
    rules = limits.exits
    by_horizon = exact(min(rules.scalp_stop, rules.swing_stop, rules.swing_stop_most))
    return max(limits.min_stop, by_horizon, exact(rules.cost_multiple) * round_trip_cost(instrument, limits))
