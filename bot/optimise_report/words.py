"""The numbers of a weighed search as rows of words, for the terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from core.backtest.search_play import State, Tried, Wanted
from core.backtest.search_space import Space
from core.backtest.search_values import Values
from core.backtest.walk_forward import Choice, Part, Weighed
from core.backtest.walk_words import WalkVerdict

NA = "n/a"
LINE = 100
OBJECTIVE_WORDS = {
    "net": "net USDT",
    "sharpe": "Sharpe",
    "sortino": "Sortino",
    "calmar": "Calmar",
    "profit_factor": "profit factor",
    "expectancy_r": "mean R",
    "drawdown": "drawdown",
}
FOLD_COLUMNS = (
    "fold",
    "judged on",
    "trades in",
    "out",
    "a month in",
    "out",
    "{0} in",
    "out",
    "deflated",
    "as it comes",
)
"""In sample and out of sample; `{0}`: the first objective. The last one: a month of the strategy with its
own parameters, out of sample."""


@dataclass(frozen=True)
class Story:
    """A finished search, with what it was asked."""

    title: str
    """Strategy and what was fixed of it, in one line."""
    period: str
    """Symbols, timeframe, span and bars, in one line."""
    space: Space
    wanted: Wanted
    weighed: Weighed
    verdict: WalkVerdict
    embargo: int
    """Bars."""
    notes: tuple[str, ...]
    """Sentences about what was guessed and what is not played."""

    @property
    def first(self) -> str:
        return OBJECTIVE_WORDS[self.wanted.objectives[0]]


def figure(objective: str, value: float) -> str:
    """A value of an objective; NaN has none."""
    if not math.isfinite(value):
        return NA
    return f"{value:.1%}" if objective == "drawdown" else f"{value:+,.2f}"


def share(fraction: float | None, digits: int = 1) -> str:
    return NA if fraction is None or not math.isfinite(fraction) else f"{fraction:+,.{digits}%}"


def fold_columns(story: Story) -> list[str]:
    return [name.format(story.first) for name in FOLD_COLUMNS]


def fold_rows(story: Story) -> list[list[str]]:
    """As `fold_columns`: each fold, all of them, and the newest."""
    found, objective = story.weighed, story.wanted.objectives[0]
    rows = [_fold_row(part, objective) for part in found.parts]
    inside = [part.inside for part in found.parts if part.inside is not None]
    known = [value for one in inside if math.isfinite(value := one.of(objective))]
    rows.append([
        "all",
        "",
        f"{sum(one.trades for one in inside):,}",
        f"{found.outside.trades:,}",
        share(found.inside_monthly),
        share(found.outside.monthly),
        figure(objective, sum(known) / len(known)) if known else NA,
        figure(objective, found.outside.of(objective)),
        NA if found.deflated is None else f"{found.deflated:.0%}",
        _default_monthly(found),
    ])  # fmt: skip
    if found.newest is not None:
        rows.append(_fold_row(found.newest, objective))
    return rows


def _default_monthly(found: Weighed) -> str:
    if found.defaults is None:
        return NA
    return share(float(max(1.0 + found.defaults, 0.0) ** (30.0 / found.outside.days) - 1.0))


def _fold_row(part: Part, objective: str) -> list[str]:
    judged = part.choice.fold.judged
    return [
        "newest" if judged is None else str(part.choice.fold.number),
        "the future" if judged is None else judged.words,
        _count(part.inside),
        _count(part.outside),
        share(None if part.inside is None else part.inside.monthly),
        share(None if part.outside is None else part.outside.monthly),
        NA if part.inside is None else figure(objective, part.inside.of(objective)),
        NA if part.outside is None else figure(objective, part.outside.of(objective)),
        NA if part.deflated is None else f"{part.deflated:.0%}",
        share(None if part.defaults is None else part.defaults.monthly),
    ]


def _count(found: Values | None) -> str:
    return NA if found is None else f"{found.trades:,}"


def set_columns(story: Story) -> list[str]:
    return ["fold", *(one.name for one in story.space.dimensions), "plateau", "its own", "peak"]


def set_rows(story: Story) -> list[list[str]]:
    """The chosen set of each fold; `plateau`, `its own` and `peak`: of the first objective, in sample."""
    found, objective = story.weighed, story.wanted.objectives[0]
    rows = []
    for part in (*found.parts, *([found.newest] if found.newest else [])):
        choice = part.choice
        name = "newest" if choice.fold.judged is None else str(choice.fold.number)
        if choice.chosen is None or choice.score is None or choice.peak is None:
            rows.append([name, *[NA] * (len(story.space.dimensions) + 3)])
            continue
        pairs = zip(story.space.dimensions, choice.chosen.values, strict=True)
        own, peak = choice.chosen.results[0], choice.peak.results[0]
        values = [figure(objective, value) for value in (choice.score, own, peak)]
        rows.append([name, *(one.shown(value) for one, value in pairs), *values])
    return rows


def front_columns(story: Story) -> list[str]:
    return [
        *(one.name for one in story.space.dimensions),
        *(OBJECTIVE_WORDS[name] for name in story.wanted.objectives),
        "trades",
    ]


def front_rows(story: Story, tried: Sequence[Tried]) -> list[list[str]]:
    """As `front_columns`."""
    return [
        [
            *(one.shown(value) for one, value in zip(story.space.dimensions, each.values, strict=True)),
            *(figure(name, value) for name, value in zip(story.wanted.objectives, each.results, strict=True)),
            f"{each.trades:,}",
        ]
        for each in tried
    ]


def tried_sentences(story: Story) -> Iterator[str]:
    """What was tried, and what became of it."""
    found = story.weighed
    choices = [part.choice for part in (*found.parts, *([found.newest] if found.newest else []))]
    counts = {state: sum(choice.count(state) for choice in choices) for state in State}
    yield (
        f"{sum(counts.values()):,} sets were tried in {len(choices)} folds: {counts[State.DONE]:,} have a "
        f"value, {counts[State.FEW]:,} had fewer than {story.wanted.min_trades} trades, "
        f"{counts[State.PRUNED]:,} given up after a losing first quarter, {counts[State.UNMEASURED]:,} "
        "can't be measured by an objective."
    )
    yield (
        f"Each choice is the best plateau of {story.first} in sample, played once on what follows it; "
        f"{story.embargo:,} bars between are left out."
    )


def newest_sentence(story: Story) -> str:
    """The set for now, or that there is none."""
    newest = story.weighed.newest
    if newest is None or newest.choice.chosen is None:
        return "No set has a value over the newest time."
    words = story.space.words(newest.choice.chosen.values)
    return f"Over the newest time the search chooses {words}; nothing has judged that choice yet."


def summary_text(story: Story, front: Sequence[Tried] = ()) -> str:
    """For a terminal."""
    lines = [story.title, story.period, ""]
    lines += ["In sample beside out of sample", *table([fold_columns(story), *fold_rows(story)]), ""]
    lines += ["Chosen sets", *table([set_columns(story), *set_rows(story)]), ""]
    if front and len(story.wanted.objectives) > 1:
        lines += [
            "What nothing beats on all objectives, newest time",
            *table([front_columns(story), *front_rows(story, front)]),
            "",
        ]
    for text in (*tried_sentences(story), newest_sentence(story), *story.notes):
        lines += wrap(text, LINE)
    lines += ["", story.verdict.headline]
    for text in (*story.verdict.because, *story.verdict.cautions):
        lines += wrap(text, LINE, initial_indent="  - ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def partial_lines(space: Space, wanted: Wanted, choices: Sequence[Choice]) -> list[str]:
    """Of a search that was stopped: what each fold chose in sample."""
    objective, lines = wanted.objectives[0], []
    for choice in choices:
        name = "newest" if choice.fold.judged is None else f"fold {choice.fold.number}"
        if choice.chosen is None or choice.score is None:
            lines.append(f"{name}: {len(choice.tried):,} sets, none has a value")
            continue
        lines.append(
            f"{name}: {len(choice.tried):,} sets, best plateau of {OBJECTIVE_WORDS[objective]} in sample "
            f"{figure(objective, choice.score)}: {space.words(choice.chosen.values)}"
        )
    return lines


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines; the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  " + "  ".join(
            word.ljust(width) if place == 0 else word.rjust(width)
            for place, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]  # fmt: skip
