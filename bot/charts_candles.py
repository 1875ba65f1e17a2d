"""Candles, volume, and the lines of a plan. Imports matplotlib; worker process only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bot import charts_look as look
from bot.charts_tags import Column, Tag, draw_tags, measure

SHOWN_BARS = 110
"""As many as stay readable on a phone."""
AHEAD = 0.07
"""Room right of the last bar, as a share of the bars."""
ZONE_SHARE = 0.30
"""Share of the width, from the right, that the entry-to-stop and entry-to-target zones cover."""
MIN_CANDLE_SHARE = 0.36
"""Part of the height that the candles keep; a line that would press them flatter is clipped to the edge."""
BODY_WIDTH = 0.68
VOLUME_SHARE = 0.16
"""Part of the plot's height under the candles."""
MAX_LABEL = 14
MIN_BARS = 2
AVERAGES = ((20, look.EMA_FAST), (50, look.EMA_SLOW))
COLOURS = {"entry": look.BLUE, "stop": look.DOWN, "target": look.UP, "liquidation": look.ORANGE}

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    price: float
    role: str

    @property
    def colour(self) -> str:
        return COLOURS.get(self.role, look.GREY)


def candles_png(rows: Rows, timeframe: str, lines: Sequence[Line], title: str, subtitle: str) -> bytes:
    """`rows` as in `core.market.Candles`. Raises `CannotDraw`."""
    if rows.ndim != 2 or len(rows) < MIN_BARS:
        raise look.CannotDraw(f"{len(rows)} candles are too few, {MIN_BARS} are needed")
    if not (rows[:, 1:5] > 0).all() or not all(line.price > 0 for line in lines):
        raise look.CannotDraw("every price must be above zero")
    shown = rows[-SHOWN_BARS:]
    decimals = look.decimals_of([*shown[:, 4].tolist(), *shown[:, 1].tolist()])
    last = Line("Last", float(shown[-1, 4]), "last")
    colour = look.UP if shown[-1, 4] >= shown[-1, 1] else look.DOWN
    tags = [_tag(line, decimals) for line in lines]
    tags.append(Tag(last.label, last.price, look.price_words(last.price, decimals), colour, is_filled=False))
    figure = look.new_figure()
    period = f"{timeframe} · {len(shown)} bars · {shown[-1, 4] / shown[0, 1] - 1:+.2%}"
    subtitle = f"{subtitle} · {period}" if subtitle else period
    look.add_header(figure, title, subtitle, tags[-1].words, colour, room=0.72)
    _draw_legend(figure, len(rows))
    column = measure(figure, tags)
    price_axes, volume_axes = _axes(figure, column, len(shown), price_range(shown, lines))
    _draw_zones(price_axes, lines)
    _draw_candles(price_axes, shown)
    _draw_averages(price_axes, rows, len(shown))
    _draw_volume(volume_axes, shown)
    _draw_lines(price_axes, lines)
    price_axes.axhline(last.price, color=colour, linewidth=1.0, linestyle=(0, (1, 2.5)), alpha=0.8, zorder=5)
    draw_tags(figure, price_axes, tags, column)
    _label_time(figure, price_axes, volume_axes, shown)
    return look.png(figure)


def price_range(shown: Rows, lines: Sequence[Line]) -> tuple[float, float]:
    """The candles and every line near enough to leave them `MIN_CANDLE_SHARE` of the height."""
    low, high = float(shown[:, 3].min()), float(shown[:, 2].max())
    if high - low < high * 1e-6:
        low, high = low * 0.999, high * 1.001
    most = (high - low) / MIN_CANDLE_SHARE
    close = float(shown[-1, 4])
    for line in sorted(lines, key=lambda line: abs(line.price - close)):
        wider_low, wider_high = min(low, line.price), max(high, line.price)
        if wider_high - wider_low <= most:
            low, high = wider_low, wider_high
    margin = (high - low) * 0.06
    return low - margin, high + margin


def ema(close: Rows, bars: int) -> Rows:
    """Seeded with the first value, NaN while warming up, as `core.analysis` has it (which needs pandas)."""
    weight = 2 / (bars + 1)
    line = np.array(list(accumulate(close.tolist(), lambda mean, new: mean + weight * (new - mean))))
    line[: bars - 1] = np.nan
    return line


def _tag(line: Line, decimals: int) -> Tag:
    label = line.label if len(line.label) <= MAX_LABEL else line.label[: MAX_LABEL - 1] + "…"
    return Tag(label, line.price, look.price_words(line.price, decimals), line.colour)


def _draw_legend(figure: Figure, bars_known: int) -> None:
    """Of the averages that there are, right-aligned under the last price."""
    x = look.RIGHT
    for bars, colour in reversed(AVERAGES):
        if bars <= bars_known:
            text = figure.text(x, look.SUBTITLE_Y, f"EMA {bars}", color=colour, size=look.TICK_PT)
            text.set(ha="right", va="top")
            x = text.get_window_extent().x0 / figure.bbox.width - 0.018


def _axes(figure: Figure, column: Column, bars: int, limits: tuple[float, float]) -> tuple[Axes, Axes]:
    """Price above volume; the gutters are as wide as the widest price and the widest tag."""
    locator = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10])
    ticks = [float(tick) for tick in locator.tick_values(*limits) if limits[0] <= tick <= limits[1]]
    decimals = look.tick_decimals(ticks)
    words = [look.price_words(tick, decimals) for tick in ticks]
    left = look.left_of(figure, words)
    width = look.RIGHT - column.gutter_px / figure.bbox.width - left
    height = look.TOP - look.BOTTOM
    bottom = look.BOTTOM + height * (VOLUME_SHARE + 0.02)
    volume = figure.add_axes((left, look.BOTTOM, width, height * VOLUME_SHARE))
    price = figure.add_axes((left, bottom, width, look.TOP - bottom))
    for axes in (price, volume):
        look.style(axes)
        axes.set_xlim(-0.8, bars - 1 + max(2.0, bars * AHEAD))
    price.set_ylim(*limits)
    price.set_yticks(ticks, labels=words)
    return price, volume


def _draw_zones(axes: Axes, lines: Sequence[Line]) -> None:
    """What is risked and what is hoped for; nothing without an entry."""
    prices = {role: [line.price for line in lines if line.role == role] for role in COLOURS}
    if not prices["entry"]:
        return
    entry = prices["entry"][0]
    left, right = axes.get_xlim()
    start = right - (right - left) * ZONE_SHARE
    furthest = sorted(prices["target"], key=lambda price: abs(price - entry))[-1:]
    for price, colour in [*((p, look.DOWN) for p in prices["stop"][:1]), *((p, look.UP) for p in furthest)]:
        axes.fill_between([start, right], entry, price, color=colour, alpha=0.13, linewidth=0, zorder=1)


def _draw_candles(axes: Axes, shown: Rows) -> None:
    x = np.arange(len(shown), dtype=np.float64)
    opened, high, low, close = shown[:, 1], shown[:, 2], shown[:, 3], shown[:, 4]
    colours = np.where(close >= opened, look.UP, look.DOWN).tolist()
    wicks = np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)
    axes.add_collection(LineCollection(list(wicks), colors=colours, linewidths=1.3, zorder=3), autolim=False)
    left, right = x - BODY_WIDTH / 2, x + BODY_WIDTH / 2
    corners = [(left, opened), (right, opened), (right, close), (left, close)]
    bodies = np.stack([np.column_stack(corner) for corner in corners], axis=1)
    patches = PolyCollection(list(bodies), facecolors=colours, edgecolors=colours, linewidths=1.0, zorder=4)
    axes.add_collection(patches, autolim=False)


def _draw_averages(axes: Axes, rows: Rows, shown: int) -> None:
    """Warmed up on the bars that are not shown."""
    for bars, colour in AVERAGES:
        line = ema(rows[:, 4], bars)[-shown:]
        axes.plot(np.arange(shown), line, color=colour, alpha=0.6, linewidth=1.6, zorder=2)


def _draw_volume(axes: Axes, shown: Rows) -> None:
    colours = np.where(shown[:, 4] >= shown[:, 1], look.UP, look.DOWN).tolist()
    axes.bar(np.arange(len(shown)), shown[:, 5], width=BODY_WIDTH, color=colours, alpha=0.45, linewidth=0)
    axes.set_ylim(0, max(float(shown[:, 5].max()), 1e-12) * 1.08)
    axes.set_yticks([])
    axes.set_ylabel("Vol", color=look.MUTED, size=look.TICK_PT, rotation=0, ha="right", va="center")


def _draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    low, high = axes.get_ylim()
    for line in lines:
        if low <= line.price <= high:
            dash = "-" if line.role == "entry" else (0, (6, 3))
            axes.axhline(line.price, color=line.colour, linewidth=1.7, linestyle=dash, alpha=0.9, zorder=5)


def _label_time(figure: Figure, price_axes: Axes, volume_axes: Axes, shown: Rows) -> None:
    first, length = float(shown[0, 0]), float(shown[1, 0] - shown[0, 0])
    ticks = look.time_ticks(first, float(shown[-1, 0]))
    places = [(at - first) / length for at, _ in ticks]
    price_axes.set_xticks(places, labels=[])
    volume_axes.set_xticks(places, labels=[words for _, words in ticks])
    look.name_zone(figure)
