"""/config [NAME [VALUE]]: old → new with its effect, confirmed by a tap."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.cards import sentence
from bot.cards_settings import change_card, setting_card, settings_card
from bot.keyboards import DANGER, PRIMARY, Choice
from core.desk import Buttons, Desk, SettingView
from handlers.answers import Keys, Place, card_of, chat_of, edit, offered, say, told, user_id, who
from handlers.arguments import WrongArguments
from handlers.commands import named
from handlers.taps import Action, Office

MENU_LIFETIME_S = 900.0
MAX_BUTTONS = 30


def settings_router() -> Router:
    router = Router(name="settings")

    @router.message(named("config"))
    async def config(
        message: Message, command: CommandObject, desk: Desk, buttons: Buttons, may_act: bool
    ) -> None:
        name, _, value = (command.args or "").strip().partition(" ")
        place, user = chat_of(message), user_id(message)
        if value.strip():
            await propose(place, name, value.strip(), user, desk, buttons)
            return
        views = [find(desk, name)] if name else list(desk.settings())
        shown = setting_card(views[0]) if name else settings_card(views, desk.status().unsizeable)
        await say(place, shown, await _keys(views, bool(name), buttons, user) if may_act else None)

    return router


def find(desk: Desk, name: str) -> SettingView:
    for view in desk.settings():
        if view.name.upper() == name.upper():
            return view
    raise WrongArguments(f"There is no setting {name[:40]!r}; /config lists them.", "/config MAX_LEVERAGE 3")


async def propose(place: Place, name: str, value: str, user: int, desk: Desk, buttons: Buttons) -> None:
    change = desk.propose_setting(find(desk, name).name, value)
    if change.refusal:
        await edit(place, sentence(f"⛔ {change.refusal}"))
        return
    style = DANGER if change.raises_risk else PRIMARY
    args = {"name": change.name, "value": value}
    choices = [Choice("Change it", "set_sure", args, style), Choice("Leave it", "leave", {})]
    await edit(place, change_card(change), await offered(buttons, choices, user))


async def _keys(views: list[SettingView], is_one: bool, buttons: Buttons, user: int) -> Keys:
    """The values of one setting, or the names of those that can be changed."""
    if is_one:
        view = views[0]
        choices = [
            Choice(value, "set", {"name": view.name, "value": value})
            for value in view.choices
            if view.is_editable and value != view.value
        ]
    else:
        open_ones = [view for view in views if view.is_editable and view.is_built]
        choices = [Choice(view.name, "setting", {"name": view.name}) for view in open_ones]
    if not choices:
        return None
    return await offered(buttons, choices[:MAX_BUTTONS], user, MENU_LIFETIME_S, width=3 if is_one else 2)


async def _setting(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    view = find(office.desk, args["name"])
    keys = await _keys([view], True, office.buttons, user_id(query))
    await edit(card_of(query), setting_card(view), keys)
    return ""


async def _set(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    await propose(card_of(query), args["name"], args["value"], user_id(query), office.desk, office.buttons)
    return ""


async def _set_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    tap = await office.desk.change_setting(args["name"], args["value"], who(query))
    await edit(card_of(query), told(tap))
    return tap.text


SETTINGS_ACTIONS: Mapping[str, Action] = {"setting": _setting, "set": _set, "set_sure": _set_sure}
