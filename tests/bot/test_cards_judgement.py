"""What a person reads of advisers: roles, silences, cautions, the chance, the way to the replay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.cards_ideas import (
    analysis_card,
    analysis_progress,
    approval_card,
    why_of_plan,
    why_symbol_card,
)
from bot.cards_judgement import SILENCE_WORDS, silence_line, vote_line
from core.codec import to_plain
from core.opinion import Abstention, Role, Silence
from tests.core.advice.pictures import opinion
from tests.handlers import samples


@pytest.mark.parametrize("why", Silence)
def test_every_silence_is_told_in_plain_language(why: Silence) -> None:
    line = silence_line(Abstention("gpt", why, "a detail"))

    assert line == f"▫️ gpt: {SILENCE_WORDS[why]}"
    assert "_" not in line


def test_a_silence_that_was_our_choice_is_told_as_one() -> None:
    assert SILENCE_WORDS[Silence.NOT_NEEDED] == "not asked: it could not have changed the outcome"
    assert SILENCE_WORDS[Silence.BUDGET].startswith("not asked")


def test_a_voters_line_names_no_role_and_the_others_do() -> None:
    vote = opinion("gpt", "long")

    assert vote_line(vote) == "🟢 gpt: long 80%"
    assert vote_line(replace(vote, role=Role.VETO)) == "🟢 gpt: long 80% · veto"
    assert vote_line(replace(vote, role=Role.SHADOW)) == "🟢 gpt: long 80% · shadow, no effect"
    assert silence_line(Abstention("gpt", Silence.TIMEOUT, "", role=Role.VETO)).endswith("(timeout) · veto")


def test_progress_shows_roles_as_answers_arrive() -> None:
    shown = analysis_progress("BTC/USDT:USDT", [replace(opinion("gpt", "hold"), role=Role.VETO)]).html

    assert "gpt: hold 80% · veto" in shown


def test_a_card_shows_role_caution_chance_and_where_it_is_replayed() -> None:
    approval = samples.approval()
    assert approval.plan.verdict is not None
    caution = "grok, which has a veto, holds"
    verdict = replace(
        approval.plan.verdict,
        opinions=(replace(approval.plan.verdict.opinions[0], role=Role.SHADOW),),
        share=0.5,
        cautions=(caution,),
    )
    approval = replace(approval, plan=replace(approval.plan, verdict=verdict, chance=0.62))

    card, why = approval_card(approval, is_paper=True).html, why_of_plan(approval).html

    for shown in (card, why):
        assert "shadow, no effect" in shown
        assert "by the advisers' record: 62%" in shown.replace("&#x27;", "'")
        assert f"/replay {approval.plan.decision_id}" in shown
    assert "50% of the size is left:" in why
    assert caution in why


def test_a_chance_that_no_record_supports_is_not_shown() -> None:
    assert "by the advisers" not in approval_card(samples.approval(), is_paper=True).html


def test_an_analysis_names_its_decision_and_what_is_left_of_the_size() -> None:
    analysis = samples.analysis("BTC/USDT:USDT")
    assert analysis.decision.verdict is not None
    verdict = replace(analysis.decision.verdict, share=0.25, cautions=("one", "two"))
    shown = analysis_card(
        replace(analysis, decision=replace(analysis.decision, verdict=verdict)), "PAPER"
    ).html

    assert f"/replay {analysis.decision.id}" in shown
    assert "25% of the size is left:" in shown


def test_why_of_a_symbol_tells_roles_cautions_and_the_decision() -> None:
    record = samples.decision_record("BTC/USDT:USDT")
    verdict = samples.approval().plan.verdict
    assert verdict is not None
    vetoing = replace(verdict.opinions[0], role=Role.VETO)
    verdict = replace(verdict, opinions=(vetoing,), share=0.5, cautions=("grok was not heard",))
    shown = why_symbol_card(replace(record, facts=record.facts | {"verdict": to_plain(verdict)})).html

    assert " · veto" in shown
    assert "grok was not heard" in shown
    assert f"/replay {record.id}" in shown


def test_why_of_a_symbol_tells_each_reason_once() -> None:
    verdict = samples.approval().plan.verdict
    assert verdict is not None
    verdict = replace(verdict, reasons=("2 of 3 answers agree on hold.", "grok holds a veto."))
    record = samples.decision_record("BTC/USDT:USDT")
    record = replace(record, reasons=verdict.reasons[:1], facts={"verdict": to_plain(verdict)})

    shown = why_symbol_card(record).html

    assert shown.count("2 of 3 answers agree on hold.") == 1
    assert shown.count("grok holds a veto.") == 1


def test_why_of_a_symbol_names_people_as_every_other_card_does() -> None:
    record = replace(samples.decision_record(), gate="entries", reasons=("paused by telegram:7",), facts={})

    assert "paused by Telegram user 7" in why_symbol_card(record).html
