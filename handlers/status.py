"""/status and /positions, with their Refresh buttons."""

from __future__ import annotations

from dataclasses import replace

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards_status import positions_card, status_card
from bot.keyboards import keyboard, look
from core.desk import Desk
from core.market import coin
from handlers.answers import Keys, card_of, chat_of, edit, say
from handlers.arguments import symbol_of
from handlers.commands import named
from handlers.steering import position_rows

MOST_AT_ONCE, MOST_LISTED = 2, 20
"""Positions whose buttons all stand under one card, and positions that get a button at all."""


def status_keys() -> Keys:
    return keyboard([look("🔄 Refresh", "status"), look("📈 Positions", "positions"), look("❓ Why", "why")])


def positions_keys(desk: Desk) -> Keys:
    """The buttons of each position; where there are many, each has one that leads to its own card."""
    positions = desk.status().positions
    if len(positions) > MOST_AT_ONCE:
        rows = [
            [
                look(f"🎚 {coin(one.symbol)}", "position", coin(one.symbol)),
                look(f"✖️ Close {coin(one.symbol)}", "close", coin(one.symbol)),
            ]
            for one in positions[:MOST_LISTED]
        ]
    else:
        rows = [row for one in positions for row in position_rows(one)]
    names = [coin(one.symbol) for one in desk.foreign()]
    rows += [[look(f"👤 {name}, not mine", "foreign", name)] for name in names]
    return keyboard(*rows, [look("🔄 Refresh", "positions"), look("📊 Status", "status")])


async def show_position(query: CallbackQuery, symbol: str, desk: Desk) -> str | None:
    """One position with all its buttons."""
    view = desk.status()
    one = next((position for position in view.positions if position.symbol == symbol), None)
    if one is None:
        return f"There is no open position in {coin(symbol)}."
    keys = keyboard(*position_rows(one), [look("⬅️ All positions", "positions")])
    await edit(card_of(query), positions_card(replace(view, positions=(one,), unseen=(), foreign=())), keys)
    return None


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

    @router.callback_query(Look.filter(F.view == "position"))
    async def position(query: CallbackQuery, callback_data: Look, desk: Desk) -> str | None:
        return await show_position(query, symbol_of(callback_data.about, "/positions"), desk)

    @router.callback_query(Look.filter(F.view == "positions"))
    async def refresh_positions(query: CallbackQuery, desk: Desk) -> None:
        await edit(card_of(query), positions_card(desk.status()), positions_keys(desk))

    return router
