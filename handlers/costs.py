"""/costs: what the advisers cost."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import Message

from bot.cards_costs import costs_card
from core.desk import Desk
from handlers.answers import chat_of, say
from handlers.commands import named


def costs_router() -> Router:
    router = Router(name="costs")

    @router.message(named("costs"))
    async def costs(message: Message, desk: Desk) -> None:
        place, view, status = chat_of(message), await desk.costs(), desk.status()
        await say(place, costs_card(view, status.account, status.is_paper))

    return router
