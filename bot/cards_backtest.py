"""Cards of backtests: progress, the judged result, two values of a setting side by side. For a phone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.cards import Block, Card, bold, card, esc, folded, italic, lines, table
from bot.cards_numbers import NA, many, percent, r_multiple, ratio
from core.backtest_views import (
    BacktestStep,
    BacktestView,
    ComparisonView,
    Difference,
    Played,
    Playground,
    RandomRuns,
    Slice,
)
from core.market import coin

LABEL, VALUE = 11, 12
"""Columns of a table, characters: a narrow phone shows some 36."""
MOST_REMARKS = 14
MOST_COINS = 6
BAR = 16
EXITS = {"end": "cut off"}


def backtest_progress(step: BacktestStep) -> Card:
    counted = f"{step.done:,} of {step.of:,}" if step.of else ""
    if step.words.startswith("fetching") and step.of:
        counted = percent(step.done / step.of, 0)
    bar = _bar(step.done / step.of) if step.of else ""
    return card(
        lines(
            bold("Backtest"),
            f"{esc(step.words)}{'' if not counted else f': {counted}'} …",
            f"<code>{bar}</code>" if bar else None,
        )
    )


def stopped_card() -> Card:
    return card(lines("⏹ The backtest was stopped by you.", "Nothing was judged; what was fetched is kept."))


def backtest_card(view: BacktestView) -> Card:
    played = view.played
    return card(
        lines(bold(_title(view.over)), esc(_period(view.over)), italic(view.over.strategy)),
        lines(bold(view.headline)),
        table(_rows(_result(played))),
        table(_rows(_against(view))),
        table(_slices(played)) if played.trades else None,
        folded(["Why this verdict:", *(f"• {esc(text)}" for text in (*view.because, *view.cautions))])
        if view.because or view.cautions
        else None,
        _small_print(view.over, played.refused),
    )


def backtest_caption(view: BacktestView) -> Card:
    return card(lines(bold(_title(view.over)), esc(view.headline)))


def comparison_card(view: ComparisonView) -> Card:
    return card(
        lines(bold(f"What {view.name} would have done"), esc(_period(view.over)), italic(view.over.strategy)),
        lines(bold(_told_apart(view))),
        table(_two_columns(view)),
        lines(_interval(view.difference)) if view.difference is not None and not view.is_same else None,
        _small_print(view.over, ()),
    )


def comparison_caption(view: ComparisonView) -> Card:
    title = f"{view.name}: {view.old_value} → {view.new_value}"
    return card(lines(bold(title), esc(_told_apart(view))))


# ---------------------------------------------------------------- one run


def _title(over: Playground) -> str:
    coins = [coin(symbol) for symbol in over.symbols]
    named = ", ".join(coins[:MOST_COINS])
    left = len(coins) - MOST_COINS
    strategy = over.strategy.partition("(")[0]
    return f"{named}{f' and {left} more' if left > 0 else ''} · {strategy} · {over.timeframe}"


def _period(over: Playground) -> str:
    days = round((over.end - over.start).total_seconds() / 86_400)
    symbols = f"{many(len(over.symbols), 'symbol')} · " if len(over.symbols) > 1 else ""
    span = f"{over.start:%Y-%m-%d} to {over.end:%Y-%m-%d}"
    return f"{symbols}{span} · {many(days, 'day')} · {over.bars:,} candles"


def _result(played: Played) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "Net USDT", (f"{played.final - played.capital:+,.2f} ({_signed(played.return_share)})",)
    yield "Account", (f"{played.capital:,.2f} → {played.final:,.2f}",)
    yield "Trades", (f"{played.trades:,} ({played.wins:,} won, {played.losses:,} lost)",)
    interval = played.win_rate_interval
    bounds = f"{interval[0] * 100:.0f}–{interval[1] * 100:.0f}%, " if interval is not None else ""
    yield "Win rate", (f"{percent(played.win_rate, 1)} ({bounds}n={played.trades:,})",)
    yield "Per trade", _per_trade(played)
    yield "Profit f.", (f"{ratio(played.profit_factor)} (n={played.trades:,})",)
    yield "Drawdown", (percent(played.max_drawdown),)
    yield "Worst day", (f"{_signed(played.worst_day)} (n={played.days:,} days)",)
    yield "Sharpe", (f"{ratio(played.sharpe)} (n={played.days:,} days)",)
    yield "Fees", (f"{played.fees:,.2f} USDT",)
    yield "Funding", (f"{played.funding:+,.2f} USDT",)
    yield "In market", (f"{percent(played.exposure, 1)} of the time",)
    yield "Risk taken", (f"{percent(played.risk_taken)} a trade",)
    yield "Ambiguous", (f"{played.ambiguous:,} of {played.trades:,} (as stop)",)
    yield "Liquidated", (f"{played.liquidations:,} of {played.trades:,}",)


def _per_trade(played: Played) -> tuple[str, ...]:
    first = f"{r_multiple(played.expectancy_r)} (n={played.trades:,})"
    interval = played.expectancy_interval
    return (
        (first,) if interval is None else (first, f"{r_multiple(interval[0])} to {r_multiple(interval[1])}")
    )


def _against(view: BacktestView) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "Against", ("",)
    yield "holding 1x", (f"{_signed(view.hold_return)}, fell {percent(view.hold_drawdown, 1)}",)
    yield "nothing", (_signed(0.0),)
    if view.random is not None:
        yield "random", _random(view.random)


def _random(found: RandomRuns) -> tuple[str, ...]:
    return (
        f"{_signed(found.middle)} in the middle",
        f"{_signed(found.low)} to {_signed(found.high)}",
        f"better than {percent(found.percentile, 0)}",
        f"p = {found.p:.3f} (n={found.runs:,} runs)",
    )


def _slices(played: Played) -> Iterator[str]:
    yield _columns("", "n", "won", "USDT")
    for one in (*played.sides, *played.exits):
        yield _slice(one)


def _slice(one: Slice) -> str:
    won = percent(one.wins / one.trades, 0) if one.trades else NA
    return _columns(EXITS.get(one.name, one.name)[:12], f"{one.trades:,}", won, f"{one.net:+,.2f}")


def _columns(name: str, count: str, won: str, net: str) -> str:
    return f"{esc(name):<12} {esc(count):>4} {esc(won):>5} {esc(net):>11}"


# ---------------------------------------------------------------- two runs


def _told_apart(view: ComparisonView) -> str:
    """One sentence, and never more than the days prove."""
    if view.is_same:
        return "Every trade would have been the same: over these candles the change touches nothing."
    found = view.difference
    if found is None:
        return "Too few days to tell the difference from luck."
    words = f"{found.share * 100:+,.2f} points of return over {many(found.days, 'day')}"
    if found.is_plain:
        return f"The new value makes a difference that luck alone hardly explains: {words}."
    return f"Not distinguishable from luck: {words}; the same days dealt again turn it round too often."


def _interval(found: Difference | None) -> str | None:
    if found is None:
        return None
    low, high = found.interval
    return esc(
        f"The same {found.days} days dealt again in pairs give {low * 100:+,.2f} to {high * 100:+,.2f} "
        "points (95 %). This is the past under one strategy, not a promise."
    )


def _two_columns(view: ComparisonView) -> Iterator[str]:
    old, new = view.old, view.new
    rows = (
        ("", f"={view.old_value}", f"={view.new_value}"),
        ("Net", _signed(old.return_share), _signed(new.return_share)),
        ("USDT", f"{old.final - old.capital:+,.2f}", f"{new.final - new.capital:+,.2f}"),
        ("Trades", f"{old.trades:,}", f"{new.trades:,}"),
        ("Win rate", percent(old.win_rate, 1), percent(new.win_rate, 1)),
        ("", f"n={old.trades:,}", f"n={new.trades:,}"),
        ("Per trade", r_multiple(old.expectancy_r), r_multiple(new.expectancy_r)),
        ("Drawdown", percent(old.max_drawdown), percent(new.max_drawdown)),
        ("Worst day", _signed(old.worst_day), _signed(new.worst_day)),
        ("Risk taken", percent(old.risk_taken), percent(new.risk_taken)),
        ("Fees", f"{old.fees:,.2f}", f"{new.fees:,.2f}"),
        ("Funding", f"{old.funding:+,.2f}", f"{new.funding:+,.2f}"),
        ("Liquidated", f"{old.liquidations:,}", f"{new.liquidations:,}"),
    )
    for label, one, other in rows:
        yield f"{esc(label):<{LABEL}}{esc(one[:VALUE]):>{VALUE}} {esc(other[:VALUE]):>{VALUE}}"


# ---------------------------------------------------------------- small things


def _small_print(over: Playground, refused: Sequence[tuple[str, int]]) -> Block | None:
    found = [f"Not followed, {esc(why)}: {many(count, 'signal')}" for why, count in refused]
    found += [esc(text) for text in over.remarks[:MOST_REMARKS]]
    return folded(["Small print:", *(f"• {text}" for text in found)], is_optional=True) if found else None


def _rows(pairs: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[str]:
    """Further values stand below the first."""
    for label, values in pairs:
        for at, value in enumerate(values):
            yield f"{esc('' if at else label):<{LABEL}}{esc(value)}".rstrip()


def _signed(fraction: float | None) -> str:
    return NA if fraction is None else f"{fraction * 100:+,.2f}%"


def _bar(share: float) -> str:
    filled = round(BAR * min(max(share, 0.0), 1.0))
    return "▓" * filled + "░" * (BAR - filled)
