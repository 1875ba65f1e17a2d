"""Open judgements followed over scripted prices: what waits first, then every end, restarts included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from core.advice.outcomes import BAR
from core.adviser_record import End, Judgement, Resolution
from core.errors import BadMarketFacts, PerpilotError, Throttled, Unknown, UnknownSymbol
from core.market import Candles, to_ms
from core.opinion import Stance
from core.sim.clock import VirtualClock
from core.trading import opinion_following
from core.trading.opinion_following import LEAST_MISSES, MOST_BARS, MOST_WRITTEN, OpinionFollower
from tests.core.advice.witnesses import BEGIN, a_judgement
from tests.core.builders import BTC, PAPER, SOL
from tests.core.trading.world import World
from tests.db.samples import a_decision


class Prices:
    """Quiet bars at 100 for ever, and what is scripted otherwise; bars that are lost are a gap."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.highs: dict[datetime, float] = {}
        self.lost: set[datetime] = set()
        self.failure: PerpilotError | None = None
        self.asked: list[tuple[str, datetime, int]] = []

    async def candles(self, symbol: str, timeframe: str, until: datetime, limit: int) -> Candles:
        assert limit <= 500, "what a venue's port gives at once"
        assert until <= self.clock.now()
        self.asked.append((symbol, until, limit))
        if self.failure is not None:
            raise self.failure
        opens = [until - BAR * (limit - at) for at in range(limit)]
        if self.lost & set(opens):
            raise BadMarketFacts(f"{symbol}: a gap")
        rows = [[to_ms(at), 100.0, self.highs.get(at, 100.1), 99.9, 100.0, 1.0] for at in opens]
        return Candles(symbol, timeframe, np.array(rows))


class Stage:
    def __init__(self, world: World, journal: Any = None) -> None:
        self.journal = journal if journal is not None else world.journal
        self.clock = VirtualClock(BEGIN + timedelta(seconds=30))
        self.prices = Prices(self.clock)
        self.recorded = 0
        self.follower = self.born()

    def born(self) -> OpinionFollower:
        """As after a restart."""
        market: Any = self.prices
        return OpinionFollower(self.journal, market, self.clock, PAPER)

    async def say(self, *judgements: Judgement) -> None:
        self.recorded += 1
        decision = a_decision(id=f"d{self.recorded}", judgements=judgements)
        await self.journal.record_decisions([decision], None)

    async def ends(self) -> dict[str, End | None]:
        found = await self.journal.judgements(PAPER, BEGIN - timedelta(days=9), None, 5_000)
        return {one.id: one.long_end for one in found}

    async def after(self, **span: float) -> int:
        self.clock.reach(BEGIN + timedelta(seconds=30, **span))
        return await self.follower.follow()


class Counted:
    """A journal that notes how much is resolved at once."""

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.portions: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def resolve_judgements(self, account: str, resolutions: Sequence[Resolution]) -> int:
        self.portions.append(len(resolutions))
        found: int = await self._journal.resolve_judgements(account, resolutions)
        return found


@pytest.fixture
async def stage() -> Stage:
    return Stage(await World().open())


def an_open(name: str = "j1", bars_later: int = 0, **fields: Any) -> Judgement:
    """Target at 103, stop at 98, a day of time."""
    made = a_judgement(id=name, symbol=SOL, bar=BEGIN + BAR * bars_later, horizon_bars=96, **fields)
    return replace(made, long_end=None, ended_at=None)


# ---------------------------------------------------------------- what waits


async def test_nothing_is_asked_of_the_market_while_nothing_is_open(stage: Stage) -> None:
    assert await stage.after(hours=1) == 0
    assert stage.prices.asked == []


async def test_an_answer_about_the_newest_bar_has_to_wait_for_the_next(stage: Stage) -> None:
    await stage.say(an_open())

    assert await stage.after(minutes=14) == 0
    assert stage.prices.asked == []


async def test_a_symbol_is_looked_at_once_a_bar(stage: Stage) -> None:
    await stage.say(an_open())

    for minutes in (16, 18, 29, 31):
        await stage.after(minutes=minutes)

    assert len(stage.prices.asked) == 2


@pytest.mark.parametrize("error", [Unknown("no answer"), Throttled("later")])
async def test_a_market_that_is_silent_makes_nothing_unknown_however_long(
    stage: Stage, error: PerpilotError
) -> None:
    await stage.say(an_open())
    stage.prices.failure = error

    for day in range(1, 30):
        assert await stage.after(days=day) == 0

    assert await stage.ends() == {"j1": None}


async def test_a_gap_is_waited_for_and_then_unknown_never_guessed(stage: Stage) -> None:
    stage.prices.lost = {BEGIN + 3 * BAR}
    stage.prices.highs[BEGIN + 8 * BAR] = 104.0
    await stage.say(an_open(), an_open("later", bars_later=4 * 24 * 4))

    for hours in (5, 30, 60):
        assert await stage.after(hours=hours) == 0
    await stage.after(hours=74)
    await stage.after(hours=75)

    assert await stage.ends() == {"j1": End.UNKNOWN, "later": None}


async def test_bars_that_come_late_are_used_after_all(stage: Stage) -> None:
    stage.prices.lost = {BEGIN + 3 * BAR}
    stage.prices.highs[BEGIN + 8 * BAR] = 104.0
    await stage.say(an_open())
    await stage.after(hours=30)

    stage.prices.lost.clear()

    assert await stage.after(hours=31) == 1
    assert await stage.ends() == {"j1": End.TARGET}


async def test_a_symbol_that_is_gone_is_given_up_only_after_some_answers(stage: Stage) -> None:
    stage.prices.failure = UnknownSymbol("gone")
    await stage.say(an_open())

    ended = [await stage.after(days=9, minutes=15 * at) for at in range(LEAST_MISSES)]

    assert ended == [0, 0, 1]
    assert await stage.ends() == {"j1": End.UNKNOWN}


# ---------------------------------------------------------------- ends


async def test_an_answer_is_resolved_at_the_first_pass_after_its_barrier(stage: Stage) -> None:
    stage.prices.highs[BEGIN + 2 * BAR] = 103.5
    await stage.say(an_open(), an_open("short", stance=Stance.SHORT))

    assert await stage.after(minutes=31) == 0
    assert await stage.after(minutes=46) == 2

    found = {one.id: one for one in await stage.journal.judgements(PAPER, BEGIN - BAR, None, 9)}
    assert (found["j1"].long_end, found["j1"].ended_at) == (End.TARGET, BEGIN + 3 * BAR)
    assert found["short"].short_end is End.STOP


async def test_after_a_long_sleep_it_catches_up_pass_by_pass(stage: Stage) -> None:
    far = [an_open(f"j{at}", bars_later=at) for at in range(0, 3 * MOST_BARS, 40)]
    await stage.say(*far)

    passes = 0
    stage.clock.reach(BEGIN + timedelta(days=20))
    while None in (await stage.ends()).values():
        passes += 1
        assert passes < 5
        await stage.follower.follow()
        stage.clock.advance(900)

    assert set((await stage.ends()).values()) == {End.TIME}


async def test_what_became_known_in_a_long_pause_is_written_in_small_portions() -> None:
    world = await World().open()
    stage = Stage(world, Counted(world.journal))
    await stage.say(*(an_open(f"j{at}") for at in range(MOST_WRITTEN + 1)))

    ended = await stage.after(days=2)

    assert ended == MOST_WRITTEN + 1
    assert stage.journal.portions == [MOST_WRITTEN, 1]


async def test_a_restart_loses_nothing_and_counts_nothing_twice(stage: Stage) -> None:
    stage.prices.highs[BEGIN + 2 * BAR] = 103.5
    await stage.say(an_open(), an_open("second", bars_later=1))
    assert await stage.after(minutes=46) == 2

    stage.follower = stage.born()

    assert await stage.after(minutes=61) == 0
    assert await stage.ends() == {"j1": End.TARGET, "second": End.TARGET}


async def test_a_pass_is_bounded_and_the_next_one_takes_the_others(stage: Stage) -> None:
    most = opinion_following.SYMBOLS_A_PASS
    for at in range(most + 3):
        await stage.say(replace(an_open(f"j{at}"), symbol=f"C{at}/USDT:USDT"))

    await stage.after(minutes=16)
    first = {symbol for symbol, _, _ in stage.prices.asked}
    await stage.follower.follow()

    assert len(first) == most
    assert len({symbol for symbol, _, _ in stage.prices.asked}) == most + 3


# ---------------------------------------------------------------- the running core


async def test_a_scan_records_what_every_adviser_said_with_its_decision() -> None:
    world = await World().open()
    await world.kernel.engine.scan()

    found = await world.journal.judgements(PAPER, BEGIN - timedelta(days=400), None, 99)
    record = (await world.journal.last_scan(PAPER) or (None, ()))[1][0]

    said = {one.adviser for one in found}
    assert said
    assert {one.decision_id for one in found} == {record.id}
    assert {one.symbol for one in found} == {SOL} != {BTC}

    world.clock.advance(300)
    await world.kernel.engine.scan()
    again = await world.journal.judgements(PAPER, BEGIN - timedelta(days=400), None, 99)
    assert again == found, "the same bar counts once"
