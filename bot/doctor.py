"""The doctor: one line for each thing that trading needs, what is wrong with it and how to mend it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import ROUND_FLOOR, Decimal

from bot.adviser_roles import auto_barred, roles_in_words
from bot.limits import limits_of
from bot.settings import Settings
from core.desk import DoctorLine
from core.errors import PerpilotError, UnknownSymbol
from core.journal import Mode
from core.market import coin
from core.ports import AdviserPanel, Market
from core.risk.limits import Limits
from core.trading.screen import unsizeable

MAX_SKEW_S = 1.0
"""Beyond this entries would be refused by venues that check timestamps."""
BUDGET_DAYS, BUDGET_SHARE = 30, Decimal("0.10")
"""Of the capital, what a month of advisers may cost without a warning."""


async def probe(
    subject: str, look: Callable[[], Awaitable[str]], mend: str, *, is_needed: bool = True
) -> DoctorLine:
    """One line from a look that answers in words or raises."""
    try:
        return DoctorLine(True, is_needed, subject, await look())
    except PerpilotError as error:
        return DoctorLine(False, is_needed, subject, str(error), mend)


def settings_lines(settings: Settings) -> list[DoctorLine]:
    """Configuration: warnings, and settings that have no effect yet."""
    lines = [DoctorLine(True, True, "settings", f"complete, fingerprint {settings.fingerprint()}")]
    lines += [DoctorLine(False, False, "settings", warning) for warning in settings.warnings]
    for row in settings.describe():
        if not row.is_built and row.source.value != "built-in":
            text = f"{row.name} is set, but its function is not built yet"
            lines.append(DoctorLine(False, False, "settings", text))
    return lines


def adviser_lines(settings: Settings) -> list[DoctorLine]:
    names = roles_in_words(settings)
    lines = [DoctorLine(True, False, "advisers", f"keys for: {names}; decider {settings.decider}")]
    barred = auto_barred(settings)
    if barred:
        is_auto = settings.trading_mode is Mode.AUTO
        mend = "give a second adviser a key, or set DECIDER=rules"
        lines.append(DoctorLine(False, is_auto, "advisers", barred, mend))
    if settings.xai_api_key and not settings.enable_grok:
        text = "a key for Grok is given, but ENABLE_GROK is false: Grok does not vote"
        lines.append(DoctorLine(False, False, "advisers", text, "ENABLE_GROK=true"))
    return lines


def strategy_lines(settings: Settings) -> list[DoctorLine]:
    """Those in live use; nothing where there is none. What was not checked is among the warnings."""
    if not settings.strategies:
        return []
    text = f"{settings.shown('STRATEGIES')} as {settings.strategy_role.value}"
    return [DoctorLine(True, False, "strategies", text)]


def mood_lines(settings: Settings, unheard: Sequence[str]) -> list[DoctorLine]:
    """`unheard`: sources of which nothing is known now; nothing where none is configured."""
    feeds = (*(settings.news_feeds or ()), *(settings.social_feeds or ()))
    if not (feeds or settings.fear_greed_url):
        return []
    if not unheard:
        return [DoctorLine(True, False, "news", "every configured source of news and mood is known")]
    text = f"nothing is known of {', '.join(unheard)}: trading goes on without it, decisions name it"
    return [
        DoctorLine(False, False, "news", text, "check NEWS_FEEDS, SOCIAL_FEEDS, FEAR_GREED_URL, NEWS_READER")
    ]


def budget_lines(settings: Settings, capital: Decimal) -> list[DoctorLine]:
    """What a month of advisers may cost beside what there is to earn it with; nothing without advisers."""
    if not settings.advisers:
        return []
    budget = settings.ai_daily_budget_usd
    if budget == 0:
        mend = "AI_DAILY_BUDGET_USD=0.50"
        return [DoctorLine(False, False, "advisers", "AI_DAILY_BUDGET_USD is 0: no model is asked", mend)]
    month = budget * BUDGET_DAYS
    text = f"30 days of AI_DAILY_BUDGET_USD {budget} are {month:.2f} USD"
    if capital > 0 and month <= capital * BUDGET_SHARE:
        text += f", {month / capital:.1%} of the capital {capital}"
        return [DoctorLine(True, False, "advisers", text)]
    most = (capital * BUDGET_SHARE / BUDGET_DAYS).quantize(Decimal("0.01"), ROUND_FLOOR)
    text += f", more than {BUDGET_SHARE:.0%} of the capital {capital}: trading has to earn that first"
    return [DoctorLine(False, False, "advisers", text, f"AI_DAILY_BUDGET_USD={most}, or more capital")]


async def symbol_lines(
    symbols: tuple[str, ...],
    market: Market,
    settings: Settings,
    equity: Decimal,
    uncapped: Decimal | None = None,
) -> list[DoctorLine]:
    """Which symbols the present equity can trade, and what would mend the others. `uncapped`: what `equity`
    would be under a higher capital cap, None where no cap binds."""
    limits, lines, sizeable, unread = limits_of(settings), [], [], 0
    for symbol in symbols:
        try:
            rules, quote = await market.instrument(symbol), await market.quote(symbol)
        except UnknownSymbol as error:
            lines.append(DoctorLine(False, False, coin(symbol), str(error), "take it out of SYMBOLS"))
            continue
        except PerpilotError as error:
            unread += 1
            text = f"could not be read now, which says nothing of its size: {error}"
            lines.append(DoctorLine(False, False, coin(symbol), text, "ask again in a minute"))
            continue
        reason = unsizeable(rules, quote, equity, limits, uncapped=uncapped)
        if reason is None:
            sizeable.append(coin(symbol))
        else:
            lines.append(DoctorLine(False, False, coin(symbol), reason.text, reason.mend))
    return [_sizes_line(sizeable, unread, len(symbols)), *lines]


def _sizes_line(sizeable: Sequence[str], unread: int, count: int) -> DoctorLine:
    """What could not be read stops nothing by itself: it is unknown, not too small."""
    text = f"{len(sizeable)} of {count} symbols can be sized: {', '.join(sizeable) or 'none'}"
    text += f"; {unread} could not be read now" if unread else ""
    mend = "" if sizeable else "ask again in a minute" if unread else "more RISK_PER_TRADE"
    return DoctorLine(bool(sizeable), not unread, "symbols", text, mend)


def profit_line(settings: Settings, equity: Decimal) -> DoctorLine:
    """What MIN_PROFIT_USD asks of a trade of full size, in R."""
    limits: Limits = limits_of(settings)
    risk = equity * limits.risk_per_trade
    if risk <= 0:
        return DoctorLine(False, True, "MIN_PROFIT_USD", "equity is not above 0")
    asked = limits.min_profit_usd / risk
    held = min(asked, limits.min_profit_in_r)
    text = (
        f"{limits.min_profit_usd} USDT is {asked:.2f} R of a full-size trade ({risk:.2f} USDT); "
        f"{held:.2f} R is asked"
    )
    return DoctorLine(True, False, "MIN_PROFIT_USD", text)


def skew_line(offset_s: float | None) -> DoctorLine:
    if offset_s is None:
        return DoctorLine(False, False, "clock", "the exchange's clock could not be read")
    is_ok = abs(offset_s) <= MAX_SKEW_S
    mend = "" if is_ok else "let the machine synchronise its clock (NTP)"
    return DoctorLine(is_ok, True, "clock", f"{offset_s:+.2f} s beside the exchange's", mend)


def panel_line(panel: AdviserPanel) -> DoctorLine:
    return DoctorLine(True, False, "advisers", f"asked for ideas: {', '.join(panel.names)}")


def as_text(lines: tuple[DoctorLine, ...]) -> str:
    """For a terminal."""
    rows = []
    for line in lines:
        sign = "✅" if line.is_ok else ("❌" if line.is_needed else "⚠️ ")
        mend = f" → {line.mend}" if line.mend else ""
        rows.append(f"{sign} {line.subject}: {line.text}{mend}")
    return "\n".join(rows)


def is_healthy(lines: tuple[DoctorLine, ...]) -> bool:
    return all(line.is_ok or not line.is_needed for line in lines)
