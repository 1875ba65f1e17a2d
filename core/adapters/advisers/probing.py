"""Asks each provider, without asking a model, whether the configured id can be served.

Laws:
- Nothing is spent: a list of models or a model's description is read, once, within `LISTING_S`.
- A provider that can't be asked proves nothing about its model: that is said, and is no failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from core.adapters.advisers.asking import ModelAdviser, ModelLook
from core.adapters.advisers.failures import CallFailed
from core.adapters.advisers.known_models import AS_OF, known_model
from core.errors import JournalError
from core.notice import Notice
from core.opinion import Purpose
from core.ports import AdviserCall, CachedAnswer
from core.trading import notices

SOON = timedelta(days=60)
"""Before a model ends, the owner has this long to choose another."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was learned of one adviser's model."""

    adviser: str
    model: str
    is_fine: bool
    text: str
    mend: str = ""
    state: str = ""
    """One word for the trouble: a notice is told once for each."""


class LookingOnly:
    """Journal and purse of an adviser that is probed and never asked: no call, no row."""

    def barred(self, purpose: Purpose) -> str:
        return "the provider is only looked at"

    async def reserve(self, call: AdviserCall, worst_usd: Decimal | None) -> str:
        return self.barred(call.purpose)

    async def record_call(self, call: AdviserCall) -> None:
        raise JournalError("nothing is recorded while a provider is only looked at")

    async def cached_answer(self, key: str, now: datetime) -> CachedAnswer | None:
        return None

    async def keep_answer(self, answer: CachedAnswer) -> None:
        raise JournalError("no answer is kept while a provider is only looked at")

    async def served_model(self, adviser: str, asked: str) -> str | None:
        return None

    async def remember_served(
        self, adviser: str, asked: str, served: str, at: datetime, told: Sequence[Notice]
    ) -> None:
        raise JournalError("nothing is remembered while a provider is only looked at")

    async def tell(self, told: Sequence[Notice]) -> None:
        raise JournalError("nothing is told while a provider is only looked at")


async def probe(advisers: Sequence[ModelAdviser], today: date) -> tuple[Finding, ...]:
    """One finding per adviser, in their order. Never raises for a provider's sake."""
    return tuple(await asyncio.gather(*(_probe(adviser, today) for adviser in advisers)))


def notices_of(findings: Sequence[Finding]) -> tuple[Notice, ...]:
    """What the owner is told, once for each model and trouble."""
    return tuple(
        notices.system(
            f"adviser:{found.adviser}:model:{found.model}:{found.state}", f"{found.text}. {found.mend}"
        )
        for found in findings
        if not found.is_fine
    )


async def _probe(adviser: ModelAdviser, today: date) -> Finding:
    try:
        look = await adviser.look()
    except CallFailed as failed:
        known = _by_the_table(adviser, today)
        said = f"{adviser.name}: {adviser.model} could not be looked up ({failed.detail})"
        return known or Finding(adviser.name, adviser.model, True, said)
    return _by_the_provider(adviser, look, today) or _by_the_table(adviser, today) or _fine(adviser, look)


def _by_the_provider(adviser: ModelAdviser, look: ModelLook, today: date) -> Finding | None:
    if not look.is_listed:
        return _trouble(adviser, "unknown", "is not among the models its provider lists")
    if look.lifecycle == "retired":
        return _trouble(adviser, "retired", "is retired")
    if look.lifecycle == "deprecated":
        until = f", its provider ends it on {look.retires}" if look.retires else ""
        return _trouble(adviser, "deprecated", f"is deprecated{until}")
    return None


def _by_the_table(adviser: ModelAdviser, today: date) -> Finding | None:
    """Only a provider's own address: another server may serve what it likes under any name."""
    can, model = adviser.capabilities, adviser.model
    if not adviser.is_own_address and can.retires is None:
        return None
    known = known_model(can.provider.value, model)
    if known is not None and known.serves:
        return _trouble(adviser, "redirected", f"is answered by {known.serves} (as of {AS_OF})")
    ends = can.retires_on(model)
    if ends is None or ends > today + SOON:
        return None
    if ends <= today:
        return _trouble(adviser, "retired", f"ended on {ends}")
    return _trouble(adviser, "deprecated", f"ends on {ends}")


def _trouble(adviser: ModelAdviser, state: str, words: str) -> Finding:
    mend = f"Choose another with {adviser.capabilities.provider.value.upper()}_MODEL"
    return Finding(
        adviser.name, adviser.model, False, f"{adviser.name}: {adviser.model} {words}", mend, state
    )


def _fine(adviser: ModelAdviser, look: ModelLook) -> Finding:
    return Finding(adviser.name, adviser.model, True, f"{adviser.name}: {adviser.model} is listed")
