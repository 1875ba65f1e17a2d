"""/pause, /resume, their aliases, and /mode."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.cards_status import mode_card, mode_question
from bot.keyboards import PRIMARY, Choice
from core.desk import Buttons, Desk
from core.journal import Mode
from handlers.answers import Keys, Place, card_of, chat_of, edit, offered, say, told, user_id, who
from handlers.arguments import mode_of
from handlers.commands import named
from handlers.taps import Action, Office


def trading_router() -> Router:
    router = Router(name="trading")

    @router.message(named("pause", "stopbot"))
    async def pause(message: Message, desk: Desk) -> None:
        await say(chat_of(message), told(await desk.pause(who(message))))

    @router.message(named("resume", "startbot"))
    async def resume(message: Message, desk: Desk) -> None:
        await say(chat_of(message), told(await desk.resume(who(message))))

    @router.message(named("mode"))
    async def mode(
        message: Message, command: CommandObject, desk: Desk, buttons: Buttons, may_act: bool
    ) -> None:
        place, wanted = chat_of(message), mode_of(command.args or "")
        if wanted is None:
            keys = await _mode_keys(desk, buttons, user_id(message)) if may_act else None
            await say(place, mode_card(desk.status().mode), keys)
        elif wanted.rank > desk.status().mode.rank:
            await ask_mode(place, wanted, user_id(message), buttons)
        else:
            await say(place, told(await desk.set_mode(wanted, who(message))))

    return router


async def ask_mode(place: Place, mode: Mode, user: int, buttons: Buttons) -> None:
    choices = [Choice(f"Yes, {mode.value}", "mode_sure", {"mode": mode.value}, PRIMARY), KEEP]
    await edit(place, mode_question(mode), await offered(buttons, choices, user))


async def _mode_keys(desk: Desk, buttons: Buttons, user: int) -> Keys:
    others = [mode for mode in Mode if mode is not desk.status().mode]
    return await offered(buttons, [Choice(one.value, "mode", {"mode": one.value}) for one in others], user)


async def _mode(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    wanted = Mode(args["mode"])
    if wanted.rank > office.desk.status().mode.rank:
        await ask_mode(card_of(query), wanted, user_id(query), office.buttons)
        return "This gives me more freedom: please confirm."
    return await _mode_sure(query, args, office)


async def _mode_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    tap = await office.desk.set_mode(Mode(args["mode"]), who(query))
    await edit(card_of(query), told(tap))
    return tap.text


KEEP = Choice("Keep it", "leave", {})

TRADING_ACTIONS: Mapping[str, Action] = {"mode": _mode, "mode_sure": _mode_sure}
