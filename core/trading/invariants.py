"""What must never be, looked for by every pass of the guard over what that pass has read anyway.

Laws:
- A violation stops entries, is told once, and stops no guarding. Entries open again once nothing is violated.
- What a lagging venue or a step under way explains is a violation only after it has lasted.
- Durations are the monotonic clock's: a wall clock that is set neither hides nor makes a violation.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.errors import PerpilotError
from core.journal import DeskJournal
from core.market import coin
from core.ports import Clock
from core.risk.limits import Limits
from core.trade import Order, Position, Trade, Want
from core.trading import notices
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.invariants")

GATE = "invariants"
STOPPED = "Entries are stopped until that is over."
BARE_S = 10.0
"""A position without a covering stop at the venue for longer than this."""
LOOSE_S = 30.0
"""A stop that rests looser than the recorded one: placing the new one and its proof take some seconds."""
GONE_S = 60.0
"""A position that was seen once and is not shown, though its trade is open: its booking waits for fills."""
LARGER_S = 10.0
"""More than was planned, or at another leverage: a survey may be a moment older than its trade."""

Row = tuple[Trade, Position | None, Order | None]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What would be a violation if it lasted."""

    key: str
    text: str
    lasting_s: float


class Invariants:
    def __init__(
        self, clock: Clock, gate: EntryGate, journal: DeskJournal, limits: Callable[[], Limits]
    ) -> None:
        self._clock = clock
        self._gate = gate
        self._journal = journal
        self._limits = limits
        self._since: Mapping[str, float] = {}
        """Suspicion → since when it has stood, monotonic seconds."""
        self._told: frozenset[str] = frozenset()

    async def check(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """What is violated now. Raises nothing: a notice that cannot be written is the next pass's."""
        now = self._clock.monotonic()
        found = {each.key: each for each in suspicions(rows, self._limits())}
        self._since = {key: self._since.get(key, now) for key in found}
        violated = [each for key, each in found.items() if now - self._since[key] >= each.lasting_s]
        texts = tuple(each.text for each in violated)
        if texts:
            self._gate.close(GATE, "; ".join(texts))
        else:
            self._gate.open(GATE)
        await self._tell(violated)
        return texts

    def forget(self) -> None:
        """Nothing was read: what stood may have ended meanwhile, so its time begins anew."""
        self._since = {}

    async def _tell(self, violated: Sequence[Suspicion]) -> None:
        keys = frozenset(each.key for each in violated)
        new = [each for each in violated if each.key not in self._told]
        if new:
            at = self._clock.now().isoformat()
            for each in new:
                log.error("violated: key=%s %s", each.key, each.text)
            told = [notices.system(f"invariant:{each.key}:{at}", f"{each.text}. {STOPPED}") for each in new]
            try:
                await self._journal.tell(told)
            except PerpilotError as error:
                log.warning("a violation could not be told: error=%s", error)
                return
        self._told = keys


def suspicions(rows: Sequence[Row], limits: Limits) -> Iterator[Suspicion]:
    """Of one survey: each open trade, its position and the stop that covers it best where they are shown."""
    for symbol, count in Counter(trade.symbol for trade, _, _ in rows).items():
        if count > 1:
            yield Suspicion(
                f"{symbol}:two", f"{coin(symbol)}: {count} trades are open on it, one may be", 0.0
            )
    for trade, position, stop in rows:
        if position is None:
            yield from _unseen(trade)
        else:
            yield from _cover(trade, position, stop)
            yield from _size(trade, position, limits)


def _unseen(trade: Trade) -> Iterator[Suspicion]:
    if trade.best_mark is not None and trade.want is Want.OPEN:
        text = f"{coin(trade.symbol)}: its position is in the journal and not at the venue for {GONE_S:.0f} s"
        yield Suspicion(f"{trade.id}:gone", text, GONE_S)


def _cover(trade: Trade, position: Position, stop: Order | None) -> Iterator[Suspicion]:
    name = coin(trade.symbol)
    left = stop.quantity - stop.filled if stop is not None else 0
    if stop is None or left < position.quantity:
        text = f"{name}: no stop covered its {position.quantity} for {BARE_S:.0f} s"
        yield Suspicion(f"{trade.id}:bare", text, BARE_S)
    elif stop.trigger is not None and (stop.trigger - trade.stop) * trade.side.sign < 0:
        text = f"{name}: its stop rests at {stop.trigger}, looser than the recorded {trade.stop}"
        yield Suspicion(f"{trade.id}:loose", text, LOOSE_S)


def _size(trade: Trade, position: Position, limits: Limits) -> Iterator[Suspicion]:
    name, allowed = coin(trade.symbol), max(limits.max_leverage, trade.leverage)
    if position.quantity > trade.quantity:
        text = f"{name}: {position.quantity} are held, {trade.quantity} were planned"
        yield Suspicion(f"{trade.id}:larger", text, LARGER_S)
    if position.leverage > allowed:
        text = f"{name}: the venue shows {position.leverage}x, {allowed}x is the most"
        yield Suspicion(f"{trade.id}:leverage", text, LARGER_S)
