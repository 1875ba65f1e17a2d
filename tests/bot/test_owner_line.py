"""Who holds entries when the owner can't be reached, or isn't alone with the token."""

from __future__ import annotations

import pytest

from bot.owner_line import CONFLICTS, GONE_S, PROOF_EVERY_S, SILENCE_GATE, SILENCE_S, TOKEN_GATE, OwnerLine
from core.trading.entries import EntryGate


class Steady:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Wire:
    def __init__(self, silence_s: float = SILENCE_S) -> None:
        self.clock = Steady()
        self.gate = EntryGate()
        self.line = OwnerLine(silence_s, self.clock)
        self.line.hold(self.gate)

    def later(self, seconds: float) -> None:
        """Time passes, and a round of the loop."""
        self.clock.now += seconds
        self.line.hold(self.gate)

    def is_closed(self, name: str) -> bool:
        return self.gate.is_closed_by(name)


def test_a_short_outage_changes_nothing_and_a_long_one_closes_entries() -> None:
    wire = Wire()

    wire.later(SILENCE_S - 1)
    before = wire.is_closed(SILENCE_GATE)
    wire.later(1)

    assert not before
    assert wire.gate.reason(SILENCE_GATE) == (
        "Telegram has not answered for 30 min, TELEGRAM_SILENCE_MINUTES 30"
    )


@pytest.mark.parametrize("answer", [OwnerLine.answered, OwnerLine.delivered])
def test_the_first_answer_after_an_outage_opens_at_once(answer: object) -> None:
    wire = Wire()
    wire.later(SILENCE_S)

    answer(wire.line)  # type: ignore[operator]

    assert not wire.is_closed(SILENCE_GATE)


def test_an_owner_who_wishes_it_is_traded_for_through_any_outage() -> None:
    wire = Wire(silence_s=0)

    wire.later(86_400)

    assert not wire.is_closed(SILENCE_GATE)


def test_a_refused_chat_closes_even_then_and_only_a_delivery_opens() -> None:
    wire = Wire(silence_s=0)

    wire.line.refused("blocked")
    at_once = wire.is_closed(SILENCE_GATE)
    wire.line.answered()
    after_a_poll = wire.is_closed(SILENCE_GATE)
    wire.line.delivered()

    assert at_once and after_a_poll and not wire.is_closed(SILENCE_GATE)


def test_proof_is_asked_for_now_and_then_only_where_nothing_else_would_tell() -> None:
    wire = Wire()

    assert not wire.line.wants_proof(is_hearing=True)
    wire.line.refused("blocked")
    assert wire.line.wants_proof(is_hearing=True)
    assert not wire.line.wants_proof(is_hearing=False)
    wire.later(PROOF_EVERY_S)
    assert wire.line.wants_proof(is_hearing=False)


def test_conflicts_close_entries_once_they_are_certain_and_are_news_once() -> None:
    wire = Wire()
    news = []

    for _ in range(CONFLICTS + 2):
        wire.later(5)
        wire.line.answered()
        news.append(wire.line.conflict())

    assert news == [False, False, True, False, False]
    assert wire.gate.reason(TOKEN_GATE) == "another program uses the bot's Telegram token"


def test_conflicts_far_apart_are_hiccups() -> None:
    wire = Wire()

    for _ in range(CONFLICTS * 2):
        wire.later(31)
        assert not wire.line.conflict()

    assert not wire.is_closed(TOKEN_GATE)


def test_entries_open_again_five_minutes_after_the_last_conflict() -> None:
    wire = Wire()
    for _ in range(CONFLICTS):
        wire.line.conflict()
    wire.later(GONE_S - 10)
    wire.line.conflict()  # it is still there

    wire.later(GONE_S)
    still = wire.is_closed(TOKEN_GATE)
    wire.later(1)

    assert still and not wire.is_closed(TOKEN_GATE)
    assert [wire.line.conflict() for _ in range(CONFLICTS)] == [False, False, True]
