"""Approval cards over the wire: one tap, two taps, late taps, taps after the market has moved."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from tests.end_to_end.theatre import TELL_S, Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_two_fast_taps_and_one_delivered_again_are_one_order(stage: Theatre) -> None:
    card = await stage.card("/long SOL 0.5%")
    data = card.button("Approve")["callback_data"]

    answers = await asyncio.gather(*(stage.chat.tap_data(card, data, within_s=TELL_S) for _ in range(2)))

    await until(lambda: stage.resting("SOL"), what="the stop rests")
    stage.chat.redeliver_last_update()
    await stage.ask("/version", "Started")
    texts = sorted(answer.text if answer else "no answer" for answer in answers)
    assert len(stage.trades("SOL")) == 1
    assert any(text.startswith("Approved") for text in texts)
    assert "This button was used already." in texts


async def test_approve_and_reject_at_once_are_one_answer(stage: Theatre) -> None:
    card = await stage.card("/long BTC 0.5%")

    await asyncio.gather(
        *(
            stage.chat.tap_data(card, card.button(name)["callback_data"], within_s=TELL_S)
            for name in ("Reject", "Approve", "½")
        )
    )

    row = await until(
        lambda: next((r for r in stage.approvals("BTC") if r["settled_at"]), None), what="the card is settled"
    )
    assert len(stage.trades("BTC")) == (1 if row["state"] == "approved" else 0)
    assert row["state"] in ("approved", "rejected")


async def test_half_size_is_half_of_the_card(stage: Theatre) -> None:
    card = await stage.card("/short XRP 0.5%")
    full = Decimal(card.body.split("Size ")[1].split()[0].replace(",", ""))

    await stage.tap(card, "½")
    await until(lambda: stage.resting("XRP"), what="the stop rests")

    held = stage.held("XRP")
    assert held is not None
    assert Decimal("0.45") < Decimal(held["quantity"]) / full <= Decimal("0.5")
    assert [Decimal(one["quantity"]) for one in stage.resting("XRP")] == [Decimal(held["quantity"])]


async def test_a_rejected_card_trades_nothing_and_says_so(stage: Theatre) -> None:
    card = await stage.card("/long ETH 0.5%")

    answer = await stage.tap(card, "Reject")

    shown = await stage.chat.wait_for(lambda m: m.message_id == card.message_id and "Rejected" in m.body)
    assert answer.text.startswith("Rejected")
    assert not any("Approve" in button for button in shown.buttons)
    assert stage.trades("ETH") == []


async def test_a_card_whose_price_has_drifted_is_quoted_anew(stage: Theatre) -> None:
    card, mark = await stage.card("/long BNB 0.5%"), stage.chat.mark
    stage.move("BNB", 0.012)

    answer = await stage.tap(card, "Approve")
    again = await stage.chat.wait_for(lambda m: "New quote" in m.body and bool(m.buttons), TELL_S, after=mark)

    assert "Nothing was traded" in answer.text
    assert stage.trades("BNB") == []
    await stage.tap(again, "Approve")
    await until(lambda: stage.resting("BNB"), what="the stop rests")
    assert len(stage.trades("BNB")) == 1


async def test_an_unanswered_card_expires_says_so_and_can_not_be_approved(stage: Theatre) -> None:
    asked = await stage.ask("/config APPROVAL_TIMEOUT_SECONDS 5", "APPROVAL_TIMEOUT_SECONDS")
    await stage.tap(asked, "Change it")
    card = await stage.card("/long ETH 0.5%")
    data = card.button("Approve")["callback_data"]

    await stage.chat.wait_for(lambda m: m.message_id == card.message_id and "Expired" in m.body, 20)
    answer = await stage.chat.tap_data(card, data, within_s=TELL_S)

    assert answer is not None and "expired" in answer.text
    assert stage.trades("ETH") == []
    assert stage.approvals("ETH")[-1]["state"] == "expired"
