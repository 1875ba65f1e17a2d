"""What the exchange says unasked, turned into looks: the stop's loop runs at once instead of at its time.

Laws:
- An event or a streamed price never decides anything. It names a moment at which looking is worth it.
- Looks that events ask for are at least `APART_S` apart: a burst of events is one look.
- Without streams, or with silent ones, the loops go on by the clock alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from decimal import Decimal

from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.client import Access
from core.adapters.exchange.stream_words import StreamPrice, What
from core.adapters.exchange.streams import Streams, has_streams
from core.errors import PerpilotError
from core.market import Side
from core.money import exact
from core.ports import Clock, ComponentHealth
from core.risk.limits import Limits
from core.trade import Order, Position, Trade
from core.trading.exits import liquidation_is_near, stop_is_passed

log = logging.getLogger("perpilot.live")

Row = tuple[Trade, Position | None, Order | None]

APART_S = 0.5
"""Real seconds between two looks that events ask for; each costs about 12 of 2,400 a minute."""
SURVEYS_APART_S = 20.0
PRICE_STEP = Decimal("0.001")
"""A new best price this much beyond the last one that was looked at may move the stop."""
UNUSED = ComponentHealth("unused", "this exchange is looked at, it has no streams here")


class LiveStreams:
    """Hints for `look`, from the account's events and the prices of what is held."""

    def __init__(
        self,
        access: Access,
        budget: WeightBudget,
        clock: Clock,
        look: Callable[[], None],
        survey: Callable[[], None],
        limits: Callable[[], Limits],
    ) -> None:
        """`look` begins one at every open trade, `survey` one at the whole account; both return at once."""
        self._is_offered = has_streams(access.exchange_id)
        self._streams = Streams(access, budget, clock, self.heard, self.priced)
        self._look = look
        self._survey = survey
        self._limits = limits
        self._rows: dict[str, tuple[Trade, Position]] = {}
        self._best: dict[str, Decimal] = {}
        """Trade id → the best price that a look was asked for."""
        self._last_look: float | None = None
        self._last_survey: float | None = None
        self._planned: asyncio.TimerHandle | None = None
        self._is_open = False

    async def open(self) -> None:
        """Connects in the background. A failure leaves the bot to looking by the clock."""
        if not self._is_offered or self._is_open:
            return
        try:
            await self._streams.open()
        except PerpilotError as error:
            log.warning("no streams: error=%s", error)
            return
        self._is_open = True

    async def close(self) -> None:
        if self._planned is not None:
            self._planned.cancel()
        await self._streams.close()

    def hold(self, rows: Sequence[Row]) -> None:
        """These are open: their prices are listened to."""
        self._rows = {trade.symbol: (trade, held) for trade, held, _ in rows if held is not None}
        ids = {trade.id for trade, _ in self._rows.values()}
        self._best = {name: price for name, price in self._best.items() if name in ids}
        self._streams.hold(self._rows)

    def sending(self) -> Callable[[], None]:
        """To be asked before an order is sent, and what it returns called once the exchange took it."""
        before = self._streams.events
        return lambda: self._streams.expect(before)

    def health(self) -> ComponentHealth:
        return self._streams.health() if self._is_offered else UNUSED

    # ------------------------------------------------------------ what is heard

    def heard(self, symbol: str | None, what: What) -> None:
        if what is What.BALANCE and not self._rows:
            return
        log.debug("stream: symbol=%s what=%s", symbol, what.value)
        if symbol is not None and symbol not in self._rows and what is What.POSITION:
            self._ask_survey()  # a position that no open trade stands for, or one that is new
        self._ask()

    def priced(self, price: StreamPrice) -> None:
        row = self._rows.get(price.symbol)
        if row is not None and self._is_worth_a_look(*row, price.mark):
            self._ask()

    def _is_worth_a_look(self, trade: Trade, held: Position, mark: Decimal) -> bool:
        sign = trade.side.sign
        nearest = exact(self._limits().exits.nearest_liquidation)
        if stop_is_passed(mark, trade.stop, sign) or liquidation_is_near(
            mark, held.liquidation, sign, nearest
        ):
            return True
        known = [
            price for price in (trade.best_mark, self._best.get(trade.id), held.mark) if price is not None
        ]
        best = max(known) if trade.side is Side.LONG else min(known)
        if (mark - best) * sign < best * PRICE_STEP:
            return False
        self._best[trade.id] = mark
        return True

    def _ask_survey(self) -> None:
        """Seldom: a survey costs as much as ten looks, and the guard makes one by itself anyway."""
        now = asyncio.get_running_loop().time()
        if self._last_survey is None or now - self._last_survey >= SURVEYS_APART_S:
            self._last_survey = now
            self._survey()

    def _ask(self) -> None:
        """At once, or when `APART_S` have passed since the last."""
        loop = asyncio.get_running_loop()
        if self._planned is not None:
            return
        due = loop.time() if self._last_look is None else max(self._last_look + APART_S, loop.time())
        self._planned = loop.call_at(due, self._begin)

    def _begin(self) -> None:
        self._planned = None
        self._last_look = asyncio.get_running_loop().time()
        self._look()
