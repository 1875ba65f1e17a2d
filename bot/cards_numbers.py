"""How numbers are written, the same everywhere. Unknown is “n/a”, never zero."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from bot.cards import esc
from core.journal import Mode
from core.money import CENT, exact
from core.trade import ExitReason

NA = "n/a"
_SYMBOL = re.compile(r"\b(\w{1,20})/USDT:USDT\b")
_BY = re.compile(r"\btelegram:(\d+)")
PRICE_DIGITS = 6
"""Significant digits of a price that is not exact, such as an average."""


def usdt(value: Decimal | None) -> str:
    """`1,234.50 USDT`, towards minus infinity: a balance is never shown larger."""
    return NA if value is None else f"{_cents(value, ROUND_FLOOR):,.2f} USDT"


def gain(value: Decimal | None) -> str:
    """`+1.20 USDT` or `-0.35 USDT`, towards minus infinity."""
    return NA if value is None else f"{_cents(value, ROUND_FLOOR):+,.2f} USDT"


def cost(value: Decimal | None) -> str:
    """A positive cost or loss, never shown smaller."""
    return NA if value is None else f"{_cents(value, ROUND_CEILING):,.2f} USDT"


def dollars(value: Decimal | None) -> str:
    """USD of a bill (AI calls); four places, since one call costs less than a cent."""
    return NA if value is None else f"${value:,.4f}"


def price(value: Decimal | None) -> str:
    """Exact prices as they are, averages to six significant digits; never an exponent."""
    if value is None:
        return NA
    if not value.is_finite():
        return NA
    digits = len(value.normalize().as_tuple().digits)
    rounded = value if digits <= PRICE_DIGITS + 2 else _significant(value, PRICE_DIGITS)
    return f"{_trimmed(rounded):,f}"


def level(value: float | None) -> str:
    """A price that was worked out in floating point."""
    return NA if value is None or not math.isfinite(value) else price(exact(value))


def quantity(value: Decimal | None) -> str:
    """Base coin; exact up to eight significant digits, then towards zero."""
    if value is None:
        return NA
    digits = len(value.normalize().as_tuple().digits)
    return f"{_trimmed(value if digits <= 8 else _significant(value, 8)):,f}"


def percent(fraction: Decimal | float | None, digits: int = 2) -> str:
    """0.05 → `5.00%`."""
    return NA if fraction is None else f"{float(fraction) * 100:,.{digits}f}%"


def rate(fraction: float | None, count: int, interval: tuple[float, float] | None = None) -> str:
    """A rate with what it stands on: `60.0% (n=10)`, `60.0% (n=10, 40–77%)`."""
    bounds = "" if interval is None else f", {interval[0] * 100:.0f}–{interval[1] * 100:.0f}%"
    return f"{percent(fraction, 1)} (n={count}{bounds})"


def mean_r(value: float | None, count: int, interval: tuple[float, float] | None) -> str:
    """`+0.30R (n=5, -0.41R to +1.01R)`."""
    bounds = "" if interval is None else f", {between(interval, r_multiple)}"
    return f"{r_multiple(value)} (n={count}{bounds})"


def between(interval: tuple[float, float], word: Callable[[float], str]) -> str:
    return f"{word(interval[0])} to {word(interval[1])}"


def ratio(value: float | Decimal | None, digits: int = 2) -> str:
    return NA if value is None else f"{float(value):,.{digits}f}"


def r_multiple(value: Decimal | float | None) -> str:
    """`+1.50R`."""
    return NA if value is None else f"{float(value):+.2f}R"


def moment(at: datetime | None, with_date: bool = False) -> str:
    """The reader's own clock where the app can, UTC text where it cannot. HTML, already safe."""
    if at is None:
        return NA
    shown = at.astimezone(UTC)
    text = shown.strftime("%Y-%m-%d %H:%M UTC" if with_date else "%H:%M:%S UTC")
    return f'<tg-time unix="{int(shown.timestamp())}" format="{"Dt" if with_date else "T"}">{text}</tg-time>'


def utc(at: datetime | None) -> str:
    """Plain text for tables."""
    return NA if at is None else at.astimezone(UTC).strftime("%m-%d %H:%M")


def span(seconds: float | timedelta | None) -> str:
    """`12 s`, `3 min`, `2 h 05 min`, `4 d 3 h`."""
    if seconds is None:
        return NA
    total = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    if total < 90:
        return f"{max(total, 0)} s"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if minutes < 60:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60:02d} min" if hours < 48 else f"{days} d {hours % 24} h"


def badge(account: str, is_paper: bool) -> str:
    """Says whose money this is; stands on every card with money. HTML, already safe."""
    if "demo" in account.lower():
        return "🧪 <b>DEMO</b> · play money"
    return "📝 <b>PAPER</b> · simulated" if is_paper else f"🔴 <b>LIVE</b> · {esc(account, 40)}"


def coins(text: str) -> str:
    """`SOL/USDT:USDT` in a text → `SOL`; plain text, to be escaped."""
    return _SYMBOL.sub(r"\1", text)


def people(text: str) -> str:
    """`telegram:7` in a text → `Telegram user 7`; plain text, to be escaped."""
    return _BY.sub(r"Telegram user \1", text)


def many(count: int, word: str) -> str:
    """`1 trade`, `2 trades`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def light(value: Decimal | float | None) -> str:
    """A coloured dot for the sign of a result."""
    if value is None or value == 0:
        return "⚪"
    return "🟢" if value > 0 else "🔴"


MODE_WORDS = {
    Mode.WATCH: "watch: I show ideas and trade nothing",
    Mode.SEMI_AUTO: "semi_auto: each trade waits for your tap",
    Mode.AUTO: "auto: I trade by myself within the limits",
}

EXIT_WORDS = {
    ExitReason.STOP: "stop hit",
    ExitReason.TARGET: "target reached",
    ExitReason.OWNER: "closed by you",
    ExitReason.PANIC: "closed by panic",
    ExitReason.LIQUIDATION_GUARD: "closed before liquidation",
    ExitReason.LIQUIDATED: "liquidated",
    ExitReason.SOFTWARE_STOP: "software stop",
    ExitReason.UNPROTECTED: "closed because no stop could be placed",
    ExitReason.OUTSIDE: "closed on the exchange, not by me",
    ExitReason.BREAK_EVEN: "stopped at break-even",
    ExitReason.TRAILING: "trailing stop hit",
    ExitReason.TIME: "its time was up",
    ExitReason.ADVISER: "closed on the advisers' opinion",
    ExitReason.BREAKER: "closed by a circuit breaker",
    ExitReason.DELISTED: "closed before the exchange ends trading in it",
}


def _cents(value: Decimal, rounding: str) -> Decimal:
    return value.quantize(CENT, rounding=rounding) + Decimal("0.00")


def _significant(value: Decimal, digits: int) -> Decimal:
    step = Decimal(1).scaleb(value.adjusted() - digits + 1)
    return value.quantize(step, rounding=ROUND_HALF_EVEN) if step < 1 else value.quantize(Decimal(1))


def _trimmed(value: Decimal) -> Decimal:
    """Without trailing zeros after the point, and without an exponent."""
    whole = value.to_integral_value()
    return whole.quantize(Decimal(1)) if value == whole else value.normalize()
