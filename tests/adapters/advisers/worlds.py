"""A journal in memory, a clock that never waits, and a brief: what an adviser needs around it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.demo.ai import AiStandIn
from core.adapters.advisers import (
    AdviserAccess,
    AdviserLimits,
    Around,
    ModelAdviser,
    Provider,
    build_advisers,
)
from core.advice.brief import write_brief
from core.notice import Notice
from core.opinion import Brief, Purpose
from core.ports import AdviserCall, CachedAnswer, Purse
from tests.core.advice.pictures import TERMS, candles, features

KEY = "sk-canary-5f2c9d71e8b04a36"
LIMITS = AdviserLimits(timeout_s=5.0, tries=3, cache_s=900.0)
QUICK = AdviserLimits(timeout_s=0.15, tries=3, cache_s=900.0)
DEADLINE_S = 100.0


class FreePurse:
    """Without a bottom: for tests of everything but money."""

    def barred(self, purpose: Purpose) -> str:
        return ""

    async def reserve(self, call: AdviserCall, worst_usd: Decimal | None) -> str:
        return ""


FREE = FreePurse()


class NeverWaits:
    """Sleeping moves the time and returns at once."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
        self.seconds = 0.0
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class MemoryJournal:
    calls: list[AdviserCall] = field(default_factory=list)
    answers: dict[str, CachedAnswer] = field(default_factory=dict)
    served: dict[tuple[str, str], str] = field(default_factory=dict)
    told: list[Notice] = field(default_factory=list)
    recorded: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    async def tell(self, notices: Sequence[Notice]) -> None:
        self.told.extend(notices)

    async def served_model(self, adviser: str, asked: str) -> str | None:
        return self.served.get((adviser, asked))

    async def remember_served(
        self, adviser: str, asked: str, served: str, at: datetime, told: Sequence[Notice]
    ) -> None:
        self.served[adviser, asked] = served
        self.told.extend(told)

    async def record_call(self, call: AdviserCall) -> None:
        self.calls.append(call)
        self.recorded.set()

    async def cached_answer(self, key: str, now: datetime) -> CachedAnswer | None:
        kept = self.answers.get(key)
        return kept if kept is not None and kept.expires_at > now else None

    async def keep_answer(self, answer: CachedAnswer) -> None:
        self.answers[answer.key] = answer


def brief(sign: int = 1) -> Brief:
    return write_brief(features(sign), candles(), TERMS)


def around(
    journal: MemoryJournal, clock: NeverWaits, limits: AdviserLimits = LIMITS, purse: Purse = FREE
) -> Around:
    return Around(journal, clock, purse, limits)


def access(provider: Provider, base_url: str, model: str | None = None) -> AdviserAccess:
    return AdviserAccess(provider=provider, api_key=KEY, base_url=base_url, model=model)


def urls(stand_in: AiStandIn) -> dict[Provider, str]:
    return {
        Provider.ANTHROPIC: stand_in.anthropic_url,
        Provider.OPENAI: stand_in.openai_url,
        Provider.XAI: stand_in.xai_url,
        Provider.DEEPSEEK: stand_in.deepseek_url,
    }


def advisers(
    stand_in: AiStandIn,
    journal: MemoryJournal,
    clock: NeverWaits,
    limits: AdviserLimits = LIMITS,
    providers: Sequence[Provider] = tuple(Provider),
    purse: Purse = FREE,
) -> tuple[ModelAdviser, ...]:
    accesses = [access(provider, urls(stand_in)[provider]) for provider in providers]
    return build_advisers(accesses, around(journal, clock, limits, purse))
