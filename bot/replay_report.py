"""What `main.py replay` prints."""

from __future__ import annotations

from collections.abc import Iterator

from bot.cards_numbers import cost
from core.adviser_views import ReplayView
from core.opinion import Abstention, Opinion
from core.replay import ChainReport, Fate
from core.trading.replaying import Again

SHORT = 16
MOST_REASONS = 12


def decision_text(view: ReplayView) -> str:
    return "\n".join(_lines(view))


def _lines(view: ReplayView) -> Iterator[str]:
    record = view.record
    yield f"decision {record.id}  {record.symbol}  {record.at:%Y-%m-%d %H:%M:%S} UTC  {record.account}"
    yield f"question {view.question_hash or 'none: nobody was asked'}"
    yield from (f"asked    {line}" for line in view.question.split("\n") if line)
    if view.verdict is not None:
        yield from map(_opinion, view.verdict.opinions)
        yield from map(_abstention, view.verdict.abstentions)
        alone = ", one answer only" if view.verdict.is_single else ""
        yield (
            f"verdict  {view.verdict.stance.value} at {view.verdict.confidence:.2f} "
            f"({view.verdict.decider.value}{alone}): {'; '.join(view.verdict.reasons)}"
        )
    if view.plan is not None:
        plan = view.plan
        targets = ", ".join(f"{target.price} ({target.share:.0%})" for target in plan.targets)
        yield (
            f"plan     {plan.side.value} {plan.quantity} at {plan.entry}, stop {plan.stop}, "
            f"targets {targets}, "
            f"{plan.leverage}x, loses {cost(plan.loss_at_stop)} at the stop, score {plan.score.total:.1f}"
        )
    yield (
        f"result   {record.gate}"
        + (": " if record.reasons else "")
        + "; ".join(record.reasons[:MOST_REASONS])
    )
    yield from fate_lines(view)


def fate_lines(view: ReplayView) -> Iterator[str]:
    match view.fate:
        case Fate.EQUAL:
            yield "equal    every hash is the one recorded at the time"
        case Fate.NO_TAPE:
            yield "no tape  it was recorded before tapes or broke off: there is nothing to play again"
        case _:
            yield f"{view.fate.value}  {'; '.join(view.differences)}"
            if view.code_then and view.code_then != view.code_now:
                yield f"         code version {view.code_then} then, {view.code_now} now"


def _opinion(opinion: Opinion) -> str:
    chance = "" if opinion.p_target_first is None else f", target first {opinion.p_target_first:.2f}"
    cached = ", cached" if opinion.is_cached else ""
    return (
        f"answer   {opinion.adviser} ({opinion.role.value}, {opinion.model}{cached}): {opinion.stance.value} "
        f"at {opinion.confidence:.2f}{chance}: {' '.join(opinion.reasons)}"
    )


def _abstention(silence: Abstention) -> str:
    return f"answer   {silence.adviser} ({silence.role.value}): none, {silence.why.value}: {silence.detail}"


def difference_line(again: Again, code_now: str) -> str:
    changed = again.code and again.code != code_now
    versions = f" (code version {again.code} then, {code_now} now)" if changed else ""
    named = f"{again.record.id} {again.record.symbol} {again.fate.value}"
    return f"{named}: {'; '.join(again.differences)}{versions}"


def verification_text(report: ChainReport) -> str:
    heads = [f"head of {account or 'no account'}: {link}" for account, link in (report.heads or {}).items()]
    counts = f"{report.links:,} links and {report.pieces:,} pieces walked"
    if report.fault is not None:
        fault = report.fault
        return f"TAMPERED: table {fault.table}, row {fault.row}: {fault.what}\n{counts} before it was met"
    return "\n".join([
        f"whole: {counts}, every row is as it was written",
        f"{report.unchained:,} rows are older than the chain (only their ids are vouched for), "
        f"{report.waiting:,} requests without an answer",
        *heads,
    ])  # fmt: skip
