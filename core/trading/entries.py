"""Whether entries are open at all. Guarding never asks this."""

from __future__ import annotations


class EntryGate:
    """Named reasons that keep entries closed; open only while there is none."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {"start": "the bot is starting"}

    def close(self, name: str, reason: str) -> None:
        self._reasons[name] = reason

    def open(self, name: str) -> None:
        self._reasons.pop(name, None)

    def reason(self, name: str) -> str:
        """Empty where `name` does not keep entries closed."""
        return self._reasons.get(name, "")

    def is_closed_by(self, name: str) -> bool:
        return name in self._reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(self._reasons.values())

    @property
    def text(self) -> str:
        """Empty when entries are open."""
        return "; ".join(self._reasons.values())
