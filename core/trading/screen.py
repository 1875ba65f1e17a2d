"""What is known before any adviser is asked: may an entry follow at all, and can it be sized?"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.market import Instrument, Quote
from core.plan import Reason
from core.risk.account import Account
from core.risk.limits import Limits
from core.risk.planning import needed_risk


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
    """The venue's smallest order would risk more than a trade may; with the setting that would allow it."""
    if not instrument.is_active:
        return Reason("symbol", f"{instrument.symbol} is not open for trading")
    needed = needed_risk(instrument, quote.mark, limits)
    allowed = equity * limits.risk_per_trade
    if needed <= allowed:
        return None
    fraction = (needed / equity * Decimal("1.001")).quantize(Decimal("0.0001"), rounding="ROUND_CEILING")
    if equity > 0 and fraction <= limits.max_trade_loss:
        mend = f"RISK_PER_TRADE={fraction}"
    else:
        mend = f"equity of {needed / limits.risk_per_trade:.0f} USDT"
    text = f"the smallest order risks {needed:.2f} USDT, more than {allowed:.2f} (RISK_PER_TRADE)"
    return Reason("minimums", text, mend)
