"""What is open, as money that can be lost from the present equity.

Laws:
- Losses count from the mark price, because the equity they are taken from does; exit costs are in them.
- A position costs at most what is in it: its isolated margin and what it has gained or lost so far. Only a
  venue that fails could take more.
- What cannot be seen counts as its full R. What cannot be known is None, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from core.desk import Exposure
from core.market import Side
from core.money import ONE, ZERO
from core.risk.account import OpenRisk
from core.risk.limits import Limits
from core.trade import Position, Trade

GAP = Decimal("0.10")
"""Of the price, against every position at once: a day like 12 March 2020 had more, most crashes have less."""
UNKNOWN_EXIT_COST = Decimal("0.0015")
"""Fee and slippage of leaving, fraction of the price, where a trade's own are not known: a dear one's."""


def at_stake(position: Position) -> Decimal:
    """USDT: all that the position can cost."""
    return max(position.margin + position.unrealised, ZERO)


def loss_at_stop(position: Position, stop: Decimal, exit_cost: Decimal) -> Decimal:
    """USDT if `stop` is hit; at the mark price where that has passed it already.

    `exit_cost`: fee and slippage, fraction of the price. A stop beyond the liquidation comes too late.
    """
    return _loss(position, _worse(position.side, position.mark, stop), exit_cost)


def loss_at_gap(position: Position, stop: Decimal | None, gap: Decimal, exit_cost: Decimal) -> Decimal:
    """USDT if the price jumps by `gap` (fraction) against it at once, past the stop.

    A stop beyond the gap is not hit, so that nothing is paid for leaving; None: there is no stop.
    """
    after = position.mark * (1 - gap * position.side.sign)
    is_out = stop is not None and _worse(position.side, stop, after) == after
    return _loss(position, after, exit_cost if is_out else ZERO)


def of_trade(trade: Trade, position: Position | None, gap: Decimal) -> Exposure:
    """An open trade of ours; `position` None: not seen."""
    if position is None:
        return Exposure(
            trade.symbol, trade.side, "unseen", None, None, trade.risk_usd, None, None, trade.beta
        )
    exit_cost = trade.cost / 2 if trade.cost > 0 else UNKNOWN_EXIT_COST
    return Exposure(
        symbol=trade.symbol,
        side=trade.side,
        kind="position",
        notional=position.quantity * position.mark,
        margin=position.margin,
        loss_at_stop=loss_at_stop(position, trade.stop, exit_cost),
        loss_at_gap=loss_at_gap(position, trade.stop, gap, exit_cost),
        liquidation_distance=position.liquidation_distance(),
        beta=trade.beta,
    )


def of_foreign(position: Position, gap: Decimal) -> Exposure:
    """A position that is not ours: no stop of ours covers it, so all that is in it can be lost."""
    return Exposure(
        symbol=position.symbol,
        side=position.side,
        kind="foreign",
        notional=position.quantity * position.mark,
        margin=position.margin,
        loss_at_stop=at_stake(position),
        loss_at_gap=loss_at_gap(position, None, gap, ZERO),
        liquidation_distance=position.liquidation_distance(),
        beta=None,
    )


def of_card(risk: OpenRisk) -> Exposure:
    """An idea that one tap makes a position: it counts with its loss at the stop, at a gap too."""
    return Exposure(
        risk.symbol, risk.side, "card", None, None, risk.loss_at_stop, risk.loss_at_stop, None, risk.beta
    )


def exposures(
    trades: Sequence[Trade], positions: Sequence[Position] | None, risks: Iterable[OpenRisk], gap: Decimal
) -> tuple[Exposure, ...]:
    """Ours, then foreign positions, then open cards. `positions` None: nothing can be seen right now."""
    seen: Mapping[tuple[str, Side], Position] = {(p.symbol, p.side): p for p in positions or ()}
    ours = {(trade.symbol, trade.side) for trade in trades}
    return (
        *(of_trade(trade, seen.get((trade.symbol, trade.side)), gap) for trade in trades),
        *(of_foreign(position, gap) for key, position in seen.items() if key not in ours),
        *(of_card(risk) for risk in risks if risk.is_card),
    )


def total_at_gap(shown: Iterable[Exposure]) -> Decimal:
    """USDT; what cannot be worked out counts with its loss at the stop, so that it is at least this much."""
    return sum((one.loss_at_stop if one.loss_at_gap is None else one.loss_at_gap for one in shown), ZERO)


def net_notional(shown: Iterable[Exposure]) -> Decimal:
    """Longs minus shorts, USDT; of what is known to be open."""
    return sum((one.notional * one.side.sign for one in shown if one.notional is not None), ZERO)


def beta_notional(shown: Iterable[Exposure]) -> Decimal:
    """The same weighted by beta to BTC; an unknown beta counts as 1."""
    return sum(
        (
            one.notional * one.side.sign * (ONE if one.beta is None else one.beta)
            for one in shown
            if one.notional is not None
        ),
        ZERO,
    )


def drawdown_tier(drawdown: Decimal | None, limits: Limits) -> str:
    """`green`, `yellow`, `orange`, `red`; a tier begins at its figure. `unknown` where the drawdown is."""
    if drawdown is None:
        return "unknown"
    if drawdown >= limits.max_drawdown:
        return "red"
    if drawdown >= limits.orange_drawdown:
        return "orange"
    return "yellow" if drawdown >= limits.yellow_drawdown else "green"


def _worse(side: Side, price: Decimal, other: Decimal) -> Decimal:
    """Of two prices the one that a position of this side loses more at."""
    return min(price, other) if side is Side.LONG else max(price, other)


def _loss(position: Position, price: Decimal, exit_cost: Decimal) -> Decimal:
    """At a price that reaches the liquidation everything is lost, what was left for maintenance too."""
    if position.liquidation > 0 and _worse(position.side, position.liquidation, price) == price:
        return at_stake(position)
    moved = (position.mark - price) * position.side.sign
    return min((moved + price * exit_cost) * position.quantity, at_stake(position))
