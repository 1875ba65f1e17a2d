"""/metrics, /daily, /weekly, /monthly, /history, /export and /note."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards import sentence
from bot.cards_performance import history_card, metrics_card, period_card
from core.desk import Desk, Period
from core.growth import grown
from core.money import ZERO
from handlers.answers import Place, Work, card_of, chat_of, failure, say, say_document, told, who
from handlers.arguments import count_of, note_of
from handlers.background import Background
from handlers.commands import named
from handlers.pictures import Pictures, show_picture

PERIODS = {"daily": Period.DAY, "weekly": Period.WEEK, "monthly": Period.MONTH}


def results_router() -> Router:
    router = Router(name="results")

    @router.message(named("metrics"))
    async def metrics(message: Message, desk: Desk, pictures: Pictures) -> None:
        await show_metrics(chat_of(message), desk, pictures)

    @router.callback_query(Look.filter(F.view == "metrics"))
    async def metrics_button(query: CallbackQuery, desk: Desk, pictures: Pictures) -> None:
        place = card_of(query)
        await show_metrics(Place(place.bot, place.chat_id), desk, pictures)

    @router.message(named(*PERIODS))
    async def period(message: Message, command: CommandObject, desk: Desk) -> None:
        view, status = await desk.period(PERIODS[command.command.lower()]), desk.status()
        await say(chat_of(message), period_card(view, status.account, status.is_paper))

    @router.message(named("history"))
    async def history(message: Message, command: CommandObject, desk: Desk) -> None:
        trades, status = await desk.history(count_of(command.args or "")), desk.status()
        await say(chat_of(message), history_card(trades, status.account, status.is_paper))

    @router.message(named("export"))
    async def export(message: Message, desk: Desk, background: Background) -> None:
        place = chat_of(message)
        if not background.start("export", export_work(place, desk), failure(place)):
            await say(place, sentence("An export is being made already."))

    @router.message(named("note"))
    async def note(message: Message, command: CommandObject, desk: Desk) -> None:
        trade_id, text = note_of(command.args or "")
        await say(chat_of(message), told(await desk.add_note(trade_id, text, who(message))))

    return router


def export_work(place: Place, desk: Desk) -> Work:
    async def work() -> None:
        name, content = await desk.export_csv()
        await say_document(place, name, content)

    return work


async def show_metrics(place: Place, desk: Desk, pictures: Pictures) -> None:
    """The figures at once, then the curve as a picture where there is one."""
    view, status = await desk.metrics(), desk.status()
    await say(place, metrics_card(view, status.account, status.is_paper))
    if len(view.curve) < 2:
        return
    points = grown(view.curve, view.initial, ZERO)
    drawing = pictures.equity_png(points, "Equity, USDT")
    await show_picture(place, drawing, sentence("Equity and drawdown, without what was paid in or out"))
