"""/orders, /balance, /sync, and the button that sets the account's modes."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TypeVar

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.cards import sentence
from bot.cards_account import balance_card, orders_card, sync_card
from core.desk import Desk
from core.errors import PerpilotError, Throttled, Unknown
from handlers.answers import Place, Progress, Work, card_of, chat_of, edit, failure, in_view, say, told, who
from handlers.background import Background
from handlers.commands import named
from handlers.taps import Action, Office

T = TypeVar("T")


def account_router() -> Router:
    router = Router(name="account")

    @router.message(named("orders"))
    async def orders(message: Message, desk: Desk) -> None:
        status = desk.status()
        shown = orders_card(await read(desk.orders()), status.account, status.is_paper)
        await say(chat_of(message), shown)

    @router.message(named("balance"))
    async def balance(message: Message, desk: Desk) -> None:
        status = desk.status()
        shown = balance_card(await read(desk.balance()), status.account, status.is_paper)
        await say(chat_of(message), shown)

    @router.message(named("sync"))
    async def sync(message: Message, desk: Desk, background: Background) -> None:
        place = chat_of(message)
        if not background.start("sync", sync_work(place, desk, who(message)), failure(place)):
            await say(place, sentence("I am reconciling already."))

    return router


async def read(reading: Awaitable[T]) -> T:
    """An unanswered exchange in words; raises `PerpilotError`."""
    try:
        return await reading
    except (Unknown, Throttled) as error:
        text = f"The exchange could not be read, so nothing is shown; what rests there stays. ({error})"
        raise PerpilotError(text) from error


def sync_work(place: Place, desk: Desk, by: str) -> Work:
    async def steps(progress: Progress) -> None:
        await progress.finish(sync_card(await read(desk.sync(by))))

    return lambda: in_view(place, sentence("🔄 Comparing my journal with the exchange …"), steps)


async def _mend_account(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    tap = await office.desk.mend_account(who(query))
    await edit(card_of(query), told(tap))
    return tap.text


ACCOUNT_ACTIONS: Mapping[str, Action] = {"mend_account": _mend_account}
