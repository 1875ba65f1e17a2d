"""Roles as settings: who counts as a voter, and what a change in chat means."""

from __future__ import annotations

from typing import Any

import pytest

from bot.adviser_roles import auto_barred, roles_in_words
from bot.book import CHOICES, SettingsBook
from bot.settings import SettingsError, load_settings
from bot.settings_table import ADVISER_NAMES
from core.adapters.advisers.capabilities import PROVIDERS
from core.opinion import Decider, Role
from core.sim.clock import VirtualClock
from tests.bot.test_book import KEYS, FakeJournal, FakeMarket
from tests.core.builders import NOW, PAPER

THREE = KEYS | {"DEEPSEEK_API_KEY": "sk-0123456789abcdef4567"}


def a_book(environ: dict[str, str]) -> SettingsBook:
    journal: Any = FakeJournal()
    market: Any = FakeMarket()
    return SettingsBook(load_settings(environ), journal, market, VirtualClock(NOW), PAPER)


def test_a_role_that_there_is_not_is_refused_at_start() -> None:
    with pytest.raises(SettingsError, match=r"OPENAI_ROLE='?judge'? must be voter, veto or shadow"):
        load_settings(KEYS | {"OPENAI_ROLE": "judge"})


@pytest.mark.parametrize("role", ["veto", "shadow"])
def test_one_voter_beside_a_veto_or_a_shadow_does_not_make_auto_trade(role: str) -> None:
    settings = load_settings(KEYS | {"OPENAI_ROLE": role, "DECIDER": "ai", "TRADING_MODE": "auto"})

    assert auto_barred(settings) == "auto needs two advisers that vote, and voters: claude"
    assert "DECIDER=ai needs two advisers for a verdict; 1 can vote." in settings.warnings


def test_without_two_voters_the_rules_decide_by_default() -> None:
    assert load_settings(KEYS).decider is Decider.AI
    assert load_settings(KEYS | {"OPENAI_ROLE": "shadow"}).decider is Decider.RULES
    assert load_settings(THREE | {"OPENAI_ROLE": "shadow"}).decider is Decider.AI


def test_a_role_alone_brings_no_adviser_without_a_key() -> None:
    settings = load_settings({"OPENAI_ROLE": "veto"})

    assert (settings.advisers, settings.voters) == ((), ())


def test_roles_reach_the_decisions_under_the_advisers_own_names() -> None:
    rules = a_book(THREE | {"DEEPSEEK_ROLE": "veto", "ANTHROPIC_ROLE": "shadow"}).rules()

    assert rules.roles["deepseek"] is Role.VETO
    assert rules.roles["claude"] is Role.SHADOW
    assert rules.roles["gpt"] is Role.VOTER


def test_every_provider_has_the_name_that_its_answers_bear() -> None:
    assert {name.value: able.adviser for name, able in PROVIDERS.items()} == dict(ADVISER_NAMES)


def test_a_change_of_role_says_what_it_means() -> None:
    change = a_book(THREE).propose("OPENAI_ROLE", "veto", None)

    assert (change.old, change.new, change.raises_risk) == ("voter", "veto", False)
    assert change.effect == (
        "gpt as veto: it has no vote; it may only refuse a trade or reduce its size; voters: claude, deepseek"
    )


def test_taking_a_veto_away_raises_the_risk() -> None:
    book = a_book(THREE | {"DEEPSEEK_ROLE": "veto"})

    assert book.propose("DEEPSEEK_ROLE", "shadow", None).raises_risk
    assert book.propose("DEEPSEEK_ROLE", "voter", None).raises_risk
    assert not book.propose("OPENAI_ROLE", "shadow", None).raises_risk


def test_a_change_that_would_hand_the_verdict_to_the_rules_is_refused() -> None:
    change = a_book(KEYS).propose("OPENAI_ROLE", "shadow", None)

    assert "hand the verdict to the rules" in change.refusal


def test_a_change_that_ends_trading_in_auto_says_so() -> None:
    change = a_book(KEYS | {"DECIDER": "ai"}).propose("OPENAI_ROLE", "shadow", None)

    assert change.refusal == ""
    assert "auto would no longer trade: auto needs two advisers that vote" in change.effect


def test_a_promotion_may_hand_the_verdict_to_the_advisers() -> None:
    change = a_book(KEYS | {"OPENAI_ROLE": "shadow"}).propose("OPENAI_ROLE", "voter", None)

    assert change.refusal == ""
    assert "DECIDER becomes ai" in change.effect


async def test_a_confirmed_role_holds_for_the_next_decision() -> None:
    book = a_book(THREE)

    await book.change("OPENAI_ROLE", "shadow", "telegram:1")

    assert book.rules().roles["gpt"] is Role.SHADOW
    assert book.settings.voters == ("anthropic", "deepseek")


def test_every_role_is_offered_as_a_button() -> None:
    assert CHOICES["XAI_ROLE"] == ("voter", "veto", "shadow")


def test_the_doctor_names_the_roles_that_do_not_vote() -> None:
    assert roles_in_words(load_settings(THREE | {"OPENAI_ROLE": "veto"})) == (
        "anthropic, openai (veto), deepseek"
    )
    assert roles_in_words(load_settings({})) == "none"
