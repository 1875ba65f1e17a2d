"""The buttons of a position and /stop: every move is shown first, and loosening is asked twice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from aiogram import F, Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

from bot.callbacks import Look
from bot.cards import sentence
from bot.cards_steering import loosen_question, stop_question
from bot.keyboards import DANGER, PRIMARY, Choice, look
from core.desk import Buttons, Desk, PositionView, StopMove, StopProposal
from core.market import coin
from handlers.answers import Keys, Place, card_of, chat_of, edit, offered, say, told, user_id, who
from handlers.arguments import stop_request, symbol_of
from handlers.closing import LEAVE, ask_close, card_place, where
from handlers.commands import named
from handlers.taps import Action, Office

MOVES = {"stop_even": StopMove.BREAK_EVEN, "tighten": StopMove.TIGHTEN, "loosen": StopMove.LOOSEN}
"""View of a button → what it proposes."""
TAKES = {"take25": Decimal("0.25"), "take50": Decimal("0.5")}
ONLY_LOOK = "You may look here, not touch."
Row = list[InlineKeyboardButton | None]


def position_rows(view: PositionView) -> list[Row]:
    """Every button only asks; what makes no sense now is left out."""
    name = coin(view.symbol)
    moves = [look(f"⏫ Tighten {name}", "tighten", name), look(f"↔️ Loosen {name}", "loosen", name)]
    if view.may_break_even:
        moves.insert(0, look(f"🛡 Break-even {name}", "stop_even", name))
    takes = [look(f"Take {share:.0%} {name}", at, name) for at, share in TAKES.items() if share in view.parts]
    return [moves, takes, [look(f"✖️ Close {name}", "close", name), look(f"🖼 Chart {name}", "chart", name)]]


def steering_router() -> Router:
    router = Router(name="steering")

    @router.message(named("stop"))
    async def stop(message: Message, command: CommandObject, desk: Desk, buttons: Buttons) -> None:
        symbol, price = stop_request(command.args or "")
        await ask_stop(chat_of(message), symbol, StopMove.PRICE, price, user_id(message), desk, buttons)

    @router.callback_query(Look.filter(F.view.in_(MOVES)))
    async def move(
        query: CallbackQuery, callback_data: Look, desk: Desk, buttons: Buttons, may_act: bool
    ) -> str | None:
        if not may_act:
            return ONLY_LOOK
        symbol, wanted = symbol_of(callback_data.about, "/stop BTC 60000"), MOVES[callback_data.view]
        await ask_stop(card_place(query), symbol, wanted, None, user_id(query), desk, buttons)
        return None

    @router.callback_query(Look.filter(F.view.in_(TAKES)))
    async def take(
        query: CallbackQuery, callback_data: Look, desk: Desk, buttons: Buttons, may_act: bool
    ) -> str | None:
        if not may_act:
            return ONLY_LOOK
        symbol, share = symbol_of(callback_data.about, "/close BTC 50"), TAKES[callback_data.view]
        await ask_close(card_place(query), symbol, share, user_id(query), desk, buttons)
        return None

    return router


async def ask_stop(
    place: Place, symbol: str, move: StopMove, price: Decimal | None, user: int, desk: Desk, buttons: Buttons
) -> None:
    proposal = await desk.stop_proposal(symbol, move, price)
    if proposal is None:
        await say(place, sentence(f"There is no open position in {coin(symbol)}; /positions shows what is."))
    elif proposal.refusal:
        await say(place, sentence(f"⛔ The stop of {coin(symbol)} stays where it is: {proposal.refusal}."))
    else:
        keys = await _question_keys(proposal, user, buttons)
        await say(place, stop_question(proposal, where(desk)), keys)


async def _question_keys(proposal: StopProposal, user: int, buttons: Buttons) -> Keys:
    if proposal.is_loosening:
        choices = [Choice("⚠️ Loosen it", "loosen", _args(proposal), DANGER), LEAVE]
    else:
        choices = [Choice(f"✅ Move to {proposal.new:f}", "move_stop", _args(proposal), PRIMARY), LEAVE]
    return await offered(buttons, choices, user, width=1)


def _args(proposal: StopProposal) -> dict[str, str]:
    return {"symbol": proposal.symbol, "price": str(proposal.new), "old": str(proposal.old)}


async def _move_stop(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    return await _moved(query, args, office, may_loosen=False)


async def _loosen(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    """The second question, with the numbers of this moment."""
    symbol, price = args["symbol"], Decimal(args["price"])
    proposal = await office.desk.stop_proposal(symbol, StopMove.PRICE, price)
    if proposal is None or proposal.refusal:
        why = "there is no open position any more" if proposal is None else proposal.refusal
        await edit(card_of(query), sentence(f"⛔ The stop of {coin(symbol)} stays where it is: {why}."))
        return "It can't be loosened."
    if not proposal.is_loosening:
        keys = await _question_keys(proposal, user_id(query), office.buttons)
        await edit(card_of(query), stop_question(proposal, where(office.desk)), keys)
        return "The stop has moved since: please look again."
    return await _ask_last(query, proposal, office)


async def _ask_last(query: CallbackQuery, proposal: StopProposal, office: Office) -> str:
    choices = [Choice("⚠️ Yes, add this risk", "loosen_sure", _args(proposal), DANGER), LEAVE]
    question = loosen_question(proposal, office.desk.status().equity, where(office.desk))
    await edit(card_of(query), question, await offered(office.buttons, choices, user_id(query), width=1))
    return "One more tap."


async def _loosen_sure(query: CallbackQuery, args: Mapping[str, str], office: Office) -> str:
    """The risk that was named is the risk that is added: a stop that moved since is asked about again."""
    symbol, price = args["symbol"], Decimal(args["price"])
    proposal = await office.desk.stop_proposal(symbol, StopMove.PRICE, price)
    if proposal is not None and not proposal.refusal and str(proposal.old) != args["old"]:
        await _ask_last(query, proposal, office)
        return "The stop has moved since: please look again."
    return await _moved(query, args, office, may_loosen=True)


async def _moved(query: CallbackQuery, args: Mapping[str, str], office: Office, *, may_loosen: bool) -> str:
    tap = await office.desk.move_stop(
        args["symbol"], Decimal(args["price"]), who(query), may_loosen=may_loosen
    )
    await edit(card_of(query), told(tap))
    return tap.text


STEERING_ACTIONS: Mapping[str, Action] = {
    "move_stop": _move_stop,
    "loosen": _loosen,
    "loosen_sure": _loosen_sure,
}
