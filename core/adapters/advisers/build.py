"""Keys → advisers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.adapters.advisers.anthropic_shaped import AnthropicShaped
from core.adapters.advisers.asking import AdviserLimits, ModelAdviser
from core.adapters.advisers.capabilities import PROVIDERS, Provider
from core.adapters.advisers.openai_shaped import OpenAIShaped
from core.ports import CallJournal, Clock


@dataclass(frozen=True, slots=True)
class AdviserAccess:
    """One provider's key; None means the provider's own address and our default model."""

    provider: Provider
    api_key: str = field(repr=False)
    model: str | None = None
    base_url: str | None = None
    """As the provider's SDK takes it: with `/v1` for the OpenAI form, without for Anthropic's."""


def build_advisers(
    accesses: Sequence[AdviserAccess], journal: CallJournal, clock: Clock, limits: AdviserLimits
) -> tuple[ModelAdviser, ...]:
    """One adviser per access that holds a key, in the given order. Imports no SDK and opens nothing."""
    return tuple(_adviser(access, journal, clock, limits) for access in accesses if access.api_key)


def _adviser(
    access: AdviserAccess, journal: CallJournal, clock: Clock, limits: AdviserLimits
) -> ModelAdviser:
    can = PROVIDERS[access.provider]
    shape = AnthropicShaped if access.provider is Provider.ANTHROPIC else OpenAIShaped
    return shape(
        name=can.adviser,
        model=access.model or can.default_model,
        api_key=access.api_key,
        base_url=access.base_url or can.default_base_url,
        capabilities=can,
        journal=journal,
        clock=clock,
        limits=limits,
    )
