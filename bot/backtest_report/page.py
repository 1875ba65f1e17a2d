"""One page that holds everything: no script, nothing from the network, names escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape

from bot.backtest_report.records import COLUMNS, Record
from bot.backtest_report.words import (
    GROUP_COLUMNS,
    TITLES,
    Section,
    group_rows,
    one_line,
    period_words,
    sections,
)
from core.backtest.judgement import Judged
from core.backtest.verdict_words import Ruling

MOST_TRADES = 500
"""Rows on the page; the lists beside it have them all."""
COLOURS = {Ruling.BEATS_LUCK: "good", Ruling.LOSES: "bad"}
SHOWN = (
    "symbol", "side", "opened_at", "closed_at", "entry_price", "exit_price", "net_usdt", "r", "exit_reason",
)  # fmt: skip
STYLE = """
:root{color-scheme:dark}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;background:#0e131b;color:#e8edf5;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.8rem 0 .5rem}
.muted,figcaption{color:#8593a8;font-size:.9rem}
.verdict{border-left:.35rem solid #ff9f43;background:#151c27;padding:.8rem 1rem;border-radius:.4rem;
margin:1rem 0}
.verdict.good{border-color:#2ebd85}.verdict.bad{border-color:#f6465d}
.verdict b{font-size:1.15rem}.verdict ul{margin:.5rem 0 0;padding-left:1.1rem}
img{width:100%;height:auto;border-radius:.4rem;display:block}figure{margin:1rem 0}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}
td,th{padding:.3rem .6rem .3rem 0;border-bottom:1px solid #1c2532;text-align:left;vertical-align:top}
th{color:#8593a8;font-weight:500}
.numbers td,.numbers th{white-space:nowrap;text-align:right}
.numbers td:first-child,.numbers th:first-child{text-align:left}
.facts td:first-child{color:#8593a8;width:38%}
summary{cursor:pointer;margin:1rem 0 .5rem}
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(
    judged: Judged, strategy: str, pictures: Sequence[tuple[str, bytes]], records: Sequence[Record]
) -> str:
    """`pictures`: (caption, PNG)."""
    title = escape(one_line(strategy))
    return "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        f"<title>Backtest: {title}</title><style>{STYLE}</style></head><body>",
        f'<h1>{title}</h1><p class="muted">{escape(one_line(period_words(judged)))}</p>',
        *_verdict(judged),
        *(_figure(caption, png) for caption, png in pictures),
        *(line for section in sections(judged) for line in _section(section)),
        *_groups(judged),
        *_trades(records),
        "</body></html>",
    ])  # fmt: skip


def _verdict(judged: Judged) -> Iterator[str]:
    found = judged.verdict
    yield f'<div class="verdict {COLOURS.get(found.ruling, "")}"><b>{escape(found.headline)}</b>'
    if found.because or found.cautions:
        items = "".join(f"<li>{escape(text)}</li>" for text in (*found.because, *found.cautions))
        yield f"<ul>{items}</ul>"
    yield "</div>"


def _figure(caption: str, png: bytes) -> str:
    words = escape(caption)
    encoded = base64.b64encode(png).decode()
    picture = f'<img alt="{words}" src="data:image/png;base64,{encoded}">'
    return f"<figure>{picture}<figcaption>{words}</figcaption></figure>"


def _section(section: Section) -> Iterator[str]:
    yield f"<h2>{escape(section.title)}</h2>"
    facts = [(label, value) for label, value in section.rows if label]
    sentences = [value for label, value in section.rows if not label]
    if facts:
        rows = (f"<tr><td>{escape(label)}</td><td>{escape(value)}</td></tr>" for label, value in facts)
        yield '<table class="facts">' + "".join(rows) + "</table>"
    if sentences:
        yield "<ul>" + "".join(f"<li>{escape(one_line(text))}</li>" for text in sentences) + "</ul>"
    if section.note:
        yield f'<p class="muted">{escape(section.note)}</p>'


def _groups(judged: Judged) -> Iterator[str]:
    for name, title in TITLES.items():
        groups = judged.measured.groups[name]
        if groups:
            yield f"<h2>{escape(title)}</h2>"
            yield from _table(GROUP_COLUMNS, group_rows(groups))


def _trades(records: Sequence[Record]) -> Iterator[str]:
    if not records:
        return
    shown = records[-MOST_TRADES:]
    words = (
        "All trades" if len(shown) == len(records) else f"The last {len(shown):,} of {len(records):,} trades"
    )
    yield f"<details><summary>{words}</summary>"
    places = [place for place, column in enumerate(COLUMNS) if column.name in SHOWN]
    yield from _table(
        [COLUMNS[place].name for place in places],
        [[_cell(record[place]) for place in places] for record in shown],
    )
    yield "</details>"


def _cell(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield '<div class="wide"><table class="numbers"><tr>'
    yield "".join(f"<th>{escape(one_line(column))}</th>" for column in columns) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(one_line(cell))}</td>" for cell in row) + "</tr>"
    yield "</table></div>"
