"""/status and /positions, with their Refresh buttons."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards_status import positions_card, status_card
from bot.keyboards import keyboard, look
from core.desk import Desk
from core.market import coin
from handlers.answers import Keys, card_of, chat_of, edit, say
from handlers.commands import named

MAX_CLOSE_BUTTONS = 8


def status_keys() -> Keys:
    return keyboard([look("🔄 Refresh", "status"), look("📈 Positions", "positions"), look("❓ Why", "why")])


def positions_keys(desk: Desk) -> Keys:
    """A close button for each position: it only asks, what closes is the answer to its question."""
    positions = desk.status().positions[:MAX_CLOSE_BUTTONS]
    rows = [
        [
            look(f"✖️ Close {coin(one.symbol)}", "close", coin(one.symbol)),
            look("🖼 Chart", "chart", coin(one.symbol)),
        ]
        for one in positions
    ]
    return keyboard(*rows, [look("🔄 Refresh", "positions"), look("📊 Status", "status")])


def status_router() -> Router:
    router = Router(name="status")

    @router.message(named("status"))
    async def status(message: Message, desk: Desk) -> None:
        await say(chat_of(message), status_card(desk.status()), status_keys())

    @router.callback_query(Look.filter(F.view == "status"))
    async def refresh_status(query: CallbackQuery, desk: Desk) -> None:
        await edit(card_of(query), status_card(desk.status()), status_keys())

    @router.message(named("positions"))
    async def positions(message: Message, desk: Desk) -> None:
        await say(chat_of(message), positions_card(desk.status()), positions_keys(desk))

    @router.callback_query(Look.filter(F.view == "positions"))
    async def refresh_positions(query: CallbackQuery, desk: Desk) -> None:
        await edit(card_of(query), positions_card(desk.status()), positions_keys(desk))

    return router
