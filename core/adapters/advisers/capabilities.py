"""What each provider's endpoint takes and how it names things: the defaults, and what settings make of them.

Surprising facts of real endpoints, as of 2026-11:
- DeepSeek ignores `max_completion_tokens` silently, answers 400 to json_schema on chat completions, and
  replaces an answer that is no JSON by white space while finish_reason stays "stop".
- Reasoning tokens count towards the cap on output, so the cap leaves room for them.
- Grok takes `reasoning_effort` on 4.3 only; the newest Claude models reject temperature and thinking budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from core.adapters.advisers.known_models import known_model
from core.advice.dialect import AnswerForm


class Provider(StrEnum):
    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    XAI = "xai"
    DEEPSEEK = "deepseek"


class Shape(StrEnum):
    """The two wire forms."""

    CHAT = "chat"
    """Chat completions: OpenAI, xAI, DeepSeek and every compatible server."""
    MESSAGES = "messages"
    """Anthropic's."""


EFFORT = "low"
"""The question is small and asked often; more thinking costs five to seven times as much."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One provider's dialect. What `core.advice.dialect` names can be set without a line of code."""

    provider: Provider
    shape: Shape
    adviser: str
    """The adviser's name in journal, cards and verdicts."""
    default_model: str
    default_base_url: str
    max_tokens_parameter: str
    max_tokens: int
    """Cap on output, reasoning included: an answer is about 300."""
    answer_form: AnswerForm
    """Without a schema only the rubric describes the form."""
    effort: str | None = None
    """None: `EFFORT`, for the models known to take one; empty: none is sent; else sent to every model."""
    prompt_cache_key: bool = False
    cache_ttl: str = ""
    """Of the rubric in Anthropic's cache; empty: not cached there."""
    cached_tokens_field: str = ""
    """Where `usage` counts the cached tokens; a dot goes one level down."""
    cost_field: str = ""
    """Where `usage` states the bill, in units of `cost_unit_usd`; empty: nowhere."""
    cost_unit_usd: Decimal = Decimal(1)
    retires: date | None = None
    """When the model goes, where the owner knows better than the table of known models."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Sent with every request: thinking switches, temperature."""

    def effort_for(self, model: str) -> str:
        """Empty: none is sent."""
        if self.effort is not None:
            return self.effort
        known = known_model(self.provider.value, model)
        return EFFORT if known is not None and known.takes_effort else ""

    def retires_on(self, model: str) -> date | None:
        """None: not known to go."""
        known = known_model(self.provider.value, model)
        return self.retires or (known.retires if known is not None else None)

    def overridden(self, changes: Mapping[str, Any]) -> Capabilities:
        """With what `core.advice.dialect.read_dialect` read; `extra` is added to, the rest replaced. A null
        in `extra` takes a default out."""
        given = dict(changes)
        merged = dict(self.extra) | dict(given.pop("extra", {}))
        extra = {name: value for name, value in merged.items() if value is not None}
        return replace(self, **given, extra=extra)


PROVIDERS: dict[Provider, Capabilities] = {
    Provider.ANTHROPIC: Capabilities(
        provider=Provider.ANTHROPIC,
        shape=Shape.MESSAGES,
        adviser="claude",
        default_model="claude-haiku-5-5",
        default_base_url="https://api.anthropic.com",
        max_tokens_parameter="max_tokens",
        max_tokens=4_000,
        answer_form=AnswerForm.SCHEMA,
        cache_ttl="1h",  # bars close every 15 minutes: the default of 5 minutes would miss each time
        cached_tokens_field="cache_read_input_tokens",
    ),
    Provider.OPENAI: Capabilities(
        provider=Provider.OPENAI,
        shape=Shape.CHAT,
        adviser="gpt",
        default_model="gpt-6-luna",
        default_base_url="https://api.openai.com/v1",
        max_tokens_parameter="max_completion_tokens",
        max_tokens=4_000,
        answer_form=AnswerForm.SCHEMA,
        prompt_cache_key=True,
        cached_tokens_field="prompt_tokens_details.cached_tokens",
    ),
    Provider.XAI: Capabilities(
        provider=Provider.XAI,
        shape=Shape.CHAT,
        adviser="grok",
        default_model="grok-4.3",
        default_base_url="https://api.x.ai/v1",
        max_tokens_parameter="max_completion_tokens",
        max_tokens=6_000,
        answer_form=AnswerForm.SCHEMA,
        cached_tokens_field="prompt_tokens_details.cached_tokens",
        cost_field="cost_in_usd_ticks",
        cost_unit_usd=Decimal("1e-10"),
    ),
    Provider.DEEPSEEK: Capabilities(
        provider=Provider.DEEPSEEK,
        shape=Shape.CHAT,
        adviser="deepseek",
        default_model="deepseek-flash",
        default_base_url="https://api.deepseek.com",
        max_tokens_parameter="max_tokens",
        max_tokens=1_500,
        answer_form=AnswerForm.OBJECT,
        cached_tokens_field="prompt_cache_hit_tokens",
        extra={"thinking": {"type": "disabled"}, "temperature": 0},
    ),
}
