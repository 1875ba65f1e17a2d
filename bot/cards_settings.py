"""Cards of /config: the list, one setting, a proposed change."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Card, bold, card, code, esc, folded, lines
from bot.cards_status import unsizeable_lines
from core.desk import ProposedChange, SettingView


def settings_card(settings: Sequence[SettingView], unsizeable: Sequence[tuple[str, str]] = ()) -> Card:
    """Every effective value and where it came from, and what the present ones cannot size."""
    editable = [view for view in settings if view.is_editable and view.is_built]
    fixed = [view for view in settings if not view.is_editable and view.is_built]
    missing = [view for view in settings if not view.is_built]
    return card(
        lines(bold("Settings"), "Tap one to change it, or write /config NAME VALUE."),
        lines(*(_line(view) for view in editable)),
        folded(["Changed in the environment, followed by a restart:", *(_line(view) for view in fixed)])
        if fixed
        else None,
        folded(["Not built yet, without effect:", *(_line(view) for view in missing)]) if missing else None,
        lines(*unsizeable_lines(unsizeable)) if unsizeable else None,
    )


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
