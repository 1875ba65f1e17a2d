"""The readiness desk over the real journal: what it counts, what arms, what restarts the count."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.arming import LiveArming
from bot.book import SettingsBook
from bot.readiness import ReadinessDesk
from bot.settings import load_settings
from core.desk import DoctorLine
from core.errors import JournalError
from core.journal import Arming, EquityPoint, Mode
from core.notice import NoticeKind
from core.risk.arming import OVERRIDE, SENTENCE, overrides_unknown_key
from core.trading import notices
from core.trading.entries import EntryGate
from tests.core.builders import NOW, PAPER, D, a_closed_trade, a_trade
from tests.core.trading.world import World

LIVE = "live:binanceusdm"
GREEN = (DoctorLine(True, True, "database", "answers"),)
RED = (DoctorLine(False, True, "exchange", "does not answer"),)
NO_KEY = DoctorLine(False, True, "key", "the exchange does not say what it may do")
WITHDRAWS = "the key may withdraw: make one that may not"
DAY = timedelta(days=1)


class Bench:
    """One readiness desk at a time over one journal; `doctor` is what the doctor will say."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.doctor = GREEN
        self.never: tuple[str, ...] = ()
        self.gate = EntryGate()
        self.gate.open("start")
        self.heard: list[Arming] = []
        self.live: LiveArming | None = None
        self.asked = 0
        self.marks: frozenset[str] = frozenset({"key:a"})
        """Of the account that the key opens."""

    async def desk(
        self, account: str = PAPER, *, is_demo: bool = False, is_live: bool = False, **environ: str
    ) -> ReadinessDesk:
        """As the bot is put together at a start with this environment."""
        is_paper = not account.startswith("live") and not is_live
        await self.world.journal.open_account(account, is_paper, D(100), Mode.SEMI_AUTO, NOW)
        nothing: Any = None
        settings = load_settings({"INITIAL_CAPITAL": "100", **environ})
        book = SettingsBook(settings, self.world.journal, nothing, self.world.clock, account)
        self.book = book
        self.live = None
        if not is_paper:
            self.live = LiveArming(
                self.world.journal, account, lambda: book.settings.live_capital_cap, lambda: self.marks
            )
            self.live.hold(self.gate)
            await self.live.read()
        return ReadinessDesk(
            self.world.journal,
            book,
            self.world.clock,
            self._doctor,
            account,
            is_paper=is_paper,
            is_demo=is_demo,
            live=self.live,
            never=lambda: self.never,
            on_armed=self.heard.append,
        )

    async def _doctor(self) -> tuple[DoctorLine, ...]:
        self.asked += 1
        return self.doctor

    async def four_good_weeks(self) -> None:
        """Heartbeats of 29 whole days, thirty trades that won; then it is the thirtieth day."""
        clock, journal = self.world.clock, self.world.journal
        clock.advance(12 * 3600 - 5 * 60)  # to midnight
        start = clock.now()
        for at in range(30):
            clock.reach(start + at * DAY)
            trade = a_trade(id=f"trade-{at}", created_at=clock.now())
            assert await journal.open_trade(trade, self.world.plan(name=f"trade-{at}"), None, "me", [])
            closed = a_closed_trade(5, id=f"trade-{at}", closed_at=clock.now() + DAY / 6)
            assert await journal.book(closed, [], [], D(1000), [])
            await journal.record_equity(PAPER, EquityPoint(clock.now(), D(1000 + at), D(0)))
            await self._beats_of_a_day()
        clock.reach(start + 29 * DAY)

    async def _beats_of_a_day(self) -> None:
        """The 1,440 minutes of today, written as the journal counts them."""
        day = self.world.clock.now().date()

        def write(connection: Any) -> None:
            for task in ("scanner", "guard"):
                connection.exec_driver_sql(
                    "INSERT INTO heartbeats VALUES (?, ?, ?, 1440, ?)",
                    (PAPER, task, day.isoformat(), f"{day.isoformat()} 23:59:00.000000"),
                )

        await self.world.database.write(write)

    async def armings(self) -> list[tuple[Decimal, int]]:
        return [(one.cap, len(one.unmet)) for one in await self.world.journal.armings(LIVE)]

    async def raises(self) -> int:
        rows = await self.world.journal.counts(PAPER, NOW.date())
        return sum(row.count for row in rows if row.name == "risk_raised")


async def a_bench() -> Bench:
    return Bench(await World().open())


# ---------------------------------------------------------------- what does not arm


async def test_paper_arms_nothing_and_says_what_makes_it_live() -> None:
    bench = await a_bench()
    tap = await (await bench.desk()).go_live(OVERRIDE, None, "telegram:1")

    assert not tap.is_done
    assert "USE_PAPER_TRADING=false" in tap.text
    assert any("weeks" in reason for reason in tap.reasons)
    assert await bench.world.journal.armings(PAPER) == ()


async def test_a_demo_arms_nothing_and_never_counts() -> None:
    bench = await a_bench()
    desk = await bench.desk("demo", is_demo=True)
    tap, view = await desk.go_live(OVERRIDE, None, "telegram:1"), await desk.view()

    assert not tap.is_done and "demo" in tap.text
    assert view.is_demo and not view.is_ready and view.weeks_counted == 0


async def test_an_unready_account_is_not_armed_by_the_plain_sentence() -> None:
    bench = await a_bench()
    tap = await (await bench.desk(LIVE)).go_live(SENTENCE, None, "telegram:1")

    assert not tap.is_done and OVERRIDE in tap.text
    assert await bench.armings() == []


@pytest.mark.parametrize("typed", ["", "i understand the risks", "I UNDERSTAND", "OVERRIDE"])
async def test_another_sentence_arms_nothing(typed: str) -> None:
    bench = await a_bench()
    tap = await (await bench.desk(LIVE)).go_live(typed, None, "telegram:1")

    assert not tap.is_done and OVERRIDE in tap.text
    assert await bench.armings() == []


async def test_a_doctor_who_turned_red_since_the_checklist_was_seen_is_heard() -> None:
    bench = await a_bench()
    await bench.four_good_weeks()
    desk = await bench.desk(LIVE)
    was_ready = (await desk.view()).is_ready
    bench.doctor = RED
    tap = await desk.go_live(SENTENCE, None, "telegram:1")

    assert was_ready
    assert not tap.is_done and any("exchange" in reason for reason in tap.reasons)


@pytest.mark.parametrize("sentence", [SENTENCE, OVERRIDE])
async def test_no_sentence_goes_past_a_key_that_may_withdraw(sentence: str) -> None:
    bench = await a_bench()
    await bench.four_good_weeks()
    bench.never = (WITHDRAWS,)
    desk = await bench.desk(LIVE)
    tap, view = await desk.go_live(sentence, None, "telegram:1"), await desk.view()

    assert not tap.is_done and tap.reasons == (WITHDRAWS,)
    assert view.never == (WITHDRAWS,)
    assert await bench.armings() == [] and bench.gate.is_closed_by("disarmed")


async def test_a_key_of_unknown_rights_is_gone_past_by_the_override_alone_and_stays_on_the_record() -> None:
    bench = await a_bench()
    await bench.four_good_weeks()
    bench.doctor = (*GREEN, NO_KEY)
    desk = await bench.desk(LIVE)
    plain = await desk.go_live(SENTENCE, None, "telegram:1")
    over = await desk.go_live(OVERRIDE, None, "telegram:1")
    lowered = await desk.go_live(SENTENCE, D(50), "telegram:1")

    assert not plain.is_done and over.is_done and lowered.is_done
    assert [overrides_unknown_key(one) for one in await bench.world.journal.armings(LIVE)] == [True, True]
    assert bench.live is not None and bench.live.overrides_unknown_key()


async def test_a_key_that_is_fine_is_an_item_that_holds_and_none_on_paper() -> None:
    bench = await a_bench()
    on_paper = {item.name for item in (await (await bench.desk()).view()).items}
    bench.doctor = (*GREEN, DoctorLine(True, True, "key", "it may trade and not withdraw"))
    live = {item.name: item.is_met for item in (await (await bench.desk(LIVE)).view()).items}

    assert "key" not in on_paper
    assert live["key"]


async def test_an_arming_that_may_not_have_been_written_opens_nothing_until_it_is_read_again() -> None:
    bench = await a_bench()
    desk = await bench.desk(LIVE)

    async def lost(*row: Any) -> None:
        await written(*row)
        raise JournalError("the answer was lost")

    written = bench.world.journal.arm
    bench.world.journal.arm = lost  # type: ignore[method-assign]
    with pytest.raises(JournalError):
        await desk.go_live(OVERRIDE, None, "telegram:1")
    assert bench.live is not None
    in_doubt = bench.gate.is_closed_by("disarmed"), bench.live.capital()
    await desk.note_risk()  # the minute's round

    assert in_doubt == (True, 0)
    assert (bench.gate.text, bench.live.capital()) == ("", 100)
    assert bench.heard == []


# ---------------------------------------------------------------- what does


async def test_four_good_weeks_on_paper_let_the_live_account_be_armed() -> None:
    bench = await a_bench()
    await bench.four_good_weeks()
    desk = await bench.desk(LIVE)
    view = await desk.view()
    tap = await desk.go_live(SENTENCE, None, "telegram:1")

    assert [item.name for item in view.items if not item.is_met] == []
    assert (view.weeks_counted, view.is_armed, view.next_cap) == (4, False, D(100))
    assert tap.is_done and tap.text == "Recorded: armed with a cap of 100 USDT."
    assert bench.gate.text == "" and [one.cap for one in bench.heard] == [D(100)]
    assert await bench.armings() == [(D(100), 0)]


async def test_the_override_is_recorded_with_every_item_it_went_past_and_told() -> None:
    bench = await a_bench()
    desk = await bench.desk(LIVE)
    tap = await desk.go_live(OVERRIDE, None, "telegram:1")

    (armed,) = await bench.world.journal.armings(LIVE)
    unmet = tuple(item.text for item in (await desk.view()).items if not item.is_met)
    assert tap.is_done
    assert (armed.by, armed.sentence, armed.cap, armed.unmet) == ("telegram:1", OVERRIDE, D(100), unmet)
    told = [row.notice for row in await bench.world.journal.due_notices(LIVE, 10)]
    assert any(one.kind is NoticeKind.SYSTEM and "Overridden" in one.facts["text"] for one in told)


async def test_what_is_armed_survives_a_restart() -> None:
    bench = await a_bench()
    await (await bench.desk(LIVE)).go_live(OVERRIDE, D(60), "telegram:1")
    view = await (await bench.desk(LIVE)).view()

    assert (view.is_armed, view.cap, view.next_cap) == (True, D(60), None)
    assert any("14 days" in need for need in view.next_cap_needs)


async def test_a_restart_of_an_armed_account_opens_the_gate_with_its_cap() -> None:
    bench = await a_bench()
    await (await bench.desk(LIVE)).go_live(OVERRIDE, D(60), "telegram:1")
    bench.gate.close("disarmed", "a new process")
    desk = await bench.desk(LIVE)
    armed = await desk.armed()

    assert bench.gate.text == "" and bench.live is not None and bench.live.capital() == 60
    assert armed is not None and armed.cap == 60


async def test_a_lowered_cap_holds_at_once() -> None:
    bench = await a_bench()
    desk = await bench.desk(LIVE)
    await desk.go_live(OVERRIDE, None, "telegram:1")
    bench.never = (WITHDRAWS,)
    tap = await desk.go_live(SENTENCE, D(30), "telegram:1")

    assert tap.is_done and bench.live is not None and bench.live.capital() == 30


async def test_what_still_closes_entries_is_said_when_it_is_armed() -> None:
    bench = await a_bench()
    bench.gate.close("clock", "the clock is 3 s off")
    tap = await (await bench.desk(LIVE)).go_live(OVERRIDE, None, "telegram:1")

    assert tap.is_done and tap.text.endswith("Entries are still closed: the clock is 3 s off.")


async def test_a_demo_of_the_live_path_is_armed_by_the_override_alone_and_counts_for_nothing() -> None:
    bench = await a_bench()
    desk = await bench.desk("demo", is_demo=True, is_live=True)
    plain = await desk.go_live(SENTENCE, None, "telegram:1")
    over = await desk.go_live(OVERRIDE, None, "telegram:1")
    view = await desk.view()

    assert not plain.is_done
    assert over.is_done and "play money" in over.text and bench.gate.text == ""
    assert view.is_armed and not view.is_ready and view.weeks_counted == 0
    told = [row.notice.facts.get("text", "") for row in await bench.world.journal.due_notices("demo", 10)]
    assert any("play money" in text for text in told)


async def test_a_naked_position_since_the_arming_keeps_the_cap_down() -> None:
    bench = await a_bench()
    desk = await bench.desk(LIVE)
    await desk.go_live(OVERRIDE, None, "telegram:1")
    bench.world.clock.advance(60)
    await bench.world.journal.tell([notices.naked(a_trade(account=LIVE), "no stop rests", 1)])

    assert any("1 times a position had no stop" in need for need in (await desk.view()).next_cap_needs)


async def test_the_first_cap_follows_the_setting() -> None:
    bench = await a_bench()
    desk = await bench.desk(LIVE, LIVE_CAPITAL_CAP="40")
    too_much = await desk.go_live(OVERRIDE, D(41), "telegram:1")
    fitting = await desk.go_live(OVERRIDE, None, "telegram:1")

    assert not too_much.is_done
    assert fitting.is_done and await bench.armings() == [(D(40), 5)]


async def test_live_without_any_paper_before_it_has_no_evidence() -> None:
    bench = await a_bench()

    def forget(connection: Any) -> None:
        connection.exec_driver_sql("DELETE FROM accounts")

    await bench.world.database.write(forget)
    view = await (await bench.desk(LIVE)).view()

    assert view.weeks == () and not view.is_ready


# ---------------------------------------------------------------- looking costs little


async def test_the_doctor_is_not_asked_at_every_look_and_always_before_arming() -> None:
    bench = await a_bench()
    desk = await bench.desk(LIVE)
    for _ in range(3):
        await desk.view()
    looks = bench.asked
    await desk.go_live(SENTENCE, None, "telegram:1")
    bench.world.clock.advance(601)
    await desk.view()

    assert (looks, bench.asked) == (1, 3)


# ---------------------------------------------------------------- raises of risk


async def test_the_first_settings_ever_seen_raise_nothing() -> None:
    bench = await a_bench()
    await (await bench.desk(MAX_LEVERAGE="10")).note_risk()

    assert await bench.raises() == 0


async def test_a_looser_environment_after_a_restart_is_a_raise() -> None:
    bench = await a_bench()
    await (await bench.desk(MAX_LEVERAGE="3")).note_risk()
    await (await bench.desk(MAX_LEVERAGE="3", RISK_PER_TRADE="0.03")).note_risk()

    assert await bench.raises() == 1


async def test_a_stricter_environment_and_back_is_one_raise() -> None:
    bench = await a_bench()
    for leverage in ("3", "2", "3", "3"):
        await (await bench.desk(MAX_LEVERAGE=leverage)).note_risk()

    assert await bench.raises() == 1


@pytest.mark.parametrize(
    ("before", "after", "raises"),
    [
        ("trend@1h", "trend(fast=12)@1h", 1),
        ("none", "trend@1h", 1),
        ("trend@1h", "none", 0),
        ("trend@1h", "trend@1h", 0),
    ],
)
async def test_another_strategy_with_a_say_is_a_raise(before: str, after: str, raises: int) -> None:
    bench = await a_bench()
    await (await bench.desk(DECIDER="ai", STRATEGIES=before)).note_risk()

    await (await bench.desk(DECIDER="ai", STRATEGIES=after)).note_risk()

    assert await bench.raises() == raises


async def test_a_first_strategy_is_a_raise_where_what_was_noted_knows_of_none_yet() -> None:
    bench = await a_bench()
    await (await bench.desk(DECIDER="ai")).note_risk()
    noted = json.loads(await bench.world.journal.load(f"risk:{PAPER}") or "")
    del noted["STRATEGIES"]
    await bench.world.journal.save(f"risk:{PAPER}", json.dumps(noted))

    await (await bench.desk(DECIDER="ai", STRATEGIES="trend@1h")).note_risk()

    assert await bench.raises() == 1


async def test_another_strategy_without_a_say_is_no_raise() -> None:
    bench = await a_bench()
    for text in ("trend@1h", "breakout@1h"):
        await (await bench.desk(STRATEGIES=text, STRATEGY_ROLE="shadow")).note_risk()

    assert await bench.raises() == 0


async def test_a_change_in_chat_is_seen_once() -> None:
    bench = await a_bench()
    desk = await bench.desk(MAX_STOP_LOSS_PERCENT="0.08")
    await desk.note_risk()
    await bench.book.change("POSITION_COOLDOWN_MINUTES", "0", "telegram:1")
    for _ in range(3):
        await desk.note_risk()

    assert await bench.raises() == 1


async def test_looser_settings_on_the_live_account_restart_papers_count() -> None:
    bench = await a_bench()
    await bench.four_good_weeks()
    await (await bench.desk(PAPER, MAX_LEVERAGE="3")).note_risk()
    live = await bench.desk(LIVE, MAX_LEVERAGE="10")
    await live.note_risk()
    view = await live.view()

    assert view.weeks_counted == 0
    assert not view.is_ready


async def test_a_raise_restarts_the_count_of_a_view() -> None:
    bench = await a_bench()
    await bench.four_good_weeks()
    await (await bench.desk()).note_risk()
    before = (await (await bench.desk()).view()).weeks_counted
    loose = await bench.desk(MAX_OPEN_POSITIONS="2")
    await loose.note_risk()

    assert before == 4
    assert (await loose.view()).weeks_counted == 0


async def test_a_key_of_another_account_is_not_armed_until_it_is_confirmed_with_a_sentence_of_its_own() -> (
    None
):
    bench = Bench(await World().open())
    desk = await bench.desk(LIVE)
    assert (await desk.go_live(OVERRIDE, None, "telegram:1")).is_done
    same = await (await bench.desk(LIVE)).view()
    bench.marks = frozenset({"key:b"})
    desk = await bench.desk(LIVE)
    other = await desk.view()
    confirmed = await desk.go_live(OVERRIDE, None, "telegram:1")
    again = await (await bench.desk(LIVE)).view()

    assert (same.is_armed, other.is_armed, again.is_armed) == (True, False, True)
    assert confirmed.is_done and len(await bench.armings()) == 2
