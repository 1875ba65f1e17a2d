"""Whatever is recorded about guarding comes back as it was, to the last digit and letter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from core.journal import Arming, DayCount, EquityPoint, Shadow, ShadowGate
from core.trade import ExitReason, Transfer
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.db.conftest import with_account
from tests.db.samples import NOW, PAPER, a_breaker, a_closed_trade, a_plan, a_shadow, later

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
"""PostgreSQL has no NUL and nobody has half a character."""
several_words = st.lists(words, max_size=4).map(tuple)
moments = st.datetimes(
    NOW.replace(year=2020, tzinfo=None), NOW.replace(year=2090, tzinfo=None), timezones=st.just(UTC)
)
days = st.dates(date(2026, 1, 1), date(2027, 1, 1))
amounts = st.decimals(
    min_value=Decimal("-1e9"), max_value=Decimal("1e9"), allow_nan=False, allow_infinity=False, places=18
)
thorough = settings(max_examples=40)

transfers = st.builds(Transfer, words, amounts, moments)
units = st.decimals(min_value=Decimal("1e-15"), max_value=Decimal("1e15"), places=28)
points = st.builds(EquityPoint, moments, amounts, amounts, amounts, units)
armings = st.builds(Arming, st.just(PAPER), amounts, words, moments, words, several_words)
shadows = st.builds(
    Shadow,
    id=st.just("plan1"),
    account=st.just(PAPER),
    plan=st.builds(
        lambda notes, cost, beta, horizon: a_plan(notes=notes, cost=cost, beta=beta, horizon_h=horizon),
        several_words,
        amounts,
        st.none() | amounts,
        st.none() | st.floats(0, 1e4),
    ),
    gate=st.sampled_from(ShadowGate),
    checks=several_words,
    followed_from=moments,
    followed_until=moments,
    walked=st.dictionaries(words, st.floats(allow_nan=False), max_size=5),
)


@asynccontextmanager
async def opened() -> AsyncIterator[SqlJournal]:
    database = InlineDatabase()
    yield await with_account(database)
    await database.close()


@thorough
@given(st.lists(transfers, max_size=5, unique_by=lambda each: each.id))
async def test_transfers_survive(given_transfers: list[Transfer]) -> None:
    async with opened() as journal:
        new = await journal.import_transfers(PAPER, given_transfers)

        assert new == len(given_transfers)
        assert await journal.transfers(PAPER) == tuple(sorted(given_transfers, key=lambda t: (t.at, t.id)))


@thorough
@given(points)
async def test_equity_points_survive_and_the_peak_is_exact(point: EquityPoint) -> None:
    async with opened() as journal:
        await journal.record_equity(PAPER, point)

        assert await journal.equity_curve(PAPER) == (point,)
        assert await journal.highest_point(PAPER, None) == point


@thorough
@given(shadows, st.none() | st.tuples(moments, st.sampled_from(ExitReason), amounts))
async def test_shadows_survive_begun_walked_and_ended(
    shadow: Shadow, end: tuple[datetime, ExitReason, Decimal] | None
) -> None:
    async with opened() as journal:
        begun = replace(a_shadow(), plan=shadow.plan, gate=shadow.gate, checks=shadow.checks)
        begun = replace(begun, followed_from=shadow.followed_from)
        if end is not None:
            shadow = replace(shadow, ended_at=end[0], exit_reason=end[1], r_multiple=end[2])

        await journal.begin_shadow(begun)
        found_begun = await journal.open_shadows(PAPER)
        await journal.walk_shadow(shadow)

        assert found_begun == (begun,)
        assert await journal.open_shadows(PAPER) + await journal.ended_shadows(PAPER) == (shadow,)


@thorough
@given(st.lists(armings, max_size=3))
async def test_armings_survive_in_their_order(given_armings: list[Arming]) -> None:
    async with opened() as journal:
        for arming in given_armings:
            await journal.arm(arming, [])

        assert await journal.armings(PAPER) == tuple(given_armings)


@thorough
@given(st.dictionaries(st.tuples(days, words), st.lists(st.integers(0, 10**6), min_size=1), max_size=4))
async def test_day_counts_survive_as_their_sums(added: dict[tuple[date, str], list[int]]) -> None:
    async with opened() as journal:
        for (day, name), counts in added.items():
            for count in counts:
                await journal.count(PAPER, day, name, count)

        expected = {DayCount(day, name, sum(counts)) for (day, name), counts in added.items()}
        assert set(await journal.counts(PAPER, date(2026, 1, 1))) == expected


@thorough
@given(words, words, several_words)
async def test_reasons_and_advisers_survive(by: str, reason: str, advisers: tuple[str, ...]) -> None:
    async with opened() as journal:
        await journal.trip_breaker(a_breaker(), [])
        await journal.resolve_breaker(PAPER, "daily_loss", by, later(hours=1), [], reason)
        await journal.book(a_closed_trade(advisers=advisers), [], [], Decimal(1000), [])

        (event,) = await journal.breaker_events(PAPER, 1)
        (closed,) = await journal.closed_trades(PAPER)
        expected = a_breaker(id=event.id, resolved_at=later(hours=1), resolved_by=by, reason=reason)
        assert (event, closed.advisers) == (expected, advisers)


async def test_the_same_text_is_decoded_once_and_another_is_not_taken_for_it() -> None:
    async with opened() as journal:
        await journal.begin_shadow(a_shadow())
        (first,) = await journal.open_shadows(PAPER)
        (again,) = await journal.open_shadows(PAPER)
        await journal.walk_shadow(
            replace(a_shadow(), ended_at=NOW, exit_reason=ExitReason.STOP, r_multiple=Decimal(-1))
        )
        await journal.begin_shadow(a_shadow(plan=a_plan(id="plan2", stop=Decimal("60000.00"))))
        (other,) = await journal.open_shadows(PAPER)

        assert again.plan is first.plan
        assert (str(first.plan.stop), str(other.plan.stop)) == ("60000.0", "60000.00")
