"""`…_CAPABILITIES`: what the owner says about a provider's dialect, as a setting's value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.settings_values import Kind, looks_secret
from core.advice.dialect import FIELDS, read_dialect


@dataclass(frozen=True, slots=True)
class StatedDialect:
    """Checked; equal texts are equal dialects."""

    text: str
    """JSON with sorted names."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """As `core.advice.dialect.read_dialect` reads them."""
        return read_dialect(self.text)

    def __str__(self) -> str:
        return self.text


def dialect() -> Kind:
    def read(text: str) -> StatedDialect:
        if looks_secret(text):
            raise ValueError("must hold no secret: it is shown and journalled; keys have their own settings")
        read_dialect(text)
        return StatedDialect(json.dumps(json.loads(text), sort_keys=True))

    return Kind(read, f"a JSON object with any of {', '.join(FIELDS)}")
