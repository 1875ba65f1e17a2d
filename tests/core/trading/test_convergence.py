"""Whatever happened before: once the venue is faithful again, rounds reach rest or a booked end."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import PerpilotError
from core.market import Side
from core.ports import Outcome
from core.trade import ExitReason, OrderKind, OrderRequest, OrderSide, StopBy
from tests.core.builders import PAPER, SOL, D
from tests.core.trading.fakes import Crash, FakeVenue
from tests.core.trading.world import World

STOP, TARGET, MARKET = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET, OrderKind.MARKET

LADDER = ((D("0.08"), D("0.5")), (D("0.16"), D("0.5")))
ANSWERS = st.lists(st.sampled_from(["take", "refuse", "throttle", "lose", "mute", "drop"]), max_size=3)


class StrictVenue(FakeVenue):
    """Holds the laws at every request, not only at the end. Blame: a sentence; empty is innocent."""

    blame = ""

    async def submit(self, request: OrderRequest) -> Outcome:
        if not request.reduce_only and self.entries:
            self.blame = "a second entry"
        if request.kind is TARGET and request.symbol in self.held and not self._covering():
            self.blame = "a target before the stop"
        if request.kind is not MARKET and not request.reduce_only:
            self.blame = "a protective order that could open"
        return await super().submit(request)

    async def cancel(self, symbol: str, client_id: str) -> Outcome:
        order = self.orders.get(client_id)
        outcome = await super().cancel(symbol, client_id)
        if order is not None and order.kind is STOP and self._holds_ours() and not self._covering():
            self.blame = "a stop cancelled before the new one covered"
        return outcome

    def _holds_ours(self) -> bool:
        """A position of the entry's side: one turned round by hand is not ours to cover."""
        mine = Side.LONG if self.entries[0].side is OrderSide.BUY else Side.SHORT
        return SOL in self.held and self.held[SOL][0] is mine

    def _covering(self) -> bool:
        return any(order.quantity == self.held[SOL][1] for order in self.resting(STOP))


def acts() -> st.SearchStrategy[tuple[str, Any]]:
    return st.one_of(
        st.tuples(st.just("watch"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 2, 16, 130])),
        st.tuples(st.just("price"), st.sampled_from([93, 96, 99, 101, 104, 107, "108.5", 112, 117])),
        st.tuples(st.just("close"), st.sampled_from(["0.25", "0.5", "1"])),
        st.tuples(st.just("steer"), st.sampled_from(["0.94", "0.97", "0.99", "1.01"])),
        st.tuples(st.just("by hand"), st.sampled_from([-2, -1, "-0.5", "0.5", 1])),
        st.tuples(st.just("strip"), st.none()),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("kill"), st.integers(1, 40)),
        st.tuples(st.just("liquidate"), st.none()),
        st.tuples(st.just("blind orders"), st.integers(1, 4)),
        st.tuples(st.just("hidden fills"), st.booleans()),
        st.tuples(st.just("deaf"), st.sampled_from(["positions", "open_orders", "order", "fills"])),
        st.tuples(st.just("answers"), st.tuples(st.sampled_from([STOP, TARGET, MARKET]), ANSWERS)),
    )


async def play(world: World, act: str, value: Any) -> None:
    venue = world.venue
    match act:
        case "watch":
            await world.kernel.guard.watch()
        case "wait":
            world.clock.advance(value)
        case "price":
            venue.move(value)
        case "close":
            trades = await world.trades()
            await world.kernel.guard.close(trades, ExitReason.OWNER, D(value), "owner")
        case "steer":
            for trade in await world.trades():
                price = D(100) + (D(value) - 1) * 100 * trade.side.sign
                await world.kernel.executor.move_stop(trade, price, StopBy.OWNER, may_loosen=D(value) < 1)
        case "by hand":
            _trade_by_hand(venue, D(value))
        case "strip":
            for order in venue.resting(STOP):
                venue.cancel_by_hand(order)
        case "restart":
            await world.restart()
        case "kill":
            await _kill(world, value)
        case _:
            _disturb(venue, act, value)


def _disturb(venue: FakeVenue, act: str, value: Any) -> None:
    match act:
        case "liquidate":
            if SOL in venue.held:
                venue.liquidate()
        case "blind orders":
            venue.blind_orders = value
        case "hidden fills":
            venue.hidden_fills = value
        case "deaf":
            venue.failing = {value}
        case "answers":
            venue.next_answers[value[0]] = list(value[1])


def _trade_by_hand(venue: FakeVenue, share: Any) -> None:
    """Adds (positive) or takes (negative) a share of the position; -2 turns it round."""
    held = venue.held.get(SOL)
    if held is None:
        return
    adding = OrderSide.BUY if held[0] is Side.LONG else OrderSide.SELL
    taking = OrderSide.SELL if held[0] is Side.LONG else OrderSide.BUY
    venue.by_hand(adding if share > 0 else taking, (held[1] * abs(share)).quantize(D("0.01")))


async def _kill(world: World, after: int) -> None:
    count = [0]

    def dying(point: str) -> None:
        count[0] += 1
        if count[0] >= after:
            raise Crash(point)

    world.boot(dying)
    with suppress(Crash):
        await world.kernel.guard.watch()
    world.boot()


async def a_run(side: Side, entry: str, acts_: list[tuple[str, Any]]) -> None:
    world = World()
    world.venue = StrictVenue(world.clock, world.market)
    world.boot()
    await world.open()
    world.venue.next_answers[MARKET] = [entry]
    await world.kernel.executor.enter(await world.cleared(side, target_fractions=LADDER), None, "test")
    for act, value in acts_:
        try:
            await play(world, act, value)
        except PerpilotError:
            continue
    await _faithful(world)
    await _check(world, acts_)


async def _faithful(world: World) -> None:
    venue = world.venue
    venue.failing, venue.blind_orders, venue.flat_looks, venue.hidden_fills = set(), 0, 0, False
    venue.next_answers.clear()
    world.clock.advance(3)
    await world.settle(90)


async def _check(world: World, acts_: list[tuple[str, Any]]) -> None:
    venue, trades, history = world.venue, await world.trades(), await world.history()
    assert isinstance(venue, StrictVenue) and not venue.blame, venue.blame
    assert not world.kernel.executor.is_restless
    assert len(venue.entries) == 1 and len(history) <= 1 and len(trades) <= 1
    ours_filled = any(fill.client_id == venue.entries[0].client_id for fill in venue.all_fills)
    assert bool(trades) + len(history) == ours_filled
    if trades:
        assert world.is_covered() and venue.held[SOL][0] is trades[0].side
        assert venue.resting(STOP)[0].trigger == trades[0].stop
        assert sum(order.quantity for order in venue.resting(TARGET)) in (0, venue.held[SOL][1])
    else:
        assert venue.resting() == []
    if history and ("by hand", -2) not in acts_:  # what was turned round is somebody else's profit and loss
        state = await world.journal.account_state(PAPER)
        assert abs(state.current_capital - venue.wallet) < D("1e-15")  # the fake venue averages its entries
    assert len(venue.submitted) <= 12 + 14 * len(acts_)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    side=st.sampled_from(Side),
    entry=st.sampled_from(["take", "take", "mute", "lose"]),
    acts_=st.lists(acts(), max_size=8),
)
def test_from_any_reachable_state_rounds_reach_rest_or_a_booked_end(
    side: Side, entry: str, acts_: list[tuple[str, Any]]
) -> None:
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(a_run(side, entry, acts_))
    finally:
        logging.disable(logging.NOTSET)
