"""Single-use buttons: the token is taken once, then its action runs. Every tap gets an answer.

An action is a function of (the tap, its args, the desk's collaborators); what it returns is shown over
the chat for a moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.callbacks import Press
from core.desk import Buttons, Desk
from core.journal import ButtonFate
from handlers.answers import user_id
from handlers.background import Background

FATES = {
    ButtonFate.UNKNOWN: "This button has expired.",
    ButtonFate.EXPIRED: "This button has expired.",
    ButtonFate.USED: "This button was used already.",
    ButtonFate.NOT_YOURS: "This button belongs to somebody else.",
}


@dataclass(frozen=True, slots=True)
class Office:
    """What an action works with."""

    desk: Desk
    buttons: Buttons
    background: Background


Action = Callable[[CallbackQuery, Mapping[str, str], Office], Awaitable[str]]


def taps_router(actions: Mapping[str, Action]) -> Router:
    router = Router(name="taps")

    @router.callback_query(Press.filter())
    async def pressed(query: CallbackQuery, callback_data: Press, office: Office) -> str:
        fate, action, args = await office.buttons.press(callback_data.token, user_id(query))
        if fate is not ButtonFate.TAKEN:
            return FATES[fate]
        perform = actions.get(action)
        return await perform(query, args, office) if perform else FATES[ButtonFate.UNKNOWN]

    return router
