"""/config [NAME [VALUE]]: old → new with its effect, confirmed by a tap."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.cards import Card, card, lines, sentence
from bot.cards_settings import change_card, section_card, sections_card, setting_card, titles
from bot.keyboards import DANGER, PRIMARY, Choice
from core.backtest_views import ComparisonView
from core.desk import Buttons, Desk, ProposedChange, SettingView
from handlers.answers import Keys, Place, card_of, chat_of, edit, failure, offered, say, told, user_id, who
from handlers.arguments import WrongArguments
from handlers.backtest import BUSY, what_if_work
from handlers.backtest import NAME as BACKTEST
from handlers.commands import named
from handlers.taps import Action, Office

MENU_LIFETIME_S = 900.0
RESULT_LIFETIME_S = 600.0
"""To wait for a backtest and to read it; the change itself is checked again when it is tapped."""
WHAT_IF = "📊 What it would have done"


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
        elif name:
            view = find(desk, name)
            keys = await _value_keys(view, buttons, user) if may_act else None
            await say(place, setting_card(view), keys)
        else:
            views = list(desk.settings())
            keys = await _section_keys(views, buttons, user) if may_act else None
            await say(place, sections_card(views, desk.status().unsizeable), keys)

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
    choices = change_choices(change, value)
    if change.is_played:
        choices.append(Choice(WHAT_IF, "what_if", {"name": change.name, "value": value}))
    await edit(place, change_card(change), await offered(buttons, choices, user, width=2))


def change_choices(change: ProposedChange, value: str) -> list[Choice]:
    style = DANGER if change.raises_risk else PRIMARY
    args = {"name": change.name, "value": value}
    return [Choice("Change it", "set_sure", args, style), Choice("Leave it", "leave", {})]


async def _section_keys(views: list[SettingView], buttons: Buttons, user: int) -> Keys:
    choices = [Choice(title, "section", {"title": title}) for title in titles(views)]
    return await offered(buttons, choices, user, MENU_LIFETIME_S, width=2)


async def _value_keys(view: SettingView, buttons: Buttons, user: int) -> Keys:
    choices = [
        Choice(value, "set", {"name": view.name, "value": value})
        for value in view.choices
        if view.is_editable and value != view.value
    ]
    choices.append(Choice("« Back", "section", {"title": view.section}))
    return await offered(buttons, choices, user, MENU_LIFETIME_S, width=3)


async def _section(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    views = [view for view in office.desk.settings() if view.section == args["title"]]
    open_ones = [view for view in views if view.is_editable and view.is_built]
    choices = [Choice(view.name, "setting", {"name": view.name}) for view in open_ones]
    choices.append(Choice("« Groups", "sections", {}))
    keys = await offered(office.buttons, choices, user_id(query), MENU_LIFETIME_S, width=2)
    await edit(card_of(query), section_card(args["title"], views), keys)
    return ""


async def _sections(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    views = list(office.desk.settings())
    keys = await _section_keys(views, office.buttons, user_id(query))
    await edit(card_of(query), sections_card(views, office.desk.status().unsizeable), keys)
    return ""


async def _setting(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    view = find(office.desk, args["name"])
    keys = await _value_keys(view, office.buttons, user_id(query))
    await edit(card_of(query), setting_card(view), keys)
    return ""


async def _set(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    await propose(card_of(query), args["name"], args["value"], user_id(query), office.desk, office.buttons)
    return ""


async def _set_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    tap = await office.desk.change_setting(args["name"], args["value"], who(query))
    await edit(card_of(query), told(tap))
    return tap.text


async def _what_if(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    """The tap used up the card's buttons, so it gets new ones: the change waits, whatever comes of this."""
    place, user, name, value = card_of(query), user_id(query), args["name"], args["value"]
    change = office.desk.propose_setting(name, value)
    if change.refusal:
        await edit(place, sentence(f"⛔ {change.refusal}"))
        return ""
    asked = (change.name, value, f"{place.chat_id}:{place.message_id}:{query.id}")
    below = Place(place.bot, place.chat_id)
    work = what_if_work(below, user, asked, office.desk, office.buttons, _asker(name, value, user, office))
    if not office.background.start(BACKTEST, work, failure(below)):
        await propose(place, name, value, user, office.desk, office.buttons)
        return BUSY
    keys = await offered(office.buttons, change_choices(change, value), user, RESULT_LIFETIME_S)
    await edit(place, change_card(change) + card(lines("What it would have done follows below.")), keys)
    return ""


def _asker(
    name: str, value: str, user: int, office: Office
) -> Callable[[ComparisonView], Awaitable[tuple[Card, Keys]]]:
    """The change as it stands when the result is there: it may have been made, or be refused, meanwhile."""

    async def ask(view: ComparisonView) -> tuple[Card, Keys]:
        change = office.desk.propose_setting(name, value)
        if change.refusal:
            return sentence(change.refusal), None
        keys = await offered(office.buttons, change_choices(change, value), user, RESULT_LIFETIME_S)
        return change_card(change), keys

    return ask


SETTINGS_ACTIONS: Mapping[str, Action] = {
    "section": _section,
    "sections": _sections,
    "setting": _setting,
    "set": _set,
    "set_sure": _set_sure,
    "what_if": _what_if,
}
