"""A journal in memory, a clock that never waits, and a brief: what an adviser needs around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.demo.ai import AiStandIn
from core.adapters.advisers import (
    AdviserAccess,
    AdviserLimits,
    ModelAdviser,
    Provider,
    build_advisers,
)
from core.advice.brief import write_brief
from core.opinion import Brief
from core.ports import AdviserCall, CachedAnswer
from tests.core.advice.pictures import TERMS, candles, features

KEY = "sk-canary-5f2c9d71e8b04a36"
LIMITS = AdviserLimits(timeout_s=5.0, tries=3, cache_s=900.0)
QUICK = AdviserLimits(timeout_s=0.15, tries=3, cache_s=900.0)
DEADLINE_S = 100.0


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

    async def record_call(self, call: AdviserCall) -> None:
        self.calls.append(call)

    async def cached_answer(self, key: str, now: datetime) -> CachedAnswer | None:
        kept = self.answers.get(key)
        return kept if kept is not None and kept.expires_at > now else None

    async def keep_answer(self, answer: CachedAnswer) -> None:
        self.answers[answer.key] = answer


def brief(sign: int = 1) -> Brief:
    return write_brief(features(sign), candles(), TERMS)


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
) -> tuple[ModelAdviser, ...]:
    accesses = [access(provider, urls(stand_in)[provider]) for provider in providers]
    return build_advisers(accesses, journal, clock, limits)
