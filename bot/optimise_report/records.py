"""Every set that was tried as a row of a list, and the whole search as JSON. The columns are a promise."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from bot.optimise_report.words import Story
from core.backtest.search_spans import Span
from core.backtest.search_values import Values
from core.backtest.walk_forward import Choice, Part

FORMAT = 1
"""Raised when a column changes its name, place or meaning; new ones come at the end."""
FIXED = ("fold", "number", "state", "trades", "sharpe", "plateau")


def sets_csv(story: Story) -> str:
    """Fold and number count as the search did; `plateau` is of the first objective, in sample; what has no
    value is empty. Then each objective, then each parameter and setting."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [one.name for one in story.space.dimensions]
    writer.writerow([*FIXED, *(f"in_sample_{name}" for name in story.wanted.objectives), *names])
    for choice in choices_of(story):
        writer.writerows(_rows(story, choice))
    return out.getvalue()


def choices_of(story: Story) -> list[Choice]:
    parts = story.weighed.parts
    newest = story.weighed.newest
    return [part.choice for part in (*parts, *([newest] if newest else []))]


def _rows(story: Story, choice: Choice) -> Iterator[list[object]]:
    for tried, score in zip(choice.tried, choice.scores, strict=True):
        results = tried.results or ("",) * len(story.wanted.objectives)
        pairs = zip(story.space.dimensions, tried.values, strict=True)
        yield [
            choice.fold.number,
            tried.number,
            tried.state.value,
            tried.trades,
            _cell(tried.sharpe),
            _cell(score),
            *results,
            *(one.text(value) for one, value in pairs),
        ]


def whole_json(story: Story) -> str:
    """Everything the page says; what could not be measured is null."""
    found = story.weighed
    return json.dumps(
        {
            "format": FORMAT,
            "strategy": story.title,
            "period": story.period,
            "embargo_bars": story.embargo,
            "objectives": list(story.wanted.objectives),
            "least_trades": story.wanted.min_trades,
            "space": [_plain(asdict(one)) for one in story.space.dimensions],
            "verdict": {
                "holding": story.verdict.holding.value,
                "text": story.verdict.text,
                "out_of_sample": found.judged.verdict.ruling.value,
            },
            "sets_tried": found.search.tried,
            "in_sample_monthly_fraction": _plain(found.inside_monthly),
            "out_of_sample": values_json(found.outside),
            "efficiency": _plain(found.efficiency),
            "defaults_fraction": _plain(found.defaults),
            "deflated_sharpe_probability": _plain(found.deflated),
            "undeflated_sharpe_probability": _plain(found.judged.chance.deflated),
            "random_p": None if found.judged.random is None else found.judged.random.p,
            "folds": [_part(story, part) for part in found.parts],
            "newest": None if found.newest is None else _part(story, found.newest),
            "notes": list(story.notes),
        },
        ensure_ascii=False,
        allow_nan=False,
        indent=1,
    )


def values_json(found: Values | None) -> dict[str, Any] | None:
    """Figures by name, with the growth of thirty days."""
    return None if found is None else _plain(asdict(found) | {"monthly": found.monthly})


def _part(story: Story, part: Part) -> dict[str, Any]:
    choice = part.choice
    names = [one.name for one in story.space.dimensions]
    chosen = None if choice.chosen is None else dict(zip(names, choice.chosen.values, strict=True))
    return {
        "fold": choice.fold.number,
        "searched": _span(choice.fold.searched),
        "judged": _span(choice.fold.judged),
        "chosen": chosen,
        "plateau": _plain(choice.score),
        "in_sample": values_json(part.inside),
        "out_of_sample": values_json(part.outside),
        "defaults_out_of_sample": values_json(part.defaults),
        "deflated_sharpe_probability": _plain(part.deflated),
        "front": [dict(zip(names, one.values, strict=True)) for one in choice.front],
    }


def _span(span: Span | None) -> list[int] | None:
    return None if span is None else [int(span.start_ms), int(span.end_ms)]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _cell(value: float) -> float | str:
    return value if math.isfinite(value) else ""
