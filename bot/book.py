"""The settings as they hold now: one immutable snapshot, swapped whole when a change is confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

from bot.adviser_roles import auto_barred, role_choices, role_effect, role_refusal, takes_a_brake_off
from bot.limits import flag_limits_of, limits_of
from bot.settings import Settings, SettingsError, spec_of, with_chat_change
from bot.settings_spec import SECTIONS
from core.adviser_record import NO_STANDING, Standing
from core.desk import ProposedChange, SettingView
from core.journal import HouseJournal, SettingChange
from core.ports import Clock, Market
from core.risk.limits import BreakerLimits, Limits, Policy
from core.trading.decide import Rules
from core.trading.engine import Course

CHOICES: Mapping[str, tuple[str, ...]] = {
    "MAX_LEVERAGE": ("1", "2", "3", "5"),
    "RISK_PER_TRADE": ("0.005", "0.01", "0.02", "0.03"),
    "MIN_STOP_LOSS_PERCENT": ("0.05", "0.07"),
    "MAX_STOP_LOSS_PERCENT": ("0.08", "0.10"),
    "MIN_AI_CONFIDENCE": ("0.75", "0.80", "0.85"),
    "MIN_OPPORTUNITY_SCORE": ("60", "70", "80"),
    "SCAN_INTERVAL_SECONDS": ("60", "180", "300", "900"),
    "MAX_OPEN_POSITIONS": ("1", "2", "3"),
    "POSITION_COOLDOWN_MINUTES": ("0", "30", "60", "240"),
    "APPROVAL_TIMEOUT_SECONDS": ("120", "300", "600"),
    "ALLOW_VOLATILE": ("true", "false"),
    "AI_DAILY_BUDGET_USD": ("0.25", "0.5", "1", "2"),
    "TARGETS": ("1.5:0.5,3:0.5", "1.5:0.34,2.5:0.33,4:0.33", "2:1"),
    "BREAK_EVEN_AFTER": ("0", "1", "2"),
    "TRAILING_ATR": ("0", "2", "2.5", "3.5"),
    "TRAILING_ARM_R": ("0.5", "1", "1.5"),
    "TIME_STOP_HOURS": ("24", "48", "72", "0"),
    "EXIT_OPINION": ("true", "false"),
    **role_choices(),
    **dict.fromkeys((f"{name.upper()}_POLICY" for name, _ in BreakerLimits().policies), tuple(Policy)),
}
"""Values offered as buttons; any other allowed one can be typed."""


class SettingsBook:
    def __init__(
        self, settings: Settings, journal: HouseJournal, market: Market, clock: Clock, account: str
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._market = market
        self._clock = clock
        self._account = account
        self._changing = asyncio.Lock()
        self.standing: Callable[[], Standing] = lambda: NO_STANDING
        """What the advisers' record supports now."""

    @property
    def settings(self) -> Settings:
        return self._settings

    def rules(self) -> Rules:
        settings = self._settings
        flags, standing = flag_limits_of(settings), self.standing()
        return Rules(limits_of(settings), flags, settings.decider, settings.roles, standing)

    async def course(self) -> Course:
        return Course(
            symbols=await self.symbols(),
            rules=self.rules(),
            approval_lifetime_s=self._settings.approval_timeout_seconds,
            auto_barred=auto_barred(self._settings),
        )

    async def symbols(self) -> tuple[str, ...]:
        """The universe; `top:N` is asked of the market. Raises what the market port raises."""
        universe = self._settings.symbols
        if universe.top is None:
            return universe.listed
        return await self._market.symbols_by_volume(universe.top)

    def views(self) -> tuple[SettingView, ...]:
        return tuple(
            SettingView(
                name=row.name,
                value=row.shown_value,
                source=row.source.value,
                unit=row.unit,
                bounds=row.bounds,
                description=f"{row.description} {row.note}".strip(),
                is_built=row.is_built,
                is_editable=row.is_chat_editable,
                choices=tuple(c for c in CHOICES.get(row.name, ()) if c != row.shown_value),
                section=SECTIONS[row.section],
            )
            for row in self._settings.describe()
        )

    def propose(self, name: str, text: str, equity: Decimal | None) -> ProposedChange:
        """What the change would do; nothing holds yet."""
        name = name.strip().upper()
        try:
            changed = with_chat_change(self._settings, name, text)
        except SettingsError as error:
            return ProposedChange(name, "", text, "", raises_risk=False, refusal=str(error))
        old, new = self._settings.shown(name), changed.shown(name)
        if old == new:
            note = changed.notes.get(name, f"{name} is {old} already")
            return ProposedChange(name, old, new, "", raises_risk=False, refusal=note)
        if refusal := role_refusal(name, self._settings, changed):
            return ProposedChange(name, old, new, "", raises_risk=False, refusal=refusal)
        effect = role_effect(name, self._settings, changed)
        effect = effect or _effect(limits_of(self._settings), limits_of(changed), equity)
        return ProposedChange(name, old, new, effect, raises_risk=_raises(name, self._settings, changed))

    async def change(self, name: str, text: str, by: str) -> ProposedChange:
        """Validated again, recorded, then in force for everything that starts after it."""
        async with self._changing:  # two changes at once: the second is judged on top of the first
            proposed = self.propose(name, text, None)
            if proposed.refusal:
                return proposed
            changed = with_chat_change(self._settings, proposed.name, text)
            change = SettingChange(proposed.name, proposed.old, text.strip(), by, self._clock.now())
            await self._journal.record_setting(self._account, change)
            self._settings = changed
            return proposed


def chat_changes(changes: tuple[SettingChange, ...]) -> dict[str, str]:
    """Name → text typed, for `load_settings`."""
    return {change.name: change.new for change in changes}


def _raises(name: str, old: Settings, new: Settings) -> bool:
    spec = spec_of(name)
    if spec.stricter is None:
        return takes_a_brake_off(name, old, new)
    before, after = getattr(old, spec.attribute), getattr(new, spec.attribute)
    return bool(before != after and spec.strictest(before, after) == before)


def _effect(old: Limits, new: Limits, equity: Decimal | None) -> str:
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
    return "; ".join(parts) or "the worst-case loss at the stops stays the same"


def _all_open(limits: Limits) -> Decimal:
    """Open risk is let in only while it fits into what may be lost in a day and from the peak."""
    wanted = limits.risk_per_trade * limits.max_open_positions
    return min(wanted, limits.daily_loss, limits.max_drawdown)


def require_paper(settings: Settings) -> str:
    """Why entries are refused though everything works; empty on paper."""
    if settings.use_paper_trading:
        return ""
    return "USE_PAPER_TRADING=false, but live trading is not built yet: no entry is made"
