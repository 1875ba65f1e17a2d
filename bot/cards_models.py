"""The advisers' record as words: no rate without its count and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.cards import Block, Card, bold, card, esc, folded, italic, lines, table
from bot.cards_numbers import NA, many, moment
from core.adviser_record import AdviserFigures, Rate, ReliabilityBin, Standing
from core.adviser_views import ModelsView
from core.opinion import Role

MODELS_SHOWN = 12
"""Former ones among them."""
ROLE_MARKS = {Role.VOTER: "🗳 votes", Role.VETO: "✋ veto", Role.SHADOW: "👥 shadow"}


def models_card(view: ModelsView) -> Card:
    if not view.figures:
        return card(lines(bold("The advisers' record"), _nothing(view)), _gate(view.standing))
    shown = view.figures[:MODELS_SHOWN]
    left = len(view.figures) - len(shown)
    return card(
        lines(
            bold("The advisers' record"),
            f"{many(view.judgements, 'answer')} of the last 180 days; in brackets n and the 80 % interval.",
        ),
        _gate(view.standing),
        *(_model(one, view) for one in shown),
        lines(f"… and {many(left, 'former model')} more") if left else None,
        _suggested(view.suggestions),
        _legend(),
        lines(f"As of {moment(view.as_of, with_date=True)}"),
    )


def _nothing(view: ModelsView) -> str:
    if view.as_of is None:
        return "Not counted yet; it is, within minutes of the start."
    return (
        f"No answer was recorded up to {moment(view.as_of, with_date=True)}, when it was last counted. "
        "Each answer is recorded, and judged by what the market does after."
    )


def _gate(standing: Standing) -> Block:
    if standing.is_enough:
        weights = ", ".join(f"{esc(one.adviser, 20)} {one.weight:.2f}" for one in standing.voices)
        return lines(
            "🎯 The second gate is on: an idea needs a calibrated chance above its break-even.",
            f"Weights: {weights}",
        )
    return lines(
        "📏 The plain rule holds: two advisers agree and state enough confidence. "
        "Nobody is weighted until the record is long enough.",
        *(f"• {esc(text)}" for text in standing.missing),
    )


def _model(one: AdviserFigures, view: ModelsView) -> Block:
    role = view.roles.get(one.adviser)
    state = "former" if not one.is_current else ROLE_MARKS[role] if role is not None else "not asked now"
    head = f"{esc(one.adviser, 20)} · {esc(one.model or 'no answer yet', 40)} · {state}"
    rows = [
        head,
        f"answers  {one.opinions}, still open {one.waiting}",
        f"judged   {many(one.sides, 'side')} on {many(one.days, 'day')}",
        f"met      {rate(one.met)}",
        f"holds ok {rate(one.holds)}",
        f"Brier    {_brier(one)}",
        f"skill    {rate(one.skill, signed=True)}",
        f"adds     {rate(one.calibrated_skill, signed=True)}",
        f"to first {rate(one.first_named, signed=True)}",
        f"made up  {rate(one.fabricated)}",
        f"failed   {rate(one.failed)}",
        f"speed    {NA if one.latency_s is None else f'{one.latency_s:.1f} s'}",
        f"cost     {_usd(one.cost_usd)}, per 100 {_usd(one.cost_per_100)}",
    ]
    if one.ambiguous or one.unknown:
        rows.append(f"unclear  {one.ambiguous} ambiguous, {one.unknown} unknown")
    return table(rows)


def _brier(one: AdviserFigures) -> str:
    if one.brier is None or one.base_brier is None:
        return NA
    return f"{one.brier:.3f}, base rate {one.base_brier:.3f} (n={one.sides})"


def rate(found: Rate | None, *, signed: bool = False) -> str:
    """`43.1% (n=610, 40 to 46)`; a difference with its sign."""
    if found is None:
        return NA
    number = f"{found.value * 100:+.1f}%" if signed else f"{found.value * 100:.1f}%"
    if found.interval is None:
        return f"{number} (n={found.n}, too few days)"
    low, high = (bound * 100 for bound in found.interval)
    bounds = f"{low:+.1f} to {high:+.1f}" if signed else f"{low:.1f} to {high:.1f}"
    return f"{number} (n={found.n}, {bounds})"


def _usd(value: Decimal | None) -> str:
    return NA if value is None else f"${value:.4f}" if value < 1 else f"${value:,.2f}"


def _suggested(words: Sequence[str]) -> Block | None:
    if not words:
        return None
    return lines(
        bold("What the evidence speaks for"),
        *(f"• {esc(text)}" for text in words),
        italic("Nothing changes by itself; /config changes a role."),
    )


def _legend() -> Block:
    return folded(
        [
            "met: the target came before the stop, in time; a bar that held both counts as missed.",
            "ambiguous: one bar held both barriers, which counts against it; unknown: the bars can't be had.",
            "holds ok: neither side would have made twice its risk within a day.",
            "Brier: mean squared miss of the stated probability; 0 is perfect. Skill: how much better than "
            "always stating the share that was met.",
            "adds: the skill once its tone is calibrated on what was known before each day.",
            "to first: how much more often than by chance it takes the stance that was named first.",
            "made up: it cited figures that the question does not hold.",
        ],
        is_optional=True,
    )


def models_subtitle(view: ModelsView) -> str:
    gate = "second gate on" if view.standing.is_enough else "plain rule holds"
    return f"came true (upright) when stated (across) · {gate}"


PICTURE_WORDS = (
    "Dots: how often it came true, with the 80 % interval and the count. Orange: what such a statement is "
    "taken for. On the dashed line, what is stated comes true."
)
Panel = tuple[str, str, tuple[tuple[float, float, float, float, float, int], ...]]
"""Title, subtitle, points: stated, met, low, high, calibrated, n."""


def reliability_panels(view: ModelsView) -> list[Panel]:
    """One for each present model that has a judged side, most of them first."""
    current = [one for one in view.figures if one.is_current and one.bins]
    current.sort(key=lambda one: -one.sides)
    return [
        (f"{one.adviser} · {one.model}", _panel_words(one), tuple(_point(each) for each in one.bins))
        for one in current
    ]


def _panel_words(one: AdviserFigures) -> str:
    skill = one.calibrated_skill
    if skill is None or skill.interval is None:
        return f"n={one.sides}, too few days"
    low, high = skill.interval
    return f"n={one.sides} · adds {skill.value:+.1%} ({low:+.1%} to {high:+.1%})"


def _point(each: ReliabilityBin) -> tuple[float, float, float, float, float, int]:
    low, high = each.met.interval or (0.0, 1.0)
    return each.stated, each.met.value, low, high, each.calibrated, each.met.n
