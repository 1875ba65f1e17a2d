"""/replay: a decision derived again from the journal; nobody is asked and nothing can follow from it."""

from __future__ import annotations

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import Message

from bot.cards import sentence
from bot.cards_replay import replay_card
from core.desk import Desk
from handlers.answers import chat_of, say
from handlers.arguments import decision_of
from handlers.commands import named


def replay_router() -> Router:
    router = Router(name="replay")

    @router.message(named("replay"))
    async def replay(message: Message, command: CommandObject, desk: Desk) -> None:
        decision_id = decision_of(command.args or "")
        view, place = await desk.replay(decision_id), chat_of(message)
        if view is None:
            await say(
                place, sentence(f"The journal holds no decision {decision_id}; /why names the last ones.")
            )
            return
        await say(place, replay_card(view, desk.status().is_paper))

    return router
