"""The table of dialects, known models, and what a setting makes of a request."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bot.demo.ai import AiStandIn
from bot.settings import SettingsError, load_settings
from core.adapters.advisers import PROVIDERS, Provider, build_advisers
from core.adapters.advisers.capabilities import Capabilities
from core.adapters.advisers.known_models import is_same_model, known_model, undated
from core.advice.dialect import FIELDS, read_dialect
from core.opinion import Opinion
from tests.adapters.advisers.worlds import DEADLINE_S, MemoryJournal, NeverWaits, access, around, brief


def test_every_field_that_a_setting_may_name_is_one_of_the_table() -> None:
    assert set(FIELDS) <= set(Capabilities.__dataclass_fields__)


@pytest.mark.parametrize(
    ("provider", "model", "effort"),
    [
        (Provider.OPENAI, "gpt-6-luna", "low"),
        (Provider.OPENAI, "gpt-6.1-sol", "low"),
        (Provider.OPENAI, "gpt-5.5-2026-01-01", "low"),
        (Provider.OPENAI, "gpt-5-mini", ""),
        (Provider.OPENAI, "gpt-60", ""),
        (Provider.OPENAI, "llama", ""),
        (Provider.ANTHROPIC, "claude-sonnet-5-5", "low"),
        (Provider.ANTHROPIC, "claude-haiku-4-5", ""),
        (Provider.XAI, "grok-4.3", "low"),
        (Provider.XAI, "grok-4.7", ""),
        (Provider.DEEPSEEK, "deepseek-flash", ""),
    ],
)
def test_only_models_known_to_take_an_effort_are_sent_one(
    provider: Provider, model: str, effort: str
) -> None:
    assert PROVIDERS[provider].effort_for(model) == effort


def test_a_known_id_ends_where_its_name_ends() -> None:
    assert PROVIDERS[Provider.OPENAI].retires_on("gpt-5-mini") == date(2026, 12, 11)
    assert PROVIDERS[Provider.OPENAI].retires_on("gpt-5.5") is None
    known = known_model("xai", "grok-4-fast-reasoning")
    assert known is not None
    assert known.serves == "grok-4.3"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("gpt-6-luna", "gpt-6-luna-2026-10-01", True),
        ("claude-haiku-5-5-20261001", "claude-haiku-5-5", True),
        ("claude-haiku-5-5@20261001", "Claude-Haiku-5-5", True),
        ("claude-haiku-5-5", "claude-haiku-5", False),
        ("grok-3", "grok-4.3", False),
        ("gpt-6-luna", "gpt-6-sol-2026-10-01", False),
        ("grok-4-0709", "grok-4", False),
    ],
)
def test_a_date_makes_no_other_model_and_all_else_does(one: str, other: str, is_same: bool) -> None:
    assert is_same_model(one, other) is is_same
    assert undated(undated(one)) == undated(one)


async def test_a_compatible_server_is_asked_in_the_dialect_that_the_owner_states(stand_in: AiStandIn) -> None:
    stated = '{"max_tokens_parameter":"max_tokens","max_tokens":700,"answer_form":"text","effort":"high",'
    stated += '"prompt_cache_key":false,"extra":{"temperature":null,"thinking":null,"top_p":0.5}}'
    given = access(Provider.DEEPSEEK, stand_in.deepseek_url, "llama-4")
    journal = MemoryJournal()
    (adviser,) = build_advisers(
        [replace(given, dialect=read_dialect(stated), api_key="local")], around(journal, NeverWaits())
    )
    answer = await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()
    (sent,) = stand_in.bodies["deepseek"]

    assert isinstance(answer, Opinion)
    assert set(sent) == {"model", "messages", "max_tokens", "reasoning_effort", "top_p"}
    assert (sent["max_tokens"], sent["reasoning_effort"], sent["model"]) == (700, "high", "llama-4")


async def test_claude_without_cache_schema_and_effort_is_sent_none_of_them(stand_in: AiStandIn) -> None:
    stated = read_dialect('{"cache_ttl":"","answer_form":"text","effort":""}')
    given = replace(access(Provider.ANTHROPIC, stand_in.anthropic_url), dialect=stated)
    (adviser,) = build_advisers([given], around(MemoryJournal(), NeverWaits()))
    await adviser.ask(brief(), DEADLINE_S)
    await adviser.close()
    (sent,) = stand_in.bodies["claude"]

    assert set(sent) == {"model", "messages", "max_tokens", "system"}
    assert "cache_control" not in sent["system"][0]


def test_a_dialect_is_read_at_start_and_a_wrong_one_stops_it_with_its_sentence() -> None:
    with pytest.raises(SettingsError, match='knows no field "max_token"'):
        load_settings({"OPENAI_CAPABILITIES": '{"max_token":900}'})
    settings = load_settings({"OPENAI_CAPABILITIES": '{"max_tokens": 900}'})

    assert settings.openai_capabilities is not None
    assert dict(settings.openai_capabilities.fields) == {"max_tokens": 900}
    assert settings.xai_capabilities is None


def test_a_key_in_a_dialect_stops_the_start_and_is_not_repeated() -> None:
    key = "xai-0123456789abcdef0123456789abcdef"
    with pytest.raises(SettingsError) as refused:
        load_settings({"XAI_CAPABILITIES": f'{{"extra":{{"user":"{key}"}}}}'})

    assert "must hold no secret" in str(refused.value)
    assert key not in str(refused.value)
