"""The numbers of a judged backtest as rows of words, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bot.cards_numbers import cost, gain, many, mean_r, percent, r_multiple, rate, ratio, span
from core.backtest.metrics import moment, span_ms
from core.market import TIMEFRAMES, coin

if TYPE_CHECKING:
    from core.backtest.engine import Run, Setup
    from core.backtest.engine_past import Past
    from core.backtest.judgement import Judged
    from core.backtest.luck import Resampled, Ruin
    from core.backtest.metrics import Measured
    from core.performance import Group

DAY_S = 86_400.0
NA = "n/a"
WIDEST_NAME = 28
LINE = 100
MOST_GROUPS = 40
"""Rows of one table; the page has them all."""
TITLES = {
    "symbol": "By symbol",
    "side": "By side",
    "month": "By month of exit, UTC",
    "exit_reason": "By exit",
}
GROUP_COLUMNS = ("", "trades", "won", "net USDT", "mean R", "80 % of mean R")
REFUSAL_WORDS = {
    "slots": "all slots taken",
    "cooldown": "cooling down",
    "breaker": "a breaker was open",
    "drawdown": "drawdown too deep",
    "confidence": "not sure enough",
    "stop": "stop too near or too far",
    "size": "no size that fits",
}


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    rows: tuple[tuple[str, str], ...]
    """(label, value); sentences that need no label have an empty one."""
    note: str = ""


class Played(Protocol):
    """A run and its numbers, judged or not."""

    @property
    def run(self) -> Run: ...

    @property
    def past(self) -> Past: ...

    @property
    def setup(self) -> Setup: ...

    @property
    def measured(self) -> Measured: ...


def sections(judged: Judged) -> tuple[Section, ...]:
    return tuple(found for found in _sections(judged) if found.rows)


def period_words(judged: Played) -> str:
    start, end = span_ms(judged.past)
    frame = next(
        (name for name, ms in TIMEFRAMES.items() if ms == judged.past.bar_ms), f"{judged.past.bar_ms} ms"
    )
    symbols = [coin(part.symbol) for part in judged.past.parts]
    named = ", ".join(symbols[:8]) + (f" and {len(symbols) - 8} more" if len(symbols) > 8 else "")
    bars = sum(len(part.bars) for part in judged.past.parts)
    return f"{named} · {frame} · {moment(start):%Y-%m-%d} to {moment(end):%Y-%m-%d} · {bars:,} bars"


def group_rows(groups: Sequence[Group]) -> list[tuple[str, ...]]:
    """As `GROUP_COLUMNS`."""
    return [
        (
            group.name,
            f"{group.trades:,}",
            percent(group.win_rate, 0),
            f"{group.net_pnl:+,.2f}",
            r_multiple(group.expectancy_r),
            NA if group.interval_r is None else f"{group.interval_r[0]:+.2f} to {group.interval_r[1]:+.2f}",
        )
        for group in groups
    ]


def _sections(judged: Judged) -> Iterator[Section]:
    yield Section(
        "Result", tuple(_result(judged)), "Net of every cost. Ranges beside rates: 80 % confidence."
    )
    yield Section("Against doing less", tuple(_baselines(judged)))
    yield Section("Luck", tuple(_luck(judged)), "Ranges: 95 %. The same seed gives the same numbers.")
    yield from _notes(judged)


def _notes(judged: Played) -> Iterator[Section]:
    refused = {name: count for name, count in judged.run.refused.items() if count}
    yield Section(
        "Signals not followed while nothing was held",
        tuple((REFUSAL_WORDS.get(name, name), f"{count:,}") for name, count in refused.items()),
    )
    yield Section("Remarks", tuple(("", text) for text in judged.run.remarks))


def _result(judged: Played) -> Iterator[tuple[str, str]]:
    numbers, result = judged.measured, judged.measured.performance
    yield (
        "Account",
        f"{judged.setup.capital:,.2f} to {judged.run.final:,.2f} USDT ({numbers.return_share:+.2%})",
    )
    yield "Trades", f"{result.trades:,} ({result.wins:,} won, {result.losses:,} lost)"
    yield "Win rate", rate(result.win_rate, result.trades, result.win_rate_interval)
    yield "Expectancy", mean_r(result.expectancy_r, result.trades, result.expectancy_interval)
    yield "Profit factor", ratio(result.profit_factor)
    days = f"(n={many(result.days, 'day')})"
    yield "Sharpe · Sortino", f"{ratio(result.sharpe)} · {ratio(result.sortino)} {days}"
    yield "Calmar · SQN", f"{ratio(result.calmar)} · {ratio(result.sqn)}"
    longest = span(result.drawdown_days * DAY_S)
    yield "Max drawdown", f"{percent(result.max_drawdown)} between bars' ends, longest {longest}"
    yield "Fees · funding", f"{cost(result.fees)} · {gain(result.funding)}"
    yield "Best · worst trade", f"{gain(result.best)} · {gain(result.worst)}"
    yield "Average win · loss", f"{gain(result.average_win)} · {cost(result.average_loss)}"
    yield "MFE · MAE", f"{r_multiple(result.average_mfe_r)} · {r_multiple(result.average_mae_r)}"
    held = NA if numbers.average_hours is None else span(numbers.average_hours * 3600)
    yield "In the market", f"{percent(numbers.exposure, 1)} of the time, {held} a trade"
    yield "Risk taken", f"{percent(numbers.risk_taken)} of the equity a trade (median)"
    if len(judged.run.trades):
        yield "Last exit", _last_exit(judged)
    yield "Ambiguous bars", f"{many(numbers.ambiguous, 'trade')}, stop assumed before target"
    yield "Liquidated · cut off", f"{numbers.liquidations:,} · {numbers.cut_off:,}"


def _last_exit(played: Played) -> str:
    """Breakers can end the trading long before the bars do: what follows is a flat line."""
    last_ms, end_ms = float(played.run.trades["exit_ms"].max()), span_ms(played.past)[1]
    days = round(max(end_ms - last_ms, 0.0) / (DAY_S * 1000))
    return f"{moment(last_ms):%Y-%m-%d}, {many(days, 'day')} before the end"


def _baselines(judged: Judged) -> Iterator[tuple[str, str]]:
    yield "The strategy", f"{judged.measured.return_share:+.2%}"
    held = judged.hold
    yield "Holding the coins, 1x", f"{held.return_share:+.2%}, drawdown {percent(held.max_drawdown)}"
    yield "Doing nothing", f"{0:+.2%}"
    if judged.random is None:
        return
    low, middle, high = np.quantile(judged.random.finals / judged.setup.capital - 1.0, [0.05, 0.5, 0.95])
    count = f"{len(judged.random.finals):,}"
    yield f"{count} random entries", f"{middle:+.2%} in the middle, 90 % from {low:+.2%} to {high:+.2%}"
    yield "Trades of a random run", f"{judged.random.trades:,.0f} on average"
    yield "p against random", f"{judged.random.p:.3f} (better than {percent(judged.random.percentile, 1)})"


def _luck(judged: Judged) -> Iterator[tuple[str, str]]:
    yield "Mean R, trades dealt again", _resampled(judged.chance.by_trade, r_multiple)
    yield "Return, days dealt again", _resampled(judged.chance.by_day, lambda value: f"{value:+.1%}")
    tried = many(judged.evidence.tried, "set")
    yield "Deflated Sharpe", f"{percent(judged.chance.deflated, 1)} that it is real, {tried} tried"
    least = NA if judged.chance.least_days is None else f"{judged.chance.least_days:,.0f} days"
    yield "Least track record", f"{least} (there are {judged.evidence.days:,})"
    for one in judged.chance.ruins:
        yield f"Ruin at {percent(one.risk)} risk", _ruin(one, judged.evidence.ruin_bound)


def _ruin(one: Ruin, bound: float) -> str:
    return (
        f"{percent(one.probability, 1)} to fall {percent(bound, 0)}; drawdown {percent(one.median_fall, 0)} "
        f"in the middle, {percent(one.bad_fall, 0)} in one of twenty"
    )


def _resampled(found: Resampled | None, words: Callable[[float], str]) -> str:
    if found is None:
        return NA
    return f"{words(found.interval[0])} to {words(found.interval[1])}"


def table_text(judged: Judged, strategy: str) -> str:
    """For a terminal of 80 columns and more."""
    lines = _table_lines(judged, strategy, sections(judged), "on the page")
    return "\n".join([*lines, *_verdict_lines(judged)])


def unjudged_text(played: Played, strategy: str) -> str:
    """The same of a run that nothing was set against."""
    result = Section("Result", tuple(_result(played)))
    found = [section for section in (result, *_notes(played)) if section.rows]
    return "\n".join(_table_lines(played, strategy, found, "left out")).rstrip("\n")


def _table_lines(
    played: Played, strategy: str, chosen: Sequence[Section], where_the_rest_is: str
) -> list[str]:
    lines = [f"{one_line(strategy)}", one_line(period_words(played)), ""]
    for section in chosen:
        lines += [section.title, *(line for row in section.rows for line in _row_lines(*row)), ""]
    for name, title in TITLES.items():
        groups = played.measured.groups[name]
        if groups:
            lines += [title, *_table([GROUP_COLUMNS, *group_rows(groups[:MOST_GROUPS])])]
            left_out = len(groups) - MOST_GROUPS
            lines += [f"  and {left_out} more {where_the_rest_is}", ""] if left_out > 0 else [""]
    return lines


def _verdict_lines(judged: Judged) -> Iterator[str]:
    yield judged.verdict.headline
    for text in (*judged.verdict.because, *judged.verdict.cautions):
        yield from _sentence_lines(text)


def _row_lines(label: str, value: str) -> list[str]:
    value = one_line(value)
    return [f"  {label:<27} {value}"] if label else _sentence_lines(value)


def _sentence_lines(text: str) -> list[str]:
    """A number stays with its percent sign."""
    lines = wrap(
        text.replace(" %", "\N{NO-BREAK SPACE}%"), LINE, initial_indent="  - ", subsequent_indent="    "
    )
    return [line.replace("\N{NO-BREAK SPACE}%", " %") for line in lines]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """The first column to the left, the others to the right."""
    cut = [[one_line(row[0])[:WIDEST_NAME], *row[1:]] for row in rows]
    widths = [max(len(row[column]) for row in cut) for column in range(len(cut[0]))]
    return [
        "  " + "  ".join(
            word.ljust(width) if place == 0 else word.rjust(width)
            for place, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cut
    ]  # fmt: skip


def one_line(text: str) -> str:
    """Without control characters: names come from files."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
