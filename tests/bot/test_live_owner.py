"""An arming holds for the account that was armed, not for whichever account a later key opens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bot.arming import LiveArming
from bot.assembly_live import LiveSide
from core.adapters.exchange.budget import WeightBudget
from core.adapters.exchange.permissions import judge_key
from core.errors import JournalError
from core.journal import Arming
from core.risk.arming import OVERRIDE
from core.trading.entries import EntryGate
from tests.adapters.exchange.fake_venue import FakeClock
from tests.adapters.exchange.venue_stage import KEY, SECRET, on_stage
from tests.core.builders import NOW, D

LIVE = "live:binanceusdm"


class Records:
    """A journal of armings and of what is kept beside them."""

    def __init__(self) -> None:
        self.made: list[Arming] = []
        self.kept: dict[str, str] = {}
        self.fails = False

    async def armings(self, account: str) -> tuple[Arming, ...]:
        return tuple(self.made)

    async def load(self, name: str) -> str | None:
        return self.kept.get(name)

    async def save(self, name: str, text: str) -> None:
        if self.fails:
            raise JournalError("the database does not answer")
        self.kept[name] = text


async def started(journal: Any, *marks: str) -> LiveArming:
    live = LiveArming(journal, LIVE, lambda: Decimal(100), lambda: frozenset(marks))
    live.hold(EntryGate())
    await live.read()
    return live


async def armed(journal: Records, *marks: str) -> LiveArming:
    live = await started(journal, *marks)
    journal.made.append(Arming(LIVE, D(60), "telegram:1", NOW, OVERRIDE, ()))
    await live.bind()
    live.note(journal.made[-1])
    return live


@pytest.mark.parametrize("marks", [("key:a", "id:7"), ("key:a",), ("key:b", "id:7")])
async def test_the_same_key_or_the_same_account_is_armed_after_a_restart(marks: tuple[str, ...]) -> None:
    journal = Records()
    await armed(journal, "key:a", "id:7")

    assert not (await started(journal, *marks)).is_for_another


@pytest.mark.parametrize("marks", [("key:b", "id:8"), ("key:b",), ()])
async def test_another_key_without_proof_of_the_same_account_is_not_armed(marks: tuple[str, ...]) -> None:
    journal = Records()
    await armed(journal, "key:a", "id:7")

    assert (await started(journal, *marks)).is_for_another


@pytest.mark.parametrize("kept", [None, "", "no json", "{}", "7", "[7]"])
async def test_an_arming_whose_account_was_not_kept_is_nobody_s(kept: str | None) -> None:
    journal = Records()
    await armed(journal, "key:a")
    journal.kept = {} if kept is None else dict.fromkeys(journal.kept, kept)

    assert (await started(journal, "key:a")).is_for_another


async def test_without_an_arming_there_is_none_for_another() -> None:
    assert not (await started(Records(), "key:a")).is_for_another


async def test_confirmed_again_the_new_account_is_armed_and_the_old_one_is_not() -> None:
    journal = Records()
    await armed(journal, "key:a", "id:7")
    await armed(journal, "key:b", "id:8")

    assert not (await started(journal, "key:b")).is_for_another
    assert (await started(journal, "key:a", "id:7")).is_for_another


@pytest.mark.parametrize(
    ("exchange_id", "facts", "owner_id"),
    [
        ("bybit", {"userID": 24617703}, "24617703"),
        ("okx", {"uid": "446"}, "446"),
        ("bybit", {}, ""),
        ("binanceusdm", {"uid": "7"}, ""),
    ],
)
def test_the_account_s_id_is_what_the_venue_tells_with_the_key(
    exchange_id: str, facts: dict[str, Any], owner_id: str
) -> None:
    assert judge_key(exchange_id, facts, NOW).owner_id == owner_id


# ---------------------------------------------------------------- before the gate


class Side:
    """A live side before the stand-in; `is_another` is what the arming says."""

    def __init__(self, live: LiveSide) -> None:
        self.live = live
        self.gate = EntryGate()
        self.gate.open("start")
        self.is_another = False
        self.told: list[str] = []
        live.watch_over(self.gate, lambda: False, lambda: self.is_another, self._tell)

    async def _tell(self, key: str, text: str) -> None:
        self.told.append(text)


@asynccontextmanager
async def a_side() -> AsyncIterator[Side]:
    async with on_stage() as stage:
        settings: Any = SimpleNamespace(
            exchange="binanceusdm",
            exchange_url=stage.exchange.url,
            exchange_ws_url=None,
            exchange_testnet=False,
            exchange_api_key=KEY,
            exchange_secret=SECRET,
            exchange_password=None,
        )
        clock = FakeClock(stage.clock.now())
        market: Any = SimpleNamespace(budget=WeightBudget(clock))
        live = LiveSide(settings, market, clock)
        await live.open()
        try:
            yield Side(live)
        finally:
            await live.close()


async def test_another_account_s_key_closes_entries_and_is_told_until_it_is_confirmed() -> None:
    async with a_side() as side:
        side.is_another = True
        await side.live.keep_watch()
        await side.live.keep_watch()
        closed, told = side.gate.text, list(side.told)
        side.is_another = False
        side.live.judge()

    assert "another account than the one that was armed" in closed
    assert [text for text in told if "another account" in text] == told and len(told) == 1
    assert side.gate.text == ""


async def test_entries_are_closed_before_anybody_asked_whose_the_key_is() -> None:
    async with a_side() as side:
        assert side.gate.is_closed_by("key's account")


async def test_the_marks_are_of_the_key_and_do_not_contain_it() -> None:
    async with a_side() as side:
        marks = side.live.marks()

    assert len(marks) == 1 and KEY not in str(marks)
