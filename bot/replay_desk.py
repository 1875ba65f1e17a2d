"""`/replay`: one decision played again from the journal; nobody is asked."""

from __future__ import annotations

from core.advice.brief import without_candles
from core.adviser_views import ReplayView
from core.codec import from_plain
from core.opinion import Verdict
from core.plan import Plan
from core.replay import ReplayJournal
from core.trading.replaying import Again, ReadAnswer, play_again
from core.trading.tape import BRIEF


class ReplayDesk:
    def __init__(self, journal: ReplayJournal, read_answer: ReadAnswer, code: str) -> None:
        """`code`: version of the running program."""
        self._journal = journal
        self._read_answer = read_answer
        self._code = code

    async def view(self, decision_id: str) -> ReplayView | None:
        again = await play_again(self._journal, decision_id, self._read_answer)
        return None if again is None else view_of(again, self._code)


def view_of(again: Again, code: str) -> ReplayView:
    facts = again.record.facts
    verdict, plan = facts.get("verdict"), facts.get("plan")
    asked = "" if again.replayed is None else again.replayed.tape.results.get(BRIEF, "")
    return ReplayView(
        record=again.record,
        verdict=None if verdict is None else from_plain(Verdict, verdict),
        plan=None if plan is None else from_plain(Plan, plan),
        question_hash=asked,
        question=_question(again, asked),
        fate=again.fate,
        differences=again.differences,
        code_then=again.code,
        code_now=code,
    )


def _question(again: Again, asked: str) -> str:
    """`asked`: the hash of the time; another text is not what was asked."""
    decision = again.replayed.decision if again.replayed is not None else None
    brief = decision.brief if decision is not None else None
    return without_candles(brief.question) if brief is not None and brief.hash == asked else ""
