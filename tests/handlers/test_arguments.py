"""What a person writes after a command, as values or as one sentence."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.desk import ManualIdea
from core.journal import Mode
from core.market import Side
from handlers.arguments import (
    WrongArguments,
    chart_request,
    close_request,
    count_of,
    idea_of,
    mode_of,
    note_of,
    one_symbol,
)

BTC = "BTC/USDT:USDT"


def test_a_close_names_symbol_and_share() -> None:
    assert close_request("btc") == (BTC, Decimal(1))
    assert close_request("BTCUSDT 25%") == (BTC, Decimal("0.25"))


def test_a_manual_idea_takes_its_parts_in_any_order() -> None:
    idea = idea_of(Side.LONG, "btc stop 60,000 2x target 70000.5 0.5%")

    assert idea == ManualIdea(Side.LONG, BTC, Decimal("0.005"), 2, Decimal(60000), Decimal("70000.5"))


def test_a_manual_idea_without_parts_leaves_them_to_the_settings() -> None:
    assert idea_of(Side.SHORT, "eth") == ManualIdea(Side.SHORT, "ETH/USDT:USDT")


@pytest.mark.parametrize("text", ["semi-auto", " SEMI_AUTO "])
def test_a_mode_is_read_leniently(text: str) -> None:
    assert mode_of(text) is Mode.SEMI_AUTO


def test_nothing_named_is_no_mode() -> None:
    assert mode_of("  ") is None


@pytest.mark.parametrize("text", ["0", "-1", "51", "1e3", "٣", "9" * 400])
def test_a_count_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(WrongArguments, match="is not a count from 1 to 50"):
        count_of(text)


def test_a_note_longer_than_the_limit_says_how_long_it_is() -> None:
    with pytest.raises(WrongArguments, match="at most 500 characters, this has 501"):
        note_of("t1 " + "x" * 501)


@pytest.mark.parametrize(
    "text",
    ["btc stop nan", "btc stop inf", "btc stop -5", "btc stop 1e9", "btc 101%%", "btc 0x", "btc stop ٣"],
)
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(WrongArguments):
        idea_of(Side.LONG, text)


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_one_sentence_with_an_example(text: str) -> None:
    readers = [
        close_request,
        chart_request,
        mode_of,
        count_of,
        note_of,
        lambda words: one_symbol(words, "/why BTC"),
        lambda words: idea_of(Side.LONG, words),
    ]
    said = [refusal for read in readers if (refusal := _refusal(read, text))]

    assert all(" Example: /" in refusal and len(refusal) < 250 for refusal in said)


def _refusal(read: Callable[[str], object], text: str) -> str:
    try:
        read(text)
    except WrongArguments as wrong:
        return str(wrong)
    return ""
