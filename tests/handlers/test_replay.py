"""/replay over the real dispatcher."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.replay_report import decision_text
from core.adviser_views import ReplayView
from core.opinion import Abstention, Silence
from core.replay import Fate
from tests.core.builders import a_plan, a_verdict, an_opinion
from tests.handlers import samples
from tests.handlers.conftest import Chat

ID = "abcdefghij234567klmnopqr"


def a_view() -> ReplayView:
    opinions = (
        an_opinion("claude", reasons=("trend <b>with</b> volume",)),
        an_opinion("gpt", is_cached=True),
    )
    silence = Abstention("grok", Silence.TRUNCATED, "the answer was cut: length")
    return ReplayView(
        record=replace(samples.decision_record(), id=ID),
        verdict=a_verdict(opinions=opinions, abstentions=(silence,)),
        plan=a_plan(),
        question_hash="5e" * 32,
        question="FACTS\n\nSTATE\nregime=trending\nvolume<high>=1",
        fate=Fate.EQUAL,
        differences=(),
        code_then="0.1.0+aaaaaaaa",
        code_now="0.1.0+bbbbbbbb",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/replay", "Give the id of one decision"),
        ("/replay one two", "Give the id of one decision"),
        ("/replay ../../etc/passwd", "is no id of a decision"),
    ],
)
async def test_what_is_no_id_is_asked_of_nobody(chat: Chat, text: str, words: str) -> None:
    answer = await chat.telegram.ask(text)

    assert words in answer.text
    assert chat.desk.replays == ()


async def test_an_unknown_decision_is_one_sentence(chat: Chat) -> None:
    answer = await chat.telegram.ask(f"/replay {ID}")

    assert f"The journal holds no decision {ID}" in answer.text


async def test_a_decision_is_told_from_question_to_plan(chat: Chat) -> None:
    chat.desk.replayed = a_view()

    answer = await chat.telegram.ask(f"/replay {ID.upper()}")

    for words in (
        f"Decision {ID}",
        "Question 5e5e5e5e5e5e5e5e",
        "regime=trending",
        "volume<high>=1",
        "claude (voter): long 85%",
        "gpt (voter): long 85% · kept answer",
        "trend <b>with</b> volume",
        "grok: no answer (truncated: the answer was cut: length)",
        "Verdict long at 85%",
        "Plan long",
        "every step came out equal",
        "nobody was asked for this",
    ):
        assert words in answer.body, words
    assert "Program" not in answer.body
    assert chat.desk.replays == (ID,)


async def test_a_difference_names_what_differs_and_both_programs(chat: Chat) -> None:
    chat.desk.replayed = replace(a_view(), fate=Fate.DIFFERS, differences=("plan differs",))

    answer = await chat.telegram.ask(f"/replay {ID}")

    assert "comes out differently" in answer.body and "plan differs" in answer.body
    assert "Program 0.1.0+aaaaaaaa then, 0.1.0+bbbbbbbb now" in answer.body


async def test_a_decision_without_a_tape_says_so(chat: Chat) -> None:
    chat.desk.replayed = replace(
        a_view(), fate=Fate.NO_TAPE, question_hash="", question="", verdict=None, plan=None
    )

    answer = await chat.telegram.ask(f"/replay {ID}")

    assert "Nobody was asked." in answer.body and "recorded without a tape" in answer.body


async def test_a_viewer_may_look(chat: Chat) -> None:
    chat.desk.replayed = a_view()

    answer = await chat.telegram.ask(f"/replay {ID}", user=chat.viewer)

    assert "Decision" in answer.body


async def test_the_loss_is_never_shown_smaller_than_on_the_approval_card(chat: Chat) -> None:
    view = a_view()
    assert view.plan is not None and view.verdict is not None
    silent = Abstention("grok", Silence.NOT_NEEDED, "settled")
    plan = replace(view.plan, loss_at_stop=Decimal("19.9901"))
    chat.desk.replayed = view = replace(view, plan=plan, verdict=replace(view.verdict, abstentions=(silent,)))

    answer = await chat.telegram.ask(f"/replay {ID}")

    assert "At the stop it loses 20.00 USDT" in answer.body
    assert "loses 20.00 USDT at the stop" in decision_text(view)
    assert "grok: no answer (not needed: settled)" in answer.body
