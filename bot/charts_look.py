"""How every picture looks: size, colours, words for prices and times. For the worker process only.

The sizes suit a phone, where a picture of 1000 units is about 300 points wide: no text under 13 pt.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from datetime import UTC, datetime

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

WIDTH_IN, HEIGHT_IN, DPI = 10.0, 6.4, 200
"""1000 × 640 units at twice the density."""

BACKGROUND = "#0e131b"
INK = "#0b0f15"
"""On a coloured ground."""
GRID = "#1c2532"
TEXT = "#e8edf5"
MUTED = "#8593a8"
UP = "#2ebd85"
DOWN = "#f6465d"
BLUE = "#4c8dff"
ORANGE = "#ff9f43"
GREY = "#94a3b8"
EMA_FAST = "#f0b90b"
EMA_SLOW = "#a78bfa"

TITLE_PT, TICK_PT = 21.0, 13.5
RIGHT, TOP, BOTTOM, MARGIN = 0.985, 0.85, 0.075, 0.02
"""Edges of the plots and of the words, fractions of the figure."""
TITLE_Y, SUBTITLE_Y = 0.972, 0.912
TICK_PAD_PT = 6.0

MAX_DECIMALS = 10
DAY_MS = 86_400_000
TIME_STEPS_MIN = (15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200, 14400, 43200, 86400)


class CannotDraw(ValueError):
    """The request can't become a picture; the text says why."""


def new_figure() -> Figure:
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", facecolor=BACKGROUND)
    return out.getvalue()


def add_header(
    figure: Figure, title: str, subtitle: str, right: str, right_colour: str, room: float = 0.96
) -> None:
    """Title and subtitle at the left, one figure that matters at the right; `room` is the subtitle's."""
    value = figure.text(
        RIGHT, TITLE_Y, right, color=right_colour, size=TITLE_PT, weight="bold", ha="right", va="top"
    )
    title_room = (value.get_window_extent().x0 / figure.bbox.width if right else RIGHT) - 2 * MARGIN
    _write_within(figure, TITLE_Y, title, title_room, TEXT, TITLE_PT, "bold")
    _write_within(figure, SUBTITLE_Y, subtitle, room, MUTED, TICK_PT, "normal")


def _write_within(
    figure: Figure, y: float, words: str, room: float, colour: str, size: float, weight: str
) -> None:
    """Cuts the words with an ellipsis where they are wider than `room`, a fraction of the figure."""
    text = figure.text(MARGIN, y, words, color=colour, size=size, weight=weight, va="top", parse_math=False)
    while len(words) > 1 and text.get_window_extent().width > room * figure.bbox.width:
        words = words[:-1]
        text.set_text(words.rstrip() + "…")


def left_of(figure: Figure, words: list[str]) -> float:
    """Left edge of a plot whose tick labels are `words`, a fraction of the figure."""
    texts = [figure.text(0, 0, word, size=TICK_PT, parse_math=False) for word in words]
    widest = max((text.get_window_extent().width for text in texts), default=0.0)
    for text in texts:
        text.remove()
    return float(MARGIN / 2 + (widest + TICK_PAD_PT / 72 * DPI) / figure.bbox.width)


def name_zone(figure: Figure) -> None:
    """Beside the tick labels of the time axis."""
    figure.text(RIGHT, BOTTOM / 2 + 0.012, "UTC", color=MUTED, size=TICK_PT, ha="right", va="center")


def style(axes: Axes) -> None:
    axes.set_facecolor(BACKGROUND)
    axes.grid(visible=True, color=GRID, linewidth=1.0)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=TICK_PT, length=0, pad=TICK_PAD_PT)
    for spine in axes.spines.values():
        spine.set_visible(False)


def decimals_of(prices: list[float], is_capped: bool = True) -> int:
    """Fewest decimals that write every price exactly; where capped, at most six significant digits' worth."""
    largest = max(abs(price) for price in prices)
    cap = MAX_DECIMALS
    if is_capped and largest > 0:
        cap = min(cap, max(0, 5 - math.floor(math.log10(largest))))
    for decimals in range(cap):
        if all(math.isclose(round(price, decimals), price, rel_tol=1e-9) for price in prices):
            return decimals
    return cap


def price_words(price: float, decimals: int) -> str:
    return f"{price:,.{decimals}f}"


def tick_decimals(ticks: list[float]) -> int:
    """Decimals that tell neighbouring ticks apart."""
    return decimals_of([*ticks, ticks[1] - ticks[0]], is_capped=False) if len(ticks) > 1 else 2


def time_ticks(first_ms: float, last_ms: float, most: int = 6) -> list[tuple[float, str]]:
    """(moment in ms, words) at round UTC times; a day's first tick names the day."""
    minutes = (last_ms - first_ms) / 60_000
    step_min = next((step for step in TIME_STEPS_MIN if minutes / step <= most), TIME_STEPS_MIN[-1])
    while minutes / step_min > most:
        step_min *= 2
    step = step_min * 60_000
    start = math.ceil(first_ms / step) * step
    words = _day_words(minutes) if step_min >= 1440 else _clock_words
    count = int((last_ms - start) // step) + 1
    return [(start + i * step, words(start + i * step)) for i in range(max(0, count))]


def _clock_words(at_ms: float) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return f"{at.day} {at:%b}" if at_ms % DAY_MS == 0 else f"{at:%H:%M}"


def _day_words(minutes: float) -> Callable[[float], str]:
    is_years = minutes > 1440 * 400

    def words(at_ms: float) -> str:
        at = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
        return f"{at:%b %Y}" if is_years else f"{at.day} {at:%b}"

    return words
