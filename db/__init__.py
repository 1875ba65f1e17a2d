"""Storage: SQLite or PostgreSQL behind the journal's protocols.

Laws:
- Only `db.session` begins and commits; a verb is a plain function over one `Connection`.
- Money is exact and times are aware, on both databases; a value that is neither is refused, never rounded.
- What a database error says to a person is one sentence without values and without secrets.
"""
