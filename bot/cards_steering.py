"""Cards that ask before a stop is moved: old → new, and what is lost or locked in at each."""

from __future__ import annotations

from decimal import Decimal

from bot.cards import Card, card, esc, italic, lines
from bot.cards_numbers import cost, gain, percent, price, usdt
from core.desk import StopProposal
from core.market import coin
from core.trade import StopBy

STOP_WORDS = {
    StopBy.PLAN: "set by the plan",
    StopBy.BREAK_EVEN: "moved to break-even",
    StopBy.TRAILING: "trailing the price",
    StopBy.OWNER: "moved by you",
    StopBy.ADVISER: "tightened by the advisers",
    StopBy.BREAKER: "tightened by a breaker",
}


def outcome(loss: Decimal) -> str:
    """What a stop makes of the trade, costs included."""
    return f"loses {cost(loss)}" if loss > 0 else f"locks in {gain(-loss)}"


def stop_question(proposal: StopProposal, where: str) -> Card:
    """One tap carries it out, unless it loosens: then another question follows."""
    name = esc(coin(proposal.symbol))
    head = f"Move the stop of <b>{name}</b>? · {where}"
    if proposal.is_loosening:
        head = f"⚠️ Move the stop of <b>{name}</b> away from the price? · {where}"
    return card(
        lines(
            head,
            f"Stop {price(proposal.old)} → <b>{price(proposal.new)}</b>",
            f"If it is hit: {outcome(proposal.loss_before)} → <b>{outcome(proposal.loss_after)}</b>, "
            "costs included",
        ),
        lines(
            italic("This adds risk: you will be asked once more.")
            if proposal.is_loosening
            else italic("The new stop rests on the exchange before the old one goes.")
        ),
    )


def loosen_question(proposal: StopProposal, equity: Decimal | None, where: str) -> Card:
    """The second question: names the added risk."""
    added = proposal.loss_after - proposal.loss_before
    share = added / equity if equity is not None and equity > 0 else None
    return card(
        lines(
            f"⚠️ <b>Last question</b> · {where}",
            f"This adds <b>{cost(added)}</b> of risk to {esc(coin(proposal.symbol))}: "
            f"{percent(share)} of the equity {usdt(equity)}.",
            f"Stop {price(proposal.old)} → <b>{price(proposal.new)}</b>; if it is hit, the position "
            f"{outcome(proposal.loss_after)}.",
        )
    )
