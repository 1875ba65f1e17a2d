"""Risk as horizontal bars. Imports matplotlib; worker process only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bot import charts_look as look

WARM, HOT = 0.5, 0.8
"""Shares of a limit from which a bar is orange, then red."""
BAR_HEIGHT = 0.56
"""Of a row."""
HEADING_ROWS = 1.15
GAP_PX = 28
"""Between words and bar."""
MAX_HEADING, MAX_LABEL, MAX_WORDS = 50, 22, 26
LEAST_SHARE = 0.004
"""A bar of anything above zero can be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """As in `core.desk`."""

    group: str
    label: str
    share: float | None
    words: str
    role: str

    @property
    def colour(self) -> str:
        if self.role == "margin":
            return look.BLUE
        if self.role == "loss":
            return look.DOWN
        share = self.share or 0.0
        return look.DOWN if share >= HOT else look.ORANGE if share >= WARM else look.UP


def risk_png(bars: Sequence[Bar], title: str, subtitle: str) -> bytes:
    """Raises `CannotDraw`."""
    if not bars:
        raise look.CannotDraw("there is nothing to draw")
    figure = look.new_figure()
    look.add_header(figure, title, subtitle, "", look.TEXT)
    groups = [(name, list(own)) for name, own in groupby(bars, key=lambda bar: bar.group)]
    rows = len(bars) + HEADING_ROWS * len(groups)
    axes = _axes(figure, bars, rows)
    top = 0.0
    for name, own in groups:
        heading = axes.text(0, top + HEADING_ROWS * 0.62, _cut(name, MAX_HEADING), color=look.MUTED)
        heading.set(size=look.TICK_PT, va="center", parse_math=False)
        top += HEADING_ROWS
        for bar in own:
            _draw_bar(axes, bar, top + 0.5)
            top += 1.0
    return look.png(figure)


def _axes(figure: Figure, bars: Sequence[Bar], rows: float) -> Axes:
    """From 0 to 1, with room for the labels left and the words right of it."""
    left = _width(figure, [_cut(bar.label, MAX_LABEL) for bar in bars])
    right = _width(figure, [_cut(bar.words, MAX_WORDS) for bar in bars])
    begin = look.MARGIN + left
    axes = figure.add_axes((begin, 0.025, look.RIGHT - right - begin, look.TOP - 0.005))
    axes.set_xlim(0, 1)
    axes.set_ylim(rows, 0)
    axes.set_axis_off()
    return axes


def _width(figure: Figure, words: list[str]) -> float:
    """Of the widest of them and a gap, fraction of the figure."""
    texts = [figure.text(0, 0, word, size=look.TICK_PT, parse_math=False) for word in words]
    widest = max(text.get_window_extent().width for text in texts)
    for text in texts:
        text.remove()
    return float((widest + GAP_PX) / figure.bbox.width)


def _draw_bar(axes: Axes, bar: Bar, y: float) -> None:
    low = y - BAR_HEIGHT / 2
    track = Rectangle((0, low), 1, BAR_HEIGHT, facecolor=look.GRID, linewidth=0)
    axes.add_patch(track)
    if bar.share is None:
        track.set(hatch="//", edgecolor=look.MUTED, alpha=0.5)
    elif bar.share > 0:
        width = min(max(bar.share, LEAST_SHARE), 1.0)
        axes.add_patch(Rectangle((0, low), width, BAR_HEIGHT, facecolor=bar.colour, linewidth=0))
    if bar.share is not None and bar.share > 1:
        axes.plot([0.985], [y], marker=">", color=look.INK, markersize=8, clip_on=False)
    gap = GAP_PX * 0.6 / axes.bbox.width
    label = axes.text(-gap, y, _cut(bar.label, MAX_LABEL), color=look.TEXT, size=look.TICK_PT)
    label.set(ha="right", va="center", parse_math=False)
    words = axes.text(1 + gap, y, _cut(bar.words, MAX_WORDS), size=look.TICK_PT)
    words.set(ha="left", va="center", parse_math=False, color=look.MUTED if bar.share is None else look.TEXT)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
