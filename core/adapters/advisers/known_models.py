"""Models whose dialect differs from their provider's, and models that end.

From the SDKs' lists and the providers' pages as of `AS_OF`. A model that stands here nowhere is asked by its
provider's defaults: an unknown id is no error, the probe at the start asks the provider itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

AS_OF = "2026-11-22"

_DATE = re.compile(r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2})$")
"""The two ways in which providers date a model's id."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Holds for this id and for every longer one that goes on with `-`, `@` or `:`; the longest wins."""

    provider: str
    id: str
    takes_effort: bool = False
    retires: date | None = None
    serves: str = ""
    """The model that really answers to this id."""


def _known(
    provider: str, *ids: str, effort: bool = False, retires: str = "", serves: str = ""
) -> list[KnownModel]:
    day = date.fromisoformat(retires) if retires else None
    return [KnownModel(provider, id_, effort, day, serves) for id_ in ids]


KNOWN_MODELS: tuple[KnownModel, ...] = (
    *_known(
        "anthropic", "claude-haiku-5-5", "claude-sonnet-5", "claude-opus-5", "claude-fable-5", effort=True
    ),
    *_known("anthropic", "claude-sonnet-4-5", retires="2026-11-30"),
    *_known(
        "anthropic",
        "claude-opus-4-0",
        "claude-sonnet-4-0",
        "claude-opus-4-20250514",
        "claude-sonnet-4-20250514",
        retires="2026-06-15",
    ),
    *_known("openai", "gpt-5.5", "gpt-5.6", "gpt-6", "gpt-6.1", "gpt-6.2", effort=True),
    *_known("openai", "gpt-5", "o3", retires="2026-12-11"),
    *_known("openai", "gpt-4o", "gpt-4.1", retires="2027-01-14"),
    *_known("openai", "gpt-5.4-nano", "gpt-5.1", retires="2027-04-01"),
    *_known("openai", "gpt-3.5-turbo", "o4-mini", retires="2026-10-23"),
    *_known("xai", "grok-4.3", effort=True),
    *_known("xai", "grok-3", "grok-4-0709", "grok-4-fast", serves="grok-4.3"),
    *_known("deepseek", "deepseek-chat", "deepseek-reasoner", retires="2026-07-24"),
    *_known("deepseek", "deepseek-v4-flash", serves="deepseek-flash"),
)


def known_model(provider: str, model: str) -> KnownModel | None:
    fitting = [known for known in KNOWN_MODELS if known.provider == provider and _is_of(model, known.id)]
    return max(fitting, key=lambda known: len(known.id), default=None)


def _is_of(model: str, known: str) -> bool:
    return model == known or (model.startswith(known) and model[len(known)] in "-@:")


def undated(model: str) -> str:
    """`gpt-6-luna-2026-10-01` → `gpt-6-luna`: the name under which a model's record is kept."""
    return _DATE.sub("", model)


def is_same_model(one: str, other: str) -> bool:
    """A date behind the id makes no other model."""
    return undated(one.strip().lower()) == undated(other.strip().lower())
