from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, inspect, text

from core.errors import JournalError
from core.journal import EquityPoint
from core.market import Side
from db.engines import check_whole
from db.journal import SqlJournal
from db.schema import HEAD, PROTECTED, create_everything, existing_tables, metadata, revision_of
from db.session import AsyncDatabase, Database, InlineDatabase, open_database
from db.setup import (
    MIGRATIONS,
    OLDER_REVISIONS,
    Found,
    back_up_before_migrating,
    check_integrity,
    check_writing,
    prepare,
    refuse_damaged,
    row_counts,
    upgrade,
)
from db.tables_house import HOUSE_TABLES
from tests.db.conftest import Opener, fresh_postgresql, rows, with_account
from tests.db.samples import NOW, PAPER, a_closed_trade

TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": (
        "SELECT tgname, regexp_replace(pg_get_triggerdef(t.oid), '\\w+\\.', '', 'g') FROM pg_trigger t"
        " JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal"
        " AND c.relnamespace = current_schema()::regnamespace ORDER BY tgname"
    ),
}


def spelled(index: Any) -> str:
    """With the text of its condition."""
    return str({**index, "dialect_options": {k: str(v) for k, v in index.get("dialect_options", {}).items()}})


def pictured(connection: Connection) -> dict[str, Any]:
    """Everything the database knows of its schema, in comparable form."""
    inspector = inspect(connection)
    picture: dict[str, Any] = {
        "triggers": [tuple(r) for r in connection.execute(text(TRIGGERS[connection.dialect.name]))]
    }
    for table in sorted(inspector.get_table_names()):
        columns = [
            (c["name"], str(c["type"]), c["nullable"], c["default"]) for c in inspector.get_columns(table)
        ]
        picture[table] = (
            sorted(columns) if table == "schema_version" else columns,
            inspector.get_pk_constraint(table),
            sorted(map(str, inspector.get_foreign_keys(table))),
            sorted(map(str, inspector.get_unique_constraints(table))),
            sorted(map(str, inspector.get_check_constraints(table))),
            sorted(map(spelled, inspector.get_indexes(table))),
        )
    return picture


async def test_migrations_from_nothing_give_the_schema_that_is_created_directly(
    empty_url: str, tmp_path: Path
) -> None:
    database = open_database(empty_url)
    await database.write(upgrade)
    migrated = await database.read(pictured)
    assert await database.read(revision_of) == HEAD
    await database.close()

    if database.address.path is None:
        async with fresh_postgresql() as url:
            created = await picture_of_created(url)
    else:
        created = await picture_of_created(f"sqlite:///{tmp_path / 'created.db'}")

    assert migrated == created
    assert len(migrated) == len(metadata.tables) + 2
    assert len(migrated["triggers"]) >= len(PROTECTED)


async def picture_of_created(url: str) -> dict[str, Any]:
    database = open_database(url)
    await database.write(create_everything)
    picture = await database.read(pictured)
    await database.close()
    return picture


async def test_the_metadata_has_nothing_that_the_migrations_lack(empty_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def differences(connection: Connection) -> list[Any]:
        options = {"version_table": "schema_version", "compare_type": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    database = open_database(empty_url)
    await database.write(upgrade)
    found = await database.write(differences)
    await database.close()

    assert found == []


def test_the_program_knows_every_revision_there_is() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    assert scripts.get_heads() == [HEAD]
    assert {script.revision for script in scripts.walk_revisions()} == OLDER_REVISIONS | {HEAD}


OLD_ROWS = (
    "INSERT INTO accounts VALUES ('paper', TRUE, '1000.00', '1029.65', FALSE, '',"
    " '2026-03-04T12:00:00+00:00', 'semi_auto', '', '2026-03-04T12:00:00+00:00',"
    " '2026-03-04T12:00:00+00:00')",
    "INSERT INTO trade_history VALUES ('plan1', 'paper', 'BTC/USDT:USDT', 'short', 3, '0.005', '64000.10',"
    " '60000', '20.00', '0.34', '-0.01', '19.65', '20.31', '0.9675', 'target', '2026-03-04T12:30:15+00:00',"
    " '2026-03-04T14:30:15+00:00', 'scan', 'decision1', 71.5, 'trending', NULL, NULL)",
    "INSERT INTO circuit_breaker_events (account, name, value, threshold, action, created_at, resolved_at,"
    " resolved_by) VALUES ('paper', 'drawdown', '0.2', '0.1', 'halt', '2026-03-04T12:00:00+00:00',"
    " '2026-03-04T13:00:00+00:00', 'telegram:7'),"
    " ('paper', 'daily_loss', '0.2', '0.1', 'halt', '2026-03-04T12:00:00+00:00', NULL, '')",
    "INSERT INTO equity_points VALUES"
    " ('paper', '2026-03-04T12:30:00+00:00', '2026-03-04T12:30:15+00:00', '1000', '0.15', '1000.15'),"
    " ('paper', '2026-03-04T12:31:00+00:00', '2026-03-04T12:31:15+00:00', '990', '0', '990')",
)
"""As the first schema's program left them."""


async def of_the_first_schema(url: str) -> AsyncDatabase:
    database = open_database(url)
    await database.write(lambda connection: upgrade(connection, "0001"))
    for statement in OLD_ROWS:
        await database.write(partial(Connection.execute, statement=text(statement)))
    return database


async def test_rows_of_the_first_schema_are_read_after_the_migration(empty_url: str) -> None:
    database = await of_the_first_schema(empty_url)

    assert await prepare(database) is Found.OLDER

    journal = SqlJournal(database, lambda: NOW)
    (closed,) = await journal.closed_trades(PAPER)
    open_event, resolved = await journal.breaker_events(PAPER, 9)
    curve = await journal.equity_curve(PAPER)
    assert (closed.id, closed.side, closed.advisers) == ("plan1", Side.SHORT, ())
    assert closed.net_pnl == Decimal("19.65")
    assert (open_event.name, open_event.reason, open_event.resolved_at) == ("daily_loss", "", None)
    assert (resolved.name, resolved.reason, resolved.resolved_by) == ("drawdown", "", "telegram:7")
    assert [(point.equity, point.flows) for point in curve] == [(Decimal("1000.15"), 0), (Decimal(990), 0)]
    assert await journal.highest_point(PAPER, None) == curve[0]
    assert {point.units for point in curve} == {1}
    assert await prepare(database) is Found.CURRENT
    await database.close()


async def test_a_migrated_database_takes_new_rows_and_still_keeps_history(empty_url: str) -> None:
    database = await of_the_first_schema(empty_url)
    await prepare(database)
    journal = SqlJournal(database, lambda: NOW)
    closed = a_closed_trade(id="plan2", advisers=("claude", "gpt"))

    await journal.book(closed, [], [], Decimal(1000), [])
    highest = EquityPoint(NOW, Decimal(1500), Decimal(0), Decimal(400), Decimal("1.4"))
    await journal.record_equity(PAPER, highest)
    await journal.resolve_breaker(PAPER, "daily_loss", "telegram:7", NOW, [], "seen")
    for statement in ("UPDATE trade_history SET advisers = '[]'", "DELETE FROM circuit_breaker_events"):
        with pytest.raises(JournalError, match="keeps history"):
            await database.write(partial(Connection.execute, statement=text(statement)))

    assert {trade.id: trade.advisers for trade in await journal.closed_trades(PAPER)} == {
        "plan1": (),
        "plan2": ("claude", "gpt"),
    }
    assert await journal.highest_point(PAPER, None) == highest
    assert (await journal.breaker_events(PAPER, 1))[0].reason == "seen"
    await database.close()


async def test_a_migrated_file_was_copied_as_it_was(tmp_path: Path) -> None:
    database = await of_the_first_schema(f"sqlite:///{tmp_path / 'perpilot.db'}")

    await prepare(database)
    await database.close()

    copy = InlineDatabase(tmp_path / f"perpilot.db.before-{HEAD}")
    assert await copy.read(revision_of) == "0001"
    assert len(await rows(copy, "SELECT * FROM equity_points")) == 2
    await copy.close()


async def test_a_migration_that_fails_half_way_leaves_the_old_schema_and_its_rows(empty_url: str) -> None:
    database = await of_the_first_schema(empty_url)
    obstacle = Table("armings", MetaData(), Column("id", Integer))
    await database.write(obstacle.create)

    with pytest.raises(JournalError):
        await prepare(database)

    assert await database.read(revision_of) == "0001"
    assert "transfers" not in await database.read(existing_tables)
    assert len(await rows(database, "SELECT * FROM trade_history")) == 1
    assert "reason" not in (await rows(database, "SELECT * FROM circuit_breaker_events"))[0]
    await database.close()


async def test_an_empty_database_is_created_and_then_left_alone(open_more: Opener) -> None:
    database = await open_more()
    journal = await with_account(database)

    assert await prepare(database) is Found.CURRENT

    assert (await journal.account_state("paper")).current_capital == 1000


async def test_two_bots_may_create_the_same_database_at_once(empty_url: str) -> None:
    databases = [open_database(empty_url) for _ in range(3)]

    found = await asyncio.gather(*(prepare(database) for database in databases))

    assert set(found) <= {Found.EMPTY, Found.CURRENT}
    assert await databases[0].read(revision_of) == HEAD
    for database in databases:
        await database.close()


async def test_a_database_of_a_newer_program_is_refused_and_left_alone(
    server_database: AsyncDatabase,
) -> None:
    await server_database.write(lambda c: c.execute(text("UPDATE schema_version SET version_num = '9999'")))

    with pytest.raises(JournalError, match=f"has schema 9999, this program knows {HEAD}; update the program"):
        await prepare(server_database)

    assert await server_database.read(revision_of) == "9999"


async def test_a_database_of_another_program_is_refused_and_left_alone(empty_url: str) -> None:
    database = open_database(empty_url)
    await database.write(lambda c: c.execute(text("CREATE TABLE trades (id INTEGER)")))

    with pytest.raises(JournalError, match="a table trades but no schema version"):
        await prepare(database)

    assert await database.read(existing_tables) == {"trades"}
    await database.close()


async def test_a_schema_that_fails_half_way_is_rolled_back_whole(empty_url: str) -> None:
    database = open_database(empty_url)
    obstacle = Table("updates_seen", MetaData(), Column("id", Integer))
    await database.write(obstacle.create)

    with pytest.raises(JournalError):
        await database.write(create_everything)
    with pytest.raises(JournalError):
        await database.write(upgrade)

    assert await database.read(existing_tables) == {"updates_seen"}
    assert await database.read(revision_of) is None
    await database.close()


async def test_a_file_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'perpilot.db'}")
    await prepare(database)
    await with_account(database)

    copy = await back_up_before_migrating(database)
    await database.close()

    assert copy == tmp_path / f"perpilot.db.before-{HEAD}"
    kept = InlineDatabase(copy)
    assert [row["account"] for row in await rows(kept, "SELECT account FROM accounts")] == ["paper"]
    await kept.close()
    assert await back_up_before_migrating(InlineDatabase()) is None


async def test_the_checks_pass_on_a_good_database_and_leave_no_row(server_database: AsyncDatabase) -> None:
    await server_database.read(check_integrity)
    await server_database.write(check_writing)

    assert set((await server_database.read(row_counts)).values()) == {0}


async def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = InlineDatabase(path)
    await database.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 9] = b"\xff" * (4096 * 6)
    path.write_bytes(content)

    damaged = open_database(f"sqlite:///{path}")
    with pytest.raises(JournalError, match="is damaged"):
        await damaged.read(check_integrity)
    await damaged.close()


def test_every_row_belongs_to_an_account_except_those_of_the_house() -> None:
    without = {name for name, table in metadata.tables.items() if "account" not in table.columns}

    assert without == HOUSE_TABLES
    assert all(not t.c.account.nullable for name, t in metadata.tables.items() if name not in HOUSE_TABLES)


async def test_the_tables_that_people_query_are_there(database: Database) -> None:
    named = {
        "trading_config",
        "circuit_breaker_events",
        "ai_analysis_cache",
        "trade_history",
        "daily_performance",
        "active_position",
    }

    assert named <= await database.read(existing_tables)


def spoil(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 3000)


async def test_a_damaged_file_is_refused_at_the_start_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "perpilot.db"
    database = open_database(f"sqlite:///{path}")
    await prepare(database)
    await with_account(database)
    await database.close()
    spoil(path, 4096)
    before = path.read_bytes()
    again = open_database(f"sqlite:///{path}")

    with pytest.raises(JournalError, match=r"perpilot\.db is damaged .*put the newest of backups/"):
        await prepare(again)
    await again.close()

    assert path.read_bytes() == before


async def test_a_check_that_takes_too_long_does_not_keep_the_bot_from_guarding(tmp_path: Path) -> None:
    path = tmp_path / "perpilot.db"
    database = open_database(f"sqlite:///{path}")
    await prepare(database)
    rows_of = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
    filler = f"CREATE TABLE filler AS {rows_of} SELECT i, hex(randomblob(20)) AS t FROM n"
    await database.write(lambda connection: connection.execute(text(filler)))

    finished, cut_short = check_whole(path, 5.0), check_whole(path, 0.0)
    await refuse_damaged(database, limit_s=0.0)
    await database.close()

    assert (finished, cut_short) == ("", "")


async def test_an_acknowledged_row_of_a_file_survives_a_power_cut(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'perpilot.db'}")
    await prepare(database)

    def settings(connection: Connection) -> tuple[object, object]:
        read = [
            connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        ]
        return read[0], read[1]

    writing, reading = await database.write(settings), await database.read(settings)
    await database.close()

    assert writing == reading == ("wal", 2)
