"""/close, /closeall and /panic: each asks before it acts, panic twice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from aiogram import F, Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards import sentence
from bot.cards_numbers import badge
from bot.cards_status import (
    close_all_question,
    close_question,
    close_unseen_question,
    panic_question,
)
from bot.keyboards import DANGER, Choice
from core.desk import Buttons, CloseEstimate, Desk, Tap
from core.market import coin
from core.money import ONE
from handlers.answers import Place, card_of, chat_of, edit, offered, say, told, user_id, who
from handlers.arguments import close_request, symbol_of
from handlers.commands import named
from handlers.taps import Action, Office

LEAVE = Choice("Leave it", "leave", {})


def where(desk: Desk) -> str:
    view = desk.status()
    return badge(view.account, view.is_paper)


def closing_router() -> Router:
    router = Router(name="closing")

    @router.message(named("close"))
    async def close(message: Message, command: CommandObject, desk: Desk, buttons: Buttons) -> None:
        symbol, share = close_request(command.args or "")
        await ask_close(chat_of(message), symbol, share, user_id(message), desk, buttons)

    @router.callback_query(Look.filter(F.view == "close"))
    async def close_button(
        query: CallbackQuery, callback_data: Look, desk: Desk, buttons: Buttons, may_act: bool
    ) -> str | None:
        if not may_act:
            return "You may look here, not touch."
        symbol = symbol_of(callback_data.about, "/close BTC")
        await ask_close(card_place(query), symbol, ONE, user_id(query), desk, buttons)
        return None

    @router.message(named("closeall"))
    async def close_all(message: Message, desk: Desk, buttons: Buttons) -> None:
        await ask_close_all(chat_of(message), user_id(message), desk, buttons)

    @router.message(named("panic"))
    async def panic(message: Message, desk: Desk, buttons: Buttons) -> None:
        question = panic_question(_open(desk), where(desk), False, _foreign(desk))
        keys = await offered(buttons, [Choice("🚨 Panic", "panic", {}, DANGER), LEAVE], user_id(message))
        await say(chat_of(message), question, keys)

    return router


def card_place(query: CallbackQuery) -> Place:
    """The chat of a tapped card, for a new message below it."""
    place = card_of(query)
    return Place(place.bot, place.chat_id)


def _open(desk: Desk) -> int:
    status = desk.status()
    return len(status.positions) + len(status.unseen)


def _foreign(desk: Desk) -> list[str]:
    return [view.symbol for view in desk.foreign()]


async def ask_close(
    place: Place, symbol: str, share: Decimal, user: int, desk: Desk, buttons: Buttons
) -> None:
    estimate = await desk.close_estimate(symbol, share)
    status = desk.status()
    if estimate is None and symbol not in (*(one.symbol for one in status.positions), *status.unseen):
        await say(place, sentence(f"There is no open position in {coin(symbol)}; /positions shows what is."))
        return
    args = {"symbol": symbol, "share": str(share)}
    part = "" if share == ONE else f" {share:.0%}"
    choice = Choice(f"✖️ Close {coin(symbol)}{part}", "close", args, DANGER)
    keys = await offered(buttons, [choice, LEAVE], user)
    question = close_unseen_question([symbol]) if estimate is None else close_question(estimate, where(desk))
    await say(place, question, keys)


async def ask_close_all(place: Place, user: int, desk: Desk, buttons: Buttons) -> None:
    status = desk.status()
    found = [await desk.close_estimate(one.symbol, ONE) for one in status.positions]
    estimates: list[CloseEstimate] = [estimate for estimate in found if estimate is not None]
    if not estimates and not status.positions and not status.unseen:
        await say(place, sentence("There is no open position."))
        return
    keys = await offered(buttons, [Choice("✖️ Close all", "close_all", {}, DANGER), LEAVE], user)
    known = {estimate.symbol for estimate in estimates}
    blind = [
        symbol for symbol in (*(p.symbol for p in status.positions), *status.unseen) if symbol not in known
    ]
    question = close_all_question(estimates, where(desk)) if estimates else close_unseen_question(blind)
    await say(place, question + close_unseen_question(blind) if estimates and blind else question, keys)


async def _close(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return await _done(query, await office.desk.close(args["symbol"], Decimal(args["share"]), who(query)))


async def _close_all(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return await _done(query, await office.desk.close_all(who(query)))


async def _panic(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    question = panic_question(_open(office.desk), where(office.desk), True, _foreign(office.desk))
    choices = [Choice("🚨 Yes, everything, now", "panic_sure", {}, DANGER), LEAVE]
    await edit(card_of(query), question, await offered(office.buttons, choices, user_id(query), width=1))
    return "One more tap."


async def _panic_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return await _done(query, await office.desk.panic(who(query)))


async def leave(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    await edit(card_of(query), sentence("Left as it is; nothing was done."))
    return "Nothing was done."


async def _done(query: CallbackQuery, tap: Tap) -> str:
    await edit(card_of(query), told(tap))
    return tap.text


CLOSING_ACTIONS: Mapping[str, Action] = {
    "close": _close,
    "close_all": _close_all,
    "panic": _panic,
    "panic_sure": _panic_sure,
    "leave": leave,
}
