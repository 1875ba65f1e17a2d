"""/config profile: evidence and changes shown, adopted whole by one tap, refused with every reason."""

from __future__ import annotations

import pytest

from tests.handlers.conftest import Chat


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/config profile nosuch", "there is no profile nosuch"),
        ("/config profile one two", "Name one profile."),
        ("/config profile wild", "RISK_PER_TRADE=2 must be between"),
    ],
)
async def test_what_cannot_be_adopted_says_why_and_offers_nothing(chat: Chat, said: str, told: str) -> None:
    answer = await chat.telegram.ask(said)

    assert told in answer.body
    assert answer.buttons == []
    assert chat.desk.asked == []


async def test_a_viewer_sees_the_list_and_no_profile_of_it(chat: Chat) -> None:
    listed = await chat.telegram.ask("/config profile", user=chat.viewer)
    refused = await chat.telegram.ask("/config profile calm", user=chat.viewer)

    assert "does not hold out of sample" in listed.body
    assert refused.buttons == []
    assert "MAX_LEVERAGE" not in refused.body


async def test_the_list_names_a_file_that_cannot_be_used(chat: Chat) -> None:
    answer = await chat.telegram.ask("/Config PROFILE")

    assert "calm" in answer.body
    assert "torn.json is no JSON" in answer.body


async def test_a_profile_shows_evidence_and_changes_and_is_adopted_by_one_tap(chat: Chat) -> None:
    shown = await chat.telegram.ask("/config profile calm")

    assert "what was found in sample does not hold out of sample" in shown.body
    assert "5 → 3" in shown.body and "unset → trend(fast=12)@1h:1" in shown.body
    assert "sets tried: 1,200" in shown.body and "-40.2" in shown.body
    assert "This raises the risk" in shown.body
    await chat.telegram.tap(shown, "Adopt it all the same")
    assert chat.desk.asked == [("adopt_profile", "calm", "ab12", "telegram:1001")]


async def test_a_profile_that_is_left_changes_nothing(chat: Chat) -> None:
    shown = await chat.telegram.ask("/config profile calm")

    await chat.telegram.tap(shown, "Leave it")

    assert chat.desk.asked == []
