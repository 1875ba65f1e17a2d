"""/analyze and /chart: both only look; analysing asks the advisers."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards import Card, card, lines, sentence
from bot.cards_ideas import analysis_card, analysis_progress, plan_title
from core.desk import Analysis, ChartView, Desk
from core.market import coin
from core.opinion import Abstention, Opinion
from core.plan import Plan, StayOut
from handlers.answers import Place, Progress, Work, card_of, chat_of, failure, in_view, say
from handlers.arguments import DEFAULT_TIMEFRAME, chart_request, one_symbol, symbol_of
from handlers.background import Background
from handlers.closing import where
from handlers.commands import named
from handlers.pictures import Pictures, show_chart


def analysis_router() -> Router:
    router = Router(name="analysis")

    @router.message(named("analyze"))
    async def analyze(
        message: Message, command: CommandObject, desk: Desk, background: Background, pictures: Pictures
    ) -> None:
        place, symbol = chat_of(message), one_symbol(command.args or "", "/analyze BTC")
        work = analysis_work(place, symbol, desk, pictures)
        if not background.start(f"analyze {symbol}", work, failure(place)):
            await say(place, sentence(f"{coin(symbol)} is being analysed already, or too much else runs."))

    @router.message(named("chart"))
    async def chart(message: Message, command: CommandObject, desk: Desk, pictures: Pictures) -> None:
        symbol, timeframe = chart_request(command.args or "")
        await draw(chat_of(message), symbol, timeframe, desk, pictures)

    @router.callback_query(Look.filter(F.view == "chart"))
    async def chart_button(query: CallbackQuery, callback_data: Look, desk: Desk, pictures: Pictures) -> None:
        place, symbol = card_of(query), symbol_of(callback_data.about, "/chart BTC")
        await draw(Place(place.bot, place.chat_id), symbol, DEFAULT_TIMEFRAME, desk, pictures)

    return router


async def draw(place: Place, symbol: str, timeframe: str, desk: Desk, pictures: Pictures) -> None:
    view = await desk.chart(symbol, timeframe)
    title = sentence(
        f"{coin(symbol)} {timeframe}, closed bars until {view.candles.closed_at:%Y-%m-%d %H:%M} UTC"
    )
    await show_chart(place, pictures, view, title, title + sentence("There is no picture this time."))


def analysis_work(place: Place, symbol: str, desk: Desk, pictures: Pictures) -> Work:
    async def steps(progress: Progress) -> None:
        answers: list[Opinion | Abstention] = []

        async def heard(answer: Opinion | Abstention) -> None:
            answers.append(answer)
            await progress.show(analysis_progress(symbol, answers))

        analysis = await desk.analyze(symbol, heard)
        await progress.finish(analysis_card(analysis, where(desk)))
        await _draw_analysis(place, analysis, desk, pictures)

    return lambda: in_view(place, analysis_progress(symbol, ()), steps)


async def _draw_analysis(place: Place, analysis: Analysis, desk: Desk, pictures: Pictures) -> None:
    outcome = analysis.decision.outcome
    if not isinstance(outcome, StayOut):
        await show_chart(place, pictures, await desk.plan_chart(outcome.plan), _title(outcome.plan))
    elif analysis.candles is not None:
        name = coin(analysis.decision.symbol)
        view = ChartView(analysis.candles, title=f"{name} {analysis.candles.timeframe}")
        await show_chart(place, pictures, view, sentence(f"{name}: no plan"))


def _title(plan: Plan) -> Card:
    return card(lines(plan_title(plan), "The plan it would make; nothing was traded."))
