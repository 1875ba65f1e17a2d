"""/breakers [ack NAME REASON]: state, latest trips, and clearing one with a reason, in two taps."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.cards import sentence
from bot.cards_breakers import breakers_card, clearing_question, title
from bot.keyboards import DANGER, Choice
from core.desk import BreakerView, Buttons, Desk
from handlers.answers import Keys, Place, card_of, chat_of, edit, offered, say, told, user_id, who
from handlers.arguments import breaker_request
from handlers.commands import named
from handlers.taps import Action, Office

LATEST = 8
REASONS = ("I know the cause and it is over", "I accept the risk", "It was a false alarm")
"""What people tap instead of typing."""


def breakers_router() -> Router:
    router = Router(name="breakers")

    @router.message(named("breakers"))
    async def breakers(
        message: Message, command: CommandObject, desk: Desk, buttons: Buttons, may_act: bool
    ) -> None:
        place, user = chat_of(message), user_id(message)
        asked = breaker_request(command.args or "")
        if asked is not None:
            await _ask(place, *asked, user, desk, buttons)
            return
        shown = breakers_card(desk.status().breakers, await desk.breaker_history(LATEST))
        await say(place, shown, await _keys(desk, buttons, user) if may_act else None)

    return router


async def _keys(desk: Desk, buttons: Buttons, user: int) -> Keys:
    tripped = [view for view in desk.status().breakers if view.is_open or view.is_barring]
    if not tripped:
        return None
    choices = [Choice(f"Acknowledge {title(view)}", "acknowledge", {"name": view.name}) for view in tripped]
    return await offered(buttons, choices, user, width=1)


def _tripped(desk: Desk, name: str) -> BreakerView | None:
    """By its name, however it is written; one that keeps entries out untripped counts too."""
    plain = name.lower().replace("-", "_")
    views = (view for view in desk.status().breakers if view.is_open or view.is_barring)
    return next((view for view in views if view.name == plain), None)


async def _ask(place: Place, name: str, reason: str, user: int, desk: Desk, buttons: Buttons) -> None:
    """The last question: from the next tap on new entries are possible again."""
    view = _tripped(desk, name)
    if view is None:
        await edit(place, sentence(f"No tripped breaker is called {name[:40]!r}; /breakers shows them."))
        return
    given = [(reason, "Yes, clear it")] if reason else [(each, each) for each in REASONS]
    choices = [
        *(
            Choice(label, "acknowledge_sure", {"name": view.name, "reason": why}, DANGER)
            for why, label in given
        ),
        Choice("Leave it", "leave", {}),
    ]
    await edit(place, clearing_question(view, reason), await offered(buttons, choices, user, width=1))


async def _acknowledge(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    await _ask(card_of(query), args["name"], "", user_id(query), office.desk, office.buttons)
    return ""


async def _acknowledge_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    tap = await office.desk.acknowledge(args["name"], who(query), args["reason"])
    await edit(card_of(query), told(tap))
    return tap.text


BREAKERS_ACTIONS: Mapping[str, Action] = {
    "acknowledge": _acknowledge,
    "acknowledge_sure": _acknowledge_sure,
}
