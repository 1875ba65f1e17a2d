"""Cards of tuned profiles: the list, and one with its evidence and everything that it would change."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Block, Card, bold, card, code, esc, lines, table
from bot.cards_numbers import coins, many
from core.profile_views import Change, Evidence, ProfileRow, ProfileView

MOST_CHANGES = 20
MOST_REFUSALS = 15


def profiles_card(rows: Sequence[ProfileRow]) -> Card:
    """What `optimize --save-profile` left in the folder."""
    if not rows:
        return card(
            lines(bold("Tuned profiles"), "There is none yet: optimize --save-profile NAME writes one."),
            _other_profile(),
        )
    return card(
        lines(bold("Tuned profiles"), f"{many(len(rows), 'profile')} of the parameter search."),
        *(_row(row) for row in rows),
        lines(
            f"Look at one: {code('/config profile NAME')}. What was before: {code('/config profile back')}."
        ),
        _other_profile(),
    )


def _other_profile() -> Block:
    return lines("The setting PROFILE, a set of defaults, is another thing: the environment sets it.")


def _row(row: ProfileRow) -> Block:
    mark = "📈" if row.is_usable else "⚠️"
    return lines(f"{mark} {bold(row.name)}", esc(row.words, 300))


def profile_card(view: ProfileView) -> Card:
    """Nothing has changed when this is shown."""
    title = f"Profile {view.name}" if view.evidence is not None else "Back to what was before"
    return card(
        lines(bold(title)),
        *(_evidence(view.evidence) if view.evidence is not None else ()),
        *(_change(one) for one in view.changes[:MOST_CHANGES]),
        _left_out(view),
        lines(*(f"ℹ️ {esc(note, 300)}" for note in view.notes)) if view.notes else None,
        *_end(view),
    )


def _evidence(found: Evidence) -> list[Block | None]:
    rows = [
        f"{name[:16]:<16} {inside:>10} {outside:>10}"
        for name, inside, outside in (("", "in sample", "out of s."), *found.figures)
    ]
    return [
        lines(f"<b>{esc(found.verdict, 400)}</b>"),
        lines(
            f"{esc(found.strategy, 200)} on {esc(found.timeframe, 10)}",
            f"{esc(coins(', '.join(found.symbols)), 300)}",
            f"Searched {esc(found.made_at[:10], 10)}, sets tried: {esc(found.tried, 20)}",
        ),
        table(rows) if found.figures else lines("It names no figures."),
    ]


def _change(one: Change) -> Block:
    warning = " ⚠️" if one.raises_risk else ""
    return lines(
        f"<b>{esc(one.name, 60)}</b>{warning}",
        f"{code(one.old or '(empty)')} → <b>{code(one.new or '(empty)')}</b>",
        esc(one.effect, 300),
    )


def _left_out(view: ProfileView) -> Block | None:
    left = len(view.changes) - MOST_CHANGES
    return lines(f"… and {many(left, 'change')} more") if left > 0 else None


def _end(view: ProfileView) -> list[Block | None]:
    if view.refusals:
        told = [f"⛔ {esc(text, 300)}" for text in view.refusals[:MOST_REFUSALS]]
        return [lines("It can't be adopted:", *told), lines("Nothing has changed.")]
    if not view.changes:
        return [lines("It would change nothing.")]
    warning = "⚠️ This raises the risk, and the count of readiness begins anew." if view.raises_risk else None
    against = view.evidence is not None and not view.evidence.holds
    doubt = "⚠️ The search itself does not say that this holds out of sample." if against else None
    return [
        lines(f"All together: {esc(view.effect, 600)}", warning, doubt),
        lines("Nothing has changed yet."),
    ]
