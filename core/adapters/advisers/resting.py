"""A provider whose quota or credit is used up rests: it is not asked for a while, the owner told once."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.adapters.advisers.failures import CallFailed
from core.notice import Notice
from core.opinion import Silence
from core.trading import notices


class Rest:
    def __init__(self, adviser: str, length: timedelta) -> None:
        """`length` zero: it never rests."""
        self._adviser = adviser
        self._length = length
        self._until: datetime | None = None
        self._is_told = False

    def check(self, now: datetime) -> None:
        """Raises `CallFailed` while it rests."""
        if self._until is not None and now < self._until:
            detail = f"quota or credit is used up; asked again after {self._until:%H:%M} UTC"
            raise CallFailed(Silence.RESTING, detail, is_transient=False)

    def note_answer(self) -> None:
        self._until, self._is_told = None, False

    def start(self, now: datetime, detail: str) -> tuple[Notice, ...]:
        """What to tell; nothing until it has answered again, and at most once a UTC day over restarts."""
        if not self._length:
            return ()
        self._until = now + self._length
        if self._is_told:
            return ()
        self._is_told = True
        minutes = int(self._length.total_seconds() // 60)
        text = (
            f"{self._adviser} rests: its provider says that quota or credit is used up ({detail}). "
            f"It is asked again every {minutes} minutes."
        )
        return (notices.system(f"adviser:{self._adviser}:rests:{now.date()}", text),)
