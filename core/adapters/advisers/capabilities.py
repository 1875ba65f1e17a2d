"""What each provider's endpoint takes and how it names things.

Surprising facts of real endpoints, as of 2026-11:
- DeepSeek ignores `max_completion_tokens` silently, answers 400 to json_schema on chat completions, and
  replaces an answer that is no JSON by white space while finish_reason stays "stop".
- Reasoning tokens count towards the cap on output, so the cap leaves room for them.
- Grok takes `reasoning_effort` on 4.3 only; the newest Claude models reject temperature and thinking budgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Provider(StrEnum):
    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    XAI = "xai"
    DEEPSEEK = "deepseek"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One provider's dialect; `extra` is sent with every request."""

    provider: Provider
    adviser: str
    """The adviser's name in journal, cards and verdicts."""
    default_model: str
    default_base_url: str
    max_tokens_parameter: str
    max_tokens: int
    """Cap on output, reasoning included: an answer is about 300."""
    has_json_schema: bool
    """Else `json_object`, whose form only the rubric describes."""
    effort_models: tuple[str, ...] = ()
    """Prefixes of the models that take an effort; others are sent none."""
    has_prompt_cache_key: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def takes_effort(self, model: str) -> bool:
        return model.startswith(self.effort_models) if self.effort_models else False


EFFORT = "low"
"""The question is small and asked often; more thinking costs five to seven times as much."""

PROVIDERS: dict[Provider, Capabilities] = {
    Provider.ANTHROPIC: Capabilities(
        provider=Provider.ANTHROPIC,
        adviser="claude",
        default_model="claude-haiku-5-5",
        default_base_url="https://api.anthropic.com",
        max_tokens_parameter="max_tokens",
        max_tokens=4_000,
        has_json_schema=True,
        effort_models=("claude-haiku-5-5", "claude-sonnet-5", "claude-opus-5", "claude-fable-5"),
    ),
    Provider.OPENAI: Capabilities(
        provider=Provider.OPENAI,
        adviser="gpt",
        default_model="gpt-6-luna",
        default_base_url="https://api.openai.com/v1",
        max_tokens_parameter="max_completion_tokens",
        max_tokens=4_000,
        has_json_schema=True,
        effort_models=("gpt-5.5", "gpt-5.6", "gpt-6"),
        has_prompt_cache_key=True,
    ),
    Provider.XAI: Capabilities(
        provider=Provider.XAI,
        adviser="grok",
        default_model="grok-4.3",
        default_base_url="https://api.x.ai/v1",
        max_tokens_parameter="max_completion_tokens",
        max_tokens=6_000,
        has_json_schema=True,
        effort_models=("grok-4.3",),
    ),
    Provider.DEEPSEEK: Capabilities(
        provider=Provider.DEEPSEEK,
        adviser="deepseek",
        default_model="deepseek-flash",
        default_base_url="https://api.deepseek.com",
        max_tokens_parameter="max_tokens",
        max_tokens=1_500,
        has_json_schema=False,
        extra={"thinking": {"type": "disabled"}, "temperature": 0},
    ),
}
