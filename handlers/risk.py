"""/risk: exposure now and the worst case, as words and as a small picture."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import Message

from bot.cards import sentence
from bot.cards_risk import risk_bars, risk_card, risk_subtitle
from core.desk import Desk
from handlers.answers import chat_of, say
from handlers.commands import named
from handlers.pictures import Pictures, show_picture


def risk_router() -> Router:
    router = Router(name="risk")

    @router.message(named("risk"))
    async def risk(message: Message, desk: Desk, pictures: Pictures) -> None:
        place, view, status = chat_of(message), await desk.risk(), desk.status()
        await say(place, risk_card(view, status.account, status.is_paper))
        drawing = pictures.risk_png(risk_bars(view), "Risk", risk_subtitle(view))
        await show_picture(place, drawing, sentence("Used of each limit, and what could be lost."))

    return router
