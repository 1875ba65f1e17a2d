"""What advisers said and what became of it, as lines of a card: votes with their roles, silences in words."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cards import Block, code, esc, folded
from bot.cards_numbers import percent
from core.advice.strategy_voice import decided_by_strategies, is_strategy
from core.opinion import Abstention, Decider, Opinion, Role, Silence, Stance, Verdict

STANCE_MARKS = {Stance.LONG: "🟢", Stance.SHORT: "🔴", Stance.HOLD: "⚪"}

ROLE_WORDS: Mapping[Role, str] = {
    Role.VOTER: "",
    Role.VETO: " · veto",
    Role.SHADOW: " · shadow, no effect",
}

SILENCE_WORDS: Mapping[Silence, str] = {
    Silence.TIMEOUT: "no answer (timeout)",
    Silence.UNREACHABLE: "no answer (unreachable)",
    Silence.THROTTLED: "no answer (asked too often)",
    Silence.REFUSED: "no answer (the model refused)",
    Silence.TRUNCATED: "no answer (it was cut off)",
    Silence.MALFORMED: "no answer (what came is not in the form asked for)",
    Silence.INVALID: "no answer (what came breaks the rules of an answer)",
    Silence.NOT_ALLOWED: "no answer (the provider does not allow it: key or model)",
    Silence.OUT_OF_CREDIT: "no answer (out of credit)",
    Silence.DEADLINE: "no answer (later than the deadline)",
    Silence.FAILED: "no answer (the call failed)",
    Silence.FABRICATED: "no answer (it cites a figure that was not in the question)",
    Silence.SWAPPED: "no answer (another model answered than so far)",
    Silence.RESTING: "not asked: its quota or credit is used up, it rests",
    Silence.BUDGET: "not asked: the rest of the budget could not pay for it",
    Silence.BARRED: "not asked: entries are closed",
    Silence.NOT_NEEDED: "not asked: it could not have changed the outcome",
}


def verdict_line(verdict: Verdict) -> str:
    whose = "Rules decide" if verdict.decider is Decider.RULES else "Advisers"
    whose = "Strategies decide, no AI" if decided_by_strategies(verdict) else whose
    said = f"<b>{verdict.stance.value}</b>, confidence {percent(verdict.confidence, 0)}"
    return f"{whose}: {said}{_single(verdict)}"


def _single(verdict: Verdict) -> str:
    if not verdict.is_single:
        return ""
    voters = [one.adviser for one in verdict.opinions if one.role is Role.VOTER]
    return " · ⚠️ not by models alone" if any(map(is_strategy, voters)) else " · ⚠️ one adviser only"


def vote_line(opinion: Opinion) -> str:
    cached = " · from cache" if opinion.is_cached else ""
    return (
        f"{STANCE_MARKS[opinion.stance]} {esc(opinion.adviser, 40)}: {opinion.stance.value}"
        f" {percent(opinion.confidence, 0)}{ROLE_WORDS[opinion.role]}{cached}"
    )


def silence_line(abstention: Abstention) -> str:
    words = SILENCE_WORDS[abstention.why]
    return f"▫️ {esc(abstention.adviser, 40)}: {words}{ROLE_WORDS[abstention.role]}"


def answer_line(answer: Opinion | Abstention) -> str:
    return vote_line(answer) if isinstance(answer, Opinion) else silence_line(answer)


def answer_lines(verdict: Verdict) -> list[str]:
    return [*map(vote_line, verdict.opinions), *map(silence_line, verdict.abstentions)]


def caution_lines(verdict: Verdict) -> list[str]:
    """Why less than the full size is left; empty where all of it is."""
    if not verdict.cautions:
        return []
    left = f"⚖️ {percent(verdict.share, 0)} of the size is left:"
    return [left, *(f"• {esc(caution)}" for caution in verdict.cautions)]


def chance_line(chance: float | None) -> str | None:
    """None where no record supports one."""
    if chance is None:
        return None
    return f"Chance of the target before the stop, by the advisers' record: {percent(chance, 0)}"


def replay_line(decision_id: str) -> str | None:
    """None for what was never decided: an idea of the owner's."""
    return f"Decision {code(f'/replay {decision_id}')}" if decision_id else None


def opinion_block(opinion: Opinion) -> Block:
    """One adviser's words, folded away."""
    return folded(
        [
            vote_line(opinion) + f" · {esc(opinion.model, 60)}",
            *(f"+ {esc(text)}" for text in opinion.reasons),
            *(f"= {esc(text)}" for text in opinion.evidence),
            f"Wrong if: {esc(opinion.invalidation)}" if opinion.invalidation else "",
        ]
    )
