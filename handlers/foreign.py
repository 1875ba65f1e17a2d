"""Positions that are not ours: adopt, close (asked twice) or ignore."""

from __future__ import annotations

from collections.abc import Mapping

from aiogram import F, Router
from aiogram.types import CallbackQuery

from bot.callbacks import Look
from bot.cards_foreign import foreign_card, foreign_close_question
from bot.keyboards import DANGER, Choice, foreign_choices
from core.desk import Buttons, Desk, ForeignView, Tap
from core.market import coin
from handlers.answers import card_of, edit, offered, say, told, user_id, who
from handlers.arguments import symbol_of
from handlers.closing import LEAVE, card_place, where
from handlers.taps import Action, Office


def foreign_router() -> Router:
    router = Router(name="foreign")

    @router.callback_query(Look.filter(F.view == "foreign"))
    async def foreign(
        query: CallbackQuery, callback_data: Look, desk: Desk, buttons: Buttons, may_act: bool
    ) -> str | None:
        symbol = symbol_of(callback_data.about, "/positions")
        view = _shown(desk, symbol)
        if view is None:
            return _over(symbol)
        keys = await offered(buttons, foreign_choices(symbol), user_id(query)) if may_act else None
        await say(card_place(query), foreign_card(view, where(desk)), keys)
        return None

    return router


async def _adopt(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return await _done(query, await office.desk.adopt(args["symbol"], who(query)))


async def _close(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    view = _shown(office.desk, args["symbol"])
    if view is None:
        await edit(card_of(query), told(Tap(False, _over(args["symbol"]))))
        return _over(args["symbol"])
    sure = Choice(f"✖️ Yes, close {coin(view.symbol)}", "close_foreign_sure", dict(args), DANGER)
    keys = await offered(office.buttons, [sure, LEAVE], user_id(query), width=1)
    await edit(card_of(query), foreign_close_question(view, where(office.desk)), keys)
    return "One more tap."


async def _close_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return await _done(query, await office.desk.close_foreign(args["symbol"], who(query)))


async def _ignore(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return await _done(query, await office.desk.ignore_foreign(args["symbol"], who(query)))


async def _done(query: CallbackQuery, tap: Tap) -> str:
    await edit(card_of(query), told(tap))
    return tap.text


def _shown(desk: Desk, symbol: str) -> ForeignView | None:
    return next((view for view in desk.foreign() if view.symbol == symbol), None)


def _over(symbol: str) -> str:
    return f"There is no foreign position in {coin(symbol)} any more; /positions shows what is."


FOREIGN_ACTIONS: Mapping[str, Action] = {
    "adopt": _adopt,
    "close_foreign": _close,
    "close_foreign_sure": _close_sure,
    "ignore_foreign": _ignore,
}
