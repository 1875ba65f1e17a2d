"""Cards of the circuit breakers: each with value, limit and state, the question before one is cleared."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Block, Card, bold, card, esc, folded, lines
from bot.cards_numbers import moment, people
from core.desk import BreakerView
from core.journal import BreakerEvent
from core.risk.breakers import BY_NAME, title_of

POLICY_WORDS = {
    "hold": "",
    "tighten": "When it trips, stops go half-way to the price",
    "flatten": "When it trips, every position is closed",
}


def breakers_card(views: Sequence[BreakerView], history: Sequence[BreakerEvent]) -> Card:
    head = lines(
        bold("Circuit breakers"), "A tripped breaker blocks new entries; guarding, stops and closing go on."
    )
    past = [_event(event) for event in history]
    return card(
        head,
        *(_breaker(view) for view in views),
        folded(["Latest trips:", *past], is_optional=True) if past else None,
    )


def clearing_question(view: BreakerView, reason: str) -> Card:
    """`reason` empty: the buttons below offer some."""
    return card(
        lines(
            f"Clear the breaker {bold(title(view))}? It is at {esc(view.value)}, {limit_words(view)}.",
            "New entries become possible again; who and why is recorded.",
            f"Reason: {esc(reason)}" if reason else "Why?",
        )
    )


def limit_words(view: BreakerView) -> str:
    """`limit 10.00 %`, and where less is worse `trips under 7.50 %`."""
    breaker = BY_NAME.get(view.name)
    is_floor = breaker is not None and breaker.trips_below
    return f"{'trips under' if is_floor else 'limit'} {esc(view.threshold, 40)}"


def title(view: BreakerView) -> str:
    return view.title or view.name


def _breaker(view: BreakerView) -> Block:
    mark = "⛔" if view.is_open else "🟠" if view.is_barring else "🟡" if view.is_probing else "✅"
    return lines(
        f"{mark} <b>{esc(title(view))}</b>: {esc(view.value)}, {limit_words(view)}",
        f"Tripped {moment(view.since, True)}" if view.is_open and view.since else None,
        f"Clears {esc(view.clears)}" if view.is_open else None,
        "Nothing is opened at this drawdown until you acknowledge it" if view.is_barring else None,
        "Reopened: smaller size until a trade wins" if view.is_probing and not view.is_open else None,
        POLICY_WORDS.get(view.policy, esc(view.policy)) or None,
    )


def _event(event: BreakerEvent) -> str:
    why = f": {esc(event.reason, 100)}" if event.reason else ""
    end = f"cleared {moment(event.resolved_at, True)} by {esc(people(event.resolved_by), 40)}{why}"
    what = f"{esc(title_of(event.name))} {esc(event.value)}, limit {esc(event.threshold)}"
    return f"• {moment(event.created_at, True)} {what}, {end if event.resolved_at else 'still open'}"
