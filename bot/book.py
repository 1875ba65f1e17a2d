"""The settings as they hold now: one immutable snapshot, swapped whole when a change is confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

from bot.adviser_roles import auto_barred, role_choices
from bot.limits import flag_limits_of, limits_of
from bot.setting_changes import Proposals, all_proposed, proposed
from bot.settings import Settings, with_chat_change
from bot.settings_spec import SECTIONS
from core.adviser_record import NO_STANDING, Standing
from core.desk import ProposedChange, SettingView
from core.journal import HouseJournal, SettingChange
from core.ports import Clock, Market
from core.risk.limits import BreakerLimits, Policy
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
        strategies = settings.strategies_in_use
        return Rules(limits_of(settings), flags, settings.decider, settings.roles, standing, strategies)

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
        return proposed(self._settings, name, text, equity)

    def propose_all(self, changes: Mapping[str, str | None], equity: Decimal | None) -> Proposals:
        """The same for several together; None takes a change in chat back."""
        return all_proposed(self._settings, changes, equity)

    async def change(self, name: str, text: str, by: str) -> ProposedChange:
        """Validated again, recorded, then in force for everything that starts after it."""
        async with self._changing:  # two changes at once: the second is judged on top of the first
            found = self.propose(name, text, None)
            if found.refusal:
                return found
            changed = with_chat_change(self._settings, found.name, text)
            change = SettingChange(found.name, found.old, text.strip(), by, self._clock.now())
            await self._journal.record_setting(self._account, change)
            self._settings = changed
            return found

    async def change_all(
        self,
        changes: Mapping[str, str | None],
        is_as_shown: Callable[[Proposals], bool],
        by: str,
        kept: Callable[[Proposals], tuple[str, str]],
    ) -> Proposals:
        """All in one transaction, with the text `kept` (name, content) beside them, or none of it.

        Nothing changes where they are refused now, or are no longer what was shown.
        """
        async with self._changing:
            found = self.propose_all(changes, None)
            if found.changed is None or not is_as_shown(found):
                return found
            now, texts = self._clock.now(), {name: changes[name] or "" for name in changes}
            rows = [
                SettingChange(one.name, one.old, texts[one.name].strip(), by, now) for one in found.changes
            ]
            await self._journal.record_settings(self._account, rows, kept(found))
            self._settings = found.changed
            return found


def chat_changes(changes: tuple[SettingChange, ...]) -> dict[str, str]:
    """Name → text typed, for `load_settings`; without what was taken back."""
    return {change.name: change.new for change in changes if change.new}


def require_paper(settings: Settings) -> str:
    """Why entries are refused though everything works; empty on paper."""
    if settings.use_paper_trading:
        return ""
    return "USE_PAPER_TRADING=false, but live trading is not built yet: no entry is made"
