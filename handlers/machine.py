"""/doctor and /version."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import Message

from bot.cards import sentence
from bot.cards_status import doctor_card, version_card
from core.desk import Desk
from handlers.answers import Place, Progress, Work, chat_of, failure, in_view, say
from handlers.background import Background
from handlers.commands import named


def machine_router() -> Router:
    router = Router(name="machine")

    @router.message(named("doctor"))
    async def doctor(message: Message, desk: Desk, background: Background) -> None:
        place = chat_of(message)
        if not background.start("doctor", doctor_work(place, desk), failure(place)):
            await say(place, sentence("The doctor is looking already."))

    @router.message(named("version"))
    async def version(message: Message, desk: Desk) -> None:
        await say(chat_of(message), version_card(desk.version()))

    return router


def doctor_work(place: Place, desk: Desk) -> Work:
    async def steps(progress: Progress) -> None:
        await progress.finish(doctor_card(await desk.doctor()))

    return lambda: in_view(place, sentence("🩺 Looking at everything …"), steps)
