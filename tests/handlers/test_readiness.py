"""/readiness for everybody who may look; /golive for owners, with the sentence exactly as it was typed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.cards import pages, plain
from bot.cards_readiness import golive_card, readiness_card
from core.desk import ReadinessView, Tap
from core.risk.arming import OVERRIDE, SENTENCE
from handlers.arguments import WrongArguments, arming_of
from tests.handlers import samples
from tests.handlers.conftest import Chat

BY = "telegram:1001"


def live(**fields: object) -> ReadinessView:
    view = replace(samples.readiness_view(), is_paper=False, next_cap=Decimal(100))
    return replace(view, **fields)  # type: ignore[arg-type]


def words(view: ReadinessView) -> str:
    (page,) = pages(golive_card(view))
    return plain(page)


# ---------------------------------------------------------------- who may


async def test_a_viewer_may_look_and_may_not_arm(chat: Chat) -> None:
    seen = await chat.telegram.ask("/readiness", user=chat.viewer)
    await chat.telegram.wait_for("Readiness for real money")
    refused = await chat.telegram.ask(f"/golive {OVERRIDE}", user=chat.viewer)

    assert seen is not None
    assert "owner" in refused.body.lower() or "look" in refused.body.lower()
    assert chat.desk.asked == []


# ---------------------------------------------------------------- what is typed


@pytest.mark.parametrize(
    ("typed", "sentence", "cap"),
    [
        ("I UNDERSTAND THE RISKS", SENTENCE, None),
        ("  I  UNDERSTAND THE RISKS ", SENTENCE, None),
        ("I UNDERSTAND THE RISKS 200", SENTENCE, Decimal(200)),
        ("I UNDERSTAND THE RISKS AND OVERRIDE 62.5", OVERRIDE, Decimal("62.5")),
        ("i understand the risks", "i understand the risks", None),
        ("200", "200", None),
    ],
)
def test_a_last_word_with_a_digit_is_the_cap(typed: str, sentence: str, cap: Decimal | None) -> None:
    assert arming_of(typed) == (sentence, cap)


@pytest.mark.parametrize("cap", ["0", "0.00", "٣", "-5", "1e9", "500USDT", "$500"])
def test_a_cap_that_is_no_amount_is_named_as_what_is_wrong(cap: str) -> None:
    with pytest.raises(WrongArguments, match="is not a positive number"):
        arming_of(f"I UNDERSTAND THE RISKS {cap}")


async def test_the_sentence_goes_to_the_desk_as_it_was_typed(chat: Chat) -> None:
    await chat.telegram.ask("/golive I UNDERSTAND THE RISKS 200")
    await chat.telegram.wait_for("Done: go_live")

    assert chat.desk.asked == [("go_live", SENTENCE, Decimal(200), BY)]


async def test_a_refusal_is_shown_with_its_reasons(chat: Chat) -> None:
    chat.desk.refusal = Tap(False, "Nothing was armed: 1 items do not hold.", ("2 of 4 weeks",))
    await chat.telegram.ask("/golive I UNDERSTAND THE RISKS")
    card = await chat.telegram.wait_for("Nothing was armed")

    assert "2 of 4 weeks" in card.body


async def test_golive_alone_shows_the_checklist_and_changes_nothing(chat: Chat) -> None:
    await chat.telegram.ask("/golive")
    card = await chat.telegram.wait_for("Going live")

    assert "❌ 2 of 4 weeks" in card.body and "✅ 34 of 30 trades" in card.body
    assert chat.desk.asked == []


# ---------------------------------------------------------------- what it says


def test_paper_is_told_what_makes_it_live_and_given_no_sentence() -> None:
    said = words(samples.readiness_view())

    assert "USE_PAPER_TRADING=false" in said and SENTENCE not in said


def test_a_demo_is_told_that_it_never_counts() -> None:
    said = words(replace(samples.readiness_view(), is_demo=True))

    assert "never count" in said and SENTENCE not in said


def test_a_demo_of_the_live_path_is_offered_the_override_as_play_money() -> None:
    said, armed = words(live(is_demo=True)), words(live(is_demo=True, is_armed=True, cap=Decimal(100)))

    assert f"/golive {OVERRIDE}" in said and "play money" in said and "disarmed" in said
    assert "A demo of live trading, armed" in armed


def test_what_no_sentence_goes_past_is_named_and_no_sentence_is_offered() -> None:
    barred = live(never=("the key may withdraw",))
    said, armed = words(barred), words(replace(barred, is_armed=True, cap=Decimal(100)))

    assert "⛔ the key may withdraw" in said and SENTENCE not in said
    assert "can only be lowered" in armed and "⛔ the key may withdraw" in armed


def test_an_unready_live_account_is_offered_the_override_with_its_warning() -> None:
    said = words(live())

    assert f"/golive {OVERRIDE}" in said and "against this advice" in said
    assert "begin with a cap of 100.00 USDT" in said


def test_a_ready_live_account_is_offered_the_plain_sentence_only() -> None:
    ready = live()
    ready = replace(ready, items=tuple(replace(item, is_met=True) for item in ready.items))

    assert f"/golive {SENTENCE}" in words(ready) and "OVERRIDE" not in words(ready)


def test_an_armed_account_sees_its_cap_and_what_keeps_it_down() -> None:
    armed = live(is_armed=True, cap=Decimal(100), next_cap_needs=("3 of 14 days have passed",))
    waiting, risen = words(replace(armed, next_cap=None)), words(replace(armed, next_cap=Decimal(200)))

    assert "❌ 3 of 14 days have passed" in waiting
    assert "may rise to 200.00 USDT now" in risen


def test_the_weeks_of_a_year_stay_a_few_lines() -> None:
    view = samples.readiness_view()
    long = replace(view, weeks=(*[view.weeks[0]] * 52, view.weeks[1]))
    (page,) = pages(readiness_card(long))

    assert plain(page).count("week 1") == 5
    assert "since the start" in page and "99.50%  > 99%" in plain(page)


def test_before_the_first_day_there_is_nothing_to_show() -> None:
    empty = replace(samples.readiness_view(), weeks=())

    assert "No whole day has been counted yet." in plain(pages(readiness_card(empty))[0])
