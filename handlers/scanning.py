"""/scan in the background, and /why."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards import Card, sentence
from bot.cards_ideas import scan_card, scan_progress, why_card, why_symbol_card
from bot.keyboards import keyboard, look
from core.desk import Desk, ScanProgress
from core.market import coin
from handlers.answers import Place, Progress, Work, card_of, chat_of, failure, in_view, say, who
from handlers.arguments import one_symbol
from handlers.background import Background
from handlers.commands import named


def scanning_router() -> Router:
    router = Router(name="scanning")

    @router.message(named("scan"))
    async def scan(message: Message, desk: Desk, background: Background) -> None:
        place = chat_of(message)
        work, failed = scan_work(place, desk, who(message)), failure(place)
        if not background.start("scan", work, failed):
            await say(place, sentence("A scan is running already, or too much else is; try again shortly."))

    @router.message(named("why"))
    async def why(message: Message, command: CommandObject, desk: Desk) -> None:
        await say(chat_of(message), await explanation(command.args or "", desk))

    @router.callback_query(Look.filter(F.view == "why"))
    async def why_button(query: CallbackQuery, callback_data: Look, desk: Desk) -> None:
        place = card_of(query)
        await say(Place(place.bot, place.chat_id), await explanation(callback_data.about, desk))

    return router


def scan_work(place: Place, desk: Desk, by: str) -> Work:
    async def steps(progress: Progress) -> None:
        async def step(done: ScanProgress) -> None:
            await progress.show(scan_progress(done))

        report = await desk.scan_now(by, step)
        await progress.finish(scan_card(report, desk.status().unsizeable), keyboard([look("❓ Why", "why")]))

    return lambda: in_view(place, scan_progress(None), steps)


async def explanation(text: str, desk: Desk) -> Card:
    """The whole funnel, or one symbol's last decision."""
    if not text.strip():
        report = await desk.last_scan()
        return sentence("There was no scan yet; /scan starts one.") if report is None else why_card(report)
    symbol = one_symbol(text, "/why BTC")
    record = await desk.why(symbol)
    if record is None:
        return sentence(f"Nothing was decided about {coin(symbol)} yet; /analyze {coin(symbol)} does it now.")
    return why_symbol_card(record)
