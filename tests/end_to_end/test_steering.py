"""A person steers a stop from the chat: refused, allowed, tightened, loosened twice asked, half taken."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path

import pytest

from bot.demo.telegram import Message
from tests.end_to_end.theatre import TELL_S, Theatre, theatre, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_stop_is_steered_by_taps(tmp_path: Path) -> None:
    async with theatre(tmp_path, EXIT_OPINION="false") as stage:
        await stage.start()
        await stage.enter("/long SOL")
        planned = the_stop(stage)
        entry = Decimal(str((await stage.positions())["SOL"]["entry_price"]))

        await break_even_is_refused_before_the_price_is_beyond_it(stage)
        await the_price_gains(stage, 0.03)
        even = await the_stop_goes_to_break_even(stage, entry)
        tight = await the_stop_is_tightened(stage)
        loose = await loosening_is_asked_twice(stage)
        await half_is_taken_and_the_rest_is_covered(stage)

        assert planned < entry <= even < tight and loose < tight
        shown = await stage.ask("/positions", "Targets left")
        assert "moved by you" in shown.body


def the_stop(stage: Theatre) -> Decimal:
    """The trigger of the only stop that rests at the venue."""
    (stop,) = stage.resting("SOL")
    return Decimal(stop["trigger"])


async def question(stage: Theatre, button: str, words: str) -> Message:
    """What a button of the position's card asks or answers."""
    card = await stage.ask("/positions", "Targets left")
    mark = stage.chat.mark
    await stage.tap(card, button)
    return await stage.chat.wait_for(words, TELL_S, after=mark)


async def moved(stage: Theatre, before: Decimal) -> Decimal:
    """One stop rests again, elsewhere."""

    def found() -> Decimal | None:
        stops = stage.resting("SOL")
        new = Decimal(stops[0]["trigger"]) if len(stops) == 1 else before
        return new if new != before else None

    return await until(found, TELL_S, "the stop moved at the venue")


async def break_even_is_refused_before_the_price_is_beyond_it(stage: Theatre) -> None:
    before = the_stop(stage)

    answer = await question(stage, "Break-even", "stays where it is")

    assert "not beyond break-even" in answer.body and not answer.buttons
    assert the_stop(stage) == before


async def the_price_gains(stage: Theatre, fraction: float) -> None:
    before = (await stage.positions())["SOL"]["current_price"]
    stage.move("SOL", fraction)
    deadline = time.monotonic() + TELL_S
    while (await stage.positions())["SOL"]["current_price"] < before * (1 + fraction / 2):
        assert time.monotonic() < deadline, "the bot did not see the new price"
        await asyncio.sleep(0.1)


async def the_stop_goes_to_break_even(stage: Theatre, entry: Decimal) -> Decimal:
    before = the_stop(stage)
    asked = await question(stage, "Break-even", "Move the stop of SOL?")
    assert "locks in" in asked.body and the_stop(stage) == before

    await stage.tap(asked, "Move to")

    return await moved(stage, before)


async def the_stop_is_tightened(stage: Theatre) -> Decimal:
    before = the_stop(stage)
    asked = await question(stage, "Tighten", "Move the stop of SOL?")

    await stage.tap(asked, "Move to")

    return await moved(stage, before)


async def loosening_is_asked_twice(stage: Theatre) -> Decimal:
    before = the_stop(stage)
    asked = await question(stage, "Loosen", "away from the price")
    mark = stage.chat.mark
    await stage.tap(asked, "Loosen it")
    last = await stage.chat.wait_for("Last question", TELL_S, after=mark)
    assert "of the equity" in last.body and the_stop(stage) == before

    await stage.tap(last, "Yes, add this risk")

    return await moved(stage, before)


async def half_is_taken_and_the_rest_is_covered(stage: Theatre) -> None:
    held = Decimal(stage.held("SOL")["quantity"])  # type: ignore[index]
    asked = await question(stage, "Take 50%", "Close 50% of SOL?")
    await stage.tap(asked, "Close SOL")

    def is_covered() -> bool:
        left, stops = stage.held("SOL"), stage.resting("SOL")
        sizes = [Decimal(stop["quantity"]) for stop in stops]
        return (
            left is not None
            and Decimal(left["quantity"]) < held * 6 / 10
            and sizes == [Decimal(left["quantity"])]
        )

    await until(is_covered, TELL_S, "half is left, under one stop of its size")
