"""Advisers' roles as settings: who votes, who may only refuse or reduce, who is only recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.settings_table import ADVISER_NAMES, Settings
from core.opinion import Decider, Role

ENOUGH_VOTERS = 2

MEANINGS: Mapping[Role, str] = {
    Role.VOTER: "its answer counts in the vote",
    Role.VETO: "it has no vote; it may only refuse a trade or reduce its size",
    Role.SHADOW: "it is asked, paid and recorded, and has no effect",
}


def auto_barred(settings: Settings) -> str:
    """Why `auto` would not trade; empty when it would. A veto or a shadow is no voter."""
    if settings.decider is Decider.AI:
        if len(settings.voters) >= ENOUGH_VOTERS:
            return ""
        if len(settings.advisers) >= ENOUGH_VOTERS:
            return f"auto needs two advisers that vote, and {_named(settings)}"
        return "auto needs two advisers, and fewer have a key"
    if settings.is_decider_explicit:
        return ""
    return "auto trades on rules only where DECIDER=rules was set explicitly"


def role_refusal(name: str, old: Settings, new: Settings) -> str:
    """Why this change of a role can't be made while the bot runs; empty where it can, or is none.

    The rule-based adviser takes part from the start or not at all, so nothing hands the verdict to it later.
    """
    if not is_role(name) or old.decider is new.decider or new.decider is Decider.AI:
        return ""
    return (
        f"{name}={new.shown(name)} would leave fewer than two voters and so hand the verdict to the rules; "
        "set DECIDER=ai or DECIDER=rules in the environment and restart first"
    )


def role_effect(name: str, old: Settings, new: Settings) -> str:
    """What the change of a role means, in words; empty where no role changes."""
    if not is_role(name) or old.roles == new.roles:
        return ""
    adviser, role = next((who, role) for who, role in new.roles.items() if old.roles[who] is not role)
    parts = [f"{adviser} as {role.value}: {MEANINGS[role]}", _named(new)]
    if old.decider is not new.decider:
        parts.append(f"DECIDER becomes {new.decider.value}")
    if (barred := auto_barred(new)) and not auto_barred(old):
        parts.append(f"auto would no longer trade: {barred}")
    return "; ".join(parts)


def takes_a_brake_off(name: str, old: Settings, new: Settings) -> bool:
    """Whether an adviser loses its veto."""
    return any(is_role(name) and old.roles[who] is Role.VETO is not new.roles[who] for who in old.roles)


def is_role(name: str) -> bool:
    return name.endswith("_ROLE")


def _named(settings: Settings) -> str:
    return f"voters: {', '.join(ADVISER_NAMES[name] for name in settings.voters) or 'none'}"


def roles_in_words(settings: Settings) -> str:
    """The asked ones as `anthropic, openai (veto)`; `none` without any."""
    voters = settings.voters
    return ", ".join(_with_role(settings, name, name in voters) for name in settings.advisers) or "none"


def _with_role(settings: Settings, name: str, is_voter: bool) -> str:
    return name if is_voter else f"{name} ({settings.roles[ADVISER_NAMES[name]].value})"


def role_choices() -> dict[str, Any]:
    """Values offered as buttons, by setting."""
    return {f"{name}_ROLE": tuple(Role) for name in ("ANTHROPIC", "OPENAI", "XAI", "DEEPSEEK")}
