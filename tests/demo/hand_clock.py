"""A clock that moves when the test says so."""

from __future__ import annotations

NOON_MS = 1_795_348_800_000  # 22 November 2026, 12:00 UTC: a bar of every length begins or is under way


class HandClock:
    def __init__(self, ms: int = NOON_MS) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms

    def forward(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        self.ms += round(1_000 * (seconds + 60 * (minutes + 60 * (hours + 24 * days))))
