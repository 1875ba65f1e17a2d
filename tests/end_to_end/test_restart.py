"""Killed, terminated, started again: the position, its one stop and the open card are still there."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from bot.demo.telegram import Message
from tests.end_to_end.theatre import TELL_S, Theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_after_a_kill_an_open_card_can_still_be_answered(stage: Theatre) -> None:
    card = await stage.card("/long SOL 0.5%")
    await stage.bot.kill9()
    await stage.bot.start()

    answer = await stage.tap(card, "Approve")

    assert answer.text.startswith("Approved")
    await until(lambda: len(stage.resting("SOL")) == 1, what="the stop rests")


async def test_after_a_kill_the_same_position_has_one_stop_and_no_second_entry(stage: Theatre) -> None:
    before, stops = stage.held("SOL"), stage.resting("SOL")
    assert before is not None
    await stage.bot.kill9()
    await stage.bot.start()

    shown = await stage.positions()

    assert stage.held("SOL") == before
    assert stage.resting("SOL") == stops and len(stops) == 1
    assert len(stage.trades("SOL")) == 1
    assert shown["SOL"]["stop_price"] == float(stops[0]["trigger"])


async def test_a_stop_passed_while_the_bot_was_down_is_booked_and_told_after_the_start(
    stage: Theatre,
) -> None:
    await stage.bot.kill9()
    stage.move("SOL", -0.09)
    mark = stage.chat.mark
    await stage.bot.start()

    closed = await stage.chat.wait_for("Closed SOL", 20, after=mark)

    [trade] = stage.bot.rows("SELECT * FROM trade_history WHERE symbol LIKE 'SOL%'")
    assert "stop hit" in closed.body and trade["exit_reason"] == "stop"
    assert stage.held("SOL") is None and stage.resting("SOL") == []
    assert sum("Closed SOL" in m.body for m in stage.chat.messages) == 1


async def test_sigterm_ends_in_time_leaves_the_stop_and_a_second_signal_is_harmless(stage: Theatre) -> None:
    await go_on(stage)
    card = await stage.card("/long ETH 0.5%")
    await stage.tap(card, "Approve")
    stops = await until(lambda: stage.resting("ETH"), what="the stop rests")
    mark = stage.chat.mark

    stage.bot.send(signal.SIGTERM)
    ended = await stage.bot.terminate(signal.SIGTERM)

    assert ended.code == 0 and ended.seconds < 8
    assert "Traceback" not in ended.output
    assert stage.resting("ETH") == stops
    await stage.bot.start()
    await stage.chat.wait_for("Perpilot stopped", TELL_S, after=mark)
    assert set(await stage.positions()) == {"ETH"}
    assert stage.resting("ETH") == stops and len(stage.trades("ETH")) == 1


PROOF_S = 30.0
"""An entry that was recorded and perhaps never sent is given up only after 15 s of looking."""

MOMENTS: dict[str, Callable[[Theatre, str], object]] = {
    "the tap is on its way": lambda stage, coin: True,
    "the card is claimed": lambda stage, coin: stage.approvals(coin)[-1]["claimed_at"],
    "the trade is recorded": lambda stage, coin: stage.trades(coin),
    "the entry is filled": lambda stage, coin: stage.held(coin),
}


@pytest.mark.parametrize(("coin", "moment"), list(zip(("XRP", "ADA", "BNB", "BTC"), MOMENTS, strict=True)))
async def test_killed_after_a_tap_there_is_one_guarded_position_or_none(
    stage: Theatre, coin: str, moment: str
) -> None:
    await go_on(stage)
    card = await stage.card(f"/short {coin} 0.5%")
    await tapped(stage, card)
    await until(lambda: MOMENTS[moment](stage, coin), what=moment)
    await stage.bot.kill9()

    await stage.bot.start()
    await until(
        lambda: is_settled(stage, coin),
        PROOF_S,
        what=f"{coin}: one guarded position, or none and the card is over",
    )

    entries = stage.bot.rows(
        "SELECT 1 FROM intentions i JOIN trades t ON t.id = i.trade_id "
        "WHERE t.symbol LIKE ? AND i.purpose = 'entry'",
        f"{coin}/%",
    )
    assert len(stage.trades(coin)) <= 1 and len(entries) <= 1
    assert len(stage.resting(coin)) == (1 if stage.held(coin) else 0)


async def go_on(stage: Theatre) -> None:
    """So many kills within ten minutes look like a crash loop; the owner has seen it."""
    await stage.ask("/resume", "entries are possible", 20.0)


async def tapped(stage: Theatre, card: Message) -> None:
    """Taps and doesn't wait for the answer: nobody may be left to give one."""
    await stage.chat.tap_data(card, card.button("Approve")["callback_data"], within_s=0.0)


def is_settled(stage: Theatre, coin: str) -> bool:
    is_over = stage.approvals(coin)[-1]["state"] not in ("open", "claimed")
    trades = [row["state"] for row in stage.trades(coin)]
    is_guarded = bool(stage.held(coin)) and len(stage.resting(coin)) == 1
    return is_over and (is_guarded if "open" in trades else stage.held(coin) is None)
