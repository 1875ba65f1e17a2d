"""Cards of results: metrics, a period, closed trades. Every rate stands beside its sample size."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Block, Card, bold, card, code, esc, folded, italic, lines
from bot.cards_gates import gates_block
from bot.cards_numbers import (
    EXIT_WORDS,
    badge,
    between,
    cost,
    dollars,
    gain,
    light,
    many,
    mean_r,
    moment,
    percent,
    price,
    r_multiple,
    rate,
    ratio,
    span,
    usdt,
)
from bot.cards_status import side_word
from core.desk import MetricsView, Period, PeriodView
from core.market import coin
from core.performance import Group, Performance
from core.plan import Origin
from core.trade import ClosedTrade, ExitReason

PERIOD_WORDS = {Period.DAY: "Today", Period.WEEK: "This week", Period.MONTH: "This month"}
GROUPS = {
    "symbol": "By symbol",
    "side": "By side",
    "exit_reason": "By exit",
    "hour": "By hour of entry, UTC",
    "adviser": "By adviser who agreed",
}
ALWAYS_SHOWN = ("adviser",)
"""One group alone tells something here: who it was."""
NOBODY_ASKED = "nobody asked: your own"
MAX_GROUPS = 24
"""Lines of one group; a day has as many hours."""
CONFIDENCE_WORDS = "Ranges: 80 % confidence."
DAY_S = 86_400.0


def metrics_card(view: MetricsView, account: str, is_paper: bool) -> Card:
    """What matters first; the rest opens at a tap."""
    result = view.all_time
    count = many(result.trades, "trade")
    return card(
        lines(f"{bold('Metrics')} · {badge(account, is_paper)}", "Net of every cost."),
        lines(f"Capital <b>{usdt(view.current)}</b> from {usdt(view.initial)}"),
        lines(
            f"<b>All time</b>: {light(result.net_pnl)} {gain(result.net_pnl)} · {count}",
            f"After AI ({dollars(result.ai_cost)}): <b>{gain(result.net_after_ai)}</b>",
            f"Win rate {_win_rate(result)}",
            f"Expectancy {_expectancy(result)}",
            f"Profit factor {ratio(result.profit_factor)} (n={result.trades}) · {_drawdown(result)}",
        ),
        lines(_recent("7 days", view.last_7d), _recent("30 days", view.last_30d)),
        _trades(result),
        _ratios(result),
        *(_group_block(title, view.groups.get(key, ()), key) for key, title in GROUPS.items()),
        _ai(view),
        _cards(view),
        gates_block(view.gates),
        lines(f"{CONFIDENCE_WORDS} As of {moment(view.at)}"),
    )


def performance_block(title: str, result: Performance) -> Block:
    count = many(result.trades, "trade")
    return lines(
        f"<b>{esc(title)}</b>: {light(result.net_pnl)} {gain(result.net_pnl)} · {count}",
        f"Win rate {_win_rate(result)} · average {gain(result.average_pnl)}",
        f"Fees {cost(result.fees)} · funding {gain(result.funding)} · AI {dollars(result.ai_cost)}",
        f"Best {gain(result.best)} · worst {gain(result.worst)}",
    )


def _win_rate(result: Performance) -> str:
    return rate(result.win_rate, result.trades, result.win_rate_interval)


def _expectancy(result: Performance) -> str:
    return mean_r(result.expectancy_r, result.trades, result.expectancy_interval)


def _drawdown(result: Performance) -> str:
    return f"drawdown {percent(result.max_drawdown, 1)}"


def _trades(result: Performance) -> Block:
    return folded(
        [
            bold("Trades"),
            f"Average {gain(result.average_pnl)} (n={result.trades})",
            f"Average win {gain(result.average_win)} (n={result.wins})",
            f"Average loss {cost(result.average_loss)} (n={result.losses})",
            f"Reward ÷ risk {ratio(result.average_reward_risk)} (n={result.trades})",
            f"Best {gain(result.best)} · worst {gain(result.worst)}",
            f"Largest loss {percent(result.largest_loss_share)} of the opening equity",
            f"MFE {r_multiple(result.average_mfe_r)} · MAE {r_multiple(result.average_mae_r)}"
            f" (n={result.watched})",
            f"Gross {gain(result.gross_pnl)} · fees {cost(result.fees)} · funding {gain(result.funding)}",
        ]
    )


def _ratios(result: Performance) -> Block:
    days = f"(n={many(result.days, 'day')})"
    return folded(
        [
            bold("Risk-adjusted"),
            f"Sharpe {ratio(result.sharpe)} · Sortino {ratio(result.sortino)} {days}",
            f"Calmar {ratio(result.calmar)} {days} · SQN {ratio(result.sqn)} (n={result.trades})",
            f"Max drawdown {percent(result.max_drawdown)}, longest {span(result.drawdown_days * DAY_S)}",
            italic("Of daily equity; deposits and withdrawals do not count."),
        ]
    )


def _recent(title: str, result: Performance) -> str:
    return f"{title}: {gain(result.net_pnl)} · win rate {_win_rate(result)}"


def _group_block(title: str, groups: Sequence[Group], key: str) -> Block | None:
    """None where every trade is in one group, which the totals tell already."""
    if not groups or (len(groups) == 1 and key not in ALWAYS_SHOWN):
        return None
    rows = [_group_line(group, _group_name(key, group.name)) for group in groups[:MAX_GROUPS]]
    left_out = len(groups) - len(rows)
    more = [f"and {left_out} more in /export"] if left_out else []
    return folded([bold(title), *rows, *more])


def _group_line(group: Group, name: str) -> str:
    won = rate(group.win_rate, group.trades, group.win_rate_interval)
    bounds = between(group.interval_r, r_multiple) if group.interval_r is not None else ""
    expected = r_multiple(group.expectancy_r) + (f" ({bounds})" if bounds else "")
    return f"{light(group.net_pnl)} {name}: {gain(group.net_pnl)} · {expected} · won {won}"


def _group_name(key: str, name: str) -> str:
    """As people say it; HTML, already safe."""
    if key == "symbol":
        return esc(coin(name), 20)
    if key == "exit_reason":
        return esc(EXIT_WORDS[ExitReason(name)] if name in set(ExitReason) else name, 40)
    if key == "adviser":
        return NOBODY_ASKED if name == Origin.MANUAL else esc(name, 30)
    return esc(f"{name}:00" if key == "hour" else name, 30)


def _ai(view: MetricsView) -> Block:
    asked = view.ai.calls + view.ai.cache_hits
    return lines(
        f"AI: {view.ai.calls} calls, {dollars(view.ai.cost_usd)} · cache hits "
        f"{rate(view.ai.cache_hit_rate, asked)}"
    )


def _cards(view: MetricsView) -> Block | None:
    counts = ", ".join(f"{count} {esc(state, 30)}" for state, count in view.cards.items() if count)
    return lines(f"Ideas: {counts}") if counts else None


def period_card(view: PeriodView, account: str, is_paper: bool) -> Card:
    symbols = [
        f"• {esc(coin(symbol))}: {gain(net)} in {many(count, 'trade')}"
        for symbol, (count, net) in sorted(view.by_symbol.items(), key=lambda item: -item[1][1])
    ]
    return card(
        lines(f"{bold(PERIOD_WORDS[view.period])} · {badge(account, is_paper)}"),
        performance_block("Result", view.performance),
        lines(f"Expectancy {_expectancy(view.performance)}"),
        lines(*symbols),
        lines(*(trade_line(trade) for trade in view.trades)),
        lines(f"Since {moment(view.since, True)}, as of {moment(view.at)}"),
    )


def history_card(trades: Sequence[ClosedTrade], account: str, is_paper: bool) -> Card:
    head = lines(f"{bold('Closed trades')} · {badge(account, is_paper)}")
    if not trades:
        return card(head, lines("None yet."))
    return card(
        head,
        *(trade_block(trade) for trade in trades),
        lines("/note ID text adds a line to a trade, /export gives all of them as CSV."),
    )


def trade_line(trade: ClosedTrade) -> str:
    return (
        f"{light(trade.net_pnl)} {esc(coin(trade.symbol))} {side_word(trade.side)} {trade.leverage}x: "
        f"{gain(trade.net_pnl)} ({r_multiple(trade.r_multiple)}), {EXIT_WORDS[trade.exit_reason]}"
    )


def trade_block(trade: ClosedTrade) -> Block:
    return lines(
        trade_line(trade),
        f"{price(trade.entry_price)} → {price(trade.exit_price)} · fees {cost(trade.fees)}"
        f" · funding {gain(trade.funding)}",
        f"{moment(trade.closed_at, True)} · {code(trade.id)}",
        *(f"📝 {esc(note)}" for note in trade.notes),
    )


def result_block(trade: ClosedTrade) -> Block:
    """A closed trade as a message of its own."""
    return lines(
        f"Entry {price(trade.entry_price)} → exit {price(trade.exit_price)}",
        f"Gross {gain(trade.gross_pnl)} · fees {cost(trade.fees)} · funding {gain(trade.funding)}",
        f"Net <b>{gain(trade.net_pnl)}</b> ({r_multiple(trade.r_multiple)} of {cost(trade.risk_usd)} risked)",
    )
