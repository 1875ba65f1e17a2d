"""Notices → cards. Which facts a kind carries is written in `core.trading.notices`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bot.cards import Card, bold, card, code, esc, italic, lines
from bot.cards_foreign import adopted_card, foreign_card
from bot.cards_ideas import OUTCOMES, plan_money, plan_numbers, plan_title
from bot.cards_numbers import (
    EXIT_WORDS,
    MODE_WORDS,
    badge,
    coins,
    cost,
    dollars,
    gain,
    light,
    people,
    percent,
    price,
    quantity,
    usdt,
)
from bot.cards_performance import performance_block, result_block
from bot.cards_status import side_word
from core.codec import from_plain
from core.desk import ForeignView
from core.journal import ApprovalState, Mode
from core.market import coin
from core.notice import Notice, NoticeKind
from core.performance import Performance
from core.plan import Plan
from core.trade import ClosedTrade, ExitReason, Position, Trade

Facts = Mapping[str, Any]


def notice_card(notice: Notice, account: str, is_paper: bool) -> Card:
    """A card for every kind; facts that cannot be read are shown as they are, never dropped."""
    where = badge(account, is_paper)
    try:
        return _RENDERERS[notice.kind](notice.facts, where)
    except (KeyError, ValueError, TypeError, ArithmeticError):
        return _as_it_is(notice, where)


def again(shown: Card) -> Card:
    """Marks what may have been told before."""
    return card(lines("↻ <i>Possibly told already</i>")) + shown


def approval_over(facts: Facts) -> Card:
    """The end of a card that can't be edited any more."""
    outcome = OUTCOMES[ApprovalState(facts["outcome"])]
    return card(lines(f"<b>{outcome}</b>", *(f"• {esc(reason)}" for reason in facts.get("reasons", ()))))


def _as_it_is(notice: Notice, where: str) -> Card:
    rows = [f"{esc(name, 40)}: {esc(value)}" for name, value in notice.facts.items()]
    return card(lines(f"{bold(notice.kind.value.replace('_', ' '))} · {where}"), lines(*rows))


def _started(facts: Facts, where: str) -> Card:
    warnings = [f"⚠️ {esc(text)}" for text in facts.get("warnings", ())]
    held = [f"📌 {esc(text)}" for text in facts.get("held", ())]
    return card(
        lines(f"▶️ <b>Perpilot is running</b> · {where}", f"Mode {esc(MODE_WORDS[Mode(facts['mode'])])}."),
        lines(*held),
        lines(*warnings),
        lines("/status shows where things stand."),
    )


def _stopped(facts: Facts, where: str) -> Card:
    count, bare = int(facts.get("open_positions", 0)), facts.get("bare") or []
    left = f"Open positions ({count}) stay protected by their stops on the exchange." if count else None
    names = ", ".join(str(name) for name in bare)
    unseen = f"⚠️ <b>Not seen under a stop</b> when I stopped: {esc(names)}. Start me again, or look there."
    return card(lines(f"⏹ <b>Perpilot stopped</b> · {where}", left, unseen if bare else None))


def _approval(facts: Facts, where: str) -> Card:
    return card(lines(f"💡 <b>Idea</b> · {where}", f"Its facts cannot be read: {esc(facts['approval_id'])}"))


def _approval_closed(facts: Facts, where: str) -> Card:
    return approval_over(facts)


def _signal(facts: Facts, where: str) -> Card:
    plan = from_plain(Plan, facts["plan"])
    return card(
        lines(f"📡 <b>Signal</b> · {where}", plan_title(plan)),
        plan_numbers(plan),
        plan_money(plan),
        lines(italic("Watch mode: nothing is traded.")),
    )


def _entry_sent(facts: Facts, where: str) -> Card:
    trade = _trade(facts)
    by = f" · by {esc(people(str(facts['by'])), 60)}" if facts.get("by") else ""
    return card(
        lines(
            f"📨 <b>Order sent</b> · {where}",
            f"{_name(trade)}: {quantity(trade.quantity)} {esc(coin(trade.symbol))} "
            f"at about {price(trade.entry_reference)}{by}",
            f"Stop {price(trade.stop)} · at risk {cost(trade.risk_usd)}",
        )
    )


def _opened(facts: Facts, where: str) -> Card:
    trade, position = _trade(facts), from_plain(Position, facts["position"])
    resting = bool(facts.get("stop_resting"))
    stop = f"Stop {price(trade.stop)} {'rests on the exchange' if resting else '⚠️ is being placed'}"
    targets = ", ".join(price(target.price) for target in trade.targets) or "none"
    return card(
        lines(
            f"✅ <b>Opened {_name(trade)}</b> · {where}",
            f"{quantity(position.quantity)} {esc(coin(trade.symbol))} from {price(position.entry)}"
            f" · margin {usdt(position.margin)}",
            f"{stop} · targets {targets}",
            f"At risk {cost(trade.risk_usd)} · liquidation {price(position.liquidation)}",
        )
    )


def _changed(facts: Facts, where: str) -> Card:
    text = people(_in_words(str(facts["text"])))
    return card(lines(f"✏️ <b>{_name(_trade(facts))}</b> · {where}", esc(text, 600)))


def _in_words(text: str) -> str:
    """`closing at once: liquidation_guard` as an owner reads it."""
    what, colon, reason = text.partition(": ")
    if not colon or reason not in set(ExitReason):
        return text
    return f"{what}{colon}{EXIT_WORDS[ExitReason(reason)]}"


def _closed(facts: Facts, where: str) -> Card:
    closed = from_plain(ClosedTrade, facts["closed"])
    name = f"{esc(coin(closed.symbol))} {side_word(closed.side)} {closed.leverage}x"
    return card(
        lines(
            f"{light(closed.net_pnl)} <b>Closed {name}: {gain(closed.net_pnl)}</b> · {where}",
            f"Why: {EXIT_WORDS[closed.exit_reason]}",
        ),
        result_block(closed),
        lines(f"Trade {code(closed.id)}"),
    )


def _entry_failed(facts: Facts, where: str) -> Card:
    name = _name(_trade(facts))
    return card(lines(f"❌ <b>{name} was not opened</b> · {where}", esc(facts["reason"], 600)))


def _near_stop(facts: Facts, where: str) -> Card:
    trade = _trade(facts)
    now, stop = Decimal(str(facts["mark"])), trade.stop
    away = percent(abs(now - stop) / now) if now else "n/a"
    return card(
        lines(f"⚠️ <b>{_name(trade)} is near its stop</b> · {where}"),
        lines(f"Price {price(now)}, stop {price(stop)} ({away} away)"),
    )


def _liquidation(facts: Facts, where: str) -> Card:
    trade, position = _trade(facts), from_plain(Position, facts["position"])
    return card(
        lines(
            f"🚨 <b>{_name(trade)}: {esc(facts['rung'])}% of the way to liquidation is left</b> · {where}",
            f"Price {price(position.mark)}, liquidation {price(position.liquidation)} "
            f"({percent(position.liquidation_distance())} away), result so far {gain(position.unrealised)}",
        )
    )


def _naked(facts: Facts, where: str) -> Card:
    return card(
        lines(
            f"🚨 <b>{_name(_trade(facts))} has no stop on the exchange</b> · {where}",
            esc(facts["detail"], 600),
        )
    )


def _outside(facts: Facts, where: str) -> Card:
    return card(
        lines(f"👀 <b>Changed on the exchange, not by me</b> · {where}", esc(coins(str(facts["text"])), 1000))
    )


def _foreign(facts: Facts, where: str) -> Card:
    return foreign_card(from_plain(ForeignView, facts["foreign"]), where)


def _adopted(facts: Facts, where: str) -> Card:
    return adopted_card(_trade(facts), from_plain(Position, facts["position"]), str(facts["text"]), where)


def _breaker_tripped(facts: Facts, where: str) -> Card:
    return card(
        lines(
            f"⛔ <b>Breaker tripped: {esc(facts.get('title') or facts['name'])}</b> · {where}",
            f"It stands at {esc(facts['value'])}, the limit is {esc(facts['threshold'])}. "
            "New entries are blocked, guarding goes on.",
            f"Done: {esc(facts['action'])}" if facts.get("action") else None,
            f"Clears {esc(facts['clears'])}" if facts.get("clears") else None,
        )
    )


def _breaker_cleared(facts: Facts, where: str) -> Card:
    return card(
        lines(
            f"✅ <b>Breaker cleared: {esc(facts.get('title') or facts['name'])}</b> "
            f"by {esc(people(str(facts['by'])))} · {where}",
            f"Reason: {esc(facts['reason'])}" if facts.get("reason") else None,
        )
    )


def _ai_degraded(facts: Facts, where: str) -> Card:
    silent = [f"• {esc(one)}" for one in facts.get("silent", ())]
    return card(lines(f"🤖 <b>Advisers are degraded</b>: {esc(facts['answered'])} answered", *silent))


def _budget_reached(facts: Facts, where: str) -> Card:
    budget, left = Decimal(facts["budget"]), Decimal(facts["left"])
    return card(
        lines(
            f"💸 <b>The advisers' budget of today is used up</b> · {where}",
            f"{dollars(budget)} a day, {dollars(left)} left: too little for what was to be asked.",
            "Until 00:00 UTC at most cheaper models are asked. "
            "Open positions stay guarded. /costs shows more.",
        )
    )


def _system(facts: Facts, where: str) -> Card:
    return card(lines(f"🔧 {esc(people(str(facts['text'])), 1500)}"))


def _summary(facts: Facts, where: str) -> Card:
    equity = facts.get("equity")
    return card(
        lines(f"📊 <b>{esc(str(facts['period']).capitalize())} summary</b> · {where}"),
        performance_block("Result", from_plain(Performance, facts["performance"])),
        lines(f"Equity {usdt(Decimal(equity))}") if equity is not None else None,
    )


def _trade(facts: Facts) -> Trade:
    trade: Trade = from_plain(Trade, facts["trade"])
    return trade


def _name(trade: Trade) -> str:
    return f"{esc(coin(trade.symbol))} {side_word(trade.side)} {trade.leverage}x"


_RENDERERS: dict[NoticeKind, Callable[[Facts, str], Card]] = {
    NoticeKind.STARTED: _started,
    NoticeKind.STOPPED: _stopped,
    NoticeKind.APPROVAL: _approval,
    NoticeKind.APPROVAL_CLOSED: _approval_closed,
    NoticeKind.SIGNAL: _signal,
    NoticeKind.ENTRY_SENT: _entry_sent,
    NoticeKind.OPENED: _opened,
    NoticeKind.CHANGED: _changed,
    NoticeKind.CLOSED: _closed,
    NoticeKind.ENTRY_FAILED: _entry_failed,
    NoticeKind.NEAR_STOP: _near_stop,
    NoticeKind.LIQUIDATION_LADDER: _liquidation,
    NoticeKind.NAKED: _naked,
    NoticeKind.OUTSIDE_CHANGE: _outside,
    NoticeKind.FOREIGN: _foreign,
    NoticeKind.ADOPTED: _adopted,
    NoticeKind.BREAKER_TRIPPED: _breaker_tripped,
    NoticeKind.BREAKER_CLEARED: _breaker_cleared,
    NoticeKind.AI_DEGRADED: _ai_degraded,
    NoticeKind.BUDGET_REACHED: _budget_reached,
    NoticeKind.SYSTEM: _system,
    NoticeKind.SUMMARY: _summary,
}
