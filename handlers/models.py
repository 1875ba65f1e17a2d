"""/models: each adviser's record, as words and as curves of what it stated against what came true."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import Message

from bot.cards import sentence
from bot.cards_models import PICTURE_WORDS, models_card, models_subtitle, reliability_panels
from core.desk import Desk
from handlers.answers import chat_of, say
from handlers.commands import named
from handlers.pictures import Pictures, show_picture


def models_router() -> Router:
    router = Router(name="models")

    @router.message(named("models"))
    async def models(message: Message, desk: Desk, pictures: Pictures) -> None:
        place, view = chat_of(message), await desk.models()
        await say(place, models_card(view))
        panels = reliability_panels(view)
        if panels:
            drawing = pictures.models_png(panels, "Advisers", models_subtitle(view))
            await show_picture(place, drawing, sentence(PICTURE_WORDS))

    return router
