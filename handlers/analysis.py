"""/analyze and /chart: both only look; analysing asks the advisers."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.callbacks import Look
from bot.cards import Card, card, lines, sentence
from bot.cards_ideas import analysis_card, analysis_progress, analysis_stopped, plan_title
from core.desk import Analysis, ChartView, Desk
from core.market import coin
from core.opinion import Abstention, Opinion
from core.plan import Plan, StayOut
from handlers.answers import Place, Work, card_of, chat_of, failure, say
from handlers.arguments import DEFAULT_TIMEFRAME, chart_request, one_symbol, symbol_of
from handlers.background import Background
from handlers.closing import where
from handlers.commands import named
from handlers.drafts import Drafts, Live, Spot, in_draft, spot_of
from handlers.pictures import Pictures, show_chart


def analysis_router() -> Router:
    router = Router(name="analysis")

    @router.message(named("analyze"))
    async def analyze(
        message: Message,
        command: CommandObject,
        desk: Desk,
        background: Background,
        pictures: Pictures,
        drafts: Drafts,
    ) -> None:
        spot, symbol = spot_of(message), one_symbol(command.args or "", "/analyze BTC")
        work = analysis_work(spot, symbol, desk, pictures, drafts)
        if not background.start(f"analyze {symbol}", work, failure(spot.place)):
            await say(
                spot.place, sentence(f"{coin(symbol)} is being analysed already, or too much else runs.")
            )

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


def analysis_work(spot: Spot, symbol: str, desk: Desk, pictures: Pictures, drafts: Drafts) -> Work:
    async def steps(live: Live) -> None:
        answers: list[Opinion | Abstention] = []

        async def heard(answer: Opinion | Abstention) -> None:
            answers.append(answer)
            await live.show(analysis_progress(symbol, answers))

        analysis = await live.follow(desk.analyze(symbol, heard))
        if analysis is None:
            await live.finish(analysis_stopped(symbol, answers))
            return
        await live.finish(analysis_card(analysis, where(desk)))
        await _draw_analysis(spot.place, analysis, desk, pictures)

    return lambda: in_draft(spot, drafts, analysis_progress(symbol, ()), steps)


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
