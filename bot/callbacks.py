"""What a button carries: an opaque token for a change, or the name of a view for a look.

Laws:
- A button that may change something carries only its token; what it means is kept in the journal.
- Everything fits Telegram's 64 bytes; what does not is no button.
"""

from __future__ import annotations

from aiogram.filters.callback_data import CallbackData


class Press(CallbackData, prefix="b"):
    """A single-use button (`core.desk.Buttons`)."""

    token: str


class Look(CallbackData, prefix="v"):
    """A view anybody who may look can open, again and again."""

    view: str
    """`status`, `positions`, `why`, `idea`, `help`, `metrics`, …"""
    about: str = ""
    """A coin, an approval id or a page; empty for none."""


def packed(view: str, about: str = "") -> str | None:
    """The data of a `Look` button; None where it does not fit."""
    try:
        return Look(view=view, about=about).pack()
    except ValueError:
        return None


def changes_something(button: str) -> bool:
    """True for everything that is not plainly a look, whatever somebody made up."""
    return not button.startswith("v:")
