"""One page that holds everything: no script, nothing from the network, names escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape

from bot.backtest_report.page import POLICY, STYLE
from bot.backtest_report.words import one_line, sections
from bot.optimise_report.words import (
    Story,
    fold_columns,
    fold_rows,
    front_columns,
    front_rows,
    newest_sentence,
    set_columns,
    set_rows,
    tried_sentences,
)
from core.backtest.walk_words import Holding

COLOURS = {
    Holding.HOLDS: "good",
    Holding.PARTLY: "good",
    Holding.FADES: "bad",
    Holding.LOSES: "bad",
}


def page(story: Story, pictures: Sequence[tuple[str, bytes]]) -> str:
    """`pictures`: (caption, PNG)."""
    title = escape(one_line(story.title))
    return "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        f"<title>Search: {title}</title><style>{STYLE}</style></head><body>",
        f'<h1>{title}</h1><p class="muted">{escape(one_line(story.period))}</p>',
        *_verdict(story),
        *_titled("In sample beside out of sample", fold_columns(story), fold_rows(story)),
        *_said([*tried_sentences(story), newest_sentence(story)]),
        *(_figure(caption, png) for caption, png in pictures),
        *_titled("Chosen sets", set_columns(story), set_rows(story)),
        *_front(story),
        "<h2>The joined parts out of sample</h2>",
        *(line for section in sections(story.weighed.judged) for line in _facts(section.title, section.rows)),
        "</body></html>",
    ])  # fmt: skip


def _verdict(story: Story) -> Iterator[str]:
    found = story.verdict
    yield f'<div class="verdict {COLOURS.get(found.holding, "")}"><b>{escape(found.headline)}</b>'
    items = "".join(f"<li>{escape(text)}</li>" for text in (*found.because, *found.cautions))
    yield f"<ul>{items}</ul></div>" if items else "</div>"


def _front(story: Story) -> Iterator[str]:
    newest = story.weighed.newest
    if newest is not None and len(story.wanted.objectives) > 1:
        rows = front_rows(story, newest.choice.front)
        yield from _titled("What nothing beats on all objectives, newest time", front_columns(story), rows)


def _figure(caption: str, png: bytes) -> str:
    words, encoded = escape(caption), base64.b64encode(png).decode()
    picture = f'<img alt="{words}" src="data:image/png;base64,{encoded}">'
    return f"<figure>{picture}<figcaption>{words}</figcaption></figure>"


def _titled(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f'<h2>{escape(title)}</h2><div class="wide"><table class="numbers"><tr>'
    yield "".join(f"<th>{escape(one_line(name))}</th>" for name in columns) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape(one_line(cell))}</td>" for cell in row) + "</tr>"
    yield "</table></div>"


def _facts(title: str, rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield f'<h2>{escape(title)}</h2><table class="facts">'
    yield from (
        f"<tr><td>{escape(one)}</td><td>{escape(one_line(other))}</td></tr>" for one, other in rows if one
    )
    yield "</table>"
    yield from _said([text for label, text in rows if not label])


def _said(sentences: Sequence[str]) -> Iterator[str]:
    yield from (f'<p class="muted">{escape(one_line(text))}</p>' for text in sentences)
