"""The doctor's round over a bot's parts, running or assembled for the occasion."""

from __future__ import annotations

from bot import doctor
from bot.assembly import Parts
from bot.assembly_probe import model_lines
from core.desk import DoctorLine
from core.errors import PerpilotError
from core.trading.screen import unsizeable


async def examine_running(parts: Parts) -> tuple[DoctorLine, ...]:
    """Every line; nothing is changed."""
    settings = parts.book.settings
    lines = [*doctor.settings_lines(settings), *doctor.adviser_lines(settings)]
    lines += await model_lines(parts.models, parts.stage.clock.now())
    lines += doctor.strategy_lines(settings)
    lines += doctor.mood_lines(settings, parts.board.unheard())
    lines.append(await doctor.probe("database", lambda: _database(parts), "check DATABASE_URL"))
    lines.append(await doctor.probe("exchange", lambda: _exchange(parts), "check EXCHANGE and the network"))
    lines.append(doctor.skew_line(parts.market.clock_offset_s))
    lines.append(_telegram(parts))
    if parts.live is not None:
        lines += await parts.live.doctor_lines()
    state = await parts.journal.account_state(parts.stage.account)
    account = parts.kernel.keeper.last_account
    equity = account.sizing_equity if account is not None else None
    equity = state.current_capital if equity is None else equity
    uncapped = account.uncapped_equity if account is not None and account.is_cap_binding else None
    try:
        symbols = await parts.book.symbols()
    except PerpilotError as error:
        lines.append(DoctorLine(False, True, "symbols", str(error), "check SYMBOLS"))
        return tuple(lines)
    lines += await doctor.symbol_lines(symbols, parts.market, settings, equity, uncapped)
    lines.append(doctor.profit_line(settings, equity))
    lines += doctor.budget_lines(settings, equity)
    return tuple(lines)


async def unsizeable_now(parts: Parts) -> tuple[tuple[str, str], ...]:
    """(symbol, mend) of those that the present equity cannot trade; unknown prices are left to the scan."""
    account = parts.kernel.keeper.last_account
    equity = account.sizing_equity if account is not None else None
    if account is None or equity is None:
        return ()
    uncapped = account.uncapped_equity if account.is_cap_binding else None
    limits, found = parts.book.rules().limits, []
    for symbol in parts.board.symbols:
        try:
            rules, quote = await parts.market.instrument(symbol), await parts.market.quote(symbol)
        except PerpilotError:
            continue
        reason = unsizeable(rules, quote, equity, limits, uncapped=uncapped)
        if reason is not None:
            found.append((symbol, reason.mend or reason.text))
    return tuple(found)


async def _database(parts: Parts) -> str:
    state = await parts.journal.account_state(parts.stage.account)
    return f"{parts.database.address.name}, account {state.account}"


async def _exchange(parts: Parts) -> str:
    await parts.market.measure_clock()
    return f"{parts.settings.exchange} answers"


def _telegram(parts: Parts) -> DoctorLine:
    health = parts.late.telegram_health()
    is_ok = health.state == "ok"
    mend = "" if is_ok else "check TELEGRAM_BOT_TOKEN and the network"
    return DoctorLine(is_ok, True, "telegram", health.detail or health.state, mend)
