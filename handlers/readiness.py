"""/readiness for everybody who may look, /golive for owners."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import Message

from bot.cards import sentence
from bot.cards_readiness import golive_card, readiness_card
from core.desk import Desk
from handlers.answers import Place, Progress, Work, chat_of, failure, in_view, say, told, who
from handlers.arguments import arming_of
from handlers.background import Background
from handlers.commands import named

LOOKING = "🧾 Counting the evidence …"
BUSY = "The evidence is being counted already; try again shortly."


def readiness_router() -> Router:
    router = Router(name="readiness")

    @router.message(named("readiness"))
    async def readiness(message: Message, desk: Desk, background: Background) -> None:
        place = chat_of(message)
        if not background.start("readiness", readiness_work(place, desk), failure(place)):
            await say(place, sentence(BUSY))

    @router.message(named("golive"))
    async def golive(message: Message, command: CommandObject, desk: Desk, background: Background) -> None:
        place, text = chat_of(message), command.args or ""
        work = golive_work(place, desk, text, who(message))
        if not background.start("golive", work, failure(place)):
            await say(place, sentence(BUSY))

    return router


def readiness_work(place: Place, desk: Desk) -> Work:
    async def steps(progress: Progress) -> None:
        await progress.finish(readiness_card(await desk.readiness()))

    return lambda: in_view(place, sentence(LOOKING), steps)


def golive_work(place: Place, desk: Desk, text: str, by: str) -> Work:
    """The checklist and the question; with a sentence, the answer to it."""

    async def steps(progress: Progress) -> None:
        if not text.strip():
            await progress.finish(golive_card(await desk.readiness()))
            return
        typed, cap = arming_of(text)
        await progress.finish(told(await desk.go_live(typed, cap, by)))

    return lambda: in_view(place, sentence(LOOKING), steps)
