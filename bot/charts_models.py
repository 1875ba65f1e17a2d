"""Reliability of each adviser: what it stated against what came true. Imports matplotlib; worker process
only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bot import charts_look as look

MOST_PANELS = 4
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS = ["0", "", "50%", "", "100%"]
SMALL_PT = 11.5
"""Counts beside the points: the smallest words of any picture, still 12 px on a phone held upright."""
EDGE = 0.015
"""For the last tick's words."""
HEAD_ROOM = 0.105
"""Above each panel, for its two lines."""
GAP = 0.035
ROOM = 0.14
"""That a count needs above or below."""
FAINT = 50
"""Answers below which a point is drawn faint."""


Across = Literal["center", "left"]
Upright = Literal["top", "bottom", "center"]


@dataclass(frozen=True, slots=True)
class Point:
    stated: float
    met: float
    low: float
    high: float
    calibrated: float
    count: float


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    words: str
    points: tuple[Point, ...]


def models_png(panels: Sequence[Panel], title: str, subtitle: str) -> bytes:
    """Raises `CannotDraw`."""
    shown = panels[:MOST_PANELS]
    if not shown:
        raise look.CannotDraw("no adviser has a judged answer yet")
    figure = look.new_figure()
    look.add_header(figure, title, subtitle, "", look.TEXT)
    for panel, axes in zip(shown, _grid(figure, len(shown)), strict=True):
        _draw(axes, panel, is_alone=len(shown) == 1)
    return look.png(figure)


def _grid(figure: Figure, count: int) -> list[Axes]:
    columns = 1 if count == 1 else 2
    rows = -(-count // columns)
    left = look.left_of(figure, ["100%"])
    width = (look.RIGHT - EDGE - left - (columns - 1) * (left + GAP)) / columns
    height = (look.TOP - look.BOTTOM - (rows - 1) * 0.05) / rows
    made = []
    for at in range(count):
        row, column = divmod(at, columns)
        bottom = look.TOP - (row + 1) * height - row * 0.05
        made.append(
            figure.add_axes((left + column * (width + left + GAP), bottom, width, height - HEAD_ROOM))
        )
    return made


def _draw(axes: Axes, panel: Panel, *, is_alone: bool) -> None:
    look.style(axes)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xticks(TICKS, labels=WORDS)
    axes.set_yticks(TICKS, labels=WORDS)
    axes.plot([0, 1], [0, 1], color=look.MUTED, linewidth=1.4, linestyle=(0, (5, 4)), alpha=0.8)
    stated = [point.stated for point in panel.points]
    axes.plot(stated, [p.calibrated for p in panel.points], color=look.ORANGE, linewidth=2.4)
    for point in panel.points:
        _draw_point(axes, point)
    head = axes.transAxes
    size = look.TICK_PT + (2 if is_alone else 0.5)
    name = axes.text(0, 1.15, _cut(panel.title, 40), transform=head, color=look.TEXT, size=size)
    name.set(weight="bold", va="bottom", parse_math=False)
    words = axes.text(0, 1.03, _cut(panel.words, 60), transform=head, color=look.MUTED, size=SMALL_PT)
    words.set(va="bottom", parse_math=False)


def _draw_point(axes: Axes, point: Point) -> None:
    alpha = 0.45 if point.count < FAINT else 1.0
    axes.plot([point.stated] * 2, [point.low, point.high], color=look.BLUE, linewidth=4.0, alpha=alpha * 0.7)
    axes.plot([point.stated], [point.met], "o", color=look.BLUE, markersize=8, alpha=alpha)
    x, y, sideways, upright = _place(point)
    label = axes.text(x, y, f"{point.count:.0f}", size=SMALL_PT, color=look.TEXT, alpha=max(alpha, 0.7))
    label.set(ha=sideways, va=upright)


def _place(point: Point) -> tuple[float, float, Across, Upright]:
    """Of its count: under the interval, else over it, else beside the point."""
    if point.low > ROOM:
        return point.stated, point.low - 0.03, "center", "top"
    if point.high < 1 - ROOM:
        return point.stated, point.high + 0.03, "center", "bottom"
    return point.stated + 0.02, point.met, "left", "center"


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
