"""The trades of a backtest as rows of a list, for spreadsheets and programs. The columns are a promise."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.backtest.engine_words import REASONS
from core.backtest.judgement import Judged
from core.backtest.metrics import Book, moment
from core.market import Side

FORMAT = 1
"""Raised when a column changes its name, place or meaning; new ones come at the end."""
Record = tuple[str | int | float | None, ...]
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run when a text begins with it."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    unit: str


COLUMNS = (
    Column("symbol", "name of the contract"),
    Column("side", "long or short"),
    Column("opened_at", "UTC, ISO 8601: open of the bar of the entry"),
    Column("closed_at", "UTC, ISO 8601: the open of the bar for exits by signal, else its close"),
    Column("entry_price", "USDT, slippage included"),
    Column("exit_price", "USDT, mean of all exits, slippage included"),
    Column("quantity", "base coin"),
    Column("leverage", "times"),
    Column("margin_usdt", "USDT at the entry"),
    Column("fees_usdt", "USDT paid"),
    Column("funding_usdt", "USDT; positive was received"),
    Column("net_usdt", "USDT after fees and funding"),
    Column("r", "net result ÷ what the first stop would have lost"),
    Column("mae_fraction", "largest move against the trade, fraction of the entry price, not below 0"),
    Column("mfe_fraction", "largest move for the trade, fraction of the entry price, not below 0"),
    Column("exit_reason", "one of " + ", ".join(REASONS[1:])),
    Column("ambiguous_bars", "bars that met stop and target; the stop was assumed"),
    Column("entry_bar", "counts from 0, the symbol's first bar"),
    Column("exit_bar", "counts from 0, the symbol's first bar"),
)


def records(judged: Judged) -> list[Record]:
    """In the order of the exits, as `COLUMNS`."""
    book, trades = Book(judged.run, judged.past), judged.run.trades
    symbols = [part.symbol for part in judged.past.parts]
    found = []
    for place in book.by_exit.tolist():
        row = trades[place]
        found.append((
            symbols[row["symbol"]],
            (Side.LONG if row["side"] > 0 else Side.SHORT).value,
            moment(book.entry_ms[place]).isoformat(),
            moment(row["exit_ms"]).isoformat(),
            float(row["entry_price"]),
            float(row["exit_price"]),
            # Lots times lot size misses the decimal by the last bits.
            float(f"{book.quantity[place]:.12g}"),
            int(row["leverage"]),
            *(float(row[name]) for name in ("margin", "fees", "funding", "net", "r", "mae", "mfe")),
            REASONS[row["reason"]],
            *(int(row[name]) for name in ("ambiguous", "entry_bar", "exit_bar")),
        ))  # fmt: skip
    return found


def csv_text(rows: Sequence[Record]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS])
    writer.writerows([[_harmless(value) for value in row] for row in rows])
    return out.getvalue()


def json_text(judged: Judged, strategy: str, rows: Sequence[Record]) -> str:
    """Everything the page says, with the units; what could not be measured is null."""
    names = [column.name for column in COLUMNS]
    return json.dumps(
        {
            "format": FORMAT,
            "strategy": strategy,
            "verdict": {"ruling": judged.verdict.ruling.value, "text": judged.verdict.text},
            "summary": _summary(judged),
            "remarks": list(judged.run.remarks),
            "units": {column.name: column.unit for column in COLUMNS},
            "trades": [dict(zip(names, map(_plain, row), strict=True)) for row in rows],
        },
        ensure_ascii=False,
        allow_nan=False,
        indent=1,
    )


def _summary(judged: Judged) -> dict[str, Any]:
    numbers, result, found = judged.measured, judged.measured.performance, judged.evidence
    return {
        name: _plain(value)
        for name, value in {
            "capital_usdt": judged.setup.capital,
            "final_usdt": judged.run.final,
            "return_fraction": numbers.return_share,
            "trades": result.trades,
            "wins": result.wins,
            "win_rate": result.win_rate,
            "profit_factor": result.profit_factor,
            "expectancy_r": result.expectancy_r,
            "sharpe_annual": result.sharpe,
            "sortino_annual": result.sortino,
            "calmar": result.calmar,
            "sqn": result.sqn,
            "max_drawdown_fraction": result.max_drawdown,
            "longest_drawdown_days": result.drawdown_days,
            "fees_usdt": float(result.fees),
            "funding_usdt": float(result.funding),
            "exposure_fraction": numbers.exposure,
            "risk_taken_fraction": numbers.risk_taken,
            "ambiguous_trades": numbers.ambiguous,
            "liquidations": numbers.liquidations,
            "hold_return_fraction": found.hold_return,
            "random_runs": found.random_runs,
            "random_median_fraction": found.random_median,
            "random_p": found.p,
            "random_percentile": found.percentile,
            "mean_r_low": found.by_trade.interval[0] if found.by_trade else None,
            "mean_r_high": found.by_trade.interval[1] if found.by_trade else None,
            "return_low_fraction": found.by_day.interval[0] if found.by_day else None,
            "return_high_fraction": found.by_day.interval[1] if found.by_day else None,
            "deflated_sharpe_probability": found.deflated,
            "sets_tried": found.tried,
            "least_days": found.least_days,
            "ruin_probability": found.ruin,
            "ruin_bound_fraction": found.ruin_bound,
            "seed": judged.seed,
        }.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def _harmless(value: str | int | float | None) -> str | int | float | None:
    """Numbers as they are; a text that a spreadsheet would run gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_SIGNS) else value
