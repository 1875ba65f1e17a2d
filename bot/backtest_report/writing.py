"""Page, pictures and lists of a judged backtest, written into a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.backtest_report.page import page
from bot.backtest_report.records import csv_text, json_text, records
from bot.backtest_report.words import one_line
from core.backtest.judgement import Judged

PAGE, LIST, WHOLE = "report.html", "trades.csv", "backtest.json"
MOST_TITLE = 80


def write_report(judged: Judged, strategy: str, folder: Path) -> Path:
    """The page's path. `strategy`: its name and parameters, in one line.

    Each file appears whole or not at all, the page last. Raises `OSError` where the folder can't be written.
    """
    rows = records(judged)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / LIST, csv_text(rows))
    _write(folder / WHOLE, json_text(judged, strategy, rows))
    _write(folder / PAGE, page(judged, strategy, pictures(judged, strategy), rows))
    return folder / PAGE


def pictures(judged: Judged, strategy: str) -> list[tuple[str, bytes]]:
    """(caption, PNG). Loads matplotlib, which takes a second."""
    from bot.backtest_report import pictures as drawn

    trades, title = judged.run.trades, one_line(strategy).partition("(")[0][:MOST_TITLE]
    curve, capital = judged.measured.curve, judged.setup.capital
    found = [("Equity and drawdown", drawn.equity_png(curve, judged.hold.curve, title))]
    if judged.random is not None:
        png = drawn.random_png(judged.random.finals, judged.run.final, capital, "Against random entries")
        found.append(("Where the result stands among random entries", png))
    found.append(("Return of each month", drawn.months_png(judged.measured.months, "Months")))
    if len(trades):
        found.append(
            ("How often each result came, in R", drawn.results_png(trades["r"], "Results of trades"))
        )
        won = np.asarray(trades["net"] > 0)
        png = drawn.excursions_png(trades["mae"], trades["mfe"], won, "Moves against and for each trade")
        found.append(("Largest move against and for each trade", png))
    return found


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
