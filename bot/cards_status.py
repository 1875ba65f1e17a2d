"""Cards of the running bot: status, positions, breakers, doctor, version, and what a close would do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from bot.cards import Block, Card, bold, card, code, esc, folded, italic, lines
from bot.cards_foreign import foreign_block
from bot.cards_numbers import (
    MODE_WORDS,
    NA,
    badge,
    cost,
    gain,
    light,
    moment,
    people,
    percent,
    price,
    quantity,
    r_multiple,
    span,
    usdt,
)
from bot.cards_steering import STOP_WORDS, outcome
from core.desk import (
    CloseEstimate,
    DoctorLine,
    LoopView,
    PositionView,
    StatusView,
    TradingState,
    VersionView,
)
from core.journal import Mode
from core.market import Side, coin
from core.trade import StopBy

STATE_WORDS = {
    TradingState.SCANNING: "🔎 scanning",
    TradingState.TRADING: "📈 trading",
    TradingState.PAUSED: "⏸ paused",
    TradingState.HALTED: "⛔ halted",
    TradingState.DISARMED: "🔒 disarmed",
}


def status_card(view: StatusView) -> Card:
    return card(
        lines(_headline(view), esc(people(view.why)) if view.why else None),
        _money(view),
        *_positions(view),
        _scanning(view),
        _guards(view),
        _warnings(view),
        lines(f"As of {moment(view.at)}"),
    )


def _headline(view: StatusView) -> str:
    return f"<b>{STATE_WORDS[view.state]}</b> · {view.mode.value} · {badge(view.account, view.is_paper)}"


def _money(view: StatusView) -> Block:
    if view.equity is None:
        wallet = f" · wallet {usdt(view.wallet)}" if view.wallet is not None else ""
        return lines(f"❔ Equity is unknown right now{wallet}")
    change = view.equity - view.initial
    return lines(
        f"Equity <b>{usdt(view.equity)}</b> ({gain(change)} since {usdt(view.initial)})",
        f"Wallet {usdt(view.wallet)} · today {light(view.daily_pnl)} {gain(view.daily_pnl)}",
        _cap(view),
    )


def _cap(view: StatusView) -> str | None:
    if view.cap is None or view.state is TradingState.DISARMED:
        return None
    return f"Armed with a cap of {usdt(view.cap)}: sizes and limits count on no more"


def _positions(view: StatusView) -> list[Block]:
    """What is known, and by name what is not: unknown is never shown as flat."""
    unknown = [
        lines(f"❔ <b>{esc(coin(symbol))}</b>: an open trade whose position is unknown right now")
        for symbol in view.unseen
    ]
    known = [position_block(position) for position in view.positions]
    strange = [foreign_block(one) for one in view.foreign]
    return [*known, *unknown, *strange] or [lines("No open position.")]


def position_block(view: PositionView) -> Block:
    r_now = f" · {r_multiple(view.r_now)}" if view.r_now is not None else ""
    name = esc(coin(view.symbol))
    ends = f" · time is up {moment(view.time_stop_at, True)}" if view.time_stop_at is not None else ""
    return lines(
        f"{light(view.unrealised)} <b>{name} {side_word(view.side)} {view.leverage}x</b>"
        f" · {gain(view.unrealised)}{r_now}",
        f"{quantity(view.quantity)} {name} from {price(view.entry)}, now {price(view.mark)}",
        *_stop_lines(view),
        _targets_line(view),
        f"Liquidation {price(view.liquidation)} ({percent(view.liquidation_distance, 1)} away)",
        f"Open since {moment(view.opened_at, True)}{ends}",
    )


def _stop_lines(view: PositionView) -> list[str]:
    armed = " · trailing is armed" if view.is_trailing and view.stop_by is not StopBy.TRAILING else ""
    rests = price(view.stop) if view.stop is not None else "⚠️ none, being placed"
    first = f"Stop {rests} · {STOP_WORDS[view.stop_by]}{armed}"
    if view.loss_at_stop is None or view.stop is None:
        return [first]
    lock = "🔒 " if view.loss_at_stop <= 0 else ""
    rest = "the rest" if view.targets_left < len(view.targets) else "it"
    return [first, f"{lock}There {rest} {outcome(view.loss_at_stop)}, costs included"]


def _targets_line(view: PositionView) -> str:
    if not view.targets:
        return "No target"
    left = ", ".join(price(target) for target in view.targets[len(view.targets) - view.targets_left :])
    return f"Targets left {view.targets_left} of {len(view.targets)}{': ' + left if left else ''}"


def side_word(side: Side) -> str:
    return side.value.upper()


def _scanning(view: StatusView) -> Block:
    last = view.last_scan
    passed = f" ({last.symbols} symbols)" if last else ""
    return lines(
        f"Last scan {moment(last.ended_at) if last else 'not yet'}{passed}"
        f" · next {moment(view.next_scan_at) if view.next_scan_at else 'not planned'}",
        f"Judging: {esc(view.decider)} · advisers: {esc(', '.join(_advisers(view)) or 'none')}",
        f"📰 Nothing known of: {esc(', '.join(view.unheard), 200)}" if view.unheard else None,
        f"Open ideas waiting for a tap: {view.open_cards}" if view.open_cards else None,
    )


def _advisers(view: StatusView) -> list[str]:
    """Each with its role where that is not voting, and with its silence."""
    notes = view.adviser_notes
    return [f"{name} ({notes[name]})" if name in notes else name for name in view.advisers]


def _guards(view: StatusView) -> Block:
    ill = [loop for loop in view.loops if not loop.is_healthy]
    tripped = [breaker for breaker in view.breakers if breaker.is_open]
    return lines(
        "Loops: " + (", ".join(_loop(loop) for loop in ill) if ill else f"all {len(view.loops)} healthy"),
        "Breakers: " + (", ".join(f"⛔ {esc(one.title or one.name)}" for one in tripped) or "none tripped"),
    )


def _loop(loop: LoopView) -> str:
    detail = f": {esc(loop.detail, 80)}" if loop.detail else ""
    return f"⚠️ {esc(loop.name, 40)} (last pass {span(loop.age_s)} ago{detail})"


def _warnings(view: StatusView) -> Block | None:
    parts = [f"⚠️ {esc(text)}" for text in view.warnings]
    parts += unsizeable_lines(view.unsizeable)
    return folded(parts) if parts else None


def unsizeable_lines(unsizeable: Sequence[tuple[str, str]]) -> list[str]:
    """Symbols that the present equity cannot trade, with what would mend it; empty for none."""
    if not unsizeable:
        return []
    rows = [f"• {esc(coin(symbol))} would need {esc(mend)}" for symbol, mend in unsizeable]
    return ["Too large for the present equity, so nobody is asked about them:", *rows]


def positions_card(view: StatusView) -> Card:
    head = lines(f"{bold('Positions')} · {badge(view.account, view.is_paper)}")
    return card(head, *_positions(view), lines(f"As of {moment(view.at)}"))


def doctor_card(report: Sequence[DoctorLine]) -> Card:
    needed = [line for line in report if not line.is_ok and line.is_needed]
    verdict = (
        f"❌ trading is stopped by {len(needed)}" if needed else "✅ Everything that trading needs works"
    )
    found = [text for line in report for text in _diagnosis(line)]
    return card(lines(f"{bold('Doctor')}: {verdict}"), lines(*found))


def _diagnosis(line: DoctorLine) -> list[str]:
    mark = "✅" if line.is_ok else "❌" if line.is_needed else "⚠️"
    mend = [f"→ {esc(line.mend)}"] if line.mend and not line.is_ok else []
    return [f"{mark} <b>{esc(line.subject, 60)}</b>: {esc(line.text)}", *mend]


def version_card(view: VersionView) -> Card:
    return card(
        lines(
            f"<b>Perpilot {esc(view.version)}</b>",
            f"Commit {code(view.commit or NA)} · configuration {code(view.config)}",
            f"Started {moment(view.started_at, True)} · up {span(timedelta(seconds=view.uptime_s))}",
        )
    )


def mode_card(mode: Mode) -> Card:
    options = [f"{'▶️' if one is mode else '▫️'} {esc(MODE_WORDS[one])}" for one in Mode]
    return card(lines(bold("Mode"), *options))


def mode_question(mode: Mode) -> Card:
    return card(lines(f"Raise the autonomy to <b>{mode.value}</b>?", esc(MODE_WORDS[mode])))


def close_question(estimate: CloseEstimate, where: str) -> Card:
    share = percent(estimate.share, 0)
    return card(
        lines(
            f"Close {share} of <b>{esc(coin(estimate.symbol))}</b>? · {where}",
            f"{quantity(estimate.quantity)} {esc(coin(estimate.symbol))} at about {price(estimate.price)}",
            f"Estimated result {gain(estimate.pnl)}, fee {cost(estimate.fee)}, "
            f"net <b>{gain(estimate.pnl - estimate.fee)}</b>",
            italic("The real price is known only afterwards."),
        )
    )


def close_all_question(estimates: Sequence[CloseEstimate], where: str) -> Card:
    net = sum((one.pnl - one.fee for one in estimates), Decimal(0))
    rows = [f"• {esc(coin(one.symbol))}: {gain(one.pnl)}, fee {cost(one.fee)}" for one in estimates]
    return card(
        lines(f"Close <b>all {len(estimates)}</b> positions? · {where}", *rows),
        lines(f"Estimated net result <b>{gain(net)}</b>"),
    )


def close_unseen_question(symbols: Sequence[str]) -> Card:
    """Asked without an estimate: the position cannot be seen, but closing it can be wanted."""
    names = ", ".join(esc(coin(symbol)) for symbol in symbols)
    return card(
        lines(f"Close <b>{names}</b>?", "Its position cannot be seen right now; it is closed once it can be.")
    )


def panic_question(positions: int, where: str, is_last: bool, foreign: Sequence[str] = ()) -> Card:
    """`foreign`: symbols of positions that are not ours, which a panic leaves open."""
    names = ", ".join(esc(coin(symbol)) for symbol in foreign)
    stays = f"👤 Not mine, so it stays open: {names}. /positions closes it." if foreign else None
    if is_last:
        what = "everything of mine" if foreign else "everything"
        return card(
            lines(f"🚨 <b>Last question.</b> Pause, drop every open idea and close {what} now?", stays)
        )
    return card(
        lines(
            f"🚨 <b>Panic</b> · {where}",
            f"New entries stop, open ideas are dropped and open positions ({positions}) close at the market.",
            stays,
        )
    )
