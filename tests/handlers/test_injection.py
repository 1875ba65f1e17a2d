"""Hostile texts typed in the chat: arguments are a plain coin and plain numbers, or one refused sentence."""

from __future__ import annotations

import pytest

from core.market import Side, canonical_symbol
from handlers.arguments import MAX_NOTE, WrongArguments, idea_of, note_of, one_symbol
from tests.core.advice.hostile import HOSTILE, over_each

WRONG_SHOWN_CHARS = 200


def is_plain(symbol: str) -> bool:
    coin = symbol.removesuffix("/USDT:USDT")
    return coin.isascii() and coin.isalnum() and len(coin) <= 20 and symbol == f"{coin}/USDT:USDT"


@over_each()
def test_a_hostile_symbol_is_refused_or_a_plain_coin(name: str) -> None:
    for read in (canonical_symbol, lambda text: one_symbol(text, "/analyze BTC")):
        try:
            symbol = read(HOSTILE[name])
        except (ValueError, WrongArguments):
            continue
        assert is_plain(symbol)


@over_each()
def test_a_hostile_text_behind_an_idea_refuses_the_whole_idea(name: str) -> None:
    for side in Side:
        with pytest.raises(WrongArguments) as caught:
            idea_of(side, f"BTC 1% 3x {HOSTILE[name]} end")

        assert len(str(caught.value)) < WRONG_SHOWN_CHARS


@over_each()
def test_a_hostile_text_instead_of_an_idea_asks_for_no_leverage_and_no_risk(name: str) -> None:
    try:
        idea = idea_of(Side.LONG, HOSTILE[name])
    except WrongArguments:
        return

    assert (idea.risk, idea.leverage, idea.stop, idea.target) == (None, None, None, None)
    assert is_plain(idea.symbol)


@over_each()
def test_a_hostile_note_is_a_bounded_text_or_refused(name: str) -> None:
    try:
        trade_id, note = note_of(f"4f2a91 {HOSTILE[name]}")
    except WrongArguments:
        return

    assert trade_id == "4f2a91"
    assert len(note) <= MAX_NOTE


def test_the_same_words_without_the_hostile_text_are_understood() -> None:
    idea = idea_of(Side.LONG, "BTC 1% 3x stop 60000")

    assert (idea.leverage, is_plain(idea.symbol)) == (3, True)
    assert one_symbol("btc", "/analyze BTC") == "BTC/USDT:USDT"
