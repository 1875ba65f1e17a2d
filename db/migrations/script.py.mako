"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from db import types

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    raise RuntimeError("there is no way back: put the backup in place that was made before the migration")
