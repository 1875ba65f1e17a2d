from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import record_keeper
from bot.record_keeper import Counting, RecordKeeper
from core.advice.figures import Record
from core.advice.pooling import LEAST_SIDES
from core.adviser_record import NO_STANDING, Judgement, Resolution
from core.opinion import Role
from core.sim.clock import VirtualClock
from tests.core.advice.witnesses import BEGIN, Witness, a_judgement, a_world, judgements_of

VOTERS = {"claude": Role.VOTER, "gpt": Role.VOTER, "grok": Role.SHADOW}


class Kept:
    """A journal in a list, newest first, that counts how often it was read."""

    def __init__(self, judgements: Sequence[Judgement]) -> None:
        self.rows = sorted(judgements, key=lambda one: (one.bar, one.id), reverse=True)
        self.reads = 0

    async def judgements(
        self, account: str, since: datetime, before: tuple[datetime, str] | None, limit: int
    ) -> tuple[Judgement, ...]:
        self.reads += 1
        found = [one for one in self.rows if one.bar > since and (not before or (one.bar, one.id) < before)]
        return tuple(found[:limit])

    async def open_judgements(
        self, account: str, limit: int, skipping: Collection[str] = ()
    ) -> tuple[Judgement, ...]:
        return ()

    async def resolve_judgements(self, account: str, resolutions: Sequence[Resolution]) -> int:
        return 0


class Stage:
    def __init__(self, judgements: Sequence[Judgement]) -> None:
        self.journal = Kept(judgements)
        self.clock = VirtualClock(BEGIN + timedelta(days=61))
        self.roles = dict(VOTERS)
        self.ended = 0
        self.counts = 0
        self.keeper = RecordKeeper(self.journal, self, self.clock, "paper", lambda: self.roles, self._apart)

    async def follow(self) -> int:
        return self.ended

    async def _apart(self, count: Counting) -> Record:
        self.counts += 1
        return count()


def long_record() -> list[Judgement]:
    names = ("claude", "gpt", "grok")
    world = a_world([Witness(name, 0.5) for name in names], days=60, a_day=12, seed=3)
    assert LEAST_SIDES < 60 * 12
    return [one for name in names for one in judgements_of(world, name)]


async def test_before_the_first_count_the_plain_rule_holds() -> None:
    stage = Stage(long_record())

    assert stage.keeper.standing() == NO_STANDING
    assert stage.keeper.view().as_of is None


async def test_a_long_record_of_two_voters_opens_the_second_gate() -> None:
    stage = Stage(long_record())

    await stage.keeper.pass_once()

    standing = stage.keeper.standing()
    assert standing.is_enough
    assert [voice.adviser for voice in standing.voices] == ["claude", "gpt"]
    assert stage.keeper.view().judgements == 3 * 720


async def test_a_changed_role_holds_from_the_next_decision_on() -> None:
    stage = Stage(long_record())
    await stage.keeper.pass_once()
    assert stage.keeper.standing() is stage.keeper.standing(), "worked out once"

    stage.roles["gpt"] = Role.SHADOW

    assert not stage.keeper.standing().is_enough
    stage.roles["grok"] = Role.VOTER
    assert stage.keeper.standing().is_enough


async def test_who_takes_part_no_longer_has_no_voice() -> None:
    stage = Stage(long_record())
    await stage.keeper.pass_once()

    del stage.roles["gpt"]

    assert [voice.adviser for voice in stage.keeper.standing().voices] == ["claude"]


async def test_a_strategy_has_no_voice_whatever_it_stated_and_is_missed_by_nobody() -> None:
    said = [one for one in long_record() if one.adviser == "gpt"]
    stage = Stage([*long_record(), *(replace(one, adviser="strategy-trend@1h") for one in said)])
    stage.roles["strategy-trend@1h"] = Role.VOTER

    await stage.keeper.pass_once()

    view = stage.keeper.view()
    assert [voice.adviser for voice in view.standing.voices] == ["claude", "gpt"]
    assert view.roles["strategy-trend@1h"] is Role.VOTER


async def test_a_swapped_model_closes_the_second_gate_again() -> None:
    swapped = a_judgement(id="z", adviser="gpt", model="gpt-2", bar=BEGIN + timedelta(days=60))
    stage = Stage([*long_record(), swapped])

    await stage.keeper.pass_once()

    standing = stage.keeper.standing()
    assert not standing.is_enough
    assert "gpt (gpt-2): 1 of 600" in standing.missing[0]


async def test_it_counts_again_by_the_day_and_after_enough_new_outcomes_at_most_hourly() -> None:
    stage = Stage(long_record())
    await stage.keeper.pass_once()

    await stage.keeper.pass_once()
    stage.ended = record_keeper.FRESH
    await stage.keeper.pass_once()
    assert stage.counts == 1, "enough is new, an hour is not over"
    stage.clock.advance(3601)
    await stage.keeper.pass_once()
    assert stage.counts == 2
    stage.ended = 0
    stage.clock.advance(7200)
    await stage.keeper.pass_once()
    assert stage.counts == 2
    stage.clock.advance(86_400)
    await stage.keeper.pass_once()

    assert stage.counts == 3


async def test_reading_is_bounded_and_what_is_too_old_is_left_out() -> None:
    old = [replace(one, bar=one.bar - timedelta(days=200)) for one in long_record()]
    stage = Stage([*old, *long_record()])

    await stage.keeper.count()

    assert stage.keeper.view().judgements == 3 * 720
    assert stage.journal.reads == -(-3 * 720 // record_keeper.PAGE)
