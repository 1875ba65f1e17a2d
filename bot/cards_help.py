"""Cards that explain: /start and /help. The commands come from the one table that the handlers use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bot.cards import Block, Card, bold, card, esc, italic, lines
from bot.cards_numbers import MODE_WORDS, badge
from core.desk import StatusView, TradingState

DISARMED = "🔒 Disarmed: entries are refused until /golive."
RISKS = (
    "You can lose all of it. Leverage makes small moves large.",
    "Results on paper are no promise of anything.",
    "A stop is an order, not a guarantee: prices can jump past it.",
)


def start_card(view: StatusView, may_act: bool) -> Card:
    rights = None if may_act else italic("You may look here, not touch.")
    return card(
        lines(
            "<b>Perpilot</b> trades crypto perpetual futures with you.",
            "It scans the market, asks its advisers, checks every idea against fixed risk rules, "
            "protects each position with a stop on the exchange, and tells you what it did.",
        ),
        lines(
            f"Now: {badge(view.account, view.is_paper)}",
            DISARMED if view.state is TradingState.DISARMED else None,
            f"Mode {esc(MODE_WORDS[view.mode])}.",
            rights,
        ),
        lines("⚠️ <b>Before anything else</b>", *(f"• {esc(risk)}" for risk in RISKS)),
        lines("/status shows where things stand, /help every command, /panic stops everything."),
    )


def help_card(sections: Mapping[str, Sequence[tuple[str, str]]]) -> Card:
    """`sections`: title → (command with its arguments, what it does)."""
    blocks: Iterable[Block] = (
        lines(bold(title), *(f"/{esc(usage)}: {esc(words)}" for usage, words in commands))
        for title, commands in sections.items()
    )
    return card(lines("<b>What you can ask</b>"), *blocks, lines("Money is USDT, times are yours."))
