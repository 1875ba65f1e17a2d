"""/models: what it says without a record first, then every figure with what it stands on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from bot.cards import pages, plain
from bot.cards_models import models_card, models_subtitle, rate, reliability_panels
from core.advice.figures import record_of
from core.advice.pooling import standing_of
from core.adviser_record import Rate
from core.adviser_views import ModelsView
from core.errors import PerpilotError
from core.opinion import Role
from tests.core.advice.witnesses import BEGIN, Witness, a_world, judgements_of
from tests.handlers.conftest import Chat

AS_OF = BEGIN + timedelta(days=61)
ROLES = {"claude": Role.VOTER, "gpt": Role.VOTER}


def a_view(days: int = 60) -> ModelsView:
    world = a_world([Witness("claude", 0.8), Witness("gpt", 0.3, tone=2.0)], days, 12, seed=5)
    judged = [*judgements_of(world, "claude"), *judgements_of(world, "gpt")]
    record = record_of(judged, 1, AS_OF)
    standing = standing_of(record.tracks, lambda name: True, AS_OF)
    return ModelsView(
        record.figures, ROLES, standing, ("grok has earned a vote <b>",), len(judged), BEGIN, AS_OF
    )


def words_of(view: ModelsView) -> str:
    return plain(models_card(view).html)


def test_without_any_answer_it_says_so_and_that_the_plain_rule_holds() -> None:
    assert "The plain rule holds" in words_of(ModelsView())
    assert "Not counted yet" in words_of(ModelsView())
    assert f"No answer was recorded up to {AS_OF:%Y-%m-%d %H:%M} UTC" in words_of(ModelsView(as_of=AS_OF))


def test_a_short_record_says_what_is_missing() -> None:
    words = words_of(a_view(days=20))

    assert "The plain rule holds" in words
    assert "claude (claude-1): 240 of 600 judged sides, 20 of 30 days" in words


def test_a_long_record_shows_the_gate_and_the_weights() -> None:
    words = words_of(a_view())

    assert "The second gate is on" in words
    assert re.search(r"Weights: claude 0\.\d\d, gpt 0\.\d\d", words)


def test_no_percentage_stands_without_its_count() -> None:
    in_tables = [line for line in words_of(a_view()).splitlines() if "%" in line and "180 days" not in line]

    assert len(in_tables) >= 10
    assert all("(n=" in line for line in in_tables)


def test_lines_of_a_table_fit_a_phone() -> None:
    tables = [block for block in models_card(a_view()).blocks if block.opening == "<pre>"]

    assert len(tables) == 2
    assert max(len(plain(line)) for table in tables for line in table.lines) <= 50


def test_a_rate_of_few_days_says_so_instead_of_an_interval() -> None:
    assert rate(Rate(0.5, 4)) == "50.0% (n=4, too few days)"
    assert rate(Rate(-0.012, 900, (-0.03, 0.001)), signed=True) == "-1.2% (n=900, -3.0 to +0.1)"
    assert rate(None) == "n/a"


def test_a_former_model_is_named_as_one_and_drawn_in_no_picture() -> None:
    view = a_view()
    former = replace(view.figures[0], model="claude-0", is_current=False)
    view = replace(view, figures=(*view.figures, former))

    assert "claude-0 · former" in words_of(view)
    assert [title for title, _, _ in reliability_panels(view)] == ["claude · claude-1", "gpt · gpt-1"]
    assert "second gate on" in models_subtitle(view)


def test_what_is_suggested_is_escaped_and_leaves_the_doing_to_the_owner() -> None:
    html = models_card(a_view()).html

    assert "grok has earned a vote &lt;b&gt;" in html
    assert "Nothing changes by itself" in html


def test_many_former_models_are_bounded_on_the_card() -> None:
    view = a_view()
    former = replace(view.figures[0], is_current=False)

    shown = pages(models_card(replace(view, figures=(*view.figures, *[former] * 40))))

    assert len(shown) <= 3
    assert "and 30 former models more" in plain("".join(shown))


# ---------------------------------------------------------------- over the dispatcher


async def test_models_is_answered_in_words_and_then_with_curves(chat: Chat) -> None:
    chat.desk.models_view = a_view()

    answer = await chat.telegram.ask("/models")
    picture = await chat.telegram.wait_for(lambda message: message.photo is not None)

    assert "claude-1" in answer.text
    assert picture.message_id > answer.message_id
    assert len(chat.charts.panels) == 2


async def test_without_a_judged_side_there_is_no_picture(chat: Chat) -> None:
    answer = await chat.telegram.ask("/models", user=chat.viewer)

    assert "The plain rule holds" in answer.text
    assert await chat.nothing_new(answer.changed)


async def test_without_a_worker_the_words_of_the_record_stand_alone(chat: Chat) -> None:
    chat.desk.models_view, chat.charts.failure = a_view(), PerpilotError("no worker")

    answer = await chat.telegram.ask("/models")

    assert "claude-1" in answer.text
    assert await chat.nothing_new(answer.changed)
