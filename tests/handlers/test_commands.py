"""The one table of commands."""

from __future__ import annotations

import re

import pytest

from handlers.commands import COMMANDS, menu, sections, viewer_may

ASKED_FOR = (
    "start help status metrics positions analyze scan why config mode pause resume close closeall panic "
    "history daily weekly monthly export note breakers long short doctor version chart stopbot startbot "
    "stop risk readiness golive orders balance sync models costs replay backtest"
)


def test_the_table_has_exactly_what_was_asked_for() -> None:
    assert {entry.name for entry in COMMANDS} == set(ASKED_FOR.split())


def test_telegram_takes_every_entry_of_the_menu() -> None:
    for name, words in menu(for_owner=True):
        assert re.fullmatch(r"[a-z0-9_]{1,32}", name)
        assert 1 <= len(words) <= 256


def test_help_names_what_a_viewer_may_ask_and_nothing_else() -> None:
    shown = {usage.split()[0] for lines in sections(for_owner=False).values() for usage, _ in lines}

    assert shown == {entry.name for entry in COMMANDS if entry.viewer_args is not None}
    assert "panic" not in shown


@pytest.mark.parametrize(
    "text",
    ["/panic", " /panic", "/PANIC@perpilot_bot now", "/mode auto", "/config A 1", "\n/close BTC", "/scan"],
)
def test_what_changes_or_costs_something_is_not_a_viewers(text: str) -> None:
    assert not viewer_may(text)


@pytest.mark.parametrize("text", ["/status", "/mode", "/config A", "/why BTC", "hello", "", "/nope x y"])
def test_looking_is_a_viewers(text: str) -> None:
    assert viewer_may(text)
