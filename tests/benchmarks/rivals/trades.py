"""Two programs' trades over the same candles, compared one by one; each difference has a cause or has none.

Laws:
- A trade is (symbol, side, entry); what has no counterpart is counted, too.
- A cause is a fact about the trade that can be checked. What fits none is `UNEXPLAINED`, never the nearest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

UNEXPLAINED = "unexplained"
WARM_UP = "averages and ADX start differently (within the first candles)"
FOLLOWS = "the other held something of an earlier difference"
AT_END = "the data ends: closed at its last close or at its last open"
NEVER_ENTERS_LAST = "entered at the very last candle, where the other enters nothing"
BOTH_LEVELS = "stop and target in one candle"
ENTRY_CANDLE = "the level was met in the candle of the entry"
TICK = "a price rounded to the other side of the tick"
QUANTITY = "a quantity rounded to the lot otherwise"
NET_TARGET = "its target is a net gain: the funding paid moves the price of it"
SETTLED = "funding of the very moment of entry or exit"
SAME = "the same"


class Row(NamedTuple):
    """Times are candles' opens; `net` is without funding."""

    symbol: int
    side: int
    entry_ms: int
    exit_ms: int
    entry: float
    exit: float
    net: float
    funding: float
    reason: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What both ran over."""

    start_ms: int
    bar_ms: int
    candles: int
    tick: float
    warm: int = 400
    """Candles after which differently started averages agree."""
    funding_ms: int = 28_800_000
    notional: float = 300.0
    """Of every trade at its entry, USDT."""
    lot_share: float = 0.004
    """Of a quantity that one lot can be at most."""
    reach: Callable[[int, int, int], float] | None = None
    """(symbol, candle's open, side) → the candle's best price for that side; None: not known."""

    @property
    def last_ms(self) -> int:
        return self.start_ms + (self.candles - 1) * self.bar_ms


@dataclass(frozen=True, slots=True)
class Compared:
    """Counts of trades by what was found; `examples`: one of each difference, in words."""

    ours: int
    theirs: int
    entries_shared: int
    exits_shared: int
    causes: Mapping[str, int]
    examples: Mapping[str, str]

    @property
    def unexplained(self) -> int:
        return sum(count for cause, count in self.causes.items() if UNEXPLAINED in cause)


def compare(ours: Iterable[Row], theirs: Iterable[Row], ground: Ground) -> Compared:
    """Every trade of either side is counted under one cause, `SAME` among them."""
    mine, other = {_key(row): row for row in ours}, {_key(row): row for row in theirs}
    pairs = [(mine[key], other[key]) for key in mine if key in other]
    found = [_pair_cause(one, two, ground) for one, two in pairs]
    told: list[tuple[str, str]] = [
        (cause, f"{one} / {two}") for cause, (one, two) in zip(found, pairs, strict=True)
    ]
    for words, here, there in (("only ours", mine, other), ("only theirs", other, mine)):
        held = _by_symbol(there.values())
        for key in here.keys() - there.keys():
            cause = _alone_cause(here[key], held.get(here[key].symbol, []), ground)
            told.append((f"{words}: {cause}", f"{here[key]}"))
    exits = sum(1 for one, two in pairs if one.exit_ms == two.exit_ms)
    counts = Counter(cause for cause, _ in told)
    examples = {cause: example for cause, example in reversed(told) if cause != SAME}
    return Compared(len(mine), len(other), len(pairs), exits, counts, examples)


def rows_of(told: Iterable[Sequence[object]]) -> list[Row]:
    """What a driver wrote down."""
    return [Row(*each) for each in told]  # type: ignore[arg-type]


def _key(row: Row) -> tuple[int, int, int]:
    return row.symbol, row.side, row.entry_ms


def _by_symbol(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row.symbol, []).append(row)
    return found


def _alone_cause(row: Row, others: Sequence[Row], ground: Ground) -> str:
    if _is_warming(row, ground):
        return WARM_UP
    if row.entry_ms >= ground.last_ms:
        return NEVER_ENTERS_LAST
    if any(each.entry_ms < row.entry_ms < each.exit_ms for each in others):
        return FOLLOWS
    return UNEXPLAINED


def _pair_cause(one: Row, two: Row, ground: Ground) -> str:
    checks: tuple[tuple[str, Callable[[Row, Row, Ground], bool]], ...] = (
        (SAME, _is_same),
        (AT_END, _is_cut),
        (BOTH_LEVELS, _met_both),
        (ENTRY_CANDLE, _in_entry_candle),
        (NET_TARGET, _has_net_target),
        (TICK, _is_a_tick_off),
        (SETTLED, _is_settled),
        (QUANTITY, _is_a_lot_off),
        (WARM_UP, lambda one, two, ground: _is_warming(one, ground)),
    )
    return next((cause for cause, holds in checks if holds(one, two, ground)), UNEXPLAINED)


def _is_warming(row: Row, ground: Ground) -> bool:
    return row.entry_ms < ground.start_ms + ground.warm * ground.bar_ms


def _has_same_prices(one: Row, two: Row, ticks: float, ground: Ground) -> bool:
    most = ticks * ground.tick
    return (
        one.exit_ms == two.exit_ms and abs(one.entry - two.entry) <= most and abs(one.exit - two.exit) <= most
    )


def _is_same(one: Row, two: Row, ground: Ground) -> bool:
    """To the cent."""
    is_close = _has_same_prices(one, two, 0.01, ground)
    return is_close and abs(one.net - two.net) < 0.01 and abs(one.funding - two.funding) < 0.01


def _is_cut(one: Row, two: Row, ground: Ground) -> bool:
    return max(one.exit_ms, two.exit_ms) >= ground.last_ms


def _met_both(one: Row, two: Row, ground: Ground) -> bool:
    reasons = {one.reason, two.reason}
    return one.exit_ms == two.exit_ms and "target" in reasons and reasons & {"stop", "liquidation"} != set()


def _has_net_target(one: Row, two: Row, ground: Ground) -> bool:
    """The prices differ by the funding of one coin, or the further one was just not met."""
    a_coin = max(abs(one.funding), abs(two.funding)) * one.entry / ground.notional
    first, later = sorted((one, two), key=lambda row: row.exit_ms)
    if not a_coin > 0.0 or first.reason != "target":
        return False
    slack = ground.tick + a_coin * ground.lot_share
    if first.exit_ms == later.exit_ms:
        return later.reason == "target" and abs(abs(one.exit - two.exit) - a_coin) <= slack
    if ground.reach is None:
        return False
    beyond = (ground.reach(first.symbol, first.exit_ms, first.side) - first.exit) * first.side
    return beyond <= a_coin + slack


def _in_entry_candle(one: Row, two: Row, ground: Ground) -> bool:
    first = min(one, two, key=lambda row: row.exit_ms)
    return one.exit_ms != two.exit_ms and first.exit_ms == first.entry_ms and first.reason != "signal"


def _is_a_tick_off(one: Row, two: Row, ground: Ground) -> bool:
    """And no closer: those are the same prices."""
    return _has_same_prices(one, two, 1.01, ground) and not _has_same_prices(one, two, 0.01, ground)


def _is_settled(one: Row, two: Row, ground: Ground) -> bool:
    """Prices and net agree but for a lot; only what was settled as it began or ended does not."""
    is_at_one = one.entry_ms % ground.funding_ms == 0 or one.exit_ms % ground.funding_ms == 0
    return is_at_one and abs(one.funding - two.funding) >= 0.01 and _earned_alike(one, two, ground)


def _is_a_lot_off(one: Row, two: Row, ground: Ground) -> bool:
    most = max(abs(one.funding), abs(two.funding)) * ground.lot_share + 0.01
    return _earned_alike(one, two, ground) and abs(one.funding - two.funding) <= most


def _earned_alike(one: Row, two: Row, ground: Ground) -> bool:
    """At the same prices, a lot more or less."""
    most = max(abs(one.net), abs(two.net)) * ground.lot_share + 0.01
    return _has_same_prices(one, two, 0.01, ground) and abs(one.net - two.net) <= most
