"""How long a button lives: a person's seconds, however fast the clock runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from bot.buttons import JournalButtons
from core.journal import Button
from tests.core.builders import NOW


class Noted:
    """A journal that keeps what is offered, and a clock that stands still."""

    def __init__(self) -> None:
        self.offered: list[Button] = []

    async def offer_buttons(self, buttons: Sequence[Button]) -> None:
        self.offered += buttons

    def now(self) -> Any:
        return NOW


@pytest.mark.parametrize(("speed", "lifetime_s"), [(1.0, 120), (20.0, 2_400)])
async def test_a_button_lives_two_minutes_of_the_person_who_taps(speed: float, lifetime_s: int) -> None:
    noted: Any = Noted()

    await JournalButtons(noted, noted, speed).offer([("close", {})], 7, 120.0)

    assert [button.expires_at for button in noted.offered] == [NOW + timedelta(seconds=lifetime_s)]
