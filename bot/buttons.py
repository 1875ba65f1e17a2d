"""Single-use buttons over the journal: the chat carries a random token, the database its meaning."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from core.journal import Button, ButtonFate, OutboxJournal
from core.ports import Clock

TOKEN_BYTES = 12
"""96 bits: not to be guessed, 16 characters in the callback data."""


class JournalButtons:
    def __init__(self, journal: OutboxJournal, clock: Clock, speed: float = 1.0) -> None:
        """`speed`: the clock's seconds per real second; a button's lifetime is a person's seconds."""
        self._journal = journal
        self._clock = clock
        self._speed = speed

    async def offer(
        self, choices: Sequence[tuple[str, dict[str, str]]], user_id: int, lifetime_s: float
    ) -> tuple[str, ...]:
        expires_at = self._clock.now() + timedelta(seconds=lifetime_s * self._speed)
        group = secrets.token_urlsafe(TOKEN_BYTES)
        buttons = [
            Button(secrets.token_urlsafe(TOKEN_BYTES), action, args, user_id, expires_at, group)
            for action, args in choices
        ]
        await self._journal.offer_buttons(buttons)
        return tuple(button.token for button in buttons)

    async def press(self, token: str, user_id: int) -> tuple[ButtonFate, str, dict[str, str]]:
        fate, button = await self._journal.press_button(token, user_id, self._clock.now())
        if button is None:
            return fate, "", {}
        return fate, button.action, dict(button.args)
