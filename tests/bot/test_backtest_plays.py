"""What “what it would have done” is offered for is what the engine is handed."""

from __future__ import annotations

from collections.abc import Iterator

from bot.backtest_plays import PLAYED, REACHES_NOTHING, is_played
from bot.book import CHOICES
from bot.limits import limits_of
from bot.settings import Settings, SettingsError, Spec, load_settings, specs, with_chat_change
from core.backtest.engine import Setup, terms_of
from core.trading.exits_compiled import float_rules

TRIED = (
    *(
        "0",
        "1",
        "2",
        "3",
        "5",
        "7",
        "10",
        "20",
        "0.01",
        "0.02",
        "0.03",
        "0.04",
        "0.05",
        "0.06",
        "0.07",
        "0.08",
    ),
    *("0.1", "0.15", "0.2", "0.3", "0.5", "0.9", "true", "false"),
)
HOUR_MS = 3_600_000


def handed_over(settings: Settings) -> tuple[object, ...]:
    """All that the engine knows of the settings."""
    limits = limits_of(settings)
    terms = terms_of(Setup(limits, 1_000.0, settings.max_leverage), HOUR_MS)
    return terms, float_rules(limits.exits), limits.targets


def changed(base: Settings, spec: Spec) -> Iterator[Settings]:
    for text in (*CHOICES.get(spec.name, ()), *TRIED):
        try:
            found = with_chat_change(base, spec.name, text)
        except SettingsError:
            continue
        if found.shown(spec.name) != base.shown(spec.name):
            yield found


def test_every_setting_that_reaches_the_engine_is_offered_or_named_as_without_effect() -> None:
    base = load_settings({})
    known = handed_over(base)
    editable = [spec for spec in specs() if spec.is_chat_editable]

    reaching = {
        spec.name for spec in editable if any(handed_over(new) != known for new in changed(base, spec))
    }

    assert reaching == PLAYED | REACHES_NOTHING
    assert not PLAYED & REACHES_NOTHING


def test_what_no_backtest_plays_is_not_offered() -> None:
    base = load_settings({})

    assert is_played("MAX_LEVERAGE", base, with_chat_change(base, "MAX_LEVERAGE", "2"))
    for name, text in (("SCAN_INTERVAL_SECONDS", "60"), ("STOP_ATR", "3"), ("FLAG_RSI", "false")):
        assert not is_played(name, base, with_chat_change(base, name, text))
