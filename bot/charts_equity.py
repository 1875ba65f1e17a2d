"""Equity and its drawdown. Imports matplotlib; worker process only."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from bot import charts_look as look

DRAWDOWN_SHARE = 0.24
ZONE_SHARE = 0.09
"""Of the time axis, at its end: where the zone is named no other words fit."""
MIN_SPAN_MS = 3_600_000.0
"""Of the time axis, for points that share a moment."""
NO_TRADES = "no closed trades yet"
FLOWS = "dotted: paid in or out"
Rows = NDArray[np.float64]


def equity_png(points: Rows, title: str) -> bytes:
    """`points` is `(n, 4)`: ms UTC, equity and flows so far in USDT, growth of one unit; oldest first.

    Raises `CannotDraw`.
    """
    if len(points) > 1 and (np.diff(points[:, 0]) < 0).any():
        raise look.CannotDraw("the points of an equity curve must be in order of time")
    figure = look.new_figure()
    if len(points) < 2:
        _draw_nothing(figure, points, title)
        return look.png(figure)
    equity, flows, growth = points[:, 1], points[:, 2], points[:, 3]
    fall = drawdown(growth)
    change = float((equity[-1] - flows[-1]) - (equity[0] - flows[0]))
    colour = look.UP if change >= 0 else look.DOWN
    share = f" ({growth[-1] / growth[0] - 1:+.2%})" if growth[0] > 0 else ""
    subtitle = f"{change:+,.2f} USDT{share} · deepest drawdown {fall.max():.2%}"
    look.add_header(figure, title, subtitle, f"{equity[-1]:,.2f}", colour)
    upper, lower = _axes(figure, points)
    _draw_equity(upper, points, colour)
    _draw_flows(upper, points[:, 0], flows)
    _draw_drawdown(lower, points[:, 0], fall)
    return look.png(figure)


def drawdown(growth: Rows) -> Rows:
    """Fraction below the highest growth so far, that of the opening (1) among them."""
    peak = np.maximum(np.maximum.accumulate(growth), 1.0)
    return (peak - growth) / peak


def _draw_nothing(figure: Figure, points: Rows, title: str) -> None:
    right = f"{points[0, 1]:,.2f}" if len(points) else ""
    look.add_header(figure, title, "", right, look.TEXT)
    axes = figure.add_axes((look.MARGIN, look.BOTTOM, look.RIGHT - look.MARGIN, look.TOP - look.BOTTOM))
    look.style(axes)
    axes.set_xticks(np.linspace(0, 1, 7), labels=[])
    axes.set_yticks(np.linspace(0, 1, 6), labels=[])
    axes.axhline(0.5, color=look.MUTED, linewidth=1.5, linestyle=(0, (6, 4)), alpha=0.6)
    axes.text(
        0.5,
        0.5,
        NO_TRADES,
        color=look.TEXT,
        size=look.TITLE_PT,
        ha="center",
        va="center",
        bbox={"facecolor": look.BACKGROUND, "edgecolor": "none", "pad": 14},
    )


def _axes(figure: Figure, points: Rows) -> tuple[Axes, Axes]:
    """Equity above drawdown, sharing the time."""
    equity = points[:, 1]
    margin = max(float(np.ptp(equity)) * 0.12, float(np.abs(equity).max()) * 0.002, 1e-9)
    low, high = float(equity.min()) - margin, float(equity.max()) + margin
    values = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    ticks = [float(value) for value in values if low <= value <= high]
    decimals = look.tick_decimals(ticks)
    words = [look.price_words(tick, decimals) for tick in ticks]
    left = look.left_of(figure, [*words, "-100%"])
    height, width = look.TOP - look.BOTTOM, look.RIGHT - left
    bottom = look.BOTTOM + height * (DRAWDOWN_SHARE + 0.04)
    upper = figure.add_axes((left, bottom, width, look.TOP - bottom))
    lower = figure.add_axes((left, look.BOTTOM, width, height * DRAWDOWN_SHARE))
    _share_time(figure, upper, lower, points[:, 0])
    upper.set_ylim(low, high)
    upper.set_yticks(ticks, labels=words)
    return upper, lower


def _share_time(figure: Figure, upper: Axes, lower: Axes, times: Rows) -> None:
    first = float(times[0])
    last = max(float(times[-1]), first + MIN_SPAN_MS)
    ticks = look.time_ticks(first, last)
    for axes in (upper, lower):
        look.style(axes)
        room = (last - first) * 0.015
        axes.set_xlim(first - room, last + room)
    zone = last - (last - first) * ZONE_SHARE
    upper.set_xticks([at for at, _ in ticks], labels=[])
    lower.set_xticks([at for at, _ in ticks], labels=[words if at < zone else "" for at, words in ticks])
    look.name_zone(figure)


def _draw_equity(axes: Axes, points: Rows, colour: str) -> None:
    times, equity = points[:, 0], points[:, 1]
    axes.axhline(equity[0], color=look.MUTED, linewidth=1.2, linestyle=(0, (5, 4)), alpha=0.7)
    axes.fill_between(times, equity, axes.get_ylim()[0], color=colour, alpha=0.12, linewidth=0)
    axes.plot(times, equity, color=colour, linewidth=2.4, solid_joinstyle="round")
    axes.plot(times[-1:], equity[-1:], "o", color=colour, markersize=7)


def _draw_flows(axes: Axes, times: Rows, flows: Rows) -> None:
    """A line where money was paid in or out: the step there is no profit or loss."""
    moments = times[1:][np.diff(flows) != 0]
    for at in moments:
        axes.axvline(at, color=look.BLUE, linewidth=1.4, linestyle=(0, (2, 3)), alpha=0.8)
    if len(moments):
        text = axes.text(0.012, 0.955, FLOWS, color=look.BLUE, size=look.TICK_PT, transform=axes.transAxes)
        text.set(va="top", bbox={"facecolor": look.BACKGROUND, "edgecolor": "none", "alpha": 0.7, "pad": 3})


def _draw_drawdown(axes: Axes, times: Rows, fall: Rows) -> None:
    deepest = float(fall.max())
    axes.fill_between(times, -fall, 0, color=look.DOWN, alpha=0.35, linewidth=0)
    axes.plot(times, -fall, color=look.DOWN, linewidth=1.4)
    axes.set_ylim(-max(deepest * 1.2, 0.01), 0)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.3g}%" if value else "0"))
    axes.text(
        0.012, 0.08, "Drawdown", color=look.MUTED, size=look.TICK_PT, transform=axes.transAxes, va="bottom"
    )
