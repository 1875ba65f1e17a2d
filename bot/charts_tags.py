"""Price tags in the gutter right of a chart: one column, none over another. Worker process only.

All lengths here are pixels of the finished picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import IdentityTransform

from bot import charts_look as look

LABEL_PT, PRICE_PT = 14.0, 15.0
HEIGHT_PX = 56.0
GAP_PX = 6.0
PADDING_PX = 13.0
BETWEEN_PX = 18.0
"""Between label and price."""
CONNECTOR_PX = 26.0
"""Between the plot and its tags, where the connecting lines bend."""


@dataclass(frozen=True, slots=True)
class Tag:
    label: str
    price: float
    """Where the line is; may lie outside of the axis, which its arrow then says."""
    words: str
    """The price as it is written."""
    colour: str
    is_filled: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    label_px: float
    price_px: float

    @property
    def width_px(self) -> float:
        return self.label_px + self.price_px + BETWEEN_PX + 2 * PADDING_PX

    @property
    def gutter_px(self) -> float:
        return self.width_px + CONNECTOR_PX


def measure(figure: Figure, tags: Sequence[Tag]) -> Column:
    """Every label is measured with an arrow, since the axis that decides about arrows is not known yet."""
    return Column(
        label_px=max(_width(figure, "▲ " + tag.label, LABEL_PT, "normal") for tag in tags),
        price_px=max(_width(figure, tag.words, PRICE_PT, "bold") for tag in tags),
    )


def draw_tags(figure: Figure, axes: Axes, tags: Sequence[Tag], column: Column) -> None:
    """Beside `axes`, each as near to its price as the others allow."""
    low, high = axes.get_ylim()
    box = axes.get_window_extent()
    edge = [min(max(tag.price, low), high) for tag in tags]
    # Ties at the edge keep the order of the prices they stand for.
    order = sorted(range(len(tags)), key=lambda i: (edge[i], tags[i].price))
    wanted = [float(axes.transData.transform((0.0, edge[i]))[1]) for i in order]
    placed = spread_apart(wanted, HEIGHT_PX + GAP_PX, box.y0, box.y1)
    for i, at, y in zip(order, wanted, placed, strict=True):
        arrow = "▲ " if tags[i].price > high else "▼ " if tags[i].price < low else ""
        _connect(figure, tags[i].colour, box.x1, at, y)
        _draw(figure, tags[i], arrow, box.x1 + CONNECTOR_PX, y, column)


def spread_apart(wanted: Sequence[float], height: float, bottom: float, top: float) -> list[float]:
    """Centres of tags of `height`, as near as possible to the ascending wanted ones, inside `bottom..top`.

    Tags that would touch become a block that sits at the mean of what its tags want. Where all of them don't
    fit, they are spread evenly and overlap.
    """
    if len(wanted) * height >= top - bottom:
        return [float(y) for y in np.linspace(bottom + height / 2, top - height / 2, len(wanted))]
    blocks: list[tuple[float, int]] = []
    for y in wanted:
        mean, size = _inside(y, height, bottom, top), 1
        while blocks and mean - blocks[-1][0] < (blocks[-1][1] + size) * height / 2:
            other, count = blocks.pop()
            mean, size = (other * count + mean * size) / (count + size), count + size
            mean = _inside(mean, size * height, bottom, top)
        blocks.append((mean, size))
    return [mean + (i - (size - 1) / 2) * height for mean, size in blocks for i in range(size)]


def _inside(centre: float, height: float, bottom: float, top: float) -> float:
    return min(max(centre, bottom + height / 2), top - height / 2)


def _connect(figure: Figure, colour: str, x: float, line_y: float, tag_y: float) -> None:
    pixels = IdentityTransform()
    corner = x + CONNECTOR_PX
    figure.add_artist(Line2D([x, corner], [line_y, tag_y], color=colour, linewidth=1.4, transform=pixels))


def _draw(figure: Figure, tag: Tag, arrow: str, x: float, y: float, column: Column) -> None:
    pixels = IdentityTransform()
    figure.add_artist(
        FancyBboxPatch(
            (x, y - HEIGHT_PX / 2),
            column.width_px,
            HEIGHT_PX,
            boxstyle="round,pad=0,rounding_size=10",
            facecolor=tag.colour if tag.is_filled else look.BACKGROUND,
            edgecolor=tag.colour,
            linewidth=1.4,
            transform=pixels,
            zorder=9,
        )
    )
    ink = look.INK if tag.is_filled else tag.colour
    right = x + column.width_px - PADDING_PX
    for at, words, side, size, weight in (
        (x + PADDING_PX, arrow + tag.label, "left", LABEL_PT, "normal"),
        (right, tag.words, "right", PRICE_PT, "bold"),
    ):
        text = figure.text(at, y, words, transform=pixels, color=ink, size=size, weight=weight)
        text.set(ha=side, va="center_baseline", zorder=10, parse_math=False)


def _width(figure: Figure, words: str, size: float, weight: str) -> float:
    text = figure.text(0, 0, words, size=size, weight=weight, parse_math=False)
    width = float(text.get_window_extent().width)
    text.remove()
    return width
