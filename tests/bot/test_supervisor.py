"""Long tasks: nothing dies in silence, nothing hangs for good, the owner hears of it once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot import supervisor as module
from bot.loops import PROTECTIVE_PAUSE_S
from bot.supervisor import CALM_AFTER_S, FIRST_PAUSE_S, LONGEST_PAUSE_S, Loop, Supervisor
from core.errors import Unknown
from core.trading.entries import EntryGate
from tests.core.builders import NOW

PATIENCE_S = 5.0
"""Real seconds after which a test that waits has failed."""

Step = BaseException | float | Callable[[], Awaitable[None]] | None


class QuickClock:
    """Sleeping takes no real time, and is remembered; `is_held` makes sleepers wait for ever."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []
        self.is_held = False

    def now(self) -> Any:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.is_held:
            await asyncio.Event().wait()
        self.passed += seconds
        await asyncio.sleep(0)


class Script:
    """What each pass does: raise, take so many seconds of the clock, or run; then it waits for ever."""

    def __init__(self, clock: QuickClock, *steps: Step) -> None:
        self.clock = clock
        self.steps = list(steps)
        self.begun = 0
        self.is_over = asyncio.Event()

    async def __call__(self) -> None:
        self.begun += 1
        if not self.steps:
            self.is_over.set()
            await asyncio.Event().wait()
        step = self.steps.pop(0)
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, float):
            self.clock.passed += step
        elif step is not None:
            await step()

    async def run_out(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.is_over.wait()


class House:
    """A supervisor with everything around it."""

    def __init__(self) -> None:
        self.clock = QuickClock()
        self.gate = EntryGate()
        self.gate.open("start")
        self.told: list[tuple[str, str]] = []
        self.tell_error: BaseException | None = None
        self.supervisor = Supervisor(self.clock, self.gate, self._tell)

    async def _tell(self, key: str, text: str) -> None:
        if self.tell_error is not None:
            raise self.tell_error
        self.told.append((key, text))

    def script(self, *steps: Step, name: str = "guard", **fields: Any) -> Script:
        made = Script(self.clock, *steps)
        self.supervisor.add(Loop(name, made, lambda: 10.0, **fields))
        return made

    async def play(self, *steps: Step, **fields: Any) -> Script:
        made = self.script(*steps, **fields)
        self.supervisor.start()
        await made.run_out()
        return made

    @property
    def words(self) -> list[str]:
        return [text for _, text in self.told]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "STOP_S", 0.05)
    monkeypatch.setattr(module, "CANCEL_S", 0.05)
    return House()


async def ended(house: House) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await house.supervisor.stop()


async def cancelled_inside() -> None:
    """Waits for a task of its own that somebody cancelled."""
    inner = asyncio.ensure_future(asyncio.Event().wait())
    inner.cancel()
    await inner


class Odd(BaseException):
    """Neither an `Exception` nor an end of the process."""


@pytest.mark.parametrize(
    "death", [Unknown("no answer"), ValueError("x"), Odd("x"), asyncio.CancelledError(), cancelled_inside]
)
async def test_whatever_ends_a_pass_closes_entries_is_told_and_the_task_lives_on(
    house: House, death: Step
) -> None:
    script = await house.play(death)

    assert script.begun == 2
    assert house.gate.is_closed_by("task:guard")
    assert len(house.told) == 1
    assert "The guard task failed" in house.words[0]
    assert "entries are stopped" in house.words[0]
    assert not house.supervisor.views()[0].is_healthy
    await ended(house)


async def test_a_task_that_works_again_opens_entries_and_says_so(house: House) -> None:
    await house.play(Unknown("no answer"), None)

    assert house.gate.reasons == ()
    assert house.words[1:] == ["The guard task works again."]
    assert house.supervisor.views()[0].is_healthy
    assert len({key for key, _ in house.told}) == 2
    await ended(house)


async def test_entries_are_closed_before_anybody_is_told(house: House) -> None:
    seen: list[bool] = []

    async def tell(key: str, text: str) -> None:
        seen.append(house.gate.is_closed_by("task:guard"))

    house.supervisor = Supervisor(house.clock, house.gate, tell)
    await house.play(ValueError("x"))

    assert seen == [True]
    await ended(house)


async def test_a_task_that_is_not_critical_leaves_entries_open(house: House) -> None:
    await house.play(ValueError("x"), is_critical=False)

    assert house.gate.reasons == ()
    assert "it is restarted" in house.words[0]
    await ended(house)


async def test_the_owner_is_told_once_however_long_it_lasts(house: House) -> None:
    await house.play(*(Unknown("no answer") for _ in range(20)))

    assert len(house.told) == 1
    await ended(house)


async def test_pauses_grow_to_a_limit_and_begin_again_after_a_calm_time(house: House) -> None:
    fails = [Unknown("no answer") for _ in range(9)]

    await house.play(*fails, CALM_AFTER_S + 1, Unknown("again"))

    grown = [FIRST_PAUSE_S * 2**i for i in range(6)]
    assert house.clock.slept[:9] == [*grown, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert house.clock.slept[9:] == [10.0, FIRST_PAUSE_S]
    await ended(house)


async def test_a_protective_task_never_waits_longer_than_it_may(house: House) -> None:
    await house.play(*[Unknown("x")] * 8, longest_pause_s=PROTECTIVE_PAUSE_S)

    assert max(house.clock.slept) == PROTECTIVE_PAUSE_S < LONGEST_PAUSE_S


async def test_one_good_pass_in_between_does_not_shorten_the_pauses(house: House) -> None:
    await house.play(ValueError("a"), None, ValueError("b"), None, ValueError("c"))

    assert house.clock.slept == [1.0, 10.0, 2.0, 10.0, 4.0]
    await ended(house)


async def test_a_task_that_fails_at_every_other_turn_is_no_flood_of_messages(house: House) -> None:
    turns: list[Step] = []
    for _ in range(5):
        turns += [ValueError("x"), None]

    await house.play(*turns)

    assert house.words == [house.words[0], "The guard task works again."]
    await ended(house)


async def test_a_fault_that_began_quietly_is_told_when_it_stays(house: House) -> None:
    lasting = [ValueError("x") for _ in range(12)]  # the pauses add up to more than the calm time

    await house.play(ValueError("x"), None, *lasting)

    assert [text.split(";")[0][:20] for text in house.words].count("The guard task faile") == 2
    await ended(house)


async def test_keys_differ_between_two_lives_of_the_process(house: House) -> None:
    other = House()
    other.clock.passed = 3600

    await house.play(ValueError("x"))
    await other.play(ValueError("x"))

    assert house.told[0][0] != other.told[0][0]
    await ended(house)
    await ended(other)


@pytest.mark.parametrize("trouble", [RuntimeError("no disk"), asyncio.CancelledError(), Odd("x")])
async def test_telling_that_fails_ends_nothing(house: House, trouble: BaseException) -> None:
    house.tell_error = trouble

    script = await house.play(ValueError("a"), ValueError("b"))

    assert script.begun == 3
    assert house.gate.is_closed_by("task:guard")
    await ended(house)


async def test_a_hung_pass_is_given_up_and_begun_again(house: House) -> None:
    script = await house.play(asyncio.Event().wait, timeout_s=0.02)  # type: ignore[arg-type]

    assert script.begun == 2
    assert house.supervisor.views()[0].detail == "a pass took longer than 0.02 s"
    assert house.gate.is_closed_by("task:guard")
    await ended(house)


async def test_a_time_limit_inside_of_a_pass_is_not_mistaken_for_its_own(house: House) -> None:
    await house.play(TimeoutError("the venue"))

    assert house.supervisor.views()[0].detail.startswith("TimeoutError")
    await ended(house)


async def test_every_loop_has_a_time_limit() -> None:
    async def once() -> None: ...

    assert 0 < Loop("house", once, lambda: 1.0).timeout_s < 600


async def test_an_interval_that_cannot_be_told_is_a_failure_like_any_other(house: House) -> None:
    calls: list[float] = []

    def every() -> float:
        calls.append(1.0)
        if len(calls) == 1:
            raise KeyError("interval")
        return 5.0

    script = Script(house.clock, None, None)
    house.supervisor.add(Loop("guard", script, every))
    house.supervisor.start()
    await script.run_out()

    assert "KeyError" in house.words[0]
    await ended(house)


async def test_texts_of_libraries_stay_in_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    canary = "https://api.telegram.org/bot7123456789:AAE-canary/getMe"

    with caplog.at_level(logging.ERROR):
        await house.play(OSError(f"cannot connect to {canary}"))

    shown = repr((house.told, house.gate.reasons, house.supervisor.views()))
    assert canary not in shown
    assert "OSError, details are in the log" in shown
    assert any(record.exc_info for record in caplog.records)
    await ended(house)


async def test_our_own_words_are_told(house: House) -> None:
    await house.play(Unknown("the exchange does not answer"))

    assert "the exchange does not answer" in house.words[0]
    await ended(house)


async def test_a_task_ended_from_outside_closes_entries(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.play(None)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "guard"]

    with caplog.at_level(logging.CRITICAL):
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE_S)
        await asyncio.sleep(0)

    assert house.gate.is_closed_by("task:guard")
    assert not house.supervisor.views()[0].is_healthy
    assert any(record.levelno == logging.CRITICAL for record in caplog.records)
    await ended(house)


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_end_of_the_process_is_let_through(end: type[BaseException]) -> None:
    assert module._is_the_end(end())


async def test_stop_lets_a_pass_finish_and_begins_no_other(house: House) -> None:
    house.clock.is_held = True
    may_end = asyncio.Event()
    is_inside = asyncio.Event()
    done: list[int] = []

    async def slow() -> None:
        is_inside.set()
        await may_end.wait()
        done.append(1)

    script = house.script(slow, None, None)
    house.supervisor.start()
    await asyncio.wait_for(is_inside.wait(), PATIENCE_S)
    stopping = asyncio.ensure_future(house.supervisor.stop())
    await asyncio.sleep(0)
    may_end.set()
    await asyncio.wait_for(stopping, PATIENCE_S)

    assert done == [1]
    assert script.begun == 1


async def test_stop_wakes_a_resting_task(house: House) -> None:
    house.clock.is_held = True
    script = house.script(None)
    house.supervisor.start()
    while not house.clock.slept:
        await asyncio.sleep(0)

    await ended(house)

    assert script.begun == 1
    assert house.told == []


async def test_stop_cancels_what_does_not_end_in_time(house: House) -> None:
    was_cancelled: list[bool] = []

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            was_cancelled.append(True)
            raise

    house.script(stubborn)
    house.supervisor.start()
    await asyncio.sleep(0)

    await ended(house)

    assert was_cancelled == [True]
    assert house.gate.reasons == ()  # our own cancellation is no fault
    assert house.told == []


async def test_stop_keeps_its_deadline_though_a_task_swallows_its_cancellation(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    release = asyncio.Event()

    async def deaf() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    house.script(deaf)
    house.supervisor.start()
    await asyncio.sleep(0)
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "guard"]

    with caplog.at_level(logging.ERROR):
        await ended(house)

    assert any("would not end" in record.getMessage() for record in caplog.records)
    release.set()
    await asyncio.wait({task}, timeout=PATIENCE_S)


async def test_stop_before_start_is_harmless(house: House) -> None:
    script = house.script(None)

    await ended(house)

    assert script.begun == 0
    assert house.told == [] and house.gate.reasons == ()


async def test_a_poke_begins_the_next_pass_at_once(house: House) -> None:
    house.clock.is_held = True
    script = house.script(None)
    house.supervisor.start()
    while not house.clock.slept:
        await asyncio.sleep(0)

    house.supervisor.poke("guard")
    await script.run_out()

    assert script.begun == 2
    await ended(house)


async def test_a_poke_is_used_up_by_one_pass(house: House) -> None:
    house.clock.is_held = True
    script = house.script(None, None, None, None)
    house.supervisor.start()
    while not house.clock.slept:
        await asyncio.sleep(0)

    house.supervisor.poke("guard")
    for _ in range(50):
        await asyncio.sleep(0)

    assert script.begun == 2
    await ended(house)


async def test_a_poke_during_a_pass_is_not_lost(house: House) -> None:
    house.clock.is_held = True

    async def poked_meanwhile() -> None:
        house.supervisor.poke("guard")

    script = house.script(poked_meanwhile)
    house.supervisor.start()
    await script.run_out()

    assert script.begun == 2
    await ended(house)


async def test_ages_and_next_passes_are_told(house: House) -> None:
    house.clock.is_held = True
    house.script(None)
    assert house.supervisor.next_in_s("guard") is None
    assert house.supervisor.next_in_s("nobody") is None
    house.supervisor.start()
    while not house.clock.slept:
        await asyncio.sleep(0)

    house.clock.passed += 4
    (view,) = house.supervisor.views()

    assert (view.name, view.age_s, view.is_healthy) == ("guard", 4.0, True)
    assert house.supervisor.next_in_s("guard") == 6.0
    house.clock.passed += 57  # three periods of 10 s and half a minute
    assert house.supervisor.views()[0].detail == "late"
    assert house.supervisor.next_in_s("guard") == 0.0
    await ended(house)


async def test_a_first_pass_that_never_ends_is_late_too(house: House) -> None:
    script = await house.play()
    assert script.begun == 1
    assert house.supervisor.views()[0].is_healthy

    house.clock.passed += 61

    view = house.supervisor.views()[0]
    assert (view.age_s, view.is_healthy, view.detail) == (None, False, "late")
    await ended(house)


async def test_one_dead_task_leaves_the_others_alone(house: House) -> None:
    bad = house.script(ValueError("x"), name="prices")
    good = house.script(None, None, None, name="guard")
    house.supervisor.start()

    await bad.run_out()
    await good.run_out()

    assert good.begun == 4
    assert house.gate.is_closed_by("task:prices")
    assert not house.gate.is_closed_by("task:guard")
    await ended(house)
