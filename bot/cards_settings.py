"""Cards of /config: the groups, one group, one setting, a proposed change."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Card, bold, card, code, esc, folded, lines
from bot.cards_numbers import many
from bot.cards_status import unsizeable_lines
from bot.settings_spec import Source
from core.desk import ProposedChange, SettingView

BUILT_IN = Source.BUILT_IN.value


def sections_card(settings: Sequence[SettingView], unsizeable: Sequence[tuple[str, str]] = ()) -> Card:
    """The groups of settings, what was changed from the built-in value, what cannot be sized."""
    built = [view for view in settings if view.is_built]
    changed = [view for view in built if view.source != BUILT_IN]
    missing = [view for view in settings if not view.is_built]
    return card(
        lines(bold("Settings"), "Tap a group, or write /config NAME VALUE."),
        lines(*(f"{esc(title, 60)}: {many(count, 'setting')}" for title, count in _counts(built))),
        lines("Not at their built-in value:", *(_line(view) for view in changed)) if changed else None,
        folded(["Not built yet, without effect:", *(_line(view) for view in missing)]) if missing else None,
        lines(*unsizeable_lines(unsizeable)) if unsizeable else None,
    )


def section_card(title: str, settings: Sequence[SettingView]) -> Card:
    """Every effective value of one group and where it came from."""
    editable = [view for view in settings if view.is_editable and view.is_built]
    fixed = [view for view in settings if not view.is_editable and view.is_built]
    return card(
        lines(bold(f"Settings · {title}"), "Tap one to change it." if editable else None),
        lines(*(_line(view) for view in editable)) if editable else None,
        folded(["Changed in the environment, followed by a restart:", *(_line(view) for view in fixed)])
        if fixed
        else None,
    )


def titles(settings: Sequence[SettingView]) -> list[str]:
    """The groups in their order."""
    return list(dict.fromkeys(view.section for view in settings if view.is_built))


def _counts(settings: Sequence[SettingView]) -> list[tuple[str, int]]:
    return [(title, sum(view.section == title for view in settings)) for title in titles(settings)]


def _line(view: SettingView) -> str:
    return f"{esc(view.name, 60)} = <b>{esc(view.value, 80) or '(empty)'}</b> ({esc(view.source, 60)})"


def setting_card(view: SettingView) -> Card:
    built = None if view.is_built else "⚠️ What this setting does is not built yet; it has no effect."
    edit = (
        f"Change it: {code(f'/config {view.name} VALUE')}"
        if view.is_editable
        else "It can only be changed in the environment (.env) and a restart."
    )
    value = code(view.value) if view.value else "(empty)"
    return card(
        lines(
            f"<b>{esc(view.name, 60)}</b> = {value} {esc(view.unit, 30)}",
            esc(view.description, 600),
        ),
        lines(
            f"From: {esc(view.source, 80)}",
            f"Allowed: {esc(view.bounds, 200)}" if view.bounds else None,
            built,
            edit,
        ),
    )


def change_card(change: ProposedChange) -> Card:
    warning = "⚠️ This raises the risk." if change.raises_risk else None
    return card(
        lines(
            f"<b>{esc(change.name, 60)}</b>",
            f"{code(change.old or '(empty)')} → <b>{code(change.new or '(empty)')}</b>",
        ),
        lines(esc(change.effect, 600) if change.effect else None, warning),
        lines("Nothing has changed yet."),
    )
