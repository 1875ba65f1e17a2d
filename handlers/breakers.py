"""/breakers: state, latest trips, and acknowledging one."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.cards import sentence
from bot.cards_status import breakers_card
from bot.keyboards import DANGER, Choice
from core.desk import Buttons, Desk
from handlers.answers import Keys, card_of, chat_of, edit, offered, say, told, user_id, who
from handlers.commands import named
from handlers.taps import Action, Office

LATEST = 8


def breakers_router() -> Router:
    router = Router(name="breakers")

    @router.message(named("breakers"))
    async def breakers(message: Message, desk: Desk, buttons: Buttons, may_act: bool) -> None:
        shown = breakers_card(desk.status().breakers, await desk.breaker_history(LATEST))
        keys = await _keys(desk, buttons, user_id(message)) if may_act else None
        await say(chat_of(message), shown, keys)

    return router


async def _keys(desk: Desk, buttons: Buttons, user: int) -> Keys:
    tripped = [breaker.name for breaker in desk.status().breakers if breaker.is_open]
    if not tripped:
        return None
    choices = [Choice(f"Acknowledge {name}", "acknowledge", {"name": name}) for name in tripped]
    return await offered(buttons, choices, user, width=1)


async def _acknowledge(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    """Asks: from then on new entries are possible again."""
    name = args["name"]
    choices = [
        Choice("Yes, clear it", "acknowledge_sure", {"name": name}, DANGER),
        Choice("Leave it", "leave", {}),
    ]
    question = sentence(f"Clear the breaker {name}? New entries become possible again; this is recorded.")
    await edit(card_of(query), question, await offered(office.buttons, choices, user_id(query)))
    return ""


async def _acknowledge_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    tap = await office.desk.acknowledge(args["name"], who(query))
    await edit(card_of(query), told(tap))
    return tap.text


BREAKERS_ACTIONS: Mapping[str, Action] = {
    "acknowledge": _acknowledge,
    "acknowledge_sure": _acknowledge_sure,
}
