"""The card of /costs and of a budget: what advisers cost, beside what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from bot.cards import Block, Card, bold, card, code, esc, folded, italic, lines
from bot.cards_numbers import badge, dollars, many, moment, percent, rate, usdt
from core.adviser_views import CostsView
from core.opinion import Purpose
from core.spending import Spending

PURPOSE_WORDS = {
    Purpose.ENTRY: "scans",
    Purpose.EXIT: "open trades",
    Purpose.LOOK: "your questions",
    Purpose.READING: "reading news",
}
SHARE_WARNED = Decimal("0.10")
"""Of the capital, 30 days of advisers."""


def costs_card(view: CostsView, account: str, is_paper: bool) -> Card:
    return card(
        lines(f"{bold('Costs of the advisers')} · {badge(account, is_paper)}"),
        lines(*_today(view)),
        _table("By adviser", _by(view.today, lambda row: row.adviser)),
        _table("By purpose", _by(view.today, lambda row: PURPOSE_WORDS[row.purpose])),
        lines(*_decisions(view)),
        lines(*_month(view)),
        folded([bold("Prices"), esc(view.prices, 300)]),
        lines(f"UTC day; what is under way counts with the most it can cost. As of {moment(view.at)}"),
    )


def _today(view: CostsView) -> list[str]:
    used = view.today_usd / view.budget if view.budget > 0 else None
    share = f" ({percent(used, 0)})" if used is not None else ""
    asked = view.figures.calls + view.figures.cache_hits
    return [
        f"Today <b>{dollars(view.today_usd)}</b> of {dollars(view.budget)}{share}",
        f"{many(view.figures.calls, 'call')} · cache hits {rate(view.figures.cache_hit_rate, asked)}",
    ]


def _by(rows: Sequence[Spending], name_of: Callable[[Spending], str]) -> list[tuple[str, int, Decimal]]:
    """(name, requests, USD), the dearest first."""
    sums: dict[str, tuple[int, Decimal]] = {}
    for row in rows:
        requests, usd = sums.get(name_of(row), (0, Decimal(0)))
        sums[name_of(row)] = (requests + row.requests, usd + row.usd)
    return sorted(((name, *sums[name]) for name in sums), key=lambda one: (-one[2], one[0]))


def _table(title: str, rows: Sequence[tuple[str, int, Decimal]]) -> Block | None:
    if not rows:
        return None
    told = [f"• {esc(name, 40)}: {dollars(usd)} in {many(count, 'request')}" for name, count, usd in rows]
    return lines(bold(title), *told)


def _decisions(view: CostsView) -> list[str]:
    found = view.decisions
    if not found.decisions:
        return ["No decision was paid for today."]
    return [
        f"A decision costs {dollars(found.mean_usd)} on average (n={found.decisions})",
        f"The dearest: {dollars(found.dearest_usd)}, {code(found.dearest_id)}",
    ]


def _month(view: CostsView) -> list[str]:
    told = [f"This month {dollars(view.month_usd)}"]
    if view.next_30d_usd is None:
        return told
    share = view.capital_share
    told.append(
        f"30 days at this pace: {dollars(view.next_30d_usd)}, "
        f"{percent(share, 1)} of the capital {usdt(view.capital)}"
    )
    if share is not None and share > SHARE_WARNED:
        told.append(italic(f"More than {percent(SHARE_WARNED, 0)}: trading would have to earn that first."))
    return told
