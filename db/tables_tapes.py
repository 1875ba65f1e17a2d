"""What decisions were made from, and the chain that shows whether anybody changed a row since."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, LargeBinary, Table, Text

from db.tables import account, metadata, must

decision_tapes = Table(
    "decision_tapes",
    metadata,
    must("decision_id", Text, key=True),
    account(),
    must("body", LargeBinary),
)
"""Packed: see `core.trading.tape`."""

tape_pieces = Table(
    "tape_pieces",
    metadata,
    must("digest", LargeBinary, key=True),
    must("body", LargeBinary),
)
"""Bars, rules and instruments, by the SHA-256 of their unpacked content; shared by every account."""

journal_chain = Table(
    "journal_chain",
    metadata,
    account(key=True),
    must("number", BigInteger, key=True),
    must("kind", Text),
    must("row_id", Text),
    must("digest", LargeBinary),
    must("link", LargeBinary),
    Index("ix_journal_chain_row_id", "row_id"),
)
"""One link for each row; `link` covers the one before, number, kind, id and digest."""

chain_heads = Table(
    "chain_heads",
    metadata,
    account(key=True),
    must("number", BigInteger),
    must("link", LargeBinary),
    must("rows_before", BigInteger),
    must("ids_before", LargeBinary),
)
"""The newest link, locked while one more is written. `rows_before`: recorded before the chain began."""
