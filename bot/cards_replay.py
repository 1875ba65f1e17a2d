"""The card of /replay: what was asked and answered, what came of it, and whether it comes out again."""

from __future__ import annotations

from bot.cards import Block, Card, bold, card, code, esc, folded, lines
from bot.cards_numbers import badge, cost, many, moment, percent, price, quantity
from core.adviser_views import ReplayView
from core.market import coin
from core.opinion import Abstention, Opinion
from core.replay import Fate

MOST_REASONS = 6
HASH_SHOWN = 16
FATES = {
    Fate.EQUAL: "✅ Played again from the journal: every step came out equal.",
    Fate.DIFFERS: "⚠️ Played again from the journal, it comes out differently.",
    Fate.UNREADABLE: "⚠️ What it was made from is not what was recorded.",
    Fate.NO_TAPE: "It was recorded without a tape, so it cannot be played again.",
}


def replay_card(view: ReplayView, is_paper: bool) -> Card:
    record = view.record
    asked = code(view.question_hash[:HASH_SHOWN]) if view.question_hash else "nobody"
    return card(
        lines(f"🎞 {bold(coin(record.symbol))} · {moment(record.at)} · {badge(record.account, is_paper)}"),
        lines(
            f"Decision {code(record.id)}", f"Question {asked}" if view.question_hash else "Nobody was asked."
        ),
        _question(view),
        *_answers(view),
        _verdict(view),
        _plan(view),
        lines(
            f"Ended at: {esc(record.gate)}", *(f"• {esc(reason)}" for reason in record.reasons[:MOST_REASONS])
        ),
        lines(
            FATES[view.fate], *(f"• {esc(difference)}" for difference in view.differences), _versions(view)
        ),
        lines("From the journal only: nobody was asked for this."),
    )


def _question(view: ReplayView) -> Block | None:
    """Folded away; its candles stay in the journal."""
    if not view.question:
        return None
    return folded(
        [bold("What they were asked about, candles left out"), *map(esc, view.question.split("\n"))]
    )


def _answers(view: ReplayView) -> list[Block]:
    if view.verdict is None:
        return []
    return [
        *(_opinion(opinion) for opinion in view.verdict.opinions),
        lines(*(_abstention(silence) for silence in view.verdict.abstentions)),
    ]


def _opinion(opinion: Opinion) -> Block:
    kept = " · kept answer" if opinion.is_cached else ""
    head = f"{bold(opinion.adviser)} ({esc(opinion.role.value)}): {esc(opinion.stance.value)}"
    return folded(
        [
            f"{head} {percent(opinion.confidence, 0)}{kept}",
            *(f"• {esc(reason)}" for reason in opinion.reasons),
        ]
    )


def _abstention(silence: Abstention) -> str:
    why = silence.why.value.replace("_", " ")
    return f"{bold(silence.adviser)}: no answer ({esc(why)}: {esc(silence.detail, 120)})"


def _verdict(view: ReplayView) -> Block | None:
    verdict = view.verdict
    if verdict is None:
        return None
    head = f"Verdict <b>{esc(verdict.stance.value)}</b> at {percent(verdict.confidence, 0)}"
    return lines(head, *(f"• {esc(reason)}" for reason in verdict.reasons[:MOST_REASONS]))


def _plan(view: ReplayView) -> Block | None:
    plan = view.plan
    if plan is None:
        return None
    targets = ", ".join(price(target.price) for target in plan.targets)
    return lines(
        f"Plan {esc(plan.side.value)} {quantity(plan.quantity)} at {price(plan.entry)}, {plan.leverage}x",
        f"Stop {price(plan.stop)} · {many(len(plan.targets), 'target')} {targets}",
        f"At the stop it loses {cost(plan.loss_at_stop)}",
    )


def _versions(view: ReplayView) -> str | None:
    if not view.fate.is_failure or not view.code_then or view.code_then == view.code_now:
        return None
    return f"Program {esc(view.code_then)} then, {esc(view.code_now)} now: its rules changed in between."
