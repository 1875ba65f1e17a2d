from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import (
    SettingsError,
    Source,
    Universe,
    environment,
    load_settings,
    spec_of,
    specs,
    with_chat_change,
)
from bot.settings_example import render_example, render_table
from bot.settings_rules import COMPANIONS, known_names
from bot.settings_spec import PROFILES, SECTIONS
from core.journal import Mode
from core.opinion import Decider

ROOT = Path(__file__).resolve().parents[2]
CANARY = "canary-5ecret-91f3"
TOKEN = "7123456789:AAEqWx-canary_token_0123456789abcd"
DEFAULTS = {
    "LOG_LEVEL": "INFO",
    "EXCHANGE": "binanceusdm",
    "EXCHANGE_TESTNET": False,
    "SYMBOLS": Universe(
        tuple(
            f"{coin}/USDT:USDT"
            for coin in ("BTC", "ETH", "SOL", "BNB", "XRP", "DOGE", "ADA", "AVAX", "LINK", "LTC")
        )
    ),
    "ENABLE_GROK": False,
    "DECIDER": Decider.RULES,
    "DATABASE_URL": "sqlite+aiosqlite:///data/perpilot.db",
    "REDIS_URL": None,
    "HTTP_HOST": "127.0.0.1",
    "HTTP_PORT": 8000,
    "HTTP_TOKEN": None,
    "USE_PAPER_TRADING": True,
    "TRADING_MODE": Mode.SEMI_AUTO,
    "INITIAL_CAPITAL": Decimal("100.00"),
    "MAX_LEVERAGE": 5,
    "POSITION_SIZE_PERCENT": Decimal("0.80"),
    "RISK_PER_TRADE": Decimal("0.02"),
    "MAX_TRADE_LOSS_PERCENT": Decimal("0.10"),
    "MIN_STOP_LOSS_PERCENT": Decimal("0.05"),
    "MAX_STOP_LOSS_PERCENT": Decimal("0.10"),
    "MIN_PROFIT_USD": Decimal("2.50"),
    "MIN_AI_CONFIDENCE": Decimal("0.75"),
    "MIN_OPPORTUNITY_SCORE": 70,
    "ALLOW_VOLATILE": False,
    "SCAN_INTERVAL_SECONDS": 300,
    "POSITION_CHECK_SECONDS": 60,
    "MAX_OPEN_POSITIONS": 1,
    "POSITION_COOLDOWN_MINUTES": 30,
    "DAILY_LOSS_LIMIT_PERCENT": Decimal("0.10"),
    "MAX_CONSECUTIVE_LOSSES": 3,
    "MAX_DRAWDOWN_PERCENT": Decimal("0.20"),
    "APPROVAL_TIMEOUT_SECONDS": 300,
    "APPROVAL_MAX_DRIFT_PERCENT": Decimal("0.005"),
    "AI_CACHE_SECONDS": 900,
    "AI_TIMEOUT_SECONDS": 30,
    "AI_MAX_RETRIES": 3,
    "AI_DEADLINE_SECONDS": 100,
    "AI_DAILY_BUDGET_USD": Decimal("0.50"),
    "LIVE_CAPITAL_CAP": Decimal("100.00"),
    "PROFILE": None,
}


def faults(environ: dict[str, str], **more: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, **more)
    return str(caught.value)


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_every_default_is_the_contracts(name: str, value: object) -> None:
    settings = load_settings({})

    assert getattr(settings, name.lower()) == value
    assert settings.sources[name] is Source.BUILT_IN


def test_money_and_fractions_keep_their_digits() -> None:
    assert str(load_settings({}).initial_capital) == "100.00"


def test_every_default_satisfies_its_own_bounds() -> None:
    values = {spec.name: spec.kind.read(spec.default) for spec in specs() if spec.default is not None}

    assert len(values) > len(DEFAULTS) - 6


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"MAX_LEVERAGE": "25"}, "MAX_LEVERAGE=25 must be between 1 and 10"),
        ({"MAX_LEVERAGE": "0"}, "MAX_LEVERAGE=0 must be between 1 and 10"),
        ({"MAX_LEVERAGE": "5.0"}, "MAX_LEVERAGE=5.0 must be a whole number between 1 and 10"),
        ({"MAX_LEVERAGE": "５"}, "MAX_LEVERAGE=５ must be a whole number between 1 and 10"),
        (
            {"MIN_STOP_LOSS_PERCENT": "5"},
            "MIN_STOP_LOSS_PERCENT=5 looks like a percent; write 0.05 (it must be between 0.001 and 0.5)",
        ),
        (
            {"MAX_STOP_LOSS_PERCENT": "0.51"},
            "MAX_STOP_LOSS_PERCENT=0.51 looks like a percent; write 0.0051 (it must be",
        ),
        ({"RISK_PER_TRADE": "2%"}, "RISK_PER_TRADE=2% is a percent; write the fraction 0.02"),
        ({"RISK_PER_TRADE": "0"}, "RISK_PER_TRADE=0 must be between 0.0001 and 0.5"),
        ({"RISK_PER_TRADE": "NaN"}, "RISK_PER_TRADE=NaN must be a number such as 0.05"),
        ({"INITIAL_CAPITAL": "inf"}, "INITIAL_CAPITAL=inf must be a number"),
        ({"INITIAL_CAPITAL": "1e3"}, "INITIAL_CAPITAL=1e3 must be a number"),
        ({"INITIAL_CAPITAL": "100,5"}, "INITIAL_CAPITAL=100,5 must be a number such as 0.05 (with a dot"),
        ({"ALLOW_VOLATILE": "on"}, "ALLOW_VOLATILE=on must be true or false"),
        ({"TRADING_MODE": "full"}, "TRADING_MODE=full must be watch, semi_auto or auto"),
        ({"PROFILE": "brave"}, "PROFILE=brave must be conservative or aggressive"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL=loud must be DEBUG, INFO, WARNING or ERROR"),
        ({"HTTP_PORT": "70000"}, "HTTP_PORT=70000 must be between 0 and 65,535"),
        ({"HTTP_HOST": "localhost:80"}, "HTTP_HOST=localhost:80 must be a host name or an IP address"),
        ({"SYMBOLS": "BTC,<b>"}, "SYMBOLS=BTC,<b> holds no symbol like BTC or BTC/USDT:USDT in place 2"),
        ({"SYMBOLS": "top:0"}, "SYMBOLS=top:0 must be top:N with N between 1 and 100"),
        ({"TELEGRAM_CHAT_ID": "@me"}, "TELEGRAM_CHAT_ID=@me must be a numeric id"),
        ({"TELEGRAM_ALLOWED_USER_IDS": "1,-2"}, "must be a numeric user id"),
        ({"TELEGRAM_BOT_TOKEN": "nonsense"}, "TELEGRAM_BOT_TOKEN=*** must be a token as BotFather gives it"),
        ({"DATABASE_URL": "mysql://a/b"}, "DATABASE_URL=mysql://a/b must be sqlite+aiosqlite:///file or"),
        ({"DATABASE_URL": "sqlite://file"}, "must have three slashes for a file"),
        ({"DATABASE_URL": "postgresql://host:5432"}, "must name a database after the host"),
        ({"EXCHANGE_URL": "http://a/path"}, "EXCHANGE_URL=http://a/path must be an address that starts with"),
        ({"EXCHANGE_URL": "ftp://a"}, "must be an address that starts with http:// or https://"),
        ({"EXCHANGE_URL": "http://a:99999"}, "must be a complete address with a valid port"),
        ({"EXCHANGE_WS_URL": "https://a"}, "must be an address that starts with ws:// or wss://"),
        (
            {"RISK_PER_TRADE": "0.2"},
            "RISK_PER_TRADE=0.2 must not be above MAX_TRADE_LOSS_PERCENT=0.10",
        ),
        (
            {"MIN_STOP_LOSS_PERCENT": "0.12"},
            "MIN_STOP_LOSS_PERCENT=0.12 must not be above MAX_STOP_LOSS_PERCENT=0.10",
        ),
        ({"TELEGRAM_CHAT_ID": "-100123"}, "is a group, so TELEGRAM_ALLOWED_USER_IDS must name"),
        ({"HTTP_HOST": "0.0.0.0"}, "is reachable from outside, so HTTP_TOKEN must be set"),
        ({"TELEGRAM_WEBHOOK_URL": "https://a.example/hook"}, "needs TELEGRAM_WEBHOOK_SECRET"),
        ({"TELEGRAM_WEBHOOK_URL": "http://a.example/hook"}, "must be https"),
        ({"HTTP_TOKEN": "short"}, "HTTP_TOKEN=*** must be 16 to 200 printable characters"),
        ({"MAX_LEVERAGE": "9" * 5000}, "is longer than 2,000 characters"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_its_text_and_its_bound(
    environ: dict[str, str], sentence: str
) -> None:
    assert sentence in faults(environ)


def test_all_faults_are_reported_at_once() -> None:
    text = faults(
        {"MAX_LEVERAGE": "25", "MIN_STOP_LOSS_PERCENT": "5", "HTTP_HOST": "0.0.0.0", "DECIDER": "me"},
        require=["telegram", "exchange_keys"],
    )

    assert text.splitlines()[0] == "8 settings are wrong:"
    for name in ("MAX_LEVERAGE", "MIN_STOP_LOSS_PERCENT", "HTTP_HOST", "DECIDER", "TELEGRAM_BOT_TOKEN"):
        assert f"\n{name}" in text


def test_a_relation_is_not_reported_about_a_value_that_is_wrong_alone() -> None:
    assert "must not be above" not in faults({"MIN_STOP_LOSS_PERCENT": "12"})


@pytest.mark.parametrize(
    "text",
    [
        "your_token_here",
        "your-api-key",
        "changeme",
        "CHANGE_ME_NOW",
        "<token>",
        "${TOKEN}",
        "xxxxxxxx",
        "sk-ant-...",
        "...",
        "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11",
    ],
)
def test_a_placeholder_is_refused_wherever_a_secret_belongs(text: str) -> None:
    for spec in specs():
        if spec.is_secret:
            assert f"{spec.name}=*** " in faults({spec.name: text})


@given(st.text(alphabet="ABCDEFabcdef0123456789_-", min_size=24, max_size=64))
def test_random_keys_are_no_placeholders(key: str) -> None:
    assert load_settings({"OPENAI_API_KEY": f"k{key}0"}).openai_api_key == f"k{key}0"


def test_no_fault_repeats_a_secret_even_in_the_wrong_place() -> None:
    wrong = {spec.name: TOKEN for spec in specs() if not spec.is_secret}
    wrong |= {spec.name: f"{CANARY} with spaces\t" for spec in specs() if spec.is_secret}
    wrong["DATABASE_URL"] = f"postgresql://me:{CANARY}/#x@host"
    wrong["REDIS_URL"] = f"http://me:{CANARY}@host/0"

    text = faults(wrong)

    assert CANARY not in text
    assert "canary_token" not in text


def test_an_empty_value_is_an_absent_one() -> None:
    settings = load_settings({"MAX_LEVERAGE": "", "HTTP_TOKEN": "  ", "PROFILE": ""})

    assert settings.max_leverage == 5
    assert settings.http_token is None
    assert settings.sources["MAX_LEVERAGE"] is Source.BUILT_IN


def test_spaces_around_a_value_mean_nothing() -> None:
    assert load_settings({"MAX_LEVERAGE": " 3 "}).max_leverage == 3


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("YES", True), ("0", False), ("No", False)]
)
def test_a_flag_takes_six_words_in_any_case(text: str, value: bool) -> None:
    assert load_settings({"ALLOW_VOLATILE": text}).allow_volatile is value


@pytest.mark.parametrize(
    ("text", "universe"),
    [
        ("btc, ETH/USDT ;SOLUSDT", Universe(("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"))),
        ("BTC BTC/USDT:USDT", Universe(("BTC/USDT:USDT",))),
        ("TOP:20", Universe(top=20)),
    ],
)
def test_symbols_are_read_in_every_common_spelling(text: str, universe: Universe) -> None:
    assert load_settings({"SYMBOLS": text}).symbols == universe


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql+asyncpg://u:p@h:5432/d"),
        ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+asyncpg://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        ("sqlite+aiosqlite:////abs/a.db", "sqlite+aiosqlite:////abs/a.db"),
    ],
)
def test_a_database_address_gets_its_async_driver(text: str, url: str) -> None:
    assert load_settings({"DATABASE_URL": text}).database_url == url


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("conservative", {"initial_capital": "100.00", "max_leverage": "3", "min_stop_loss_percent": "0.07"}),
        (
            "conservative",
            {"max_stop_loss_percent": "0.08", "min_profit_usd": "3.00", "risk_per_trade": "0.02"},
        ),
        ("conservative", {"min_ai_confidence": "0.80", "scan_interval_seconds": "300"}),
        ("aggressive", {"initial_capital": "500.00", "max_leverage": "5", "min_stop_loss_percent": "0.05"}),
        ("aggressive", {"max_stop_loss_percent": "0.10", "min_profit_usd": "5.00", "risk_per_trade": "0.05"}),
        ("aggressive", {"min_ai_confidence": "0.75", "scan_interval_seconds": "180"}),
    ],
)
def test_a_profile_sets_what_the_contract_says(profile: str, expected: dict[str, str]) -> None:
    settings = load_settings({"PROFILE": profile})

    assert {name: str(getattr(settings, name)) for name in expected} == expected
    assert all(settings.sources[name.upper()] is Source.PROFILE for name in expected)


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_turns_paper_trading_off(profile: str) -> None:
    assert load_settings({"PROFILE": profile}).use_paper_trading is True


def test_a_single_variable_overrides_the_profile() -> None:
    settings = load_settings({"PROFILE": "conservative", "MAX_LEVERAGE": "4", "USE_PAPER_TRADING": "false"})

    assert settings.max_leverage == 4
    assert settings.sources["MAX_LEVERAGE"] is Source.ENVIRONMENT
    assert settings.use_paper_trading is False


def test_a_change_in_chat_overrides_environment_and_profile_where_no_risk_is_set() -> None:
    settings = load_settings(
        {"SCAN_INTERVAL_SECONDS": "200", "PROFILE": "conservative"},
        {"SCAN_INTERVAL_SECONDS": "120", "MAX_LEVERAGE": "4"},
    )

    assert settings.scan_interval_seconds == 120
    assert settings.max_leverage == 4
    assert settings.sources["MAX_LEVERAGE"] is Source.CHAT


@pytest.mark.parametrize(
    ("name", "environment_says", "looser", "stricter"),
    [
        ("MAX_LEVERAGE", "3", "8", "2"),
        ("POSITION_SIZE_PERCENT", "0.5", "0.9", "0.3"),
        ("RISK_PER_TRADE", "0.02", "0.05", "0.01"),
        ("MAX_TRADE_LOSS_PERCENT", "0.1", "0.2", "0.05"),
        ("MIN_STOP_LOSS_PERCENT", "0.05", "0.02", "0.06"),
        ("MAX_STOP_LOSS_PERCENT", "0.08", "0.2", "0.06"),
        ("MIN_PROFIT_USD", "2.50", "1", "4"),
        ("MIN_AI_CONFIDENCE", "0.75", "0.6", "0.9"),
        ("MIN_OPPORTUNITY_SCORE", "70", "50", "80"),
        ("ALLOW_VOLATILE", "false", "true", "false"),
        ("POSITION_CHECK_SECONDS", "60", "120", "30"),
        ("MAX_OPEN_POSITIONS", "2", "5", "1"),
        ("POSITION_COOLDOWN_MINUTES", "30", "0", "60"),
        ("DAILY_LOSS_LIMIT_PERCENT", "0.1", "0.3", "0.05"),
        ("MAX_CONSECUTIVE_LOSSES", "3", "9", "2"),
        ("MAX_DRAWDOWN_PERCENT", "0.2", "0.4", "0.1"),
        ("APPROVAL_MAX_DRIFT_PERCENT", "0.005", "0.02", "0.001"),
    ],
)
def test_of_two_risk_settings_the_stricter_holds(
    name: str, environment_says: str, looser: str, stricter: str
) -> None:
    environ = {name: environment_says}
    loosened = load_settings(environ, {name: looser})
    tightened = load_settings(environ, {name: stricter})

    assert loosened.shown(name) == environment_says
    assert loosened.sources[name] is Source.ENVIRONMENT
    assert "stricter and holds" in loosened.notes[name]
    assert tightened.shown(name) == stricter
    assert tightened.sources[name] is Source.CHAT


def test_every_risk_setting_that_chat_can_change_says_which_way_is_stricter() -> None:
    section = [spec for spec in specs() if spec.section == "risk"]

    assert section
    assert all(spec.is_risk and spec.is_chat_editable for spec in section)


def test_a_change_in_chat_is_checked_over_the_whole() -> None:
    settings = load_settings({})

    with pytest.raises(
        SettingsError, match=r"RISK_PER_TRADE=0.2 must not be above MAX_TRADE_LOSS_PERCENT=0.10"
    ):
        with_chat_change(settings, "risk_per_trade", "0.2")
    with pytest.raises(SettingsError, match=r"^MAX_LEVERAGE=25 must be between 1 and 10$"):
        with_chat_change(settings, "MAX_LEVERAGE", "25")


def test_a_change_in_chat_gives_a_new_object_and_can_be_taken_back() -> None:
    settings = load_settings({"TELEGRAM_CHAT_ID": "42"}, require=[])
    changed = with_chat_change(settings, "max_leverage", " 3 ")
    restored = with_chat_change(changed, "MAX_LEVERAGE", None)

    assert (settings.max_leverage, changed.max_leverage, restored.max_leverage) == (5, 3, 5)
    assert changed.telegram_chat_id == 42
    assert dict(changed.chat) == {"MAX_LEVERAGE": "3"}
    assert restored == settings


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("DATABASE_URL", "DATABASE_URL can't be changed here; change it in the environment"),
        ("USE_PAPER_TRADING", "can't be changed here"),
        ("TRADING_MODE", "change it with /mode"),
        ("MAX_LEVRAGE", "'MAX_LEVRAGE' is no setting; did you mean MAX_LEVERAGE?"),
        ("<b>" * 400, "is no setting"),
        ("MAX_LEVERAGE ", ""),
    ],
)
def test_what_chat_cannot_change_is_said_in_one_sentence(name: str, sentence: str) -> None:
    settings = load_settings({})
    if not sentence:
        assert with_chat_change(settings, name, "2").max_leverage == 2
        return

    with pytest.raises(SettingsError, match=r".") as caught:
        with_chat_change(settings, name, "1")
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 200


def test_no_secret_can_be_changed_in_chat() -> None:
    assert [spec.name for spec in specs() if spec.is_secret and spec.is_chat_editable] == []


def test_a_stored_change_that_no_longer_fits_is_named_as_changed_in_chat() -> None:
    text = faults({}, chat={"MAX_LEVERAGE": "99"})

    assert text == "MAX_LEVERAGE=99 must be between 1 and 10 (changed in chat)"


def test_a_stored_change_of_what_is_no_setting_only_warns() -> None:
    settings = load_settings({}, {"GONE": "1", "DATABASE_URL": "sqlite:///other.db"})

    assert settings.database_url == "sqlite+aiosqlite:///data/perpilot.db"
    assert any("'GONE'" in line for line in settings.warnings)
    assert any("DATABASE_URL" in line for line in settings.warnings)


def test_each_command_requires_only_what_it_uses() -> None:
    wrong = {"TELEGRAM_BOT_TOKEN": "your_token_here", "MAX_LEVERAGE": "25"}

    assert load_settings(wrong, uses=["storage"]).database_url.endswith("perpilot.db")
    assert "MAX_LEVERAGE" in faults(wrong, uses=["risk", "storage"])
    assert "TELEGRAM" not in faults(wrong, uses=["risk", "storage"])
    assert "TELEGRAM_CHAT_ID is not set" in faults({}, require=["telegram"])


def test_the_owner_of_the_private_chat_is_allowed() -> None:
    assert load_settings({"TELEGRAM_CHAT_ID": "42"}).telegram_allowed_user_ids == (42,)


def test_a_group_is_accepted_once_its_owners_are_named() -> None:
    settings = load_settings({"TELEGRAM_CHAT_ID": "-10042", "TELEGRAM_ALLOWED_USER_IDS": "7, 8,7"})

    assert settings.telegram_allowed_user_ids == (7, 8)


@pytest.mark.parametrize("guard", [{"HTTP_TOKEN": "0123456789abcdef"}, {"HTTP_LOOPBACK_PUBLISHED": "true"}])
def test_a_public_host_is_accepted_with_a_token_or_a_port_published_on_loopback(
    guard: dict[str, str],
) -> None:
    assert load_settings({"HTTP_HOST": "0.0.0.0", **guard}).http_host == "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.1.9", "localhost", "::1"])
def test_loopback_needs_no_token(host: str) -> None:
    assert load_settings({"HTTP_HOST": host}).http_host == host


def test_other_spellings_of_keys_are_read() -> None:
    settings = load_settings(
        {
            "BINANCE_API_KEY": "key-one-1234",
            "BINANCE_SECRET_KEY": "secret-one-1234",
            "CLAUDE_API_KEY": "claude-one-1234",
            "GROK_API_KEY": "grok-one-1234",
            "ENABLE_GROK": "true",
        }
    )

    assert settings.exchange_api_key == "key-one-1234"
    assert settings.exchange_secret == "secret-one-1234"
    assert settings.advisers == ("anthropic", "xai")


def test_a_fault_names_the_spelling_that_was_used() -> None:
    assert faults({"CLAUDE_API_KEY": "changeme"}).startswith("CLAUDE_API_KEY=*** is a placeholder")


def test_our_own_name_wins_over_another_spelling_and_says_so() -> None:
    settings = load_settings({"CLAUDE_API_KEY": "old-key-1234", "ANTHROPIC_API_KEY": "new-key-1234"})

    assert settings.anthropic_api_key == "new-key-1234"
    assert "CLAUDE_API_KEY and ANTHROPIC_API_KEY differ; ANTHROPIC_API_KEY is used." in settings.warnings


def test_binance_keys_are_never_handed_to_another_exchange() -> None:
    settings = load_settings({"EXCHANGE": "bybit", "BINANCE_API_KEY": "key-one-1234"})

    assert settings.exchange_api_key is None
    assert any("BINANCE_API_KEY is ignored" in line for line in settings.warnings)


@pytest.mark.parametrize(
    ("environ", "decider"),
    [
        ({}, Decider.RULES),
        ({"OPENAI_API_KEY": "k-1234"}, Decider.RULES),
        ({"OPENAI_API_KEY": "k-1234", "XAI_API_KEY": "k-1234"}, Decider.RULES),
        ({"OPENAI_API_KEY": "k-1234", "XAI_API_KEY": "k-1234", "ENABLE_GROK": "1"}, Decider.AI),
        ({"OPENAI_API_KEY": "k-1234", "DEEPSEEK_API_KEY": "k-1234"}, Decider.AI),
        ({"OPENAI_API_KEY": "k-1234", "DEEPSEEK_API_KEY": "k-1234", "DECIDER": "rules"}, Decider.RULES),
    ],
)
def test_two_voting_advisers_decide_unless_told_otherwise(environ: dict[str, str], decider: Decider) -> None:
    settings = load_settings(environ)

    assert settings.decider is decider
    assert settings.is_decider_explicit is ("DECIDER" in environ)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"XAI_API_KEY": "k-12345678"}, "Grok does not vote while ENABLE_GROK is false"),
        ({"TRADING_MODE": "auto"}, "auto will not trade"),
        ({"DECIDER": "ai"}, "DECIDER=ai needs two advisers"),
        ({"EXCHANGE": "kucoinfutures"}, "not among the tested ones"),
        ({"REDIS_URL": "redis://127.0.0.1/0"}, "REDIS_URL is set, but its function is not built yet"),
        ({"OPENAI_BASE_URL": "http://10.0.0.1/v1"}, "sends keys unencrypted"),
        ({"AI_DEADLINE_SECONDS": "20"}, "AI_DEADLINE_SECONDS=20 ends every answer before"),
        ({"MAX_LEVRAGE": "3"}, "MAX_LEVRAGE is no setting and has no effect; did you mean MAX_LEVERAGE?"),
        ({"max_leverage": "3"}, "did you mean MAX_LEVERAGE?"),
        ({"SYMBOL": "BTC"}, "did you mean SYMBOLS?"),
        ({"TELEGRAM_TOKEN": "x"}, "did you mean TELEGRAM_BOT_TOKEN?"),
    ],
)
def test_what_a_person_should_hear_is_a_warning(environ: dict[str, str], words: str) -> None:
    assert any(words in line for line in load_settings(environ).warnings)


def test_a_misspelt_name_is_told_beside_the_fault_it_causes() -> None:
    text = faults({"TELEGRAM_BOT_TOKN": "7:x", "TELEGRAM_CHAT_ID": "42"}, require=["telegram"])

    assert text.startswith("TELEGRAM_BOT_TOKEN is not set.")
    assert text.endswith(
        "TELEGRAM_BOT_TOKN is no setting and has no effect; did you mean TELEGRAM_BOT_TOKEN?"
    )


def test_auto_by_explicit_rules_is_no_reason_to_warn() -> None:
    assert load_settings({"TRADING_MODE": "auto", "DECIDER": "rules"}).warnings == ()


def test_a_plain_address_on_this_machine_is_no_reason_to_warn() -> None:
    assert load_settings({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}).warnings == ()


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "LANG",
        "SHELL",
        "USER",
        "PWD",
        "TERM",
        "EDITOR",
        "HOSTNAME",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "LOGNAME",
        "TZ",
        "PYTHONPATH",
        "VIRTUAL_ENV",
        "SSH_AUTH_SOCK",
        "TEST_DATABASE_URL",
        "TEST_REDIS_URL",
        "PERPILOT_DATA",
        "PGPASSWORD",
        "MPLCONFIGDIR",
        "POSTGRES_PASSWORD",
        "DISPLAY",
        "XDG_RUNTIME_DIR",
        "GIT_EDITOR",
        "PIP_INDEX_URL",
        "COLORTERM",
        "MAKEFLAGS",
        "MAKELEVEL",
        "CI",
    ],
)
def test_names_of_other_programs_are_not_taken_for_ours(name: str) -> None:
    assert load_settings({name: "x"}).warnings == ()


def test_a_setting_that_is_not_built_yet_says_so() -> None:
    rows = {row.name: row for row in load_settings({}).describe()}
    unbuilt = {name for name, row in rows.items() if not row.is_built}

    built_later = {"REDIS_URL"}
    assert unbuilt == built_later
    assert all("not built yet" in rows[name].note for name in unbuilt)


def everything_secret() -> dict[str, str]:
    environ = {spec.name: f"{CANARY}-{number:02}" for number, spec in enumerate(specs()) if spec.is_secret}
    return environ | {
        "TELEGRAM_BOT_TOKEN": f"7123456789:{CANARY}",
        "DATABASE_URL": f"postgresql://me:{CANARY}@h/d",
        "REDIS_URL": f"redis://:{CANARY}@h/0",
        "POSTGRES_PASSWORD": f"{CANARY}-pg",
        "GROK_API_KEY": f"{CANARY}-unused",
    }


def test_secrets_appear_in_no_description_no_repr_and_no_fingerprint() -> None:
    environ = everything_secret()
    settings = load_settings(environ)
    told = [repr(settings), str(settings), settings.fingerprint(), *settings.warnings]
    told += [repr(row) for row in settings.describe()]

    assert CANARY not in "\n".join(told)
    assert CANARY not in f"{settings!r}{vars(type(settings)).get('__doc__')}"


def test_every_secret_is_handed_to_the_redaction() -> None:
    environ = everything_secret()
    secrets = load_settings(environ).secrets()

    for name, text in environ.items():
        assert any(secret in text for secret in secrets), name


def test_the_fingerprint_changes_with_a_setting_and_not_with_a_secret() -> None:
    plain = load_settings({}).fingerprint()

    assert load_settings({"MAX_LEVERAGE": "4"}).fingerprint() != plain
    assert load_settings({"HTTP_TOKEN": "0123456789abcdef"}).fingerprint() == plain
    assert len(plain) == 12


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings({}).max_leverage = 9  # type: ignore[misc]


def test_every_field_is_described_completely() -> None:
    names = [spec.name for spec in specs()]

    assert len(names) == len(set(names))
    for spec in specs():
        assert spec.section in SECTIONS
        assert spec.meaning.endswith(".")
        assert spec.kind.bounds
        assert spec_of(spec.name) is spec


def test_what_is_shown_can_be_typed_back() -> None:
    settings = load_settings({"TELEGRAM_CHAT_ID": "42", "TELEGRAM_VIEWER_IDS": "5,6", "SYMBOLS": "top:7"})
    shown = {row.name: row.shown_value for row in settings.describe() if row.shown_value != "unset"}

    assert load_settings(shown).fingerprint() == settings.fingerprint()


@given(st.dictionaries(st.sampled_from(sorted(known_names())), st.text(max_size=40), max_size=12))
def test_any_text_is_either_accepted_or_refused_in_words(environ: dict[str, str]) -> None:
    try:
        settings = load_settings(environ)
    except SettingsError as error:
        said = str(error)
    else:
        said = settings.describe()[0].name

    assert said


def test_the_example_file_is_what_the_table_renders() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == render_example()


def test_the_example_file_names_every_setting_with_unit_bound_and_default() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    for spec in specs():
        above = text.split(f"{spec.name}={spec.default or ''}\n")[0].rsplit("\n\n", 1)[1]
        assert spec.kind.bounds in above
        assert spec.unit in above
        assert f"default: {spec.default or spec.fallback}" in above
        assert f"| `{spec.name}` |" in render_table()


def test_the_example_file_as_it_is_leaves_every_default_alone() -> None:
    found = dotenv_values(ROOT / ".env.example", interpolate=False)
    settings = load_settings({name: text or "" for name, text in found.items()})

    assert settings == load_settings({})
    assert set(settings.sources.values()) == {Source.BUILT_IN}


def test_every_line_of_the_example_can_be_uncommented() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    given_all = dict(
        line.lstrip("#").split("=", 1) for line in lines if line[:1] == "#" and line[1:2] not in (" ", "")
    )

    assert set(given_all) | {"TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"} == {s.name for s in specs()} | set(
        COMPANIONS
    )
    assert load_settings(given_all) == load_settings({})


def test_the_real_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text('MAX_LEVERAGE=2\nexport SYMBOLS="BTC, ETH" # two\nHTTP_TOKEN=a$b#c-0123456789abcd\n')
    monkeypatch.setenv("MAX_LEVERAGE", "4")
    monkeypatch.delenv("SYMBOLS", raising=False)
    found = environment(file)

    assert found["MAX_LEVERAGE"] == "4"
    assert found["SYMBOLS"] == "BTC, ETH"
    assert found["HTTP_TOKEN"] == "a$b#c-0123456789abcd"


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    assert environment(tmp_path / "none") == environment(None)


def test_a_line_of_the_file_that_is_no_assignment_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("MAX_LEVERAGE=2\nnot an assignment\nSYMBOLS\n")

    with pytest.raises(SettingsError, match=r"line 2 of \.env is not NAME=value(.|\n)*line 3"):
        environment(file)


def test_a_file_that_is_no_text_is_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"\xff\xfe\x00A=1")

    with pytest.raises(SettingsError, match=r"^\.env can't be read: it is not UTF-8 text$"):
        environment(file)


def test_a_folder_in_place_of_the_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    with pytest.raises(SettingsError, match=r"^\.env can't be read: "):
        environment(tmp_path / ".env")


def test_reading_the_settings_loads_no_slow_library() -> None:
    code = (
        "import sys, json, bot.settings, bot.logs;"
        "print(json.dumps([m for m in ('aiogram', 'ccxt', 'openai', 'anthropic', 'pandas', 'sqlalchemy') "
        "if m in sys.modules]))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert json.loads(run.stdout) == []
