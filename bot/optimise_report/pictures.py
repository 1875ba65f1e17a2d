"""Pictures of a search. Imports matplotlib: for a worker process or the command line only."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bot import charts_look as look
from bot.optimise_report.words import Story, figure
from core.backtest.search_sensitivity import explained
from core.backtest.search_space import Dimension
from core.backtest.walk_forward import Choice

Floats = NDArray[np.float64]
MOST_DOTS = 4_000
MOST_SLICES = 9
COLUMNS = 3
MOST_LABELS = 6


def folds_png(story: Story) -> bytes:
    """A month in sample beside a month out of sample, fold by fold."""
    parts = story.weighed.parts
    inside = [np.nan if part.inside is None else part.inside.monthly * 100 for part in parts]
    outside = [np.nan if part.outside is None else part.outside.monthly * 100 for part in parts]
    places = np.arange(len(parts))
    drawing = look.new_figure()
    kept = story.weighed.efficiency
    subtitle = "growth of thirty days, %: grey in sample, coloured out of sample"
    right = "" if kept is None or kept <= 0 else f"{kept:.0%} kept"
    look.add_header(drawing, "In sample beside out of sample", subtitle, right, look.EMA_FAST)
    axes = drawing.add_axes((0.1, look.BOTTOM + 0.03, look.RIGHT - 0.1, look.TOP - look.BOTTOM - 0.03))
    look.style(axes)
    axes.bar(places - 0.2, inside, width=0.36, color=look.GREY, linewidth=0)
    colours = [look.UP if value >= 0 else look.DOWN for value in outside]
    axes.bar(places + 0.2, outside, width=0.36, color=colours, linewidth=0)
    axes.axhline(0, color=look.MUTED, linewidth=1.0)
    shown = places[:: -(-len(parts) // MOST_LABELS)]
    axes.set_xticks(shown, labels=[_label(parts[place].choice) for place in shown])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    return look.png(drawing)


def slices_png(story: Story, choice: Choice) -> bytes:
    """The first objective of every set over each dimension; the chosen set and how much each explains."""
    objective = story.wanted.objectives[0]
    known = [one for one in choice.tried if one.results]
    values = np.array([one.results[0] for one in known])
    sets = [one.values for one in known]
    weights = explained(story.space, sets, values)
    order = np.argsort(-weights, kind="stable")[:MOST_SLICES].tolist()
    drawing = look.new_figure()
    chosen = (
        "" if choice.chosen is None or choice.score is None else f"plateau {figure(objective, choice.score)}"
    )
    subtitle = (
        f"{story.first} of {len(known):,} sets in sample · share of its variance that each explains alone"
    )
    look.add_header(drawing, "What each parameter does", subtitle, chosen, look.EMA_FAST)
    rows = max(math.ceil(len(order) / COLUMNS), 1)
    picks = np.linspace(0, len(known) - 1, min(len(known), MOST_DOTS)).astype(int)
    for place, column in enumerate(order):
        axes = _cell(drawing.add_axes, place, rows, min(len(order), COLUMNS))
        x = np.array([one[column] for one in sets])
        axes.scatter(x[picks], values[picks], s=22, color=look.BLUE, alpha=0.45, linewidths=0)
        _name(axes, story.space.dimensions[column], float(weights[column]))
        if choice.chosen is not None:
            at = (choice.chosen.values[column], choice.chosen.results[0])
            axes.scatter(*at, s=120, marker="D", color=look.EMA_FAST, linewidths=0, zorder=3, clip_on=False)
    return look.png(drawing)


def _name(axes: Axes, one: Dimension, weight: float) -> None:
    share = "n/a" if not math.isfinite(weight) else f"{weight:.0%}"
    axes.set_title(f"{one.name} · {share}", color=look.TEXT, fontsize=look.TICK_PT, loc="left", pad=4)
    if one.is_log:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=3))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))


def _cell(add_axes: object, place: int, rows: int, columns: int) -> Axes:
    """One of a grid of plots under the header."""
    assert callable(add_axes)
    row, column = divmod(place, COLUMNS)
    height, width = (look.TOP - 0.01) / rows, (look.RIGHT - 0.02) / columns
    left, bottom = 0.02 + column * width + 0.06, look.TOP - 0.01 - (row + 1) * height + 0.07
    axes: Axes = add_axes((left, bottom, width - 0.075, height - 0.135))
    look.style(axes)
    return axes


def _label(choice: Choice) -> str:
    judged = choice.fold.judged
    assert judged is not None
    return f"{choice.fold.number}: {judged.words[:7]}"
