"""Cards of ideas: the approval card, a plan, opinions as they arrive, a scan and why it ended so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from bot.cards import Block, Card, bold, card, esc, folded, italic, lines
from bot.cards_gates import funnel_lines, gates_block
from bot.cards_judgement import (
    answer_line,
    answer_lines,
    caution_lines,
    chance_line,
    opinion_block,
    replay_line,
    silence_line,
    verdict_line,
)
from bot.cards_mood import mood_lines
from bot.cards_numbers import badge, cost, gain, level, moment, people, percent, price, quantity, ratio, usdt
from bot.cards_status import side_word, unsizeable_lines
from core.codec import from_plain
from core.desk import Analysis, ScanProgress, ScanReport
from core.journal import Approval, ApprovalState, DecisionRecord
from core.market import coin
from core.mood import Mood
from core.opinion import Abstention, Features, Flags, Opinion, Verdict
from core.plan import Cleared, Plan, Reason, Refused
from core.trading.exit_opinion import GATE as EXIT_GATE

T = TypeVar("T")

FLAGS_GATE = "flags"
"""Its reasons are the flags themselves."""

OUTCOMES = {
    ApprovalState.OPEN: "⏳ Waiting for your answer",
    ApprovalState.CLAIMED: "⏳ Being carried out",
    ApprovalState.APPROVED: "✅ Approved",
    ApprovalState.REJECTED: "✖️ Rejected, nothing was sent",
    ApprovalState.EXPIRED: "⌛ Expired unanswered, nothing was sent",
    ApprovalState.REQUOTED: "🔁 The market moved: a new card replaces this one",
    ApprovalState.REFUSED: "⛔ Refused by the checks, nothing was sent",
}


def approval_card(approval: Approval, is_paper: bool) -> Card:
    """The question. What the clock says stays true: it names the moment, not the minutes left."""
    plan = approval.plan
    head = "💡 <b>Idea</b>" if approval.requote_of is None else "🔁 <b>New quote</b>"
    deadline = f"⏳ Answer by {moment(approval.expires_at)}; afterwards nothing happens."
    return card(
        lines(f"{head} · {badge(plan.account, is_paper)}", plan_title(plan)),
        plan_numbers(plan),
        plan_money(plan),
        lines(deadline),
        *_judgement(plan),
    )


def settled_card(approval: Approval, is_paper: bool) -> Card:
    """The same card after its end: no question left."""
    plan = approval.plan
    return card(
        lines(_outcome_line(approval), *(f"• {esc(text)}" for text in approval.reasons)),
        lines(italic("Below: the card as it was shown. What was sent is told in its own message."))
        if approval.state is ApprovalState.APPROVED
        else None,
        lines(f"💡 Idea · {badge(plan.account, is_paper)}", plan_title(plan)),
        plan_numbers(plan),
        plan_money(plan),
        *_judgement(plan),
    )


def _outcome_line(approval: Approval) -> str:
    """`Rejected by Telegram user 7 at 12:00:00 UTC, nothing was sent`."""
    when = f" at {moment(approval.settled_at)}" if approval.settled_at else ""
    if not approval.settled_by:
        return f"<b>{OUTCOMES[approval.state]}</b>{when}"
    what, comma, rest = OUTCOMES[approval.state].partition(", ")
    return f"<b>{what}</b> by {esc(people(approval.settled_by), 60)}{when}{comma}{rest}"


def plan_title(plan: Plan) -> str:
    asked = "" if plan.leverage == plan.leverage_wanted else f" (asked {plan.leverage_wanted}x)"
    origin = "your idea" if plan.origin.value == "manual" else f"score {plan.score.total:.0f}/100"
    return (
        f"{'🟢' if plan.side.sign > 0 else '🔴'} <b>{esc(coin(plan.symbol))} {side_word(plan.side)}"
        f" {plan.leverage}x</b>{asked} · {origin}"
    )


def plan_numbers(plan: Plan) -> Block:
    effective = plan.notional / plan.equity if plan.equity > 0 else None
    stop_distance = abs(plan.entry - plan.stop) / plan.entry if plan.entry else None
    return lines(
        f"Entry {price(plan.entry)} · stop <b>{price(plan.stop)}</b> ({percent(stop_distance)} away)",
        "Target " + ", ".join(_target(plan, target.price, target.share) for target in plan.targets),
        f"Size {quantity(plan.quantity)} {esc(coin(plan.symbol))} = {usdt(plan.notional)}"
        f" · margin {usdt(plan.margin)}",
        f"Effective leverage {ratio(effective)}x of equity {usdt(plan.equity)}"
        f" · applied {plan.leverage}x, asked for {plan.leverage_wanted}x",
        f"Liquidation {price(plan.liquidation)} · regime {plan.regime.value}"
        f" · beta to BTC {ratio(plan.beta)}",
    )


def _target(plan: Plan, at: Decimal, share: Decimal) -> str:
    part = "" if share == 1 else f" ({percent(share, 0)})"
    return f"{price(at)}{part}"


def plan_money(plan: Plan) -> Block:
    share = plan.loss_at_stop / plan.equity if plan.equity > 0 else None
    funding = plan.notional * plan.funding_cost
    return lines(
        f"If stopped: <b>-{cost(plan.loss_at_stop)}</b> after fees ({percent(share)} of equity)",
        f"If targets are met: <b>{gain(plan.gain_at_targets)}</b> after fees",
        f"Reward ÷ risk {ratio(plan.reward_risk)}",
        f"Expected funding until the exit: -{cost(funding)}, in both figures" if funding > 0 else None,
        *(f"ℹ️ {esc(note)}" for note in plan.notes),
    )


def _judgement(plan: Plan) -> list[Block]:
    if plan.verdict is None:
        return []
    verdict = plan.verdict
    reasons = [
        f"{bold(opinion.adviser)}: {esc('; '.join(opinion.reasons), 600)}"
        for opinion in verdict.opinions
        if opinion.reasons
    ]
    return [
        lines(verdict_line(verdict), *answer_lines(verdict), chance_line(plan.chance)),
        folded(
            [
                *(f"• {esc(text)}" for text in verdict.reasons),
                *reasons,
                *filter(None, [replay_line(plan.decision_id)]),
            ],
            is_optional=True,
        ),
    ]


def why_of_plan(approval: Approval) -> Card:
    """Everything behind one card: terms of the score, every adviser's words."""
    plan, verdict = approval.plan, approval.plan.verdict
    opinions = verdict.opinions if verdict else ()
    return card(
        lines(f"<b>Why {esc(coin(plan.symbol))} {side_word(plan.side)}</b>"),
        lines(*_score_lines(plan)),
        lines(*(f"• {esc(text)}" for text in verdict.reasons), *caution_lines(verdict)) if verdict else None,
        *(opinion_block(opinion) for opinion in opinions),
        lines(*(silence_line(one) for one in verdict.abstentions)) if verdict else None,
        lines("Nobody was asked: this is your own idea.") if verdict is None else None,
        lines(chance_line(plan.chance), replay_line(plan.decision_id if verdict else "")),
    )


def _score_lines(plan: Plan) -> list[str]:
    score = plan.score
    return [
        f"Score <b>{score.total:.0f}</b>/100 = confidence {score.confidence:.0f} + agreement "
        f"{score.agreement:.0f} + regime {score.regime:.0f} + reward÷risk {score.reward_risk:.0f}"
        f" + timeframes {score.timeframes:.0f}"
    ]


def analysis_progress(symbol: str, heard: Sequence[Opinion | Abstention]) -> Card:
    head = f"🔬 <b>{esc(coin(symbol))}</b>: reading candles, asking the advisers …"
    return card(lines(head), lines(*(answer_line(one) for one in heard)))


def analysis_stopped(symbol: str, heard: Sequence[Opinion | Abstention]) -> Card:
    """Ended by the person: what was heard until then, and no verdict."""
    head = f"⏹ <b>{esc(coin(symbol))}</b>: stopped by you, nobody is asked any more."
    return card(lines(head), lines(*(answer_line(one) for one in heard)), lines("Nothing was traded."))


def analysis_card(analysis: Analysis, where: str) -> Card:
    """Features, each opinion, the verdict and the plan it would make."""
    decision = analysis.decision
    return card(
        lines(f"🔬 <b>{esc(coin(decision.symbol))}</b> · {moment(decision.at)} · {where}"),
        _features(decision.features),
        flags_block(decision.flags, decision.features is not None),
        lines(*mood_lines(decision.mood)),
        *(opinion_block(opinion) for opinion in analysis.opinions),
        lines(*(silence_line(one) for one in analysis.abstentions)),
        lines(verdict_line(decision.verdict), *caution_lines(decision.verdict)) if decision.verdict else None,
        *_outcome(decision.outcome),
        lines(*(esc(term) for term in analysis.terms)),
        lines("Nothing was traded.", replay_line(decision.id)),
    )


def _outcome(outcome: Any) -> list[Block]:
    if isinstance(outcome, Cleared):
        plan = outcome.plan
        return [
            lines("✅ <b>The plan it would make</b>", plan_title(plan)),
            plan_numbers(plan),
            plan_money(plan),
            lines(chance_line(plan.chance)),
        ]
    if isinstance(outcome, Refused):
        plan = outcome.plan
        return [
            lines("⛔ <b>Refused by the checks</b>", *reason_lines(outcome.reasons)),
            lines("The plan was", plan_title(plan)),
            plan_numbers(plan),
            plan_money(plan),
            lines(chance_line(plan.chance)),
        ]
    return [lines(f"🖐 <b>No trade</b>, ended at: {esc(outcome.gate)}", *reason_lines(outcome.reasons))]


def reason_lines(reasons: Iterable[Reason]) -> list[str]:
    return [f"• {esc(one.text)}" + (f" → {esc(one.mend)}" if one.mend else "") for one in reasons]


def _features(features: Features | None) -> Block | None:
    if features is None:
        return None
    frames = [
        f"{esc(frame.timeframe)}: RSI {ratio(frame.rsi, 0)} · ADX {ratio(frame.adx, 0)} · volume "
        f"{ratio(frame.volume_ratio)}x · leans {frame.lean.value}"
        for frame in features.frames.values()
    ]
    missing = f"Not available: {esc(', '.join(features.missing))}" if features.missing else None
    return lines(
        f"Close {level(features.close)} · regime {features.regime.value}",
        *frames,
        f"Support {level(features.support)} · resistance {level(features.resistance)}",
        f"Funding {percent(features.funding_per_8h, 4)} per 8 h",
        missing,
    )


def flags_block(flags: Flags, is_known: bool = True) -> Block:
    """`is_known` false: nothing was read, so nothing can be said of flags."""
    if not is_known:
        return lines("🏳 Red flags: n/a")
    if not flags.struck:
        return lines("🏳 No red flags")
    return lines(
        *(
            f"🚩 {esc(flag.name.replace('_', ' '))}: {esc(flag.value, 80)} against {esc(flag.threshold, 80)}"
            f" ({'both sides' if flag.strikes is None else flag.strikes.value})"
            for flag in flags.struck
        )
    )


def scan_progress(progress: ScanProgress | None) -> Card:
    if progress is None:
        return card(lines("🔎 Scanning …"))
    bar = "▓" * (10 * progress.done // max(progress.total, 1))
    return card(
        lines(
            f"🔎 Scanning {bar:░<10} {progress.done}/{progress.total}",
            f"{esc(coin(progress.symbol))} ended at: {esc(progress.ended_at)}",
        )
    )


def scan_card(report: ScanReport, unsizeable: Sequence[tuple[str, str]] = ()) -> Card:
    """The funnel and the ranking; `unsizeable` are (symbol, mend) that nobody was asked about."""
    scan = report.scan
    took = (scan.ended_at - scan.started_at).total_seconds()
    cleared = [record for record in report.decisions if record.gate == "cleared"]
    ranked = sorted(report.decisions, key=lambda record: -(record.score or 0))
    verdict = f"✅ {len(cleared)} cleared" if cleared else "Nothing passed every gate"
    return card(
        lines(f"🔎 <b>Scan</b> of {scan.symbols} symbols in {took:.1f} s: {verdict}"),
        funnel_block(scan.funnel),
        lines(*(_ranked(record) for record in ranked)),
        lines(*unsizeable_lines(unsizeable)) if unsizeable else None,
    )


def funnel_block(funnel: Mapping[str, int]) -> Block:
    ended = " · ".join(f"{esc(gate, 40)} {count}" for gate, count in funnel.items() if count)
    return lines(f"Where they ended: {ended or 'nowhere'}")


def _ranked(record: DecisionRecord) -> str:
    mark = "✅" if record.gate == "cleared" else "▫️"
    score = f" · {record.score:.0f}/100" if record.score is not None else ""
    reason = f": {esc(people(record.reasons[0]), 120)}" if record.reasons else ""
    name = f"<b>{esc(coin(record.symbol))}</b> {esc(record.stance, 20)}"
    return f"{mark} {name}{score} · {esc(record.gate, 30)}{reason}"


def why_card(report: ScanReport) -> Card:
    """The funnel of the last scan with every reason."""
    return card(
        lines(f"<b>Why</b> · scan of {moment(report.scan.ended_at, True)}"),
        funnel_lines(report.scan.symbols, report.scan.funnel),
        gates_block(report.gates),
        *(_decision_block(record) for record in report.decisions),
    )


def why_symbol_card(record: DecisionRecord) -> Card:
    """One decision with what it stood on, as far as the journal kept it."""
    flags, verdict = _kept(Flags, record, "flags"), _kept(Verdict, record, "verdict")
    plan, mood = _kept(Plan, record, "plan"), _kept(Mood, record, "mood")
    return card(
        lines(f"<b>Why {esc(coin(record.symbol))}</b> · {moment(record.at, True)}"),
        _decision_block(replace(record, reasons=()) if flags and record.gate == FLAGS_GATE else record),
        flags_block(flags) if flags and record.gate != EXIT_GATE else None,  # no flag ends a position
        lines(*mood_lines(mood)) if mood else None,
        _judged(verdict, record.reasons) if verdict else None,
        lines(chance_line(plan.chance if plan else None), replay_line(record.id)),
    )


def _judged(verdict: Verdict, told: Sequence[str]) -> Block:
    """`told`: reasons that stand above it already."""
    said = [f"• {esc(text)}" for text in verdict.reasons if text not in told]
    return lines(verdict_line(verdict), *answer_lines(verdict), *said, *caution_lines(verdict))


def _kept(kind: type[T], record: DecisionRecord, name: str) -> T | None:
    """A word out of a decision's facts; None where it was not kept or can't be read any more."""
    plain = record.facts.get(name)
    if plain is None:
        return None
    try:
        kept: T = from_plain(kind, plain)
    except ValueError:
        return None
    return kept


def _decision_block(record: DecisionRecord) -> Block:
    plan = _kept(Plan, record, "plan")
    name = f"<b>{esc(coin(record.symbol))}</b>"
    ended = f"{name} ended at {esc(record.gate)} ({esc(record.stance, 20)})"
    return lines(
        f"{name}: the advisers were asked about the open position" if record.gate == EXIT_GATE else ended,
        *(f"• {esc(people(reason))}" for reason in record.reasons),
        *(_score_lines(plan) if plan else []),
    )
