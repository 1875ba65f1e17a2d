"""Cards of results: metrics, a period, closed trades. Every rate stands beside its sample size."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Block, Card, bold, card, code, esc, lines
from bot.cards_numbers import (
    EXIT_WORDS,
    badge,
    cost,
    dollars,
    gain,
    light,
    many,
    moment,
    percent,
    price,
    r_multiple,
    rate,
    ratio,
    usdt,
)
from bot.cards_status import side_word
from core.desk import MetricsView, Period, PeriodView
from core.market import coin
from core.performance import Performance
from core.trade import ClosedTrade

PERIOD_WORDS = {Period.DAY: "Today", Period.WEEK: "This week", Period.MONTH: "This month"}


def metrics_card(view: MetricsView, account: str, is_paper: bool) -> Card:
    return card(
        lines(f"{bold('Metrics')} · {badge(account, is_paper)}", "Net of every cost."),
        lines(f"Capital <b>{usdt(view.current)}</b> from {usdt(view.initial)}"),
        performance_block("All time", view.all_time),
        _ratios(view.all_time),
        lines(_recent("7 days", view.last_7d), _recent("30 days", view.last_30d)),
        _ai(view),
        _cards(view),
        lines(f"As of {moment(view.at)}"),
    )


def performance_block(title: str, result: Performance) -> Block:
    count = many(result.trades, "trade")
    return lines(
        f"<b>{esc(title)}</b>: {light(result.net_pnl)} {gain(result.net_pnl)} · {count}",
        f"Win rate {rate(result.win_rate, result.trades)} · average {gain(result.average_pnl)}",
        f"Fees {cost(result.fees)} · funding {gain(result.funding)}",
        f"Best {gain(result.best)} · worst {gain(result.worst)}",
    )


def _ratios(result: Performance) -> Block:
    n = f"(n={result.trades})"
    return lines(
        f"Profit factor {ratio(result.profit_factor)} · expectancy {r_multiple(result.expectancy_r)} {n}",
        f"Reward ÷ risk {ratio(result.average_reward_risk)} {n}",
        f"Sharpe {ratio(result.sharpe)} · Sortino {ratio(result.sortino)}",
        f"Max drawdown {percent(result.max_drawdown)} · largest loss "
        f"{percent(result.largest_loss_share)} of the initial capital",
    )


def _recent(title: str, result: Performance) -> str:
    return f"{title}: {gain(result.net_pnl)} · win rate {rate(result.win_rate, result.trades)}"


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
        lines(f"Expectancy {r_multiple(view.performance.expectancy_r)} (n={view.performance.trades})"),
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
