from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from core.errors import JournalError
from db.session import Database
from db.types import Exact, Instant, Money
from tests.db.conftest import rows
from tests.db.samples import NOW

sample = Table(
    "type_sample",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("exact", Exact),
    Column("money", Money),
    Column("at", Instant),
)


async def round_trip(database: Database, **values: Any) -> Any:
    def work(connection: Connection) -> Any:
        sample.create(connection)
        connection.execute(insert(sample).values(id=1, **values))
        row = connection.execute(select(sample)).one()
        sample.drop(connection)
        return row

    return await database.write(work)


@pytest.mark.parametrize(
    "text",
    ["0", "0.1", "-0.01", "100.00", "1E+3", "1E-20", "123456789012345678901234567890.123456789012345678"],
)
async def test_a_decimal_comes_back_as_the_same_number(database: Database, text: str) -> None:
    row = await round_trip(database, exact=Decimal(text), money=Decimal(text))

    assert (row.exact, row.money) == (Decimal(text), Decimal(text))
    assert isinstance(row.exact, Decimal)


@settings(max_examples=300)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_finite_decimal_survives_both_written_forms(number: Decimal) -> None:
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        for kind in (Exact(), Money()):
            written = kind.process_bind_param(number, dialect)

            assert kind.process_result_value(written, dialect) == number


async def test_amounts_are_written_plainly_with_at_least_two_places(database: Database) -> None:
    def work(connection: Connection) -> None:
        sample.create(connection)
        for number, text in enumerate(("100", "1E+2", "-0", "0.125")):
            connection.execute(insert(sample).values(id=number, exact=Decimal(text), money=Decimal(text)))

    await database.write(work)
    found = await rows(database, "SELECT exact, money FROM type_sample ORDER BY id")
    await database.write(sample.drop)

    assert [str(row["money"]) for row in found] == ["100.00", "100.00", "0.00", "0.125"]
    assert [str(row["exact"]) for row in found] == ["100", "100", "0", "0.125"]


async def test_money_sorts_and_adds_in_a_query_through_a_cast(database: Database) -> None:
    def work(connection: Connection) -> None:
        sample.create(connection)
        for number, text in enumerate(("9.5", "10", "-3")):
            connection.execute(insert(sample).values(id=number, money=Decimal(text)))

    await database.write(work)
    found = await rows(database, "SELECT money FROM type_sample ORDER BY CAST(money AS REAL)")
    await database.write(sample.drop)

    assert [Decimal(row["money"]) for row in found] == [Decimal("-3"), Decimal("9.5"), Decimal(10)]


@pytest.mark.parametrize("wrong", [Decimal("NaN"), Decimal("Infinity"), 1.5, 3, "1.0"])
async def test_what_is_no_finite_decimal_is_refused(database: Database, wrong: Any) -> None:
    with pytest.raises(JournalError, match="finite Decimal"):
        await round_trip(database, exact=wrong)


async def test_a_moment_comes_back_aware_in_utc_to_the_microsecond(database: Database) -> None:
    istanbul = datetime(2026, 3, 4, 15, 30, 0, 1, tzinfo=timezone(timedelta(hours=3)))

    row = await round_trip(database, at=istanbul)

    assert row.at == istanbul
    assert row.at.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(JournalError, match="without a zone"):
        await round_trip(database, at=NOW.replace(tzinfo=None))


@given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=2, max_size=5))
def test_the_text_of_moments_sorts_like_the_moments(moments: list[datetime]) -> None:
    def written(moment: datetime) -> str:
        return str(Instant().process_bind_param(moment, sqlite.dialect()))

    assert sorted(moments, key=written) == sorted(moments)
