"""The journal over a database: every protocol of `core.journal`, `core.ports.CallJournal` and `Blobs`.

Laws:
- A verb is one function over one connection and so one transaction, its notices included.
- After `fence`, what decides about money is recorded only by the newest holder of the lease.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.journal_booking import BookingPart
from db.journal_breakers import BreakerPart
from db.journal_calls import CallPart
from db.journal_desk import DeskPart
from db.journal_house import HousePart
from db.journal_opinions import OpinionPart
from db.journal_outbox import OutboxPart
from db.journal_readiness import ReadinessPart
from db.journal_recorded import RecordedPart
from db.journal_records import RecordPart
from db.journal_served import ServedPart
from db.journal_shadows import ShadowPart
from db.journal_spending import SpendingPart
from db.journal_tapes import TapePart
from db.journal_trades import TradePart

if TYPE_CHECKING:
    from core.journal import (
        DeskJournal,
        HouseJournal,
        OutboxJournal,
        ReadinessJournal,
        ShadowJournal,
        TradeJournal,
    )
    from core.ports import Blobs, CallJournal
    from core.spending import SpendingJournal

    def _speaks_every_protocol(
        journal: SqlJournal,
    ) -> tuple[TradeJournal, DeskJournal, ShadowJournal, ReadinessJournal, OutboxJournal, HouseJournal]:
        return journal, journal, journal, journal, journal, journal

    def _keeps_calls_and_texts(journal: SqlJournal) -> tuple[CallJournal, Blobs, SpendingJournal]:
        return journal, journal, journal


class SqlJournal(
    TradePart,
    BookingPart,
    DeskPart,
    BreakerPart,
    RecordPart,
    ShadowPart,
    ReadinessPart,
    OpinionPart,
    OutboxPart,
    HousePart,
    CallPart,
    SpendingPart,
    ServedPart,
    TapePart,
    RecordedPart,
):
    """Made with a `Database` whose schema is there (`db.setup.prepare`) and the clock's `now`."""
