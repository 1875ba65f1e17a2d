"""The card and the bars of /risk: what could be lost now. Unknown is said to be unknown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.cards import Block, Card, bold, card, esc, folded, italic, lines
from bot.cards_breakers import limit_words
from bot.cards_numbers import NA, badge, cost, many, moment, percent, usdt
from bot.cards_status import side_word
from core.desk import Bar, BreakerView, Exposure, RiskView
from core.market import coin

TIER_WORDS = {
    "green": "🟢 green",
    "yellow": "🟡 yellow",
    "orange": "🟠 orange: nothing is opened",
    "red": "🔴 red: nothing is opened",
    "unknown": "❔ unknown: nothing is opened",
}
KIND_WORDS = {
    "card": "open idea, not entered",
    "foreign": "not mine, no stop of mine",
    "unseen": "position not seen right now",
}
LIMITS, EQUITY = "Used of each limit", "Share of equity"
MAX_EXPOSURES = 12


def risk_card(view: RiskView, account: str, is_paper: bool) -> Card:
    return card(
        lines(f"{bold('Risk')} · {badge(account, is_paper)}"),
        _worst_case(view),
        _room(view),
        _exposure(view),
        *_exposures(view.exposures, view.gap),
        _breakers(view.breakers),
        lines(f"As of {moment(view.at)}"),
    )


def risk_bars(view: RiskView) -> tuple[Bar, ...]:
    """Breakers against their limits, then what is bound and what could be lost, against equity."""
    limits = [Bar(LIMITS, one.title or one.name, one.used, _bar_words(one), "limit") for one in view.breakers]
    at_least = "≥ " if has_unknown(view) else ""
    return (
        *limits,
        Bar(EQUITY, "Margin in use", _float(view.margin_share), _plain(view.margin_share), "margin"),
        _loss_bar("Lost at the stops", view.loss_at_stops, view, ""),
        _loss_bar(f"Lost at a {_gap(view.gap)} gap", view.loss_at_gap, view, at_least),
    )


def risk_subtitle(view: RiskView) -> str:
    """Under the picture's title."""
    if view.drawdown is None:
        return f"Equity {usdt(view.equity)} · drawdown unknown"
    return f"Equity {usdt(view.equity)} · drawdown {_plain(view.drawdown)}, {view.tier}"


def has_unknown(view: RiskView) -> bool:
    """Something's loss at a gap is not known."""
    return any(one.loss_at_gap is None for one in view.exposures)


def _worst_case(view: RiskView) -> Block:
    cards = [one for one in view.exposures if one.kind == "card"]
    at_least = "at least " if has_unknown(view) else ""
    ideas = f" ({many(len(cards), 'open idea')} counted)" if cards else ""
    return lines(
        f"If every stop is hit: <b>-{cost(view.loss_at_stops)}</b> {_of(view.loss_at_stops, view)}{ideas}",
        f"At a {_gap(view.gap)} gap against all: {at_least}<b>-{cost(view.loss_at_gap)}</b>"
        f" {_of(view.loss_at_gap, view)}",
    )


def _room(view: RiskView) -> Block:
    return lines(
        f"Equity {usdt(view.equity)} · drawdown {percent(view.drawdown)}",
        _cap(view.cap),
        " · ".join(part for part in (esc(TIER_WORDS.get(view.tier, view.tier)), _new_size(view)) if part),
        f"May still be lost today: {usdt(view.daily_left)}",
        f"Until the drawdown limit: {usdt(view.drawdown_left)}",
    )


def _cap(cap: Decimal | None) -> str | None:
    if cap is None:
        return None
    if not cap > 0:
        return "⛔ The capital cap is unknown: nothing is opened"
    return f"Capital cap {usdt(cap)}: sizes, drawdown and what may still be lost count on no more than this"


def _new_size(view: RiskView) -> str:
    """What a new trade would have; empty where the tier's words say it."""
    if any(breaker.is_open for breaker in view.breakers):
        return "nothing is opened while a breaker is tripped"
    return f"a new trade has {percent(view.size_share, 0)} of its size" if view.size_share > 0 else ""


def _exposure(view: RiskView) -> Block:
    return lines(
        f"Open {usdt(view.gross_notional)} · net {_signed(view.net_notional)}",
        f"Weighted by beta to BTC {_signed(view.beta_notional)}",
        f"Margin in use {usdt(view.margin_used)} ({percent(view.margin_share, 1)} of equity)",
    )


def _signed(amount: Decimal | None) -> str:
    """Below zero is short; rounded like what is open, so that the two agree to the cent."""
    if amount is None:
        return NA
    return f"{'-' if amount < 0 else '+'}{usdt(abs(amount))}"


def _exposures(shown: Sequence[Exposure], gap: Decimal) -> list[Block]:
    if not shown:
        return [lines("Nothing is open.")]
    blocks = [_one(one, gap) for one in shown[:MAX_EXPOSURES]]
    left_out = len(shown) - MAX_EXPOSURES
    return [*blocks, lines(f"and {left_out} more")] if left_out > 0 else blocks


def _one(one: Exposure, gap: Decimal) -> Block:
    kind = f" · {KIND_WORDS[one.kind]}" if one.kind in KIND_WORDS else ""
    size = f" · {usdt(one.notional)}" if one.notional is not None else ""
    if one.kind == "card":
        return lines(
            f"<b>{esc(coin(one.symbol), 20)} {side_word(one.side)}</b>{kind}",
            f"At its stop -{cost(one.loss_at_stop)}",
        )
    stop = "All of it" if one.kind == "foreign" else "At its stop"
    at_gap = "unknown" if one.loss_at_gap is None else f"-{cost(one.loss_at_gap)}"
    beta = "n/a, counted as 1" if one.beta is None else f"{one.beta:.2f}"
    away = one.liquidation_distance
    liquidation = "unknown" if away is None else f"{percent(away, 1)} away"
    return lines(
        f"<b>{esc(coin(one.symbol), 20)} {side_word(one.side)}</b>{size}{kind}",
        f"{stop} -{cost(one.loss_at_stop)} · at a {_gap(gap)} gap {at_gap}",
        f"Liquidation {liquidation} · beta {beta}",
    )


def _breakers(breakers: Sequence[BreakerView]) -> Block:
    """Those that block at once, the others folded away."""
    rows = [
        f"{'⛔' if one.is_open else '•'} {esc(one.title or one.name, 40)}: {esc(one.value, 60)}"
        f", {limit_words(one)}{_used(one)}"
        for one in breakers
    ]
    tripped = sum(one.is_open for one in breakers)
    head = f"⛔ {many(tripped, 'breaker')} tripped" if tripped else "Breakers: none tripped"
    return folded([bold(head), *rows, italic("More: /breakers")])


def _used(one: BreakerView) -> str:
    return "" if one.used is None else f" ({one.used * 100:.0f}% used)"


def _bar_words(one: BreakerView) -> str:
    return "tripped" if one.is_open else "unknown" if one.used is None else f"{one.used * 100:.0f} %"


def _loss_bar(label: str, loss: Decimal, view: RiskView, before: str) -> Bar:
    share = _share(loss, view)
    words = "unknown" if share is None else f"{before}{_plain(share)}"
    return Bar(EQUITY, label, _float(share), words, "loss")


def _of(amount: Decimal, view: RiskView) -> str:
    share = _share(amount, view)
    return f"({NA if share is None else percent(share, 1)} of equity)"


def _share(amount: Decimal, view: RiskView) -> Decimal | None:
    return amount / view.equity if view.equity is not None and view.equity > 0 else None


def _float(share: Decimal | None) -> float | None:
    return None if share is None else float(share)


def _plain(share: Decimal | None) -> str:
    return "unknown" if share is None else f"{share * 100:.1f} %"


def _gap(gap: Decimal) -> str:
    return f"{gap * 100:.0f} %"
