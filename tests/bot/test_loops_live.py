"""How often a live account is looked at: soon enough for the stops, and never beyond the request weight."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot.loops import CROWDED, LIVE_STOPS_S, LIVE_WATCHFUL_S, Passes
from core.ports import Clock


class Late:
    async def recovery(self) -> None: ...

    def disk_trouble(self) -> str:
        return ""


class Seconds:
    """Only its monotonic seconds count here."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


class Bench:
    """Passes over a kernel that counts short rounds; `restless_s` is what the guard would like to wait."""

    def __init__(self, *, is_live: bool = True) -> None:
        self.looks = 0
        self.spent = 0.0
        self.restless_s = 2.0
        self.seconds = Seconds()
        guard = SimpleNamespace(watch=self._watch, protect=self._protect, pause_s=self._pause_s)
        self.executor = SimpleNamespace(has_unrecorded=False, is_restless=False)
        gate = SimpleNamespace(open=lambda name: None, close=lambda name, why: None)
        kernel: Any = SimpleNamespace(guard=guard, executor=self.executor, gate=gate)
        board: Any = SimpleNamespace(rows=(), open_cards=0)
        journal: Any = SimpleNamespace(open_approvals=self._watch)
        nothing: Any = None
        clock: Clock | None = self.seconds if is_live else None  # type: ignore[assignment]
        self.passes = Passes(
            kernel, nothing, board, journal, "live", Late(), clock=clock, spent=lambda: self.spent
        )

    async def _watch(self, *_: Any) -> tuple[()]:
        return ()

    async def _protect(self) -> None:
        self.looks += 1

    def _pause_s(self, usual: float) -> float:
        return min(usual, self.restless_s)

    async def run(self, seconds: float, *, hints: bool = False) -> int:
        """Short rounds every half second, as the supervisor runs them; how many looked."""
        before = self.looks
        for _ in range(int(seconds / 0.5)):
            if hints:
                self.passes.hint()
            await self.passes.stops()
            self.seconds.at += 0.5
        return self.looks - before


async def recovered(*, is_live: bool = True) -> Bench:
    bench = Bench(is_live=is_live)
    await bench.passes.guard()
    await bench.passes.stops()
    bench.seconds.at += LIVE_STOPS_S
    return bench


async def test_nothing_is_looked_at_before_the_recovery() -> None:
    bench = Bench()

    assert await bench.run(10, hints=True) == 0


async def test_live_stops_are_looked_at_every_two_seconds_without_any_hint() -> None:
    bench = await recovered()

    assert await bench.run(60) == 60 / LIVE_STOPS_S


async def test_a_flood_of_hints_is_followed_while_there_is_weight_and_calms_down_when_there_is_not() -> None:
    bench = await recovered()
    free = await bench.run(30, hints=True)
    bench.spent = CROWDED
    crowded = await bench.run(30, hints=True)

    assert (free, crowded) == (60, 15)


async def test_an_unsettled_trade_calms_down_too_and_is_still_looked_at() -> None:
    bench = await recovered()
    bench.executor.is_restless, bench.spent = True, 0.9

    assert await bench.run(30) == 15


async def test_a_hint_that_had_to_wait_is_not_forgotten() -> None:
    bench = await recovered()
    bench.spent = 1.0
    await bench.passes.stops()
    bench.passes.hint()
    at_once = await bench.run(1)
    bench.spent = 0.0

    assert at_once == 0 and await bench.run(0.5) == 1


@pytest.mark.parametrize(("usual", "pause_s"), [(60.0, LIVE_WATCHFUL_S), (4.0, 4.0)])
async def test_the_long_round_of_a_live_account_keeps_its_distance_even_when_it_is_unsettled(
    usual: float, pause_s: float
) -> None:
    bench = await recovered()

    assert bench.passes.guard_pause_s(usual) == pause_s


async def test_on_paper_nothing_is_asked_without_a_reason_and_the_long_round_comes_at_once() -> None:
    bench = await recovered(is_live=False)

    assert await bench.run(30) == 0
    assert bench.passes.guard_pause_s(60.0) == 2.0
