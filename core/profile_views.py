"""What a person can see of a parameter search's result before it is adopted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Change(Protocol):
    """A setting's old and new value, as `core.desk.ProposedChange` tells them."""

    @property
    def name(self) -> str: ...

    @property
    def old(self) -> str: ...

    @property
    def new(self) -> str: ...

    @property
    def effect(self) -> str: ...

    @property
    def raises_risk(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One line of the list."""

    name: str
    words: str
    """Strategy, day and verdict; or why the file can't be used."""
    is_usable: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against it."""

    made_at: str
    strategy: str
    timeframe: str
    symbols: tuple[str, ...]
    tried: str
    """Sets of parameters; `unknown` where the file does not say."""
    verdict: str
    holds: bool
    """By that verdict; False where the file does not say."""
    figures: tuple[tuple[str, str, str], ...]
    """(figure, in sample, out of sample); n/a where there is none."""


@dataclass(frozen=True, slots=True)
class ProfileView:
    """What adopting would do; nothing holds yet."""

    name: str
    """`back` for the return to what was before."""
    evidence: Evidence | None
    """None of `back`."""
    changes: Sequence[Change]
    notes: tuple[str, ...]
    refusals: tuple[str, ...]
    """All reasons why it can't be adopted; empty where it can."""
    effect: str
    """Of all together on the worst-case loss."""
    raises_risk: bool
    mark: str
    """Of what is shown; adopting something else under the same name is refused."""

    @property
    def can_be_adopted(self) -> bool:
        return not self.refusals and bool(self.changes)
