"""Pictures of a backtest. Imports matplotlib: for a worker process or the command line only.

Every function takes arrays and gives a PNG.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from bot import charts_look as look
from bot.charts_equity import drawdown

Floats = NDArray[np.float64]
MOST_POINTS = 4_000
MOST_TRADES = 5_000
"""Dots; more make one blot."""
MOST_YEARS, LEAST_ROWS = 12, 2
MOST_TICKS = 6
MONTH_ROOM, ZONE_ROOM = 0.04, 0.09
"""At the right end of the time axis: half a month's name, and the name of the zone. Share of the axis."""
LEAST_SPAN_MS = 3_600_000.0
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WIDEST_R = 8.0
"""Results beyond are counted in the outermost bar."""
STEP_R = 0.25
NOTHING = 1e-9
"""A return that only the rounding of a month's first and last value made."""
FULL_COLOUR = 0.10
"""Return of a month that has the full colour, at least."""


def equity_png(curve: Floats, hold: Floats, title: str) -> bytes:
    """`curve` and `hold`: (m, 2) ms and USDT, oldest first, of one period; the drawdown is `curve`'s."""
    curve, hold = thinned(curve), thinned(hold)
    figure = look.new_figure()
    opening, final = float(curve[0, 1]), float(curve[-1, 1])
    colour = look.UP if final >= opening else look.DOWN
    fall = drawdown(curve[:, 1] / opening)
    subtitle = f"{final / opening - 1:+.2%}, deepest drawdown {fall.max():.2%} · dashed: holding the coins"
    look.add_header(figure, title, subtitle, f"{final:,.2f} USDT", colour)
    upper, lower = _two_axes(figure, curve, hold)
    upper.axhline(opening, color=look.MUTED, linewidth=1.0, alpha=0.5)
    upper.plot(hold[:, 0], hold[:, 1], color=look.BLUE, linewidth=1.6, linestyle=(0, (4, 3)), alpha=0.9)
    upper.plot(curve[:, 0], curve[:, 1], color=colour, linewidth=2.4, solid_joinstyle="round")
    lower.fill_between(curve[:, 0], -fall, 0, color=look.DOWN, alpha=0.35, linewidth=0)
    lower.set_ylim(-max(float(fall.max()) * 1.2, 0.01), 0)
    lower.yaxis.set_major_locator(MaxNLocator(nbins=2, steps=[1, 2, 5, 10]))
    lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.3g}%" if value else "0"))
    return look.png(figure)


def months_png(months: Sequence[tuple[int, int, float]], title: str) -> bytes:
    """`months`: (year, month, return); one row a year, the year's own return at its end."""
    years = sorted({year for year, _, _ in months})[-MOST_YEARS:]
    grid = np.full((len(years), 12), np.nan)
    for year, month, value in months:
        if year in years:
            grid[years.index(year), month - 1] = value
    shown = grid[np.isfinite(grid)]
    subtitle = f"{np.count_nonzero(shown > NOTHING)} of {len(shown)} months gained · % of the account"
    figure = look.new_figure()
    look.add_header(figure, title, subtitle, "", look.TEXT)
    axes = figure.add_axes((0.085, look.BOTTOM, look.RIGHT - 0.085, look.TOP - look.BOTTOM - 0.05))
    look.style(axes)
    axes.grid(visible=False)
    rows = max(len(years), LEAST_ROWS)
    axes.set_xlim(-0.5, 12.8)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xticks([*range(12), 12.3], labels=[*MONTHS, "year"])
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(years)), labels=[str(year) for year in years])
    scale = max(FULL_COLOUR, float(np.abs(shown).max())) if len(shown) else FULL_COLOUR
    for row in range(len(years)):
        for column in range(12):
            _cell(axes, column, row, float(grid[row, column]), scale)
        own = grid[row][np.isfinite(grid[row])]
        _cell(axes, 12.3, row, float(np.prod(1.0 + own) - 1.0), scale)
    return look.png(figure)


def results_png(multiples: Floats, title: str) -> bytes:
    """How often each R came; at least one."""
    figure = look.new_figure()
    mean = float(multiples.mean())
    subtitle = f"{len(multiples):,} trades · mean {mean:+.2f} R, median {float(np.median(multiples)):+.2f} R"
    look.add_header(figure, title, subtitle, "", look.TEXT)
    low = max(np.floor(min(float(multiples.min()), -1.0) * 4) / 4, -WIDEST_R)
    high = min(np.ceil(max(float(multiples.max()), 1.0) * 4) / 4, WIDEST_R)
    edges = np.arange(low, high + STEP_R / 2, STEP_R)
    counts, _ = np.histogram(np.clip(multiples, edges[0], edges[-1]), edges)
    axes = _one_axes(figure, "R, result ÷ risk", counts)
    colours = [look.UP if left >= 0 else look.DOWN for left in edges[:-1]]
    axes.bar(edges[:-1], counts, width=0.22, align="edge", color=colours, linewidth=0)
    axes.axvline(0, color=look.MUTED, linewidth=1.0)
    axes.axvline(mean, color=look.EMA_FAST, linewidth=2.0, linestyle=(0, (5, 3)))
    return look.png(figure)


def excursions_png(adverse: Floats, favourable: Floats, won: NDArray[np.bool_], title: str) -> bytes:
    """Each trade: how far it went against (% of the entry price, to the right) and for it (upwards)."""
    if len(won) > MOST_TRADES:
        picks = np.linspace(0, len(won) - 1, MOST_TRADES).astype(int)
        adverse, favourable, won = adverse[picks], favourable[picks], won[picks]
    figure = look.new_figure()
    subtitle = "largest move against a trade (right) and for it (up), % of entry · dotted: as far both ways"
    look.add_header(figure, title, subtitle, "", look.TEXT)
    axes = _one_axes(figure, "against, %", favourable * 100)
    for own, colour, words in ((won, look.UP, "won"), (~won, look.DOWN, "lost")):
        label = f"{words} ({np.count_nonzero(own):,})"
        x, y = adverse[own] * 100, favourable[own] * 100
        axes.scatter(x, y, s=22, color=colour, alpha=0.6, linewidths=0, label=label)
    reach = max(float(np.max(adverse, initial=0.0)), float(np.max(favourable, initial=0.0))) * 105 or 1.0
    axes.set_xlim(0, max(float(np.max(adverse, initial=0.0)) * 105, 0.1))
    axes.set_ylim(0, max(float(np.max(favourable, initial=0.0)) * 105, 0.1))
    axes.plot([0, reach], [0, reach], color=look.MUTED, linewidth=1.0, linestyle=(0, (2, 3)))
    figure.legend(
        loc="upper right",
        bbox_to_anchor=(look.RIGHT, look.TITLE_Y + 0.015),
        ncols=2,
        fontsize=look.TICK_PT,
        frameon=False,
        labelcolor=look.TEXT,
        handletextpad=0.2,
    )
    return look.png(figure)


def random_png(finals: Floats, final: float, capital: float, title: str) -> bytes:
    """Results of the random runs, and where the strategy's own stands among them. USDT in, % shown."""
    shares, own = (finals / capital - 1.0) * 100, (final / capital - 1.0) * 100
    figure = look.new_figure()
    better = float((finals < final).mean())
    subtitle = f"{len(finals):,} runs with the same entries at random times; better than {better:.0%} of them"
    look.add_header(figure, title, subtitle, f"{own:+.1f}%", look.EMA_FAST)
    counts, edges = np.histogram(shares, bins=min(max(len(shares) // 20, 10), 50))
    axes = _one_axes(figure, "result, %", counts)
    middles = (edges[:-1] + edges[1:]) / 2
    colours = [look.GREY if middle <= own else look.BLUE for middle in middles]
    axes.bar(middles, counts, width=float(edges[1] - edges[0]) * 0.9, color=colours, linewidth=0, alpha=0.85)
    axes.axvline(own, color=look.EMA_FAST, linewidth=2.6)
    return look.png(figure)


def month_ticks(first_ms: float, last_ms: float) -> list[tuple[float, str]]:
    """(ms, words) of at most `MOST_TICKS` first days of a month; none for less than three months."""
    months = np.arange(_month(first_ms) + 1, _month(last_ms) + 1)
    if len(months) < 3:
        return []
    shown = months[:: -(-len(months) // MOST_TICKS)]
    return [(float(month.astype("datetime64[ms]").astype(np.int64)), _month_words(month)) for month in shown]


def _month_words(month: np.datetime64) -> str:
    """`Jan 2025`."""
    year, number = str(month).split("-")
    return f"{MONTHS[int(number) - 1]} {year}"


def _month(at_ms: float) -> np.datetime64:
    month: np.datetime64 = np.datetime64(int(at_ms), "ms").astype("datetime64[M]")
    return month


def thinned(rows: Floats) -> Floats:
    """At most `MOST_POINTS`, first and last among them."""
    if len(rows) <= MOST_POINTS:
        return rows
    found: Floats = rows[np.linspace(0, len(rows) - 1, MOST_POINTS).astype(int)]
    return found


def _cell(axes: Axes, column: float, row: int, value: float, scale: float) -> None:
    if not np.isfinite(value):
        return
    colour = look.GREY if abs(value) <= NOTHING else look.UP if value > 0 else look.DOWN
    alpha = 0.12 + 0.75 * min(abs(value) / scale, 1.0)
    axes.add_patch(_box(column, row, colour, alpha))
    words = f"{value * 100:+.1f}" if abs(value) < 0.9995 else f"{value * 100:+,.0f}"
    words = "0.0" if words in ("+0.0", "-0.0") else words
    axes.text(column, row, words, color=look.TEXT, size=look.TICK_PT, ha="center", va="center")


def _box(column: float, row: int, colour: str, alpha: float) -> Rectangle:
    return Rectangle((column - 0.47, row - 0.44), 0.94, 0.88, facecolor=colour, alpha=alpha, linewidth=0)


def _one_axes(figure: Figure, below: str, heights: Floats | NDArray[np.int64]) -> Axes:
    """With room for its numbers at the left and the words under it."""
    tallest = float(np.max(heights, initial=1.0))
    left = look.left_of(figure, [f"{tallest * 1.05:,.0f}", "0.00"])
    bottom = look.BOTTOM + 0.05
    axes = figure.add_axes((left, bottom, look.RIGHT - left, look.TOP - bottom))
    look.style(axes)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    middle = (left + look.RIGHT) / 2
    figure.text(middle, 0.02, below, color=look.MUTED, size=look.TICK_PT, ha="center", va="bottom")
    return axes


def _two_axes(figure: Figure, curve: Floats, hold: Floats) -> tuple[Axes, Axes]:
    """Equity above drawdown, sharing the time."""
    values = np.concatenate([curve[:, 1], hold[:, 1]])
    margin = max(float(np.ptp(values)) * 0.08, float(np.abs(values).max()) * 0.002, 1e-9)
    low, high = float(values.min()) - margin, float(values.max()) + margin
    ticks = [float(tick) for tick in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    decimals = look.tick_decimals(ticks)
    words = [look.price_words(tick, decimals) for tick in ticks]
    left, height = look.left_of(figure, [*words, "-100%"]), look.TOP - look.BOTTOM
    bottom = look.BOTTOM + height * 0.28
    upper = figure.add_axes((left, bottom, look.RIGHT - left, look.TOP - bottom))
    lower = figure.add_axes((left, look.BOTTOM, look.RIGHT - left, height * 0.24))
    first, last = float(curve[0, 0]), max(float(curve[-1, 0]), float(curve[0, 0]) + LEAST_SPAN_MS)
    months = month_ticks(first, last)
    times = months or look.time_ticks(first, last)
    for axes in (upper, lower):
        look.style(axes)
        axes.set_xlim(first - (last - first) * 0.015, last + (last - first) * 0.015)
    zone = last - (last - first) * (MONTH_ROOM if months else ZONE_ROOM)
    upper.set_xticks([at for at, _ in times], labels=[])
    lower.set_xticks([at for at, _ in times], labels=[word if at < zone else "" for at, word in times])
    if not months:
        look.name_zone(figure)
    upper.set_ylim(low, high)
    upper.set_yticks(ticks, labels=words)
    return upper, lower
