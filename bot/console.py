"""The machine's console: status, pause and panic for the running bot, without Telegram."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from core.desk import Desk, StatusView
from core.journal import HouseJournal
from core.market import coin
from core.ports import Clock

WAIT_S = 15.0
"""A running bot answers within a second or two; closing positions may take longer."""
SHORT_WAIT_S = 4.0
"""Where no bot runs in this folder: one elsewhere may still share the database."""


def status_text(desk: Desk) -> str:
    return "\n".join(_lines(desk.status()))


def _lines(view: StatusView) -> list[str]:
    kind = "paper" if view.is_paper else "LIVE"
    why = f" ({view.why})" if view.why else ""
    rows = [
        f"{view.account} ({kind}), mode {view.mode}: {view.state}{why}",
        f"equity {_money(view.equity)} USDT, today {_money(view.daily_pnl)}",
    ]
    for position in view.positions:
        stop = f"stop {position.stop}" if position.stop is not None else "NO STOP, being mended"
        rows.append(
            f"{coin(position.symbol)} {position.side} {position.quantity} from {position.entry:.8g}, "
            f"now {position.mark}, {_money(position.unrealised)} USDT, {stop}"
        )
    if not view.positions:
        rows.append("no open position")
    tripped = [breaker for breaker in view.breakers if breaker.is_open]
    rows += [f"breaker {one.title or one.name} open: {one.value}, limit {one.threshold}" for one in tripped]
    rows += [f"{loop.name}: {loop.detail or 'unhealthy'}" for loop in view.loops if not loop.is_healthy]
    return rows


def _money(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


async def ask_bot(journal: HouseJournal, command: str, clock: Clock, wait_s: float) -> str | None:
    """The running bot's answer; None when none came in time: then no bot runs on this database."""
    request = await journal.ask_console(command, clock.now())
    until: datetime = clock.now() + timedelta(seconds=wait_s)
    while clock.now() < until:
        answer = await journal.console_answer(request)
        if answer is not None:
            return answer
        await clock.sleep(0.1)
    return None
