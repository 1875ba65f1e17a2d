"""STRATEGIES: every mistake is one sentence at start, and a file never comes from the chat."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, load_settings, with_chat_change
from bot.settings_strategies import read_parts, write_parts
from core.strategy_use import StrategyRole

RULES = {"DECIDER": "rules"}
ALONE = {"STRATEGY_ROLE": "alone", **RULES}


def loaded(text: str, **more: str) -> Settings:
    return load_settings({"STRATEGIES": text, **more})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("trend", "number 1, that is not NAME@TIMEFRAME"),
        ("@1h", "that is not NAME@TIMEFRAME"),
        ("trend@1h trend@4h", "that is not"),
        ("random@1h", "throws dice: it is for backtests only"),
        ("moonshot@1h", "that does not exist: there are trend, mean_reversion"),
        ("trend@5m", "timeframe that a scan reads: 15m, 1h, 4h"),
        ("trend@1h,trend@1d", "number 2, not on a timeframe"),
        ("trend(fast=1)@1h", "fast 1 must be between 5 and 60"),
        ("trend(fast=50;slow=50)@1h", "fast 50 must be below slow 50"),
        ("trend(magic=1)@1h", "has no parameter 'magic'"),
        ("trend(fast)@1h", "not name=number"),
        ("trend(fast=6;fast=7)@1h", "each once"),
        ("trend(fast=__import__)@1h", "not name=number"),
        ("trend@1h:0", "share that is not above 0"),
        ("trend@1h:1.5", "share that is not above 0 and at most 1"),
        ("trend@1h:nan", "share that is not"),
        ("trend@1h:0.7,breakout@1h:0.4", "shares that make 1.1 of the capital, over 1"),
        ("trend@1h:1,breakout@1h", "leaves no share"),
        ("trend@1h,trend@1h", "the same strategy twice"),
        ("trend@1h,trend(fast=20)@1h", "the same strategy twice"),
        (",".join(f"trend(fast={n})@1h" for n in range(5, 14)), "1 to 8 strategies"),
        ("nowhere/idea.py@1h", "from a file that is not there"),
    ],
)
def test_what_is_no_set_of_strategies_is_refused_in_one_sentence(text: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(text)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"STRATEGIES": "trend@1h", "STRATEGY_ROLE": "alone", "DECIDER": "ai"}, "alone needs DECIDER=rules"),
        (ALONE, "alone needs STRATEGIES"),
        ({"STRATEGY_ROLE": "king"}, "adviser, alone or shadow"),
    ],
)
def test_roles_that_cannot_be_are_refused(environ: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load_settings(environ)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"STRATEGIES": "moonshot@1h", "MAX_LEVERAGE": "99"})

    assert len(caught.value.faults) == 2


def test_a_file_of_ones_own_is_never_taken_from_the_chat(tmp_path: Path) -> None:
    own = tmp_path / "idea.py"
    own.write_text("raise SystemExit('it was run')\n")

    with pytest.raises(SettingsError, match="only the environment may name, never the chat"):
        with_chat_change(load_settings({}), "STRATEGIES", f"{own}:Idea@1h")
    with pytest.raises(SettingsError, match="changed in chat"):
        load_settings({}, {"STRATEGIES": f"{own}:Idea@1h"})


def test_reading_the_settings_runs_no_file(tmp_path: Path) -> None:
    own = tmp_path / "idea.py"
    own.write_text("raise SystemExit('it was run')\n")

    settings = loaded(f"{own}:Idea@1h")

    assert settings.strategies[0].is_own
    assert settings.strategies[0].name == "strategy-Idea@1h"
    assert any("not checked for look-ahead" in warning for warning in settings.warnings)


def test_the_role_is_no_matter_of_the_chat() -> None:
    with pytest.raises(SettingsError, match="can't be changed here"):
        with_chat_change(loaded("trend@1h", **RULES), "STRATEGY_ROLE", "alone")


def test_alone_they_cannot_be_taken_out_in_the_chat() -> None:
    with pytest.raises(SettingsError, match="alone needs STRATEGIES"):
        with_chat_change(loaded("trend@1h", **ALONE), "STRATEGIES", "none")


def test_without_shares_all_have_the_same_and_never_more_than_the_whole() -> None:
    parts = read_parts("trend@1h, breakout@1h , mean_reversion@4h", files=True)

    assert [part.share for part in parts] == [Decimal("0.3333")] * 3


def test_what_is_left_goes_to_those_that_state_no_share() -> None:
    parts = read_parts("trend@1h:0.5,breakout@1h,breakout@4h", files=True)

    assert [part.share for part in parts] == [Decimal("0.5"), Decimal("0.25"), Decimal("0.25")]


def test_what_is_written_reads_back_as_the_same() -> None:
    parts = read_parts("trend(fast=12;slow=40)@1h:0.5,trend(fast=5)@1h:0.25", files=True)

    assert read_parts(write_parts(parts), files=True) == parts
    assert [part.name for part in parts] == ["strategy-trend@1h", "strategy-trend@1h-2"]
    assert write_parts(()) == "none"


def test_without_the_setting_there_is_none() -> None:
    settings = load_settings({})

    assert (settings.strategies, settings.strategy_role) == ((), StrategyRole.ADVISER)
    assert settings.shown("STRATEGIES") == "unset"
    assert loaded("none").strategies == ()


def test_advisers_beside_rules_are_said_to_be_without_effect() -> None:
    assert any(
        "STRATEGY_ROLE=alone lets them decide" in each for each in loaded("trend@1h", **RULES).warnings
    )


def test_the_chat_may_change_shipped_ones() -> None:
    changed = with_chat_change(loaded("trend@1h"), "STRATEGIES", "breakout(bars=30)@4h:0.4")

    assert changed.shown("STRATEGIES") == "breakout(bars=30)@4h:0.4"
