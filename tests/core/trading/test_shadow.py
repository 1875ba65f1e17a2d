"""Ideas that were not taken, followed over scripted prices: what is not followed first, then every end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.desk import EVERY_GATE
from core.errors import BadMarketFacts, JournalError, Unknown
from core.journal import ApprovalState, Mode, Shadow, ShadowGate
from core.market import Candles, Side, to_ms
from core.plan import Plan, Reason, Refused, Target
from core.risk.limits import Limits
from core.sim.clock import VirtualClock
from core.sim.history import HistoryMarket
from core.trade import ExitReason
from core.trading.shadow import begun, can_be_followed, gate_records
from core.trading.shadow_following import MOST_OPEN, ShadowFollower
from tests.core.builders import BTC, NOW, PAPER, SOL, D, a_plan, an_instrument, later
from tests.core.trading.world import World

FIVE = 300.0
BEFORE = 12
"""Bars before the idea."""


def bars_of(*closes: float) -> NDArray[np.float64]:
    """Five-minute bars after `NOW`, each from the close before to its own; an hour of quiet ahead of them."""
    path = [100.0] * BEFORE + list(closes)
    first = to_ms(NOW) - BEFORE * 300_000
    rows, before = [], 100.0
    for at, close in enumerate(path):
        rows.append([first + at * 300_000, before, max(before, close), min(before, close), close, 1.0])
        before = close
    return np.array(rows)


class Follow:
    """A follower over prices that are known ahead; the clock shows it no more than has closed."""

    def __init__(self, world: World, *closes: float, market: Any = None) -> None:
        self.world = world
        self.clock = VirtualClock(NOW)
        self.rows = {SOL: bars_of(*closes), BTC: bars_of(*closes)}
        rules = {SOL: an_instrument(), BTC: an_instrument(symbol=BTC, base="BTC")}
        self.market = market or HistoryMarket(self.rows, "5m", rules, self.clock)
        self.limits = Limits()
        self.follower = self.born()

    def born(self) -> ShadowFollower:
        """As after a restart."""
        return ShadowFollower(self.world.journal, self.market, self.clock, lambda: self.limits, PAPER)

    async def refuse(self, plan: Plan | None = None, *checks: str) -> None:
        reasons = tuple(Reason(name, "text") for name in checks or ("reward_risk",))
        await self.follower.take([Refused(plan or a_plan(), reasons)])

    async def bars(self, count: int) -> None:
        """So many bars close, with one pass after all of them."""
        self.clock.advance(count * FIVE)
        await self.follower.follow()

    async def ended(self) -> tuple[Shadow, ...]:
        return await self.world.journal.ended_shadows(PAPER)

    async def still_open(self) -> tuple[Shadow, ...]:
        return await self.world.journal.open_shadows(PAPER)


async def following(*closes: float, **more: Any) -> Follow:
    return Follow(await World().open(), *closes, **more)


# ---------------------------------------------------------------- what is not followed


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop": D(101)},
        {"stop": D(0)},
        {"stop": D("NaN")},
        {"entry": D("Infinity")},
        {"targets": ()},
        {"targets": (Target(D(99), D(1)),)},
        {"targets": (Target(D(110), D(0)),)},
    ],
)
async def test_a_plan_without_a_sound_stop_and_targets_is_not_followed(wrong: dict[str, Any]) -> None:
    follow = await following()
    plan = a_plan(**wrong)

    await follow.refuse(plan)

    assert not can_be_followed(plan)
    assert await follow.still_open() == ()


async def test_the_same_symbol_and_side_is_followed_once_at_a_time() -> None:
    follow = await following()
    await follow.refuse(a_plan(id="first"))
    await follow.refuse(a_plan(id="second"))
    await follow.refuse(a_plan(Side.SHORT, id="third"))

    assert {shadow.id for shadow in await follow.still_open()} == {"first", "third"}


async def test_a_restart_does_not_begin_a_second_one() -> None:
    follow = await following()
    await follow.refuse(a_plan(id="first"))
    follow.follower = follow.born()
    await follow.refuse(a_plan(id="second"))

    assert [shadow.id for shadow in await follow.still_open()] == ["first"]


async def test_no_more_than_a_bounded_number_is_followed() -> None:
    follow = await following()
    for at in range(MOST_OPEN + 5):
        await follow.refuse(a_plan(id=f"plan-{at}", symbol=f"C{at}/USDT:USDT"))

    assert len(await follow.still_open()) == MOST_OPEN


# ---------------------------------------------------------------- its end


async def test_an_idea_that_falls_to_its_stop_loses_one_r_with_costs() -> None:
    follow = await following(99.0, 97.0, 94.0, 120.0)
    await follow.refuse()
    await follow.bars(4)

    (shadow,) = await follow.ended()
    assert (shadow.exit_reason, shadow.r_multiple) == (ExitReason.STOP, D(-1))
    assert shadow.ended_at == later(minutes=15)
    assert shadow.gate is ShadowGate.REFUSED and shadow.checks == ("reward_risk",)


async def test_an_idea_that_reaches_both_targets_gains_what_the_plan_promised() -> None:
    """1.5 R, and 2.2 R where the resistance is: half each."""
    follow = await following(104.0, 108.2, 112.0)
    await follow.refuse()
    await follow.bars(3)

    (shadow,) = await follow.ended()
    assert shadow.exit_reason is ExitReason.TARGET
    assert float(shadow.r_multiple or 0) == pytest.approx(1.85, abs=0.01)


async def test_a_short_gains_when_the_price_falls() -> None:
    follow = await following(96.0, 91.0, 88.0, 85.0)
    await follow.refuse(a_plan(Side.SHORT))
    await follow.bars(4)

    (shadow,) = await follow.ended()
    assert shadow.exit_reason is ExitReason.TARGET
    assert float(shadow.r_multiple or 0) == pytest.approx(1.85, abs=0.01)


async def test_an_idea_that_goes_nowhere_ends_by_time() -> None:
    hours = 72 * 12
    follow = await following(*[99.0] * (hours + 3))
    await follow.refuse()
    for _ in range(4):
        await follow.bars(hours // 4)
    await follow.bars(1)

    (shadow,) = await follow.ended()
    assert shadow.exit_reason is ExitReason.TIME
    assert shadow.ended_at == later(hours=72)
    assert float(shadow.r_multiple or 0) == pytest.approx(-1.2 / 5.3, abs=0.01)


async def test_what_is_never_over_by_the_rules_is_over_after_two_weeks() -> None:
    bars = 14 * 288
    follow = await following(*[99.0] * (bars + 300))
    follow.limits = replace(Limits(), exits=Limits().exits._replace(time_stop_h=0.0))
    await follow.refuse()
    for _ in range(14):
        await follow.bars(288)

    (shadow,) = await follow.ended()
    assert shadow.ended_at == later(days=14)


async def test_a_plan_without_a_size_is_measured_in_r_all_the_same() -> None:
    sized, sizeless = await following(94.0), await following(94.0)
    await sized.refuse()
    await sized.bars(1)
    (measured,) = await sized.ended()
    sizeless = await following(94.0)
    await sizeless.refuse(a_plan(quantity=D(0), notional=D(0), margin=D(0), liquidation=D(0)))
    await sizeless.bars(1)

    (shadow,) = await sizeless.ended()
    assert shadow.r_multiple == measured.r_multiple == D(-1)


async def test_a_short_time_of_a_plan_before_its_first_whole_bar_is_not_walked() -> None:
    """Drawn in the middle of a bar: that bar's extremes may have been before it."""
    follow = await following(100.0, 100.0, 100.0)
    follow.rows[SOL][BEFORE, 3] = 93.0
    follow.clock.advance(120.0)
    await follow.refuse(a_plan(created_at=follow.clock.now()))
    follow.clock.advance(180.0)
    await follow.bars(1)

    (shadow,) = await follow.still_open()
    assert shadow.walked["worst"] == 100.0


# ---------------------------------------------------------------- passes


PATH = [101.0, 103.0, 106.0, 108.5, 106.5, 107.0, 109.5, 108.0, 104.0, 99.0]


async def test_a_restart_in_the_middle_gives_the_same_end_as_one_go() -> None:
    ends = []
    for passes in ([10], [1] * 10, [3, 1, 6]):
        follow = await following(*PATH)
        await follow.refuse()
        for count in passes:
            follow.follower = follow.born()
            await follow.bars(count)
        ends.append(await follow.ended())

    one_go, *others = ends
    assert one_go[0].exit_reason is ExitReason.TRAILING
    assert others == [one_go, one_go]


async def test_two_passes_over_the_same_bars_count_them_once() -> None:
    follow = await following(*[99.0] * 10)
    await follow.refuse()
    await follow.bars(5)
    (before,) = await follow.still_open()
    await follow.bars(0)
    await follow.bars(0)

    (after,) = await follow.still_open()
    assert after == before
    assert after.walked["held_s"] == 5 * FIVE


async def test_a_long_sleep_is_caught_up_a_day_at_a_pass() -> None:
    follow = await following(*[99.0] * 700)
    await follow.refuse()
    follow.clock.advance(600 * FIVE)
    stands = []
    for _ in range(3):
        await follow.follower.follow()
        (shadow,) = await follow.still_open()
        stands.append(shadow.followed_until)

    assert stands == [later(days=1), later(days=2), later(minutes=600 * 5)]


class Deaf:
    """A market that answers nothing, or nothing finer than 15 minutes."""

    def __init__(self, follow: Follow, error: Exception, only: tuple[str, ...]) -> None:
        self._inner, self._error, self._only = follow.market, error, only

    async def candles(self, symbol: str, timeframe: str, until: Any, limit: int) -> Candles:
        if timeframe in self._only:
            raise self._error
        found: Candles = await self._inner.candles(symbol, timeframe, until, limit)
        return found

    async def instrument(self, symbol: str) -> Any:
        return await self._inner.instrument(symbol)


async def test_a_market_that_does_not_answer_leaves_it_where_it_stands() -> None:
    follow = await following(94.0)
    await follow.refuse()
    follow.market = Deaf(follow, Unknown("timeout"), ("5m", "15m"))
    follow.follower = follow.born()
    await follow.bars(1)

    (shadow,) = await follow.still_open()
    assert shadow.followed_until == NOW


async def test_where_the_venue_has_no_five_minutes_quarters_are_walked() -> None:
    follow = await following(*[99.0] * 6, *[94.0] * 6)
    follow.market = Deaf(follow, BadMarketFacts("no 5m here"), ("5m",))
    follow.follower = follow.born()
    await follow.refuse()
    await follow.bars(12)

    (shadow,) = await follow.ended()
    assert shadow.exit_reason is ExitReason.STOP


async def test_a_symbol_that_is_gone_is_given_up_without_a_result() -> None:
    follow = await following(94.0)
    await follow.refuse()
    follow.market = Deaf(follow, Unknown("timeout"), ("5m", "15m"))
    follow.follower = follow.born()
    follow.clock.advance(timedelta(days=29).total_seconds())
    await follow.follower.follow()

    (shadow,) = await follow.ended()
    assert shadow.r_multiple is None
    assert gate_records([shadow], []) == ()


# ---------------------------------------------------------------- where they come from


async def test_a_rejected_card_is_followed_and_an_approved_one_is_not() -> None:
    world = await World(max_open_positions=3).open()
    rejected = await world.card(name="rejected")
    approved = await world.card(name="approved", symbol=BTC)
    await world.kernel.approvals.reject(rejected.id, "owner")
    await world.tap(approved)

    await world.kernel.shadows.collect()

    (shadow,) = await world.journal.open_shadows(PAPER)
    assert (shadow.id, shadow.gate, shadow.checks) == ("rejected", ShadowGate.REJECTED, ())


async def test_a_card_that_expired_is_followed() -> None:
    world = await World().open()
    await world.card(name="late")
    world.clock.advance(301)
    await world.kernel.approvals.expire()

    await world.kernel.shadows.collect()

    (shadow,) = await world.journal.open_shadows(PAPER)
    assert (shadow.id, shadow.gate) == ("late", ShadowGate.EXPIRED)
    assert shadow.followed_from == NOW


async def test_a_card_that_was_requoted_is_not_followed() -> None:
    world = await World().open()
    card = await world.card(name="old")
    assert await world.journal.settle_approval(card.id, ApprovalState.REQUOTED, "me", NOW, (), ())

    await world.kernel.shadows.collect()

    assert await world.journal.open_shadows(PAPER) == ()


async def test_collecting_again_and_again_begins_nothing_twice() -> None:
    world = await World().open()
    card = await world.card(name="once")
    await world.kernel.approvals.reject(card.id, "owner")
    for _ in range(3):
        await world.kernel.shadows.collect()
    await world.restart()
    await world.kernel.shadows.collect()

    assert len(await world.journal.open_shadows(PAPER)) == 1


async def test_what_a_scan_refused_is_followed_with_the_names_of_the_checks() -> None:
    world = await World(min_score=100.0).open()
    world.panel.sides = {SOL: Side.LONG}
    await world.kernel.engine.scan()

    (shadow,) = await world.journal.open_shadows(PAPER)
    assert shadow.gate is ShadowGate.REFUSED
    assert shadow.checks == ("score",)


async def test_the_second_idea_of_a_scan_that_finds_no_place_is_followed() -> None:
    world = await World(Mode.AUTO).open()
    world.symbols = (SOL, BTC)
    world.panel.sides = {SOL: Side.LONG, BTC: Side.LONG}
    world.panel.confidence = {SOL: 0.92}
    await world.kernel.engine.scan()

    (shadow,) = await world.journal.open_shadows(PAPER)
    assert shadow.plan.symbol == BTC and "positions" in shadow.checks
    assert SOL in world.venue.held


async def test_a_journal_that_cannot_follow_does_not_stop_a_scan() -> None:
    world = await World(Mode.AUTO, min_score=100.0).open()
    world.panel.sides = {SOL: Side.LONG}

    def fail(point: str) -> None:
        if point == "journal.begin_shadow:before":
            raise JournalError("the disk is full")

    world.boot(fail)
    scan = await world.kernel.engine.scan()

    assert len(scan.decisions) == 1
    assert await world.journal.open_shadows(PAPER) == ()


# ---------------------------------------------------------------- the gates' records


def an_ended(r: float, gate: ShadowGate = ShadowGate.REFUSED, *checks: str) -> Shadow:
    shadow = begun(a_plan(), PAPER, gate, checks)
    return replace(shadow, ended_at=NOW, exit_reason=ExitReason.STOP, r_multiple=D(str(r)))


def test_nothing_followed_is_no_record() -> None:
    assert gate_records([], []) == ()


def test_an_idea_that_two_checks_refused_counts_for_both_and_once_for_all() -> None:
    records = gate_records(
        [an_ended(-1, ShadowGate.REFUSED, "score", "spread"), an_ended(2, ShadowGate.REJECTED)],
        [begun(a_plan(), PAPER, ShadowGate.REFUSED, ("score", "score"))],
    )
    figures = {one.gate: (one.ended, one.still_open, one.sum_r) for one in records}

    assert records[0].gate == EVERY_GATE
    assert figures == {
        EVERY_GATE: (2, 1, 1.0),
        "score": (1, 1, -1.0),
        "spread": (1, 0, -1.0),
        "rejected": (1, 0, 2.0),
    }


def test_below_five_ended_ones_no_interval_is_claimed() -> None:
    four = gate_records([an_ended(r, ShadowGate.EXPIRED) for r in (-1, 2, -1, 1)], [])[1]
    five = gate_records([an_ended(r, ShadowGate.EXPIRED) for r in (-1, 2, -1, 1, -1)], [])[1]

    assert four.mean_r == 0.25 and four.interval_r is None
    assert five.mean_r == 0.0 and five.interval_r is not None
    assert five.interval_r[0] < 0 < five.interval_r[1]


def test_a_refusal_at_the_tap_has_no_check_and_says_so() -> None:
    assert [one.gate for one in gate_records([an_ended(-1)], [])] == [EVERY_GATE, "refused"]
