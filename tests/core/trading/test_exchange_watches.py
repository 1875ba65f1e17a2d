"""A clock that is off and an exchange that is away: entries closed, told once, guarding untouched."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from core.errors import PerpilotError, Unknown
from core.notice import NoticeKind
from core.ports import ClockReading
from core.trading.clock_watch import ClockWatch, against_clock
from core.trading.outage_watch import OutageWatch
from tests.core.trading.world import World


@dataclass
class Connection:
    """An exchange whose clock and silence a test sets by hand."""

    reading: ClockReading | None = None
    true_offset_s: float = 0.0
    failure: PerpilotError | None = None
    trouble: str = ""
    asked: list[float] = field(default_factory=list)

    def clock_reading(self) -> ClockReading | None:
        return self.reading

    def outage(self) -> str:
        return self.trouble

    async def measure_clock(self) -> float:
        self.asked.append(self.true_offset_s)
        if self.failure is not None:
            raise self.failure
        self.reading = ClockReading(self.true_offset_s, 0.0, 0.0)
        self.trouble = ""
        return self.true_offset_s


def read(offset_s: float = 0.0, age_s: float = 1.0, stepped_s: float = 0.0) -> ClockReading:
    return ClockReading(offset_s, age_s, stepped_s)


async def texts(world: World) -> list[str]:
    return [str(facts["text"]) for facts in await world.facts(NoticeKind.SYSTEM)]


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (None, "was not read yet (venue)"),
        (read(1.01), "clock is -1.01 s from the exchange's, at most 1 s is allowed (venue)"),
        (read(-3), "clock is +3.00 s from the exchange's"),
        (read(age_s=901), "was last read 15 minutes ago (venue)"),
        (read(stepped_s=-0.3), "was set by -0.30 s and not compared since (venue)"),
    ],
)
def test_a_clock_that_is_off_old_or_unknown_opens_nothing(reading: ClockReading | None, reason: str) -> None:
    assert reason in against_clock({"market": read(), "venue": reading})


@pytest.mark.parametrize("reading", [read(), read(0.99), read(-0.99, age_s=899, stepped_s=0.2)])
def test_a_clock_within_a_second_is_no_reason(reading: ClockReading) -> None:
    assert against_clock({"market": reading, "venue": reading}) == ""


async def test_the_clock_is_measured_when_it_is_due_and_not_before() -> None:
    world, source = await World().open(), Connection()
    watch = ClockWatch({"venue": source}, world.journal, world.clock)
    asked = []
    for reading in (None, read(age_s=239), read(age_s=241), read(stepped_s=0.5)):
        source.reading, source.asked = reading, []
        assert await watch.review() == ""
        asked.append(len(source.asked))

    assert asked == [1, 0, 1, 1]


async def test_a_clock_that_cannot_be_measured_stays_unknown() -> None:
    world, source = await World().open(), Connection(failure=Unknown("no answer"))
    watch = ClockWatch({"venue": source}, world.journal, world.clock)

    never = await watch.review()
    source.reading = read(age_s=901)
    long_ago = await watch.review()

    assert "not read yet" in never and "15 minutes ago" in long_ago


async def test_a_clock_half_a_second_off_is_told_once_an_episode() -> None:
    world, source = await World().open(), Connection()
    watch = ClockWatch({"venue": source}, world.journal, world.clock)
    for offset_s in (0.3, 0.6, 0.7, 0.45, 0.6, 0.1, -0.8, -0.8):
        source.reading = read(offset_s)
        assert await watch.review() == ""
        world.clock.advance(5)

    assert [text[:38] for text in await texts(world)] == [
        "This machine's clock is 0.60 s from th",
        "This machine's clock is 0.80 s from th",
    ]


async def test_an_exchange_in_maintenance_is_one_reason_for_all_connections() -> None:
    world = await World().open()
    away = Connection(trouble="the exchange is in maintenance since 12:00:00 UTC", failure=Unknown("503"))
    watch = OutageWatch({"market": Connection(), "venue": away}, world.journal, world.clock)

    reason = await watch.review()

    assert reason == "the exchange is in maintenance since 12:00:00 UTC"
    assert len(away.asked) == 1 and await texts(world) == []


async def test_a_long_outage_is_told_once_with_its_end() -> None:
    world, away = await World().open(), Connection(trouble="it does not answer", failure=Unknown("503"))
    watch = OutageWatch({"venue": away}, world.journal, world.clock)
    reasons = set()
    for _ in range(30):
        reasons.add(await watch.review())
        world.clock.advance(10)
    away.failure = None

    over = await watch.review()

    assert reasons == {"it does not answer"} and over == ""
    begun, ended = await texts(world)
    assert begun.startswith("Attention: it does not answer. Nothing is opened")
    assert ended == "The exchange answers again, after 5 minutes."


async def test_a_hiccup_is_not_told() -> None:
    world, away = await World().open(), Connection(trouble="it does not answer")
    watch = OutageWatch({"venue": away}, world.journal, world.clock)

    assert await watch.review() == ""
    assert await texts(world) == [] and len(away.asked) == 1
