"""Keys → advisers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.adapters.advisers.anthropic_shaped import AnthropicShaped
from core.adapters.advisers.asking import ModelAdviser
from core.adapters.advisers.capabilities import PROVIDERS, Provider, Shape
from core.adapters.advisers.line import Around
from core.adapters.advisers.openai_shaped import OpenAIShaped


@dataclass(frozen=True, slots=True)
class AdviserAccess:
    """One provider's key; None means the provider's own address and our default model."""

    provider: Provider
    api_key: str = field(repr=False)
    model: str | None = None
    base_url: str | None = None
    """As the provider's SDK takes it: with `/v1` for the OpenAI form, without for Anthropic's."""
    dialect: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the provider's defaults, as `core.advice.dialect.read_dialect` read it."""


def build_advisers(accesses: Sequence[AdviserAccess], around: Around) -> tuple[ModelAdviser, ...]:
    """One adviser per access that holds a key, in the given order. Imports no SDK and opens nothing."""
    return tuple(_adviser(access, around) for access in accesses if access.api_key)


def _adviser(access: AdviserAccess, around: Around) -> ModelAdviser:
    can = PROVIDERS[access.provider].overridden(access.dialect)
    speaks = AnthropicShaped if can.shape is Shape.MESSAGES else OpenAIShaped
    return speaks(
        name=can.adviser,
        model=access.model or can.default_model,
        api_key=access.api_key,
        base_url=access.base_url or can.default_base_url,
        can=can,
        around=around,
    )
