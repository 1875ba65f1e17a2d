"""/config profile [NAME|back]: what a parameter search found, adopted whole by one tap."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from bot.cards_profiles import profile_card, profiles_card
from bot.keyboards import DANGER, PRIMARY, Choice
from core.desk import Buttons, Desk
from core.profile_views import ProfileView
from handlers.answers import Place, card_of, chat_of, edit, offered, say, told, user_id, who
from handlers.arguments import WrongArguments
from handlers.taps import Action, Office

WORD = "profile"
ASKED = Command("config", ignore_case=True, magic=F.args.regexp(rf"(?i)^\s*{WORD}(\s|$)"))
"""Before the settings' own handler, for which it would be the setting PROFILE."""
LIFETIME_S = 600.0
"""There is much to read before the tap; what changed meanwhile is refused."""


def profiles_router() -> Router:
    router = Router(name="profiles")

    @router.message(ASKED)
    async def profile(
        message: Message, command: CommandObject, desk: Desk, buttons: Buttons, may_act: bool
    ) -> None:
        words, place = (command.args or "").split()[1:], chat_of(message)
        if len(words) > 1:
            raise WrongArguments("Name one profile.", f"/config {WORD} my-search")
        if not words:
            await say(place, profiles_card(await desk.profiles()))
            return
        view = await desk.profile(words[0].lower())
        await _show(place, view, user_id(message), buttons, may_act=may_act)

    return router


async def _show(place: Place, view: ProfileView, user: int, buttons: Buttons, *, may_act: bool) -> None:
    if not (may_act and view.can_be_adopted):
        await say(place, profile_card(view))
        return
    style = DANGER if view.raises_risk else PRIMARY
    args = {"name": view.name, "mark": view.mark}
    label = "Go back"
    if view.evidence is not None:
        label = "Adopt all of it" if view.evidence.holds else "Adopt it all the same"
    choices = [Choice(label, "profile_sure", args, style), Choice("Leave it", "leave", {})]
    await say(place, profile_card(view), await offered(buttons, choices, user, LIFETIME_S))


async def _sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    tap = await office.desk.adopt_profile(args["name"], args["mark"], who(query))
    await edit(card_of(query), told(tap))
    return tap.text


PROFILE_ACTIONS: Mapping[str, Action] = {"profile_sure": _sure}
