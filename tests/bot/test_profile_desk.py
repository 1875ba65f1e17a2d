"""Tuned profiles: refused with every reason at once, adopted whole as chat changes, taken back whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.book import SettingsBook, chat_changes
from bot.profile_desk import HOLDS, ProfileDesk, number_text
from bot.settings import load_settings
from bot.tuned_profile import BadProfile, TunedProfile, write_profile
from core.backtest.walk_words import Holding
from core.errors import JournalError
from core.journal import SettingChange
from core.sim.clock import VirtualClock
from tests.bot.test_book import FakeMarket
from tests.core.builders import NOW, PAPER, D

BY = "telegram:1"
PROFILE = TunedProfile(
    name="calm",
    made_at="2026-10-01T12:00:00+00:00",
    strategy="trend",
    timeframe="1h",
    symbols=("BTC/USDT:USDT",),
    parameters={"fast": 12, "slow": 40.0, "least_adx": 22.5},
    settings={"RISK_PER_TRADE": "0.01", "TIME_STOP_HOURS": "48"},
    evidence={
        "in_sample": {"net": 312.5, "sharpe": 2.1},
        "out_of_sample": {"net": -40.2},
        "tried": 1200,
        "verdict": "what was found in sample does not hold out of sample",
    },
)
TUNED = "trend(fast=12;least_adx=22.5;slow=40)@1h:1"


class Journal:
    """Settings and texts in memory; both or none."""

    def __init__(self) -> None:
        self.rows: list[SettingChange] = []
        self.texts: dict[str, str] = {}
        self.is_broken = False

    async def record_settings(
        self, account: str, changes: Sequence[SettingChange], kept: tuple[str, str]
    ) -> None:
        await asyncio.sleep(0)
        if self.is_broken:
            raise JournalError("the disk is full")
        assert account == PAPER
        self.rows += changes
        self.texts[kept[0]] = kept[1]

    async def load(self, name: str) -> str | None:
        return self.texts.get(name)


class Bench:
    def __init__(self, folder: Path, chat: dict[str, str] | None = None, **environ: str) -> None:
        self.folder = folder
        journal: Any = Journal()
        market: Any = FakeMarket()
        self.journal: Journal = journal
        settings = load_settings({"SYMBOLS": "BTC", **environ}, chat or {})
        self.book = SettingsBook(settings, journal, market, VirtualClock(NOW), PAPER)
        self.desk = ProfileDesk(self.book, journal, PAPER, folder)

    def has(self, **changes: Any) -> None:
        write_profile(replace(PROFILE, **changes), self.folder)

    async def refusals(self, **changes: Any) -> tuple[str, ...]:
        """Of such a profile; what cannot be adopted is not, whatever is tapped."""
        self.has(**changes)
        before = self.book.settings
        view = await self.desk.view("calm", None)
        tap = await self.desk.adopt("calm", view.mark, BY)
        assert not view.can_be_adopted and not tap.is_done
        assert (self.book.settings, self.journal.rows) == (before, [])
        return view.refusals

    async def adopt(self, name: str = "calm") -> Any:
        return await self.desk.adopt(name, (await self.desk.view(name, None)).mark, BY)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# ---------------------------------------------------------------- refusals


async def test_there_is_none_and_no_way_back(bench: Bench) -> None:
    with pytest.raises(BadProfile, match="there is no profile nosuch"):
        await bench.desk.view("nosuch", None)
    with pytest.raises(BadProfile, match="no profile was adopted"):
        await bench.desk.view("back", None)
    with pytest.raises(BadProfile, match="is no name"):
        await bench.desk.view("../../etc/passwd", None)


async def test_all_that_the_rules_refuse_is_told_at_once(bench: Bench) -> None:
    told = await bench.refusals(
        settings={
            "RISK_PER_TRADE": "2",
            "MAX_LEVERAGE": "50",
            "NO_SUCH_THING": "1",
            "MIN_STOP_LOSS_PERCENT": "0.2",
        }
    )

    assert len(told) == 4
    assert "MAX_LEVERAGE=50 must be between 1 and 10" in " ".join(told)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"USE_PAPER_TRADING": "false"}, "USE_PAPER_TRADING can't be changed here"),
        ({"TRADING_MODE": "auto"}, "TRADING_MODE can't be changed here; change it with /mode"),
        ({"DECIDER": "rules"}, "DECIDER can't be changed here"),
        ({"STRATEGY_ROLE": "alone"}, "STRATEGY_ROLE can't be changed here"),
        ({"LIVE_CAPITAL_CAP": "100000"}, "LIVE_CAPITAL_CAP can't be changed here"),
        ({"EXCHANGE_URL": "https://elsewhere.example"}, "EXCHANGE_URL can't be changed here"),
        ({"STRATEGIES": "breakout@4h"}, "its settings name STRATEGIES"),
        ({"RISK_PER_TRADE": "0.4"}, "RISK_PER_TRADE=0.4 must not be above MAX_TRADE_LOSS_PERCENT"),
    ],
)
async def test_a_profile_changes_nothing_that_the_chat_may_not(
    bench: Bench, settings: dict[str, str], told: str
) -> None:
    assert told in " ".join(await bench.refusals(settings=settings))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"strategy": "my_idea.py:Idea"}, "your own code: only STRATEGIES in the environment"),
        ({"timeframe": "5m"}, "strategies in live use read 15m, 1h, 4h"),
        ({"strategy": "moonshot"}, "does not exist"),
        ({"parameters": {"fast": 900}}, "fast 900 must be between"),
        ({"parameters": {"magic": 1}}, "has no parameter 'magic'"),
    ],
)
async def test_a_strategy_that_cannot_be_taken_over_refuses_all_of_it(
    bench: Bench, changes: dict[str, Any], told: str
) -> None:
    assert told in " ".join(await bench.refusals(**changes))


async def test_a_profile_of_another_strategy_than_those_in_use_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path, STRATEGIES="breakout@1h")

    assert "name that one in STRATEGIES first" in " ".join(await bench.refusals())


async def test_what_was_not_shown_is_not_adopted(bench: Bench) -> None:
    bench.has()
    mark = (await bench.desk.view("calm", None)).mark
    bench.has(settings={"RISK_PER_TRADE": "0.05"})

    tap = await bench.desk.adopt("calm", mark, BY)

    assert not tap.is_done
    assert "no longer what was shown" in tap.text
    assert bench.journal.rows == []


async def test_what_was_shown_before_a_setting_changed_is_not_adopted(bench: Bench) -> None:
    bench.has()
    mark = (await bench.desk.view("calm", None)).mark
    await bench.book.change_all({"RISK_PER_TRADE": "0.005"}, lambda _: True, BY, lambda _: ("x", ""))

    assert not (await bench.desk.adopt("calm", mark, BY)).is_done


async def test_what_cannot_be_recorded_changes_nothing(bench: Bench) -> None:
    bench.has()
    before = bench.book.settings
    bench.journal.is_broken = True

    with pytest.raises(JournalError):
        await bench.adopt()

    assert bench.book.settings is before


async def test_a_file_that_cannot_be_read_stands_in_the_list_with_its_reason(bench: Bench) -> None:
    bench.has()
    (bench.folder / "torn.json").write_text("{")
    (bench.folder / "back.json").write_text("{}")

    rows = {row.name: row for row in await bench.desk.rows()}

    assert rows["calm"].is_usable and "does not hold out of sample" in rows["calm"].words
    assert not rows["torn"].is_usable and "is no JSON" in rows["torn"].words
    assert not rows["back"].is_usable and "can't be named back" in rows["back"].words


# ---------------------------------------------------------------- adopting


def test_what_holds_is_called_so_by_the_search_in_the_same_word() -> None:
    assert HOLDS == Holding.HOLDS


@pytest.mark.parametrize(
    ("told", "holds"), [({}, False), ({"holding": "fades"}, False), ({"holding": "holds"}, True)]
)
async def test_only_a_search_that_says_so_holds(bench: Bench, told: dict[str, str], holds: bool) -> None:
    bench.has(evidence={**PROFILE.evidence, **told})

    view = await bench.desk.view("calm", None)

    assert view.evidence is not None and view.evidence.holds is holds


async def test_evidence_and_every_change_with_its_effect_are_shown(bench: Bench) -> None:
    bench.has()

    view = await bench.desk.view("calm", D(1000))

    assert view.evidence is not None
    assert (view.evidence.tried, view.evidence.figures) == (
        "1,200", (("net USDT", "+312.50", "-40.20"), ("Sharpe", "+2.10", "n/a"))
    )  # fmt: skip
    shown = {one.name: (one.old, one.new) for one in view.changes}
    assert shown == {
        "RISK_PER_TRADE": ("0.02", "0.01"),
        "TIME_STOP_HOURS": ("72", "48"),
        "STRATEGIES": ("unset", TUNED),
    }
    assert "20.00 → 10.00 USDT" in view.effect


async def test_adopted_it_holds_at_once_and_says_who_changed_what(bench: Bench) -> None:
    bench.has()

    tap = await bench.adopt()

    assert tap.is_done
    assert bench.book.settings.risk_per_trade == D("0.01")
    assert bench.book.rules().strategies.parts[0].given == (
        ("fast", "12"), ("least_adx", "22.5"), ("slow", "40")
    )  # fmt: skip
    rows = [(row.name, row.old, row.new, row.by) for row in bench.journal.rows]
    assert ("RISK_PER_TRADE", "0.02", "0.01", BY) in rows
    again = load_settings({"SYMBOLS": "BTC"}, chat_changes(tuple(bench.journal.rows)))
    assert again.fingerprint() == bench.book.settings.fingerprint()


async def test_the_stricter_of_environment_and_profile_holds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, RISK_PER_TRADE="0.005")
    bench.has()

    view = await bench.desk.view("calm", None)
    await bench.adopt()

    assert any("0.005 is stricter and holds" in note for note in view.notes)
    assert bench.book.settings.risk_per_trade == D("0.005")
    assert "RISK_PER_TRADE" not in bench.book.settings.chat


@pytest.mark.parametrize("settings", [{"RISK_PER_TRADE": "0.03"}, {"RISK_PER_TRADE": "0.01"}])
async def test_more_risk_is_marked(tmp_path: Path, settings: dict[str, str]) -> None:
    bench = Bench(tmp_path, STRATEGIES=TUNED, STRATEGY_ROLE="shadow")
    bench.has(settings=settings)

    assert (await bench.desk.view("calm", None)).raises_risk is (settings["RISK_PER_TRADE"] == "0.03")


async def test_another_strategy_with_a_say_counts_as_more_risk(tmp_path: Path) -> None:
    bench = Bench(tmp_path, STRATEGIES="trend@1h", STRATEGY_ROLE="alone", DECIDER="rules")
    bench.has(settings={})

    assert (await bench.desk.view("calm", None)).raises_risk


async def test_its_parameters_go_to_the_strategy_that_runs_and_its_share_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path, STRATEGIES="breakout@1h:0.3,trend(fast=7)@1h:0.25")
    bench.has(settings={})

    await bench.adopt()

    assert bench.book.settings.shown("STRATEGIES") == f"breakout@1h:0.3,{TUNED[:-1]}0.25"


async def test_symbols_that_it_was_not_searched_on_are_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path, SYMBOLS="BTC,SOL")
    bench.has()

    assert "nothing is known of SOL" in " ".join((await bench.desk.view("calm", None)).notes)


# ---------------------------------------------------------------- back


async def test_back_restores_what_the_chat_said_before_and_what_it_did_not_say(tmp_path: Path) -> None:
    bench = Bench(tmp_path, chat={"TIME_STOP_HOURS": "24"})
    bench.has()
    await bench.adopt()

    tap = await bench.adopt("back")

    assert tap.is_done
    assert dict(bench.book.settings.chat) == {"TIME_STOP_HOURS": "24"}
    assert chat_changes(tuple(bench.journal.rows[-3:])) == {"TIME_STOP_HOURS": "24"}
    with pytest.raises(BadProfile, match="nothing to go back to"):
        await bench.desk.view("back", None)


async def test_back_leaves_what_was_changed_since(bench: Bench) -> None:
    bench.has()
    await bench.adopt()
    kept = json.dumps(json.loads(bench.journal.texts[f"profile:{PAPER}"]))
    await bench.book.change_all(
        {"TIME_STOP_HOURS": "12"}, lambda _: True, BY, lambda _: (f"profile:{PAPER}", kept)
    )

    view = await bench.desk.view("back", None)
    await bench.adopt("back")

    assert any("TIME_STOP_HOURS was changed since" in note for note in view.notes)
    assert bench.book.settings.time_stop_hours == D(12)
    assert bench.book.settings.risk_per_trade == D("0.02")


async def test_back_to_more_risk_is_marked(bench: Bench) -> None:
    bench.has()
    await bench.adopt()

    assert (await bench.desk.view("back", None)).raises_risk


@pytest.mark.parametrize(
    ("value", "text"), [(12, "12"), (12.0, "12"), (0.1, "0.1"), (1e-7, "1e-07"), (-3.5, "-3.5")]
)
def test_numbers_are_written_as_a_setting_takes_them(value: float, text: str) -> None:
    assert number_text(value) == text
