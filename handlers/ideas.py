"""/long and /short, and the taps on an approval card."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from decimal import Decimal

from aiogram import F, Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards_ideas import approval_card, settled_card, why_of_plan
from bot.keyboards import approval_choices, approval_keys, why_keys
from core.desk import Desk, Tap
from core.errors import PerpilotError
from core.journal import ApprovalState
from core.market import Side
from handlers.answers import Place, card_of, chat_of, edit, say, told, user_id, who
from handlers.arguments import idea_of
from handlers.commands import named
from handlers.taps import Action, Office


def ideas_router() -> Router:
    router = Router(name="ideas")

    @router.message(named("long", "short"))
    async def propose(message: Message, command: CommandObject, desk: Desk) -> None:
        idea = idea_of(Side(command.command.lower()), command.args or "")
        await say(chat_of(message), told(await desk.propose_idea(idea, who(message))))

    @router.callback_query(Look.filter(F.view == "idea"))
    async def why(query: CallbackQuery, callback_data: Look, desk: Desk) -> str | None:
        approval = await desk.approval(callback_data.about)
        if approval is None:
            return "This idea is no longer known."
        place = card_of(query)
        await say(Place(place.bot, place.chat_id), why_of_plan(approval))
        return None

    return router


async def _approve(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    share = Decimal(args["share"])
    work = office.desk.approve(args["approval_id"], share, who(query))
    return await _answered(query, args["approval_id"], work, office)


async def _reject(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    work = office.desk.reject(args["approval_id"], who(query))
    return await _answered(query, args["approval_id"], work, office)


async def _answered(query: CallbackQuery, approval_id: str, work: Awaitable[Tap], office: Office) -> str:
    """What could not be done is asked again, as long as the card is open."""
    try:
        tap = await work
    except PerpilotError:
        await _ask_again(query, approval_id, office)
        raise
    await _settled(query, approval_id, tap, office)
    return tap.text


async def _ask_again(query: CallbackQuery, approval_id: str, office: Office) -> None:
    approval, now = await office.desk.approval(approval_id), office.desk.status().at
    if approval is None or approval.state is not ApprovalState.OPEN or approval.expires_at <= now:
        return
    asked = [(one.action, one.args) for one in approval_choices(approval_id)]
    left_s = (approval.expires_at - now).total_seconds()
    tokens = await office.buttons.offer(asked, user_id(query), left_s)
    shown = approval_card(approval, office.desk.status().is_paper)
    await edit(card_of(query), shown, approval_keys(approval_id, tokens))


async def _settled(query: CallbackQuery, approval_id: str, tap: Tap, office: Office) -> None:
    """The card shows what became of it at once; its notice later finds it so."""
    approval, place = await office.desk.approval(approval_id), card_of(query)
    below = Place(place.bot, place.chat_id)
    if approval is None or approval.settled_at is None:
        await say(below, told(tap))
        return
    await edit(place, settled_card(approval, office.desk.status().is_paper), why_keys(approval_id))
    if not tap.is_done or tap.reasons:
        await say(below, told(tap))


IDEAS_ACTIONS: Mapping[str, Action] = {"approve": _approve, "reject": _reject}
