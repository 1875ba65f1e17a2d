"""Pictures in the chat. A picture is a courtesy: without one the words stand alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from bot.cards import Card
from core.desk import ChartView
from core.errors import PerpilotError
from core.market import Candles
from handlers.answers import Place, say, say_picture

log = logging.getLogger(__name__)


class Pictures(Protocol):
    """`core.ports.Charts` and the equity curve; raises `PerpilotError` when there is none."""

    async def candles_png(
        self, candles: Candles, lines: Sequence[tuple[str, Decimal, str]], title: str
    ) -> bytes: ...

    async def equity_png(self, points: Sequence[tuple[datetime, float]], title: str) -> bytes: ...


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
