"""Page and lists of a weighed search, written into a folder; and the profile that it gives."""

from __future__ import annotations

from pathlib import Path

from bot.optimise_report.page import page
from bot.optimise_report.records import choices_of, sets_csv, values_json, whole_json
from bot.optimise_report.words import Story
from bot.tuned_profile import TunedProfile

PAGE, LIST, WHOLE = "report.html", "sets.csv", "optimize.json"


def write_search(story: Story, folder: Path) -> Path:
    """The page's path. Each file appears whole or not at all, the page last. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / LIST, sets_csv(story))
    _write(folder / WHOLE, whole_json(story))
    _write(folder / PAGE, page(story, pictures(story)))
    return folder / PAGE


def pictures(story: Story) -> list[tuple[str, bytes]]:
    """(caption, PNG). Loads matplotlib, which takes a second."""
    from bot.backtest_report.pictures import equity_png
    from bot.optimise_report import pictures as drawn

    judged = story.weighed.judged
    title = "Out of sample, part after part"
    found = [
        ("The joined parts out of sample", equity_png(judged.measured.curve, judged.hold.curve, title)),
        ("Each fold, in sample and out of sample", drawn.folds_png(story)),
    ]
    newest = choices_of(story)[-1]
    if any(one.results for one in newest.tried):
        found.append((f"Every set over {newest.fold.searched.words}", drawn.slices_png(story, newest)))
    return found


def profile_of(
    story: Story,
    *,
    name: str,
    made_at: str,
    strategy: str,
    timeframe: str,
    symbols: tuple[str, ...],
    given: dict[str, float],
    settings: dict[str, str],
) -> TunedProfile | None:
    """Of the newest choice; None: there is none. `given`: fixed parameters; `settings`: chosen, as typed."""
    newest = story.weighed.newest
    if newest is None or newest.choice.chosen is None:
        return None
    found = story.weighed
    evidence = {
        "in_sample": _figures(values_json(newest.inside)),
        "out_of_sample": _figures(values_json(found.outside)),
        "tried": found.search.tried,
        "verdict": story.verdict.text,
        "holding": story.verdict.holding.value,
        "period": story.period,
        "folds": len(found.parts),
    }
    whole = {one.name for one in story.space.dimensions if one.is_whole}
    named = story.space.named(newest.choice.chosen.values, settings=False)
    chosen = {each: int(value) if each in whole else value for each, value in named.items()}
    return TunedProfile(name, made_at, strategy, timeframe, symbols, given | chosen, settings, evidence)


def _figures(found: dict[str, float | None] | None) -> dict[str, float]:
    return {name: value for name, value in (found or {}).items() if value is not None}


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
