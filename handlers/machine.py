"""/doctor and /version."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import Message

from bot.cards import sentence
from bot.cards_status import doctor_card, version_card
from bot.keyboards import PRIMARY, Choice
from core.desk import Buttons, Desk
from handlers.answers import Place, Progress, Work, chat_of, failure, in_view, offered, say, user_id
from handlers.background import Background
from handlers.commands import named

MEND_ACCOUNT = Choice("Set the account's modes (while flat)", "mend_account", {}, PRIMARY)


def machine_router() -> Router:
    router = Router(name="machine")

    @router.message(named("doctor"))
    async def doctor(message: Message, desk: Desk, background: Background, buttons: Buttons) -> None:
        place, user = chat_of(message), user_id(message)
        if not background.start("doctor", doctor_work(place, desk, buttons, user), failure(place)):
            await say(place, sentence("The doctor is looking already."))

    @router.message(named("version"))
    async def version(message: Message, desk: Desk) -> None:
        await say(chat_of(message), version_card(desk.version()))

    return router


def doctor_work(place: Place, desk: Desk, buttons: Buttons, user: int) -> Work:
    async def steps(progress: Progress) -> None:
        report = await desk.doctor()
        can_be_set = any(line.can_be_set for line in report)
        keys = await offered(buttons, [MEND_ACCOUNT], user) if can_be_set else None
        await progress.finish(doctor_card(report), keys)

    return lambda: in_view(place, sentence("🩺 Looking at everything …"), steps)
