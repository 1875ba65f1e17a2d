"""Cards of positions that are not ours, and of those that were taken over."""

from __future__ import annotations

from decimal import Decimal

from bot.cards import Block, Card, bold, card, esc, italic, lines
from bot.cards_numbers import cost, gain, light, people, percent, price, quantity
from bot.cards_steering import outcome
from core.desk import ForeignView
from core.market import Side, coin
from core.trade import Position, Trade


def foreign_block(view: ForeignView) -> Block:
    ignored = f"Ignored by {esc(people(view.ignored_by), 60)}" if view.ignored_by else None
    held = f"{quantity(view.quantity)} {esc(coin(view.symbol))}"
    return lines(
        f"👤 <b>{_name(view.symbol, view.side, view.leverage)}</b>, {_whose(view)} · {gain(view.unrealised)}",
        f"{held} from {price(view.entry)}, now {price(view.mark)}",
        f"Liquidation {price(view.liquidation)}{_away(view)}" if view.liquidation > 0 else None,
        ignored or _standing(view),
    )


def foreign_card(view: ForeignView, where: str) -> Card:
    """What it is, and what each answer would do."""
    return card(
        lines(f"👤 {bold(_title(view))} · {where}"),
        foreign_block(view),
        lines(_adopting(view), f"⚠️ {esc(view.warning, 200)}" if view.warning else None),
        lines(
            f"<b>Close</b>: all of it at the market, about {gain(view.unrealised)} before a fee of "
            f"{_amount(view.exit_fee)}.",
            "<b>Ignore</b>: no more word of it unless it turns or grows; you look after it.",
            italic("Entries on other symbols go on then.") if view.is_unsorted else None,
        ),
    )


def foreign_close_question(view: ForeignView, where: str) -> Card:
    """The last question before all of it is closed."""
    fee = view.exit_fee if view.exit_fee is not None else Decimal(0)
    name = _name(view.symbol, view.side, view.leverage)
    whose = "which may be mine or not" if view.is_unsorted else "which is not mine"
    return card(
        lines(
            f"Close all of <b>{name}</b>, {whose}? · {where}",
            f"{quantity(view.quantity)} {esc(coin(view.symbol))} at about {price(view.mark)}",
            f"Estimated result {gain(view.unrealised)}, fee {_amount(view.exit_fee)}, "
            f"net <b>{gain(view.unrealised - fee)}</b>",
            italic("The real price is known only afterwards. Orders on it that are not mine stay."),
        )
    )


def adopted_card(trade: Trade, position: Position, why: str, where: str) -> Card:
    return card(
        lines(
            f"🛡 <b>Guarding {_name(trade.symbol, trade.side, position.leverage)}</b> · {where}",
            f"Taken over: {esc(people(why), 300)}.",
            f"{quantity(position.quantity)} {esc(coin(trade.symbol))} from {price(position.entry)}, "
            f"now {price(position.mark)} · {light(position.unrealised)} {gain(position.unrealised)}",
            f"Stop {price(trade.stop)}, no targets · at risk {cost(trade.risk_usd)}",
        )
    )


def _title(view: ForeignView) -> str:
    return "Whose position it is could not be read" if view.is_unsorted else "A position that is not mine"


def _whose(view: ForeignView) -> str:
    return "whose it is could not be read" if view.is_unsorted else "not mine"


def _standing(view: ForeignView) -> str:
    if view.is_unsorted:
        return "No entry is made anywhere until that is known, or you close, adopt or ignore it."
    return "Left alone; it counts as exposure, and no entry is made on it."


def _adopting(view: ForeignView) -> str:
    if view.stop is None or view.loss_at_stop is None:
        return "<b>Adopt</b>: it gets a stop; where is not known right now."
    return (
        f"<b>Adopt</b>: it is guarded like a trade of mine, with a stop at {price(view.stop)}; "
        f"there it {outcome(view.loss_at_stop)}, costs included."
    )


def _away(view: ForeignView) -> str:
    distance = (view.mark - view.liquidation) * view.side.sign / view.mark if view.mark > 0 else Decimal(0)
    return f" ({percent(max(distance, Decimal(0)), 1)} away)"


def _amount(amount: Decimal | None) -> str:
    return cost(amount) if amount is not None else "an unknown amount"


def _name(symbol: str, side: Side, leverage: int) -> str:
    return f"{esc(coin(symbol))} {side.value.upper()} {leverage}x"
