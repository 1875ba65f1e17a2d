"""Pictures of a backtest for the chat. Imports matplotlib: for the process that plays it only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from bot import charts_look as look
from bot.backtest_report.pictures import LEAST_SPAN_MS, month_ticks, thinned
from bot.charts_equity import drawdown

Floats = NDArray[np.float64]
LOWER_SHARE, GAP_SHARE = 0.24, 0.04
BAND_AT = 0.012
"""Width of the mark of random runs, share of the time axis."""


def result_png(curve: Floats, hold: Floats, random: Floats | None, title: str, subtitle: str) -> bytes:
    """`curve` and `hold`: (m, 2) ms and USDT of one period; `random`: results of random runs, USDT.

    Equity with its drawdown below; dashed the coins held, a line where it began, and at the end a bar where
    90 % of the random runs ended, with its middle.
    """
    figure = look.new_figure()
    opening, final = float(curve[0, 1]), float(curve[-1, 1])
    colour = look.UP if final >= opening else look.DOWN
    look.add_header(figure, title, subtitle, f"{final:,.2f} USDT", colour)
    ends = np.quantile(random, [0.05, 0.5, 0.95]) if random is not None else np.zeros(0)
    upper, lower = _axes(figure, [curve, hold], ends)
    upper.axhline(opening, color=look.MUTED, linewidth=1.0, alpha=0.5)
    if len(ends):
        _mark(upper, float(curve[-1, 0]), ends)
    _line(upper, hold, look.BLUE, is_dashed=True, label="holding the coins")
    _line(upper, curve, colour, label="the strategy")
    _fall(lower, [(curve, look.DOWN)])
    _legend(upper)
    return look.png(figure)


def compared_png(old: Floats, new: Floats, names: tuple[str, str], title: str, subtitle: str) -> bytes:
    """Two runs of one period: equity above, both drawdowns below."""
    figure = look.new_figure()
    final = float(new[-1, 1])
    look.add_header(figure, title, subtitle, f"{final:,.2f} USDT", look.EMA_FAST)
    upper, lower = _axes(figure, [old, new], np.zeros(0))
    upper.axhline(float(old[0, 1]), color=look.MUTED, linewidth=1.0, alpha=0.5)
    _line(upper, new, look.EMA_FAST, label=names[1])
    _line(upper, old, look.BLUE, is_dashed=True, label=names[0])  # above: where they agree both are seen
    _fall(lower, [(new, look.EMA_FAST), (old, look.BLUE)])
    _legend(upper)
    return look.png(figure)


def _line(axes: Axes, curve: Floats, colour: str, *, label: str, is_dashed: bool = False) -> None:
    shown = thinned(curve)
    style, width = ((0, (4, 3)), 1.8) if is_dashed else ("-", 2.6)
    axes.plot(shown[:, 0], shown[:, 1], color=colour, linewidth=width, linestyle=style, label=label)


def _mark(axes: Axes, end_ms: float, ends: Floats) -> None:
    low, middle, high = (float(value) for value in ends)
    first, last = axes.get_xlim()
    width = (last - first) * BAND_AT
    left = end_ms + (last - end_ms) * 0.15
    label = "90 % of random entries"
    axes.bar(left, high - low, width, low, align="edge", color=look.ORANGE, alpha=0.75, label=label)
    axes.plot([left, left + width], [middle, middle], color=look.INK, linewidth=2.0)


def _fall(axes: Axes, curves: Sequence[tuple[Floats, str]]) -> None:
    deepest = 0.0
    for curve, colour in curves:
        shown = thinned(curve)
        fall = drawdown(shown[:, 1] / shown[0, 1])
        deepest = max(deepest, float(fall.max()))
        axes.fill_between(shown[:, 0], -fall, 0, color=colour, alpha=0.30, linewidth=0)
    axes.set_ylim(-max(deepest * 1.2, 0.01), 0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.3g}%" if value else "0"))
    axes.text(
        0.012, 0.08, "Drawdown", color=look.MUTED, size=look.TICK_PT, transform=axes.transAxes, va="bottom"
    )


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="upper left",
        ncols=3,
        fontsize=look.TICK_PT,
        labelcolor=look.TEXT,
        facecolor=look.BACKGROUND,
        edgecolor="none",
        framealpha=0.7,
        handlelength=1.6,
        columnspacing=1.2,
        reverse=True,
    )


def _axes(figure: Figure, curves: Sequence[Floats], more: Floats) -> tuple[Axes, Axes]:
    """Money above drawdown, sharing the time; room above for the legend and at the end for the mark."""
    values = np.concatenate([*(curve[:, 1] for curve in curves), more])
    margin = max(float(np.ptp(values)) * 0.08, float(np.abs(values).max()) * 0.002, 1e-9)
    low, high = float(values.min()) - margin, float(values.max()) + margin * 3.0
    ticks = [float(tick) for tick in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    words = [look.price_words(tick, look.tick_decimals(ticks)) for tick in ticks]
    left, height = look.left_of(figure, [*words, "-100%"]), look.TOP - look.BOTTOM
    bottom = look.BOTTOM + height * (LOWER_SHARE + GAP_SHARE)
    upper = figure.add_axes((left, bottom, look.RIGHT - left, look.TOP - bottom))
    lower = figure.add_axes((left, look.BOTTOM, look.RIGHT - left, height * LOWER_SHARE))
    _share_time(figure, (upper, lower), curves[0], has_mark=bool(len(more)))
    upper.set_ylim(low, high)
    upper.set_yticks(ticks, labels=words)
    return upper, lower


def _share_time(figure: Figure, both: tuple[Axes, Axes], curve: Floats, *, has_mark: bool) -> None:
    first = float(curve[0, 0])
    last = max(float(curve[-1, 0]), first + LEAST_SPAN_MS)
    span = last - first
    times = month_ticks(first, last) or look.time_ticks(first, last)
    for axes in both:
        look.style(axes)
        axes.set_xlim(first - span * 0.015, last + span * (0.035 if has_mark else 0.015))
    zone = last - span * 0.09
    both[0].set_xticks([at for at, _ in times], labels=[])
    both[1].set_xticks([at for at, _ in times], labels=[word if at < zone else "" for at, word in times])
    look.name_zone(figure)
