"""What one plan is judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from core.market import Instrument, Quote
from core.opinion import Flags
from core.plan import Plan, Reason
from core.risk.account import Account
from core.risk.limits import Limits

EARLIEST_S = -5.0
"""Seconds that a fact may seem to come from the future: clocks of two machines differ."""


@dataclass(frozen=True, slots=True)
class Case:
    """One plan and everything it is judged by."""

    plan: Plan
    quote: Quote
    instrument: Instrument
    account: Account
    flags: Flags
    limits: Limits
    now: datetime


Check = Callable[[Case], Iterator[Reason]]
