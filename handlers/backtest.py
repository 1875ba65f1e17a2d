"""/backtest in the background, and what a setting's new value would have done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from aiogram import Router
from aiogram.exceptions import TelegramAPIError, TelegramRetryAfter
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.cards import Card, sentence
from bot.cards_backtest import (
    backtest_caption,
    backtest_card,
    backtest_progress,
    comparison_caption,
    comparison_card,
    stopped_card,
)
from bot.keyboards import Choice
from core.backtest_views import BacktestStep, BacktestWish, ComparisonView
from core.desk import Buttons, Desk
from core.errors import PerpilotError
from handlers.answers import (
    EDIT_EVERY_S,
    Keys,
    Place,
    Progress,
    Work,
    chat_of,
    failure,
    offered,
    say,
    say_picture,
    user_id,
)
from handlers.arguments import backtest_request
from handlers.background import Background
from handlers.commands import named
from handlers.taps import Action, Office

T = TypeVar("T")

NAME = "backtest"
"""Of the work: a second one is not begun, whichever of the two it is."""
STOP_LIFETIME_S = 1_200.0
"""Longer than any run may take."""
BUSY = "A backtest is running already; one at a time, so that trading is not held up."

Told = Callable[[BacktestStep], None]


def backtest_router() -> Router:
    router = Router(name="backtest")

    @router.message(named("backtest"))
    async def backtest(
        message: Message, command: CommandObject, desk: Desk, buttons: Buttons, background: Background
    ) -> None:
        symbol, days, strategy = backtest_request(command.args or "")
        place = chat_of(message)
        wish = BacktestWish(symbol, days, strategy, f"{message.chat.id}:{message.message_id}")
        work = backtest_work(place, user_id(message), wish, desk, buttons)
        if not background.start(NAME, work, failure(place)):
            await say(place, sentence(BUSY))

    return router


def backtest_work(place: Place, user: int, wish: BacktestWish, desk: Desk, buttons: Buttons) -> Work:
    async def work() -> None:
        watched = await _Watched.begun(place, user, wish.run, buttons)
        view = await watched.follow(lambda told: desk.backtest(wish, told))
        if view is not None:
            await watched.finish(backtest_card(view))
            await picture(place, view.picture, backtest_caption(view))

    return work


def what_if_work(
    place: Place,
    user: int,
    change: tuple[str, str, str],
    desk: Desk,
    buttons: Buttons,
    ask: Callable[[ComparisonView], Awaitable[tuple[Card, Keys]]],
) -> Work:
    """`change`: the setting, its text, the name of the run. `ask`: what stands under the result, and its
    keys, once that is known."""
    name, text, run = change

    async def work() -> None:
        watched = await _Watched.begun(place, user, run, buttons)
        view = await watched.follow(lambda told: desk.what_if(name, text, run, told))
        if view is not None:
            await picture(place, view.picture, comparison_caption(view))
            below, keys = await ask(view)
            await watched.finish(comparison_card(view) + below, keys)

    return work


async def picture(place: Place, png: bytes | None, words: Card) -> None:
    if png is not None:
        await say_picture(place, png, words)


class _Watched:
    """Work under one message that edits itself, with a button that stops it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._latest = BacktestStep("starting")
        self._quiet_until = 0.0

    @classmethod
    async def begun(cls, place: Place, user: int, run: str, buttons: Buttons) -> _Watched:
        choices = [Choice("⏹ Stop", "stop_backtest", {"run": run})]
        keys = await offered(buttons, choices, user, STOP_LIFETIME_S)
        return cls(Progress(await say(place, backtest_progress(BacktestStep("starting")), keys), keys))

    async def follow(self, play: Callable[[Told], Coroutine[Any, Any, T | None]]) -> T | None:
        """What came of it; None where the person stopped it or it could not be, which is said by then."""
        playing = asyncio.ensure_future(play(self._note))
        try:
            while not playing.done():
                await self._show()
                await asyncio.wait({playing}, timeout=EDIT_EVERY_S)
            view = playing.result()
        except PerpilotError as error:
            await self.finish(sentence(f"❌ {error}"))
            return None
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
        if view is None:
            await self.finish(stopped_card())
        return view

    async def finish(self, shown: Card, keys: Keys = None) -> None:
        await self._progress.finish(shown, keys)

    def _note(self, step: BacktestStep) -> None:
        self._latest = step

    async def _show(self) -> None:
        """What can't be shown now holds nothing up, and no alarm of the bot's either."""
        now = asyncio.get_running_loop().time()
        if now < self._quiet_until:
            return
        try:
            await self._progress.show(backtest_progress(self._latest))
        except TelegramRetryAfter as limit:
            self._quiet_until = now + limit.retry_after
        except TelegramAPIError:
            return


async def _stop(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return "Stopping." if office.desk.stop_backtest(args["run"]) else "It is over already."


BACKTEST_ACTIONS: Mapping[str, Action] = {"stop_backtest": _stop}
