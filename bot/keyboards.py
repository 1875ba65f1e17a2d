"""Rows of inline buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.callbacks import Press, packed

SUCCESS, DANGER, PRIMARY = "success", "danger", "primary"
"""Colours of buttons; apps that don't know them show plain ones."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One single-use button before it has its token."""

    label: str
    action: str
    args: dict[str, str]
    style: str | None = None


def press(choice: Choice, token: str) -> InlineKeyboardButton:
    return InlineKeyboardButton(
        text=choice.label, callback_data=Press(token=token).pack(), style=choice.style
    )


def look(label: str, view: str, about: str = "") -> InlineKeyboardButton | None:
    """None where `about` does not fit into a button."""
    carried = packed(view, about)
    return None if carried is None else InlineKeyboardButton(text=label, callback_data=carried)


def keyboard(
    *rows: Iterable[InlineKeyboardButton | None],
) -> InlineKeyboardMarkup | None:
    """Rows of the buttons that are there; None when none is."""
    kept = [[button for button in row if button is not None] for row in rows]
    kept = [row for row in kept if row]
    return InlineKeyboardMarkup(inline_keyboard=kept) if kept else None


def in_rows(buttons: Sequence[InlineKeyboardButton], width: int) -> list[Sequence[InlineKeyboardButton]]:
    return [buttons[at : at + width] for at in range(0, len(buttons), width)]


def approval_choices(approval_id: str) -> list[Choice]:
    """What an approval card asks; `handlers.ideas` carries it out."""
    args = {"approval_id": approval_id}
    return [
        Choice("✅ Approve", "approve", {**args, "share": "1"}, SUCCESS),
        Choice("½ size", "approve", {**args, "share": "0.5"}, PRIMARY),
        Choice("✖️ Reject", "reject", args, DANGER),
    ]


def approval_keys(approval_id: str, tokens: Sequence[str]) -> InlineKeyboardMarkup | None:
    """The three answers, and Why below them."""
    choices = approval_choices(approval_id)
    answers = [press(choice, token) for choice, token in zip(choices, tokens, strict=True)]
    return keyboard(answers, [look("❓ Why", "idea", approval_id)])


def foreign_choices(symbol: str) -> list[Choice]:
    """What can be done about a position that is not ours; `handlers.foreign` carries it out."""
    args = {"symbol": symbol}
    return [
        Choice("🛡 Adopt", "adopt", args, SUCCESS),
        Choice("✖️ Close", "close_foreign", args, DANGER),
        Choice("🙈 Ignore", "ignore_foreign", args),
    ]


def foreign_keys(symbol: str, tokens: Sequence[str]) -> InlineKeyboardMarkup | None:
    """The three answers, and Positions below them."""
    answers = [press(choice, token) for choice, token in zip(foreign_choices(symbol), tokens, strict=True)]
    return keyboard(answers, [look("📈 Positions", "positions")])


def why_keys(approval_id: str) -> InlineKeyboardMarkup | None:
    """Under a card whose question is over."""
    return keyboard([look("❓ Why", "idea", approval_id)])
