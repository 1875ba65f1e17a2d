"""Alembic's environment: runs inside the transaction that `db.setup` opened, never opens its own.

A new revision is drafted with `db.setup.draft_revision` and then read by a person.
"""

from __future__ import annotations

from alembic import context

from db.schema import VERSION_TABLE, metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # both databases can; Alembic doubts SQLite because of sqlite3's implicit commits
    render_as_batch=True,  # SQLite changes a column by copying its table
    user_module_prefix="types.",
)
context.run_migrations()
