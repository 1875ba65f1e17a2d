"""What is written about a backtest: whole, harmless, the same columns always."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bot import charts_look as look
from bot.backtest_report import pictures as drawn
from bot.backtest_report.page import MOST_TRADES, page
from bot.backtest_report.records import COLUMNS, csv_text, json_text, records
from bot.backtest_report.words import table_text
from bot.backtest_report.writing import LIST, PAGE, WHOLE, pictures, write_report
from core.backtest.engine import DAY_MS, run
from core.backtest.engine_past import Past
from core.backtest.judgement import Judged, judge
from tests.core.backtest.markets import dice_alone
from tests.core.backtest.worlds import said

EVIL = "<script>alert(1)</script>&\"'"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def judged() -> Judged:
    return dice_alone(1, count=3000, symbols=2).judged(1, 20)


@pytest.fixture(scope="module")
def silent() -> Judged:
    case = dice_alone(1, count=300)
    return judge(run(case.past, [said(300)], case.setup), case.past, [said(300)], case.setup)


def renamed(judged: Judged, name: str) -> Judged:
    past = judged.past
    parts = tuple(replace(part, symbol=name) for part in past.parts)
    again = Past(past.bar_ms, parts, past.target_is_maker)
    case = dice_alone(1, count=3000, symbols=2)
    return judge(judged.run, again, case.signals, case.setup, runs=5)


class Seen(HTMLParser):
    """Tags and what they point to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_names_from_outside_are_never_markup(judged: Judged) -> None:
    evil = renamed(judged, EVIL)

    text = page(evil, EVIL, [(EVIL, PNG)], records(evil))

    seen = Seen(text)
    assert "script" not in seen.tags
    assert seen.open == []
    assert "<script" not in text


def test_the_page_needs_nothing_from_the_network(judged: Judged) -> None:
    text = page(judged, "trend", [("a", PNG)], records(judged))

    assert all(link.startswith("data:image/png;base64,") for link in Seen(text).links)
    assert not re.search(r"https?://|@import|url\(", text)
    assert "default-src 'none'" in text
    assert "width=device-width" in text


def test_control_signs_of_a_name_do_not_reach_the_terminal(judged: Judged) -> None:
    text = table_text(renamed(judged, "A\x1b[2J\nB"), "trend\x1b[31m\nfast")

    assert "\x1b" not in text
    assert text.startswith("trend [31m fast\n")


def test_a_name_is_no_formula_in_a_spreadsheet(judged: Judged) -> None:
    rows = list(csv.reader(io.StringIO(csv_text(records(renamed(judged, "=HYPERLINK(1)"))))))

    assert rows[1][0] == "'=HYPERLINK(1)"
    assert float(rows[1][11]) == pytest.approx(float(judged.run.trades["net"][0]))


def test_the_columns_are_a_promise() -> None:
    assert [column.name for column in COLUMNS] == [
        "symbol", "side", "opened_at", "closed_at", "entry_price", "exit_price", "quantity", "leverage",
        "margin_usdt", "fees_usdt", "funding_usdt", "net_usdt", "r", "mae_fraction", "mfe_fraction",
        "exit_reason", "ambiguous_bars", "entry_bar", "exit_bar",
    ]  # fmt: skip


def test_the_list_holds_every_trade_in_the_order_of_exits(judged: Judged) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(records(judged)))))

    assert len(rows) == len(judged.run.trades)
    assert [row["closed_at"] for row in rows] == sorted(row["closed_at"] for row in rows)
    assert sum(float(row["net_usdt"]) for row in rows) == pytest.approx(
        judged.run.final - judged.setup.capital
    )


def test_the_json_names_its_units_and_holds_no_number_that_is_none(judged: Judged, silent: Judged) -> None:
    for one in (judged, silent):
        found = json.loads(json_text(one, "trend", records(one)), parse_constant=pytest.fail)

        assert set(found["units"]) == {column.name for column in COLUMNS}
        assert len(found["trades"]) == len(one.run.trades)
        assert found["verdict"]["ruling"] == one.verdict.ruling.value
    assert found["summary"]["random_p"] is None


def test_a_number_that_is_none_is_null(judged: Judged) -> None:
    numbers = replace(judged.measured, exposure=float("nan"), return_share=float("inf"))

    found = json.loads(json_text(replace(judged, measured=numbers), "trend", []), parse_constant=pytest.fail)

    assert (found["summary"]["exposure_fraction"], found["summary"]["return_fraction"]) == (None, None)


def test_a_report_is_written_whole(judged: Judged, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"

    found = write_report(judged, "trend fast=12", folder)

    assert found == folder / PAGE
    assert sorted(path.name for path in folder.iterdir()) == sorted([PAGE, LIST, WHOLE])
    assert found.read_text(encoding="utf-8").count("data:image/png;base64,") == 5


def test_a_report_that_cannot_be_written_leaves_no_piece(judged: Judged, tmp_path: Path) -> None:
    (tmp_path / PAGE).mkdir()

    with pytest.raises(OSError):
        write_report(judged, "trend", tmp_path)

    assert not list(tmp_path.glob("*.part"))


def test_a_run_without_trades_is_told_and_drawn(silent: Judged, tmp_path: Path) -> None:
    text = write_report(silent, "trend", tmp_path).read_text(encoding="utf-8")

    assert "No trade was made: there is nothing to judge." in text
    assert "No trade was made" in table_text(silent, "trend")
    assert len(pictures(silent, "trend")) == 2


def test_a_page_shows_the_last_trades_of_very_many(judged: Judged) -> None:
    many = records(judged) * (MOST_TRADES // len(judged.run.trades) + 2)

    text = page(judged, "trend", [], many)

    assert f"The last {MOST_TRADES} of {len(many):,} trades" in text
    assert Seen(text).open == []


def test_the_table_ends_with_the_verdict_and_fits_a_terminal(judged: Judged) -> None:
    lines = table_text(judged, "trend fast=12").splitlines()

    assert judged.verdict.headline in lines
    assert max(map(len, lines)) <= 120
    for title in ("Result", "Against doing less", "Luck", "By symbol", "By side", "By exit"):
        assert title in lines


def test_a_long_remark_is_wrapped_and_a_number_stays_with_its_percent_sign(judged: Judged) -> None:
    words = ["rules are guessed: a taker pays 0.05 %"] * 12
    remarked = replace(judged, run=replace(judged.run, remarks=(", ".join(words),)))

    lines = table_text(remarked, "trend").splitlines()

    assert max(map(len, lines)) <= 100
    assert not [line for line in lines if line.strip().startswith("%")]
    assert " ".join(" ".join(lines).split()).count("a taker pays 0.05 %") == 12


def test_it_says_when_the_last_trade_ended_and_how_long_before_the_end(judged: Judged) -> None:
    lines = [line.split() for line in table_text(judged, "trend").splitlines()]
    end_ms = judged.past.parts[0].bars[-1, 0] + judged.past.bar_ms
    days = round((end_ms - float(judged.run.trades["exit_ms"].max())) / DAY_MS)
    last = next(words for words in lines if words[:2] == ["Last", "exit"])

    assert last[2].startswith("2024-")
    assert last[3:] == [f"{days}", "day" if days == 1 else "days", "before", "the", "end"]


def test_a_month_that_only_rounding_moved_is_drawn_as_one_that_did_not_move() -> None:
    moved, still = (drawn.months_png([(2026, 1, value)], "Months") for value in (-1e-17, 0.0))

    assert moved == still
    assert still != drawn.months_png([(2026, 1, -0.01)], "Months")


def test_the_last_month_of_a_year_is_named_on_the_time_axis() -> None:
    first, last = 1_738_368_000_000.0, 1_769_904_000_000.0  # 2025-02-01 to 2026-02-01
    curve = np.array([[first, 100.0], [last, 110.0]])
    upper, lower = drawn._two_axes(look.new_figure(), curve, curve)

    assert [tick.get_text() for tick in lower.get_xticklabels()][-1] == "Jan 2026"
    assert upper.get_xlim() == lower.get_xlim()


def test_a_dozen_years_of_months_are_drawn() -> None:
    months = [(2000 + place // 12, place % 12 + 1, 0.5 if place % 3 else -0.4) for place in range(250)]

    assert drawn.months_png(months, "Months").startswith(PNG)


def test_pictures_of_extremes_are_drawn() -> None:
    curve = np.column_stack([np.arange(9_000) * 3.6e6, np.full(9_000, 1000.0)])
    curve[-1, 1] = 0.0

    assert drawn.equity_png(curve, curve[[0, -1]], "a $x$ _b_").startswith(PNG)
    assert drawn.equity_png(curve[:2], curve[:2], "two points").startswith(PNG)
    assert drawn.results_png(np.array([0.0]), "one").startswith(PNG)
    assert drawn.results_png(np.array([-50.0, 80.0]), "far").startswith(PNG)
    assert drawn.random_png(np.full(5, 1000.0), 1000.0, 1000.0, "all the same").startswith(PNG)
    nothing = np.zeros(3)
    assert drawn.excursions_png(nothing, nothing, np.zeros(3, dtype=np.bool_), "still").startswith(PNG)
    assert drawn.excursions_png(np.ones(9_000), np.ones(9_000), np.ones(9_000, dtype=np.bool_), "many")
