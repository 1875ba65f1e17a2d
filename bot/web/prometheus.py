"""Metrics as Prometheus reads them: text 0.0.4, or OpenMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from bot.web.shapes import number
from core.desk import MetricsView, StatusView, TradingState
from core.performance import Group

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    words: str
    kind: str
    """gauge or counter; a counter's sample carries `_total`."""
    values: tuple[tuple[str, Decimal | float | None], ...]
    """(labels, value); unknown values are left out."""


def render(metrics: MetricsView, status: StatusView, is_open_metrics: bool) -> str:
    lines: list[str] = []
    for sample in _samples(metrics, status):
        lines += _lines(sample, is_open_metrics)
    if is_open_metrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _lines(sample: Sample, is_open_metrics: bool) -> Iterator[str]:
    shown = f"{sample.name}_total" if sample.kind == "counter" else sample.name
    family = sample.name if is_open_metrics else shown
    yield f"# HELP {family} {sample.words}"
    yield f"# TYPE {family} {sample.kind}"
    for labels, value in sample.values:
        plain = number(value)
        if plain is not None:
            yield f"{shown}{labels} {plain!r}"


def _samples(metrics: MetricsView, status: StatusView) -> Iterator[Sample]:
    yield from _account(status)
    yield from _results(metrics)
    ai = metrics.ai
    yield _one("perpilot_ai_calls", "Requests to AI models.", ai.calls, "counter")
    yield _one("perpilot_ai_cache_hits", "Questions answered from the cache.", ai.cache_hits, "counter")
    yield _one("perpilot_ai_cost_usd", "Cost of AI models.", ai.cost_usd, "counter")


def _account(status: StatusView) -> Iterator[Sample]:
    yield _one("perpilot_equity_usdt", "Wallet and unrealised results.", status.equity)
    yield _one("perpilot_wallet_usdt", "Deposits and everything realised.", status.wallet)
    yield _one("perpilot_initial_capital_usdt", "Opening capital.", status.initial)
    yield _one("perpilot_daily_pnl_usdt", "Equity change since 00:00 UTC.", status.daily_pnl)
    yield _one("perpilot_open_positions", "Open positions.", len(status.positions))
    yield _one("perpilot_unrealized_pnl_usdt", "Open results.", sum(p.unrealised for p in status.positions))
    yield _one("perpilot_paper", "1 while trading is simulated.", int(status.is_paper))
    states = tuple((f'{{state="{one.value}"}}', int(one is status.state)) for one in TradingState)
    yield Sample("perpilot_trading_state", "1 for the present state.", "gauge", states)
    tripped = tuple((f'{{name="{_label(one.name)}"}}', int(one.is_open)) for one in status.breakers)
    yield Sample("perpilot_breaker_tripped", "1 while a breaker blocks entries.", "gauge", tripped)
    ages = tuple((f'{{loop="{_label(one.name)}"}}', one.age_s) for one in status.loops)
    yield Sample("perpilot_loop_age_seconds", "Since the last pass of a loop.", "gauge", ages)


def _results(metrics: MetricsView) -> Iterator[Sample]:
    result = metrics.all_time
    yield _one("perpilot_trades", "Closed trades.", result.trades, "counter")
    yield _one("perpilot_winning_trades", "Closed trades with a net gain.", result.wins, "counter")
    yield _one("perpilot_losing_trades", "The other closed trades.", result.losses, "counter")
    yield _one("perpilot_pnl_usdt", "Net result of all closed trades.", result.net_pnl)
    yield _one("perpilot_fees_usdt", "Fees paid.", result.fees)
    yield _one("perpilot_funding_usdt", "Funding received, negative when paid.", result.funding)
    yield _one("perpilot_win_rate", "Fraction.", result.win_rate)
    yield _one("perpilot_profit_factor", "Gains / losses.", result.profit_factor)
    yield _one("perpilot_expectancy_r", "Mean result in R.", result.expectancy_r)
    yield _one("perpilot_max_drawdown", "Fraction.", result.max_drawdown)
    yield _one("perpilot_max_drawdown_days", "Longest time below a peak.", result.drawdown_days)
    yield _one("perpilot_net_after_ai_usdt", "Net result after the cost of AI models.", result.net_after_ai)
    yield _one("perpilot_average_win_usdt", "Mean net gain of winners.", result.average_win)
    yield _one("perpilot_average_loss_usdt", "Mean net loss of losers, positive.", result.average_loss)
    yield _one("perpilot_best_usdt", "Best trade.", result.best)
    yield _one("perpilot_worst_usdt", "Worst trade.", result.worst)
    yield _one("perpilot_average_mfe_r", "Mean favourable excursion in R.", result.average_mfe_r)
    yield _one("perpilot_average_mae_r", "Mean adverse excursion in R.", result.average_mae_r)
    yield _one("perpilot_sharpe", "Of daily equity returns, annualised.", result.sharpe)
    yield _one("perpilot_sortino", "Of daily equity returns, annualised.", result.sortino)
    yield _one("perpilot_calmar", "Compound yearly growth / max drawdown.", result.calmar)
    yield _one("perpilot_sqn", "System quality number.", result.sqn)
    yield _one("perpilot_equity_days", "UTC days with a recorded equity.", result.days)
    yield _bounds("perpilot_win_rate_bound", result.win_rate_interval)
    yield _bounds("perpilot_expectancy_r_bound", result.expectancy_interval)
    yield from _groups(metrics)


def _groups(metrics: MetricsView) -> Iterator[Sample]:
    rows = [
        (f'{{by="{_label(by)}",name="{_label(group.name)}"}}', group)
        for by, found in metrics.groups.items()
        for group in found
    ]

    def sample(name: str, words: str, of: Callable[[Group], Decimal | float]) -> Sample:
        return Sample(name, words, "gauge", tuple((labels, of(group)) for labels, group in rows))

    yield sample("perpilot_group_trades", "Closed trades of a group.", lambda group: group.trades)
    yield sample("perpilot_group_pnl_usdt", "Net result of a group.", lambda group: group.net_pnl)
    yield sample("perpilot_group_win_rate", "Fraction.", lambda group: group.win_rate)
    yield sample("perpilot_group_expectancy_r", "Mean result in R.", lambda group: group.expectancy_r)


def _bounds(name: str, interval: tuple[float, float] | None) -> Sample:
    values = () if interval is None else (('{bound="low"}', interval[0]), ('{bound="high"}', interval[1]))
    return Sample(name, "80 % confidence.", "gauge", values)


def _one(name: str, words: str, value: Decimal | float | None, kind: str = "gauge") -> Sample:
    return Sample(name, words, kind, (("", value),))


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
