"""/start and /help."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards_help import help_card, start_card
from bot.keyboards import keyboard, look
from core.desk import Desk
from handlers.answers import Keys, card_of, chat_of, edit, say
from handlers.commands import named, sections


def start_keys() -> Keys:
    return keyboard(
        [look("📊 Status", "status"), look("📈 Positions", "positions")],
        [look("🧾 Metrics", "metrics"), look("❓ Help", "help")],
    )


def start_router() -> Router:
    router = Router(name="start")

    @router.message(named("start"))
    async def start(message: Message, desk: Desk, may_act: bool) -> None:
        await say(chat_of(message), start_card(desk.status(), may_act), start_keys())

    @router.message(named("help"))
    async def help_(message: Message, may_act: bool) -> None:
        await say(chat_of(message), help_card(sections(may_act)), start_keys())

    @router.callback_query(Look.filter(F.view == "help"))
    async def help_button(query: CallbackQuery, may_act: bool) -> None:
        await edit(card_of(query), help_card(sections(may_act)), start_keys())

    return router
