"""Which model answered last to the id that an adviser is asked for."""

from __future__ import annotations

from sqlalchemy import Table, Text

from db.tables import account, metadata, must
from db.types import Instant

served_models = Table(
    "served_models",
    metadata,
    account(key=True),
    must("adviser", Text, key=True),
    must("asked", Text, key=True),
    must("served", Text),
    must("since", Instant),
)
