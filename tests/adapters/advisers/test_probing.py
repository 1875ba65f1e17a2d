"""Looking models up at their providers, over real sockets: what is told, and what proves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bot.assembly_probe import lines_without_bot, tell_of_models
from bot.demo.ai import AiStandIn
from bot.settings import load_settings
from core.adapters.advisers import Provider, build_advisers
from core.adapters.advisers.asking import ModelAdviser
from core.adapters.advisers.probing import Finding, probe
from tests.adapters.advisers.worlds import (
    KEY,
    MemoryJournal,
    NeverWaits,
    access,
    advisers,
    around,
    urls,
)

TODAY = date(2026, 3, 2)


async def found(*asked: ModelAdviser, today: date = TODAY) -> tuple[Finding, ...]:
    try:
        return await probe(asked, today)
    finally:
        for adviser in asked:
            await adviser.close()


async def test_listed_models_are_fine_and_nothing_is_asked(stand_in: AiStandIn) -> None:
    journal = MemoryJournal()
    findings = await found(*advisers(stand_in, journal, NeverWaits()))

    assert [finding.is_fine for finding in findings] == [True] * 4
    assert findings[1].text == "gpt: gpt-6-luna is listed"
    assert (dict(stand_in.calls), journal.calls) == ({}, [])


async def test_a_model_that_is_not_listed_is_named_with_its_setting(stand_in: AiStandIn) -> None:
    stand_in.listed.discard("grok-4.3")
    (finding,) = await found(*advisers(stand_in, MemoryJournal(), NeverWaits(), providers=[Provider.XAI]))

    assert (finding.is_fine, finding.state) == (False, "unknown")
    assert finding.text == "grok: grok-4.3 is not among the models its provider lists"
    assert finding.mend == "Choose another with XAI_MODEL"


@pytest.mark.parametrize("state", ["deprecated", "retired"])
async def test_what_anthropic_says_of_a_models_life_is_told(state: str, stand_in: AiStandIn) -> None:
    stand_in.lifecycles["claude-haiku-5-5"] = state
    asked = advisers(stand_in, MemoryJournal(), NeverWaits(), providers=[Provider.ANTHROPIC])
    (finding,) = await found(*asked)

    assert (finding.is_fine, finding.state) == (False, state)


async def test_a_model_that_anthropic_does_not_know_is_unknown_at_its_own_address_only(
    stand_in: AiStandIn,
) -> None:
    stand_in.listed.clear()
    asked = advisers(stand_in, MemoryJournal(), NeverWaits(), providers=[Provider.ANTHROPIC])
    (finding,) = await found(*asked)

    assert finding.is_fine
    assert "could not be looked up" in finding.text


async def test_a_provider_that_cannot_be_asked_proves_nothing() -> None:
    given = [
        access(Provider.OPENAI, "http://127.0.0.1:9/v1"),
        access(Provider.ANTHROPIC, "http://127.0.0.1:9"),
    ]
    findings = await found(*build_advisers(given, around(MemoryJournal(), NeverWaits())))

    assert [finding.is_fine for finding in findings] == [True, True]
    assert all("could not be looked up (no connection" in finding.text for finding in findings)


@pytest.mark.parametrize(
    ("today", "state"), [(date(2026, 11, 30), "deprecated"), (date(2026, 12, 11), "retired"), (TODAY, "")]
)
async def test_the_owners_own_date_counts_where_the_provider_is_silent(
    today: date, state: str, stand_in: AiStandIn
) -> None:
    given = replace(access(Provider.OPENAI, stand_in.openai_url), dialect={"retires": date(2026, 12, 11)})
    (finding,) = await found(*build_advisers([given], around(MemoryJournal(), NeverWaits())), today=today)

    assert finding.state == state


async def test_the_owner_is_told_once_of_each_trouble(stand_in: AiStandIn) -> None:
    stand_in.listed.discard("gpt-6-luna")
    journal = MemoryJournal()
    asked = advisers(stand_in, journal, NeverWaits(), providers=[Provider.OPENAI, Provider.XAI])
    await tell_of_models(asked, journal, NeverWaits())  # type: ignore[arg-type]
    for adviser in asked:
        await adviser.close()

    assert [notice.key for notice in journal.told] == ["adviser:gpt:model:gpt-6-luna:unknown"]


async def test_the_doctor_looks_models_up_without_a_bot(stand_in: AiStandIn) -> None:
    stand_in.listed.discard("deepseek-flash")
    where = {f"{provider.value.upper()}_BASE_URL": url for provider, url in urls(stand_in).items()}
    keys = {f"{provider.value.upper()}_API_KEY": KEY for provider in Provider}
    lines = await lines_without_bot(load_settings(where | keys | {"ENABLE_GROK": "true"}), NeverWaits())

    assert [(line.is_ok, line.is_needed) for line in lines] == [(True, False)] * 3 + [(False, False)]
    assert "deepseek-flash is not among the models" in lines[3].text
    assert sum(stand_in.calls.values()) == 0
