"""What a person can see of the advisers: their record, what they cost, a decision played again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.adviser_record import NO_STANDING, AdviserFigures, Standing
from core.journal import AiFigures, DecisionRecord
from core.opinion import Role, Verdict
from core.plan import Plan
from core.replay import Fate
from core.spending import DecisionCosts, Spending


@dataclass(frozen=True, slots=True)
class ModelsView:
    """Each adviser's record, for `/models`."""

    figures: tuple[AdviserFigures, ...] = ()
    """Former models too, each after its successor."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Of those who take part."""
    standing: Standing = NO_STANDING
    suggestions: tuple[str, ...] = ()
    judgements: int = 0
    """What the figures rest on."""
    since: datetime | None = None
    as_of: datetime | None = None
    """None: not counted yet."""


@dataclass(frozen=True, slots=True)
class CostsView:
    """What advisers cost today and per decision, for `/costs`; USD."""

    budget: Decimal
    """Of a UTC day."""
    today: tuple[Spending, ...]
    decisions: DecisionCosts
    """Of today."""
    figures: AiFigures
    """Of today: calls and cache hits."""
    month_usd: Decimal
    """Since the first of the month, UTC."""
    next_30d_usd: Decimal | None
    """At the pace of the last week; None before anything was spent."""
    capital: Decimal
    prices: str
    """Where the prices come from and of what day they are."""
    at: datetime

    @property
    def today_usd(self) -> Decimal:
        return sum((row.usd for row in self.today), Decimal(0))

    @property
    def capital_share(self) -> Decimal | None:
        """Of 30 days; None where one of both is unknown."""
        if self.next_30d_usd is None or self.capital <= 0:
            return None
        return self.next_30d_usd / self.capital


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A decision derived again from the journal alone, for `/replay`."""

    record: DecisionRecord
    verdict: Verdict | None
    """As recorded, with every answer; None: nobody was asked."""
    plan: Plan | None
    question_hash: str
    """Empty: nobody was asked, or the tape is not there."""
    question: str
    """The text behind that hash, without its candles; empty where it does not come out again."""
    fate: Fate
    differences: tuple[str, ...]
    code_then: str
    code_now: str
