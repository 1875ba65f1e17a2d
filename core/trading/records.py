"""A decision as the journal keeps it."""

from __future__ import annotations

from typing import Any

from core.advice.outcomes import judgements_of
from core.adviser_record import Judgement
from core.codec import to_plain
from core.journal import DecisionRecord
from core.mood import NO_MOOD
from core.plan import Cleared, Decision, Reason, Refused, StayOut
from core.trading.tape import TapeRecord


def gate_of(decision: Decision) -> str:
    """Where the straight line ended."""
    match decision.outcome:
        case StayOut(gate=gate):
            return gate
        case Refused():
            return "risk"
        case _:
            return "cleared"


def record_of(
    decision: Decision, account: str, scan_id: str | None, tape: TapeRecord | None = None
) -> DecisionRecord:
    """`tape` None: nothing can be derived again from it."""
    outcome = decision.outcome
    plan = None if isinstance(outcome, StayOut) else outcome.plan
    reasons = () if isinstance(outcome, Cleared) else outcome.reasons
    facts: dict[str, Any] = {
        "features": to_plain(decision.features) if decision.features else None,
        "flags": to_plain(decision.flags),
        "verdict": to_plain(decision.verdict) if decision.verdict else None,
        "plan": to_plain(plan) if plan else None,
        "mood": to_plain(decision.mood) if decision.mood != NO_MOOD else None,
    }
    return DecisionRecord(
        id=decision.id,
        account=account,
        scan_id=scan_id,
        symbol=decision.symbol,
        at=decision.at,
        gate=gate_of(decision),
        reasons=tuple(_words(reason) for reason in reasons),
        score=plan.score.total if plan else None,
        stance=decision.verdict.stance.value if decision.verdict else "hold",
        facts=facts,
        tape=tape,
        judgements=_judgements(decision, account),
    )


def _judgements(decision: Decision, account: str) -> tuple[Judgement, ...]:
    """Empty where nobody was asked."""
    if decision.verdict is None or decision.brief is None:
        return ()
    return judgements_of(decision.verdict, decision.brief, account, decision.id, decision.at)


def _words(reason: Reason) -> str:
    return f"{reason.text} (would be allowed by {reason.mend})" if reason.mend else reason.text
