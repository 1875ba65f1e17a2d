"""`backtest --strategy recorded`: what a journal holds is played at its bars, and never earlier."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.cli.backtest import add_backtest, run_backtest
from bot.cli.options import OneLineParser
from core.adviser_record import Judgement
from core.backtest.recorded_reading import PAGE, Asked, recorded_strategy
from core.backtest.shipped_recorded import Recorded
from core.backtest.strategies import Features, signals_of
from core.codec import to_plain
from core.errors import PerpilotError
from core.journal import DecisionRecord
from core.market import from_ms
from core.opinion import Decider, Stance, Verdict
from db.journal import SqlJournal
from db.session import InlineDatabase
from tests.adapters.history.shelves import text, write
from tests.core.advice.pictures import features, opinion
from tests.core.backtest.test_strategies_recorded import a_judgement
from tests.core.backtest.worlds import HOUR_MS, START_MS, bars_of
from tests.core.builders import NOW

SOL, BTC = "SOL/USDT:USDT", "BTC/USDT:USDT"
BARS = 400


def verdict(stance: str) -> Verdict:
    return Verdict(
        stance=Stance(stance),
        confidence=0.8,
        decider=Decider.AI,
        is_single=False,
        is_unanimous=True,
        opinions=(opinion("claude", stance), opinion("gpt", stance)),
        abstentions=(),
        reasons=(),
    )


def decision(hour: float, stance: str, scan: str | None = "scan-1", gate: str = "risk") -> DecisionRecord:
    """Judged at the close of that hour, made two minutes later."""
    closed = from_ms(START_MS + int(hour * HOUR_MS))
    facts = {
        "features": to_plain(replace(features(), bar_closed_at=closed)),
        "verdict": to_plain(verdict(stance)),
    }
    said: tuple[Judgement, ...] = ()
    if stance != "hold":
        said = (
            replace(a_judgement(stance=Stance.SHORT), id=f"j{hour}", bar=closed, symbol=SOL, adviser="gpt"),
        )
    at = closed + timedelta(minutes=2)
    return DecisionRecord(f"d{hour}", "paper", scan, SOL, at, gate, (), None, stance, facts, judgements=said)


def journal(folder: Path, *decisions: DecisionRecord) -> str:
    async def fill() -> None:
        database = InlineDatabase(folder / "perpilot.db")
        await SqlJournal(database, lambda: NOW).record_decisions(decisions, None)
        await database.close()

    asyncio.run(fill())
    return f"sqlite+aiosqlite:///{folder / 'perpilot.db'}"


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    rows = np.round(bars_of(np.random.default_rng(1), BARS, step=0.01), 2)
    rows[:, 2], rows[:, 3] = rows[:, 1:5].max(axis=1), rows[:, 1:5].min(axis=1)
    write(tmp_path / "shelf" / "SOLUSDT-1h.csv.gz", text(rows))
    return tmp_path / "shelf"


def options(folder: Path, *more: str) -> argparse.Namespace:
    parser = OneLineParser(prog="backtest")
    parser.add_argument("--env", type=Path, default=folder / "none.env")
    add_backtest(parser)
    named = [
        "--strategy",
        "recorded",
        "--symbols",
        "SOL",
        "--timeframe",
        "1h",
        "--data",
        str(folder / "shelf"),
    ]
    return parser.parse_args([*named, "--out", str(folder / "out"), "--runs", "10", *more])


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ((), "holds no verdicts of the account paper about SOL"),
        (("--set", "account=live:bybit"), "no verdicts of the account live:bybit"),
        (("--set", "adviser=oracle"), "no answers of oracle.*it holds answers of paper: gpt 3"),
        (("--set", "magic=1"), "recorded has no parameter 'magic': adviser, account"),
    ],
)
def test_where_nothing_was_recorded_one_sentence_says_what_there_is(
    shelf: Path, tmp_path: Path, more: tuple[str, ...], told: str
) -> None:
    url = journal(
        tmp_path, decision(-900, "long"), decision(5, "long", gate="exit"), decision(6, "long", None)
    )

    with pytest.raises(PerpilotError, match=told) as caught:
        run_backtest(options(tmp_path, "--database", url, *more))

    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_database_that_is_not_there_is_refused(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match=r"there is no database gone\.db"):
        run_backtest(options(tmp_path, "--database", f"sqlite+aiosqlite:///{tmp_path / 'gone.db'}"))


def test_a_database_for_another_strategy_is_refused(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(PerpilotError, match="--database is read by --strategy recorded alone"):
        run_backtest(options(tmp_path, "--database", "x", "--strategy", "trend"))


# ---------------------------------------------------------------- what is played


def test_the_journal_is_counted_and_played(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [decision(50 + 10 * n, ("long", "short", "hold")[n % 3]) for n in range(30)]
    url = journal(tmp_path, *said)

    assert run_backtest(options(tmp_path, "--database", url)) == 0

    printed = capsys.readouterr().out
    assert "Recorded: 30 verdicts of the account paper (10 long, 10 short, 10 hold) of 1 symbols." in printed
    assert "Each acts on the open after the bar that it judged." in printed
    assert (tmp_path / "out" / "trades.csv").read_text().count("\n") > 2


def read(url: str, **fields: object) -> Recorded:
    asked = Asked(
        "paper", "", (SOL, BTC), from_ms(START_MS), from_ms(START_MS + BARS * HOUR_MS), HOUR_MS, 0.05
    )

    async def with_journal() -> Recorded:
        database = InlineDatabase(Path(url.removeprefix("sqlite+aiosqlite:///")))
        try:
            return await recorded_strategy(SqlJournal(database, lambda: NOW), replace(asked, **fields))
        finally:
            await database.close()

    return asyncio.run(with_journal())


def test_a_verdict_acts_on_the_open_after_the_close_that_it_judged_and_no_earlier(tmp_path: Path) -> None:
    found = read(journal(tmp_path, decision(5, "long"), decision(7.25, "short")))

    signals = signals_of(found, SOL, Features(bars_of(np.random.default_rng(1), 24), is_plain=True))

    # Bar 4 closes at hour 5; what was judged at a quarter past 7 waits for the close of bar 7.
    assert {int(bar): int(signals.side[bar]) for bar in np.flatnonzero(signals.side)} == {4: 1, 7: -1}


def test_one_advisers_answers_are_its_own(tmp_path: Path) -> None:
    found = read(journal(tmp_path, decision(5, "long"), decision(6, "hold")), adviser="gpt")

    assert [(row.side, row.stop, row.target) for row in found.rows] == [(-1, 0.06, 0.12)]


def test_a_verdict_names_the_mean_distances_of_those_who_agreed(tmp_path: Path) -> None:
    row = read(journal(tmp_path, decision(5, "long"))).rows[0]

    assert (row.side, row.confidence, row.stop, row.target) == (1, 0.8, 0.05, 0.10)


def test_a_stop_nearer_than_the_account_allows_goes_out_to_it(tmp_path: Path) -> None:
    assert read(journal(tmp_path, decision(5, "long")), least_stop=0.07).rows[0].stop == 0.07


def test_more_than_a_page_is_read_whole_and_in_order(tmp_path: Path) -> None:
    said = [decision(n / 4, "long" if n % 2 else "hold") for n in range(4, 4 + PAGE + 25)]

    found = read(journal(tmp_path, *reversed(said)))

    assert [row.at_ms for row in found.rows] == [START_MS + n * HOUR_MS // 4 for n in range(4, 4 + PAGE + 25)]
