"""What changes of settings would do: faults, old and new values, the worst case, whether risk is raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.adviser_roles import role_effect, role_refusal, takes_a_brake_off
from bot.backtest_plays import is_played
from bot.limits import limits_of
from bot.settings import Settings, SettingsError, spec_of, with_chat_change, with_chat_changes
from core.advice.strategy_voice import role_of
from core.desk import ProposedChange
from core.opinion import Role
from core.risk.limits import Limits
from core.strategy_use import StrategyRole

STRATEGIES = "STRATEGIES"
SAME = "the worst-case loss at the stops stays the same"


@dataclass(frozen=True, slots=True)
class Proposals:
    """Several changes at once."""

    changed: Settings | None
    """None where anything is refused."""
    changes: tuple[ProposedChange, ...]
    """Those that change what holds."""
    notes: tuple[str, ...]
    """Why others change nothing."""
    refusals: tuple[str, ...]
    effect: str
    """Of all together on the worst case."""
    raises_risk: bool


def proposed(old: Settings, name: str, text: str, equity: Decimal | None) -> ProposedChange:
    """One change; nothing holds yet."""
    name = name.strip().upper()
    try:
        changed = with_chat_change(old, name, text)
    except SettingsError as error:
        return ProposedChange(name, "", text, "", raises_risk=False, refusal=str(error))
    before, after = old.shown(name), changed.shown(name)
    if before == after:
        note = changed.notes.get(name, f"{name} is {before} already")
        return ProposedChange(name, before, after, "", raises_risk=False, refusal=note)
    if refusal := role_refusal(name, old, changed):
        return ProposedChange(name, before, after, "", raises_risk=False, refusal=refusal)
    effect, is_raise = effect_of(name, old, changed, equity), raises_risk(name, old, changed)
    return ProposedChange(
        name, before, after, effect, raises_risk=is_raise, is_played=is_played(name, old, changed)
    )


def all_proposed(old: Settings, changes: Mapping[str, str | None], equity: Decimal | None) -> Proposals:
    """All or nothing; None takes a change in chat back."""
    try:
        changed = with_chat_changes(old, changes)
    except SettingsError as error:
        return Proposals(None, (), (), tuple(fault.text for fault in error.faults), "", raises_risk=False)
    differing = [name for name, text in changes.items() if _differs(name, text, old, changed)]
    same = [name for name in changes if name not in differing]
    notes = tuple(changed.notes.get(name, f"{name} is {old.shown(name)} already") for name in same)
    changed = with_chat_changes(old, {name: changes[name] for name in differing})
    refusals = tuple(why for name in differing if (why := role_refusal(name, old, changed)))
    return Proposals(
        changed=None if refusals else changed,
        changes=tuple(_one_of_many(name, old, changed, changes[name], equity) for name in differing),
        notes=notes,
        refusals=refusals,
        effect=worst_case(limits_of(old), limits_of(changed), equity),
        raises_risk=any(raises_risk(name, old, changed) for name in differing),
    )


def _differs(name: str, text: str | None, old: Settings, changed: Settings) -> bool:
    """What is taken back differs although the environment says the same."""
    return old.shown(name) != changed.shown(name) or (text is None and name in old.chat)


def _one_of_many(
    name: str, old: Settings, changed: Settings, text: str | None, equity: Decimal | None
) -> ProposedChange:
    """Its effect is that of itself alone, where it can stand alone."""
    try:
        alone = with_chat_change(old, name, text)
    except SettingsError:
        effect = "only possible together with the others"
    else:
        effect = effect_of(name, old, alone, equity)
    is_raise = raises_risk(name, old, changed)
    return ProposedChange(name, old.shown(name), changed.shown(name), effect, raises_risk=is_raise)


def effect_of(name: str, old: Settings, new: Settings, equity: Decimal | None) -> str:
    words = role_effect(name, old, new) or strategy_effect(name, new)
    return words or worst_case(limits_of(old), limits_of(new), equity)


def raises_risk(name: str, old: Settings, new: Settings) -> bool:
    """Another strategy counts as more risk: what was proven was proven of the one before."""
    if name == STRATEGIES:
        return bool(say_of_strategies(new)) and say_of_strategies(old) != say_of_strategies(new)
    spec = spec_of(name)
    if spec.stricter is None:
        return takes_a_brake_off(name, old, new)
    before, after = getattr(old, spec.attribute), getattr(new, spec.attribute)
    return bool(before != after and spec.strictest(before, after) == before)


def say_of_strategies(settings: Settings) -> str:
    """Those with a part in verdicts, as text; empty where none has."""
    use = settings.strategies_in_use
    has_say = any(role_of(part.name, use, settings.decider) is Role.VOTER for part in use.parts)
    return f"{use.role.value} {settings.shown(STRATEGIES)}" if has_say else ""


def strategy_effect(name: str, new: Settings) -> str:
    """What other strategies mean, in words; empty for another setting."""
    if name != STRATEGIES:
        return ""
    if not new.strategies:
        return "no strategy takes part any more"
    if not say_of_strategies(new):
        return "from the next question on they are asked and recorded, without effect"
    part = "decide alone" if new.strategy_role is StrategyRole.ALONE else "are one voice beside the models"
    return f"from the next question on they {part}; their shares only ever make a trade smaller"


def worst_case(old: Limits, new: Limits, equity: Decimal | None) -> str:
    """How the worst case of the next trades changes; stops that gap can lose more."""
    parts = []
    for words, before, after in (
        ("worst loss of one trade", old.risk_per_trade, new.risk_per_trade),
        ("worst loss of one idea of your own", old.max_trade_loss, new.max_trade_loss),
        ("worst loss of all open trades", _all_open(old), _all_open(new)),
        ("loss of a day that stops entries", old.daily_loss, new.daily_loss),
        ("fall from the peak that stops entries", old.max_drawdown, new.max_drawdown),
    ):
        if before != after:
            money = f" ({equity * before:.2f} → {equity * after:.2f} USDT)" if equity is not None else ""
            parts.append(f"{words}: {before:.2%} → {after:.2%} of equity{money}")
    return "; ".join(parts) or SAME


def _all_open(limits: Limits) -> Decimal:
    """Open risk is let in only while it fits into what may be lost in a day and from the peak."""
    wanted = limits.risk_per_trade * limits.max_open_positions
    return min(wanted, limits.daily_loss, limits.max_drawdown)
