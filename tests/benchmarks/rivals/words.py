"""The comparison as tables of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from tests.benchmarks.rivals.made import Case
from tests.benchmarks.rivals.programs import BARE, OURS, Found, Table
from tests.benchmarks.rivals.trades import Compared, rows_of

NA = "-"
COLUMNS = (
    "program", "engine, candles/s", "time/ours", "whole, s", "time/ours", "peak MB", "peak/ours",
    "trades", "net USDT", "funding",
)  # fmt: skip
BEST = "the fastest"
"""Of a few milliseconds' work on a busy machine the median says more about the others."""


def case_lines(case: Case, found: Table) -> Iterator[str]:
    names = [name for name, where in found if where == case.name]
    ours = found[OURS, case.name]
    rows = [_row(name, found[name, case.name], ours, case) for name in names]
    yield f"{case.words} candles"
    yield from table([COLUMNS, *rows])
    for name in names:
        if found[name, case.name].fault:
            yield f"  {name}: skipped, {found[name, case.name].fault}"


def _row(name: str, place: Found, ours: Found, case: Case) -> tuple[str, ...]:
    engine, own = least(place.engine_s), least(ours.engine_s)
    whole, own_whole = whole_s(place), whole_s(ours)
    peak, own_peak = peak_mb(place), peak_mb(ours)
    rows = rows_of(place.trades)
    return (
        name,
        NA if engine is None else speed(case.bars / engine),
        _over(engine, own),
        NA if whole is None else f"{whole:.2f}",
        _over(whole, own_whole),
        NA if peak is None else f"{peak:,.0f}",
        _over(peak, own_peak),
        f"{len(rows):,}" if rows else NA,
        f"{sum(row.net for row in rows):,.2f}" if rows else NA,
        f"{sum(row.funding for row in rows):,.2f}" if rows else NA,
    )


def speed(rate: float) -> str:
    return f"{rate / 1e6:,.1f} M" if rate >= 1e6 else f"{rate / 1e3:,.1f} k"


def least(seconds: Sequence[float]) -> float | None:
    return min(seconds, default=None)


def whole_s(place: Found) -> float | None:
    taken = [one.seconds for one in place.whole if not one.fault]
    return median(taken) if taken else None


def peak_mb(place: Found) -> float | None:
    peaks = [one.peak_mb for one in place.whole if one.peak_mb is not None]
    return median(peaks) if peaks else None


def _over(theirs: float | None, ours: float | None) -> str:
    if theirs is None or ours is None:
        return NA
    return f"{theirs / ours:,.2f}" if theirs < 10 * ours else f"{theirs / ours:,.0f}"


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in
                 enumerate(zip(row, widths, strict=True))]  # fmt: skip
        yield "  " + "  ".join(cells).rstrip()


def trade_lines(name: str, case: Case, compared: Compared) -> Iterator[str]:
    yield (
        f"{case.words}: trade by trade against {name}: {compared.ours:,} and {compared.theirs:,} trades, "
        f"{compared.entries_shared:,} entries the same, {compared.exits_shared:,} of their exits as well"
    )
    for cause, count in sorted(compared.causes.items(), key=lambda one: -one[1]):
        yield f"  {count:>7,}  {cause}"


def aim_lines(case: Case, found: Table) -> Iterator[str]:
    """What was set as a target, and what came of it; nothing of programs that are not there."""
    ours = found[OURS, case.name]
    own, own_whole, own_peak = least(ours.engine_s), whole_s(ours), peak_mb(ours)
    whole_factor = {"a": 5.0, "b": 25.0}.get(case.name, 1.0)
    for (name, where), place in found.items():
        if where != case.name or name.startswith(OURS):
            continue
        engine, whole, peak = least(place.engine_s), whole_s(place), peak_mb(place)
        if own and engine:
            if name == BARE:
                yield _aim(f"engine within 3 times of {name}", own / engine, 3.0, is_most=True)
            else:
                yield _aim(f"engine over {name}", engine / own, 300.0 if name == "freqtrade" else 1.0)
        if own_whole and whole:
            factor = whole_factor if name == "freqtrade" else 1.0
            yield _aim(f"whole process over {name}", whole / own_whole, factor)
        if own_peak and peak and name == "backtesting" and case.name == "b":
            yield _aim(f"peak memory within 1.5 of {name}'s", own_peak / peak, 1.5, is_most=True)


def _aim(words: str, ratio: float, wanted: float, *, is_most: bool = False) -> str:
    is_met = ratio <= wanted if is_most else ratio >= wanted
    sign = "at most" if is_most else "at least"
    return f"  {'met   ' if is_met else 'MISSED'}  {words}: {ratio:,.2f} ({sign} {wanted:g})"
