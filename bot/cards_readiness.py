"""Cards of /readiness and /golive: the checklist, the weeks, the stage of the cap, the sentence to type."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Block, Card, bold, card, code, esc, lines, table
from bot.cards_numbers import NA, moment, percent, ratio, usdt
from core.desk import ReadinessView, WeekFigures
from core.risk.arming import LARGEST_STEP, OVERRIDE, SENTENCE

WEEKS_SHOWN = 5
"""Newest ones, and the whole time below them."""


def readiness_card(view: ReadinessView) -> Card:
    met = sum(item.is_met for item in view.items)
    return card(
        lines(
            f"{bold('Readiness for real money')}: {met} of {len(view.items)} hold",
            _stage_line(view),
        ),
        checklist(view),
        _cap_block(view),
        *_figures(view.weeks),
        lines(f"As of {moment(view.at)}"),
    )


def golive_card(view: ReadinessView) -> Card:
    """The checklist, and what to type."""
    return card(
        lines(f"{bold('Going live')}", _stage_line(view)),
        checklist(view),
        _cap_block(view),
        _how(view),
    )


def checklist(view: ReadinessView) -> Block:
    return lines(*(f"{'✅' if item.is_met else '❌'} {esc(item.text, 400)}" for item in view.items))


def _stage_line(view: ReadinessView) -> str:
    if view.is_demo and view.is_paper:
        return "🧪 A demo: demo and replay never count, and never go live."
    if view.is_demo:
        armed = "armed" if view.is_armed else "disarmed: entries are refused"
        return f"🧪 A demo of live trading, {armed}. Play money: nothing here counts."
    if view.is_paper:
        return "📝 Paper: this is where the evidence is gathered."
    return "🔴 Live, armed." if view.is_armed else "🔴 Live, disarmed: entries are refused."


def _cap_block(view: ReadinessView) -> Block | None:
    if view.is_paper:
        return None
    if not view.is_armed:
        return lines(f"It would begin with a cap of {usdt(view.next_cap)} of equity.")
    if view.next_cap is not None:
        return lines(f"Cap {usdt(view.cap)}; it may rise to {usdt(view.next_cap)} now.")
    return lines(
        f"Cap {usdt(view.cap)}; before it may rise (at most {LARGEST_STEP}-fold):",
        *(f"❌ {esc(need, 300)}" for need in view.next_cap_needs),
    )


def _how(view: ReadinessView) -> Block:
    if view.is_demo and view.is_paper:
        return lines("Nothing to type here.")
    if view.is_paper:
        return lines(
            f"{code('USE_PAPER_TRADING=false')} in the configuration and a restart make it live, disarmed "
            "at first. Then /golive asks for a typed sentence."
        )
    if view.never:
        return lines(
            "No sentence arms it while this stands:" if not view.is_armed else "The cap can only be lowered:",
            *(f"⛔ {esc(reason, 400)}" for reason in view.never),
        )
    if view.is_armed:
        return lines(f"To change the cap, type {code(f'/golive {SENTENCE} CAP')} with an amount of USDT.")
    if view.is_ready:
        return lines(f"Every item holds. To arm it, type {code(f'/golive {SENTENCE}')}")
    if view.is_demo:
        return lines(
            "A demo never has evidence. To play the live path with its play money, type",
            code(f"/golive {OVERRIDE}"),
        )
    return lines(
        "Not every item holds. Wait until they do; or, against this advice, type",
        code(f"/golive {OVERRIDE}"),
        "What does not hold is recorded with it.",
    )


def _figures(weeks: Sequence[WeekFigures]) -> list[Block]:
    if not weeks:
        return [lines("No whole day has been counted yet.")]
    shown = [*weeks[:-1][-WEEKS_SHOWN:], weeks[-1]]
    return [_week(week) for week in shown]


def _week(week: WeekFigures) -> Block:
    stops = percent(week.stops_filled / week.stops_planned, 0) if week.stops_planned else NA
    return table(
        [
            f"{'✅' if week.counts else '▫️'} {esc(week.title, 40)}",
            f"uptime         {percent(week.uptime, 2):>9}  &gt; 99%",
            f"errors a day   {ratio(week.errors_a_day, 1):>9}  &lt; 5",
            f"failed health  {week.failed_health:>9}  0",
            f"lost database  {week.lost_database:>9}  0",
            f"trades         {week.trades:>9}",
            f"realised R:R   {ratio(week.realised_reward_risk):>9}  &gt; 1.5",
            f"largest loss   {percent(week.largest_loss_share):>9}  &lt; 10%",
            f"stops filled   {stops:>9}  100% of {week.stops_planned}",
            f"breakers       {f'{week.breakers_tripped}/{week.breakers_due}':>9}  tripped/due",
            f"liquidations   {week.liquidations:>9}  0",
        ]
    )
