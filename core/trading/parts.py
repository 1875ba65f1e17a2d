"""Parts of a position that were closed while the rest goes on: told with what they made."""

from __future__ import annotations

from collections.abc import Sequence, Set
from decimal import Decimal

from core.market import coin
from core.money import ZERO, cents_down, without_zeros
from core.notice import Notice
from core.trade import Fill, Intention, OrderStatus, Purpose
from core.trading import notices
from core.trading.steps import Scene

WORDS = {Purpose.TARGET: "target reached", Purpose.EXIT: "part closed"}


def closed_parts(scene: Scene, told: Set[str]) -> list[Notice]:
    """One notice for each target or part whose order is over and filled, while a position is left.

    `told` holds the client ids of those that were told before.
    """
    if not scene.held:
        return []
    return [
        notices.part_closed(scene.trade, intention.request.client_id, _text(scene, intention))
        for intention in scene.intents
        if intention.purpose in WORDS
        and intention.request.client_id not in told
        and scene.filled(intention) > 0
        and _is_over(scene, intention)
    ]


def order_of(notice: Notice) -> str:
    """The client id that a notice of `closed_parts` tells of."""
    return notice.key.rsplit(":", 1)[1]


def _is_over(scene: Scene, intention: Intention) -> bool:
    order = scene.order(intention)
    return order is not None and order.status is not OrderStatus.OPEN


def _text(scene: Scene, intention: Intention) -> str:
    fills = [fill for fill in scene.seen.fills if fill.client_id == intention.request.client_id]
    quantity = sum((fill.quantity for fill in fills), ZERO)
    price = _notional(fills) / quantity
    made = _made(scene, fills, quantity)
    result = "" if made is None else f", which made {cents_down(made):+} USDT after fees"
    base, left = coin(scene.trade.symbol), without_zeros(scene.held)
    sold = f"{without_zeros(quantity)} {base} closed at {price:.8g}{result}"
    return f"{WORDS[intention.purpose]}: {sold}; {left} {base} is left"


def _made(scene: Scene, fills: Sequence[Fill], quantity: Decimal) -> Decimal | None:
    """USDT of this part, its share of the entry fee included; None where the entry is not shown."""
    trade = scene.trade
    entries = [fill for fill in scene.seen.fills if fill.side is trade.entry_side]
    entered = sum((fill.quantity for fill in entries), ZERO)
    if not entered:
        return None
    share = quantity / entered
    gross = (_notional(fills) - _notional(entries) * share) * trade.side.sign
    return gross - sum((fill.fee for fill in fills), ZERO) - sum((fill.fee for fill in entries), ZERO) * share


def _notional(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.quantity * fill.price for fill in fills), ZERO)
