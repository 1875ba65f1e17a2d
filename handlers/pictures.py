"""Pictures in the chat. A picture is a courtesy: without one the words stand alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import Protocol

from bot.cards import Card
from bot.cards_models import Panel
from core.desk import Bar, ChartView
from core.errors import PerpilotError
from core.growth import CurvePoint
from core.market import Candles
from handlers.answers import Place, say, say_picture

log = logging.getLogger(__name__)


class Pictures(Protocol):
    """`core.ports.Charts`, equity, bars of risk; raises `PerpilotError` when there is none."""

    async def candles_png(
        self, candles: Candles, lines: Sequence[tuple[str, Decimal, str]], title: str
    ) -> bytes: ...

    async def equity_png(self, points: Sequence[CurvePoint], title: str) -> bytes: ...

    async def risk_png(self, bars: Sequence[Bar], title: str, subtitle: str) -> bytes: ...

    async def models_png(self, panels: Sequence[Panel], title: str, subtitle: str) -> bytes: ...


async def show_chart(
    place: Place, pictures: Pictures, view: ChartView, words: Card, without: Card | None = None
) -> None:
    """The picture with its words; when drawing fails, what stands for it, or nothing."""
    try:
        png = await pictures.candles_png(view.candles, view.lines, view.title)
    except PerpilotError as error:
        log.warning("no picture: error=%s", error)
        if without is not None:
            await say(place, without)
        return
    await say_picture(place, png, words)


async def show_picture(place: Place, drawing: Awaitable[bytes], words: Card) -> None:
    """Nothing where it cannot be drawn: what it shows was said already."""
    try:
        png = await drawing
    except PerpilotError as error:
        log.warning("no picture: error=%s", error)
        return
    await say_picture(place, png, words)
