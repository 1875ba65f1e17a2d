"""Closed trades grouped by what they share, each group with its n and its uncertainty."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC

from core.money import ZERO
from core.performance import Group
from core.plan import Origin
from core.statistics import mean_interval
from core.trade import ADOPTED, ClosedTrade

MIN_TRADES_FOR_INTERVAL = 5
"""Below this an interval of a group is wider than anything that it could tell."""
HOUR = "hour"
RULES, MANUAL = "rules", Origin.MANUAL.value
"""Who stands for a trade that no adviser agreed to."""


def groups(trades: Sequence[ClosedTrade]) -> dict[str, tuple[Group, ...]]:
    """`symbol`, `side`, `exit_reason`, `hour`, `adviser` → its groups; hours in order, others largest first.

    A trade counts for each of its advisers, so that those groups overlap.
    """
    return {name: _groups(trades, names, name == HOUR) for name, names in KEYS.items()}


def advisers_of(trade: ClosedTrade) -> tuple[str, ...]:
    """Those who agreed with the entry; by its origin where nobody was asked."""
    fallback = trade.origin if trade.origin in (MANUAL, ADOPTED) else RULES
    return tuple(dict.fromkeys(trade.advisers)) or (fallback,)


KEYS: Mapping[str, Callable[[ClosedTrade], tuple[str, ...]]] = {
    "symbol": lambda trade: (trade.symbol,),
    "side": lambda trade: (trade.side.value,),
    "exit_reason": lambda trade: (trade.exit_reason.value,),
    HOUR: lambda trade: (f"{trade.opened_at.astimezone(UTC):%H}",),
    "adviser": advisers_of,
}
"""Of the entry, UTC: `hour` is `00` to `23`."""


def _groups(
    trades: Sequence[ClosedTrade], names: Callable[[ClosedTrade], tuple[str, ...]], is_by_name: bool
) -> tuple[Group, ...]:
    members: dict[str, list[ClosedTrade]] = defaultdict(list)
    for trade in trades:
        for name in names(trade):
            members[name].append(trade)
    found = [_group(name, own) for name, own in members.items()]
    return tuple(sorted(found, key=lambda group: (0 if is_by_name else -group.trades, group.name)))


def _group(name: str, trades: Sequence[ClosedTrade]) -> Group:
    multiples = [float(trade.r_multiple) for trade in trades]
    return Group(
        name=name,
        trades=len(trades),
        wins=sum(trade.net_pnl > 0 for trade in trades),
        net_pnl=sum((trade.net_pnl for trade in trades), ZERO),
        expectancy_r=math.fsum(multiples) / len(multiples),
        interval_r=mean_interval(multiples) if len(multiples) >= MIN_TRADES_FOR_INTERVAL else None,
    )
