"""What every part of the desk works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.account_desk import AccountDesk
from bot.backtest_desk import BacktestDesk
from bot.book import SettingsBook
from bot.owner_line import TOKEN_GATE
from bot.profile_desk import ProfileDesk
from bot.readiness import ReadinessDesk
from bot.reports import ReportJournal, Reports
from bot.risk_report import RiskReport
from bot.status import StatusBoard
from bot.steering import Steering
from core.adviser_views import CostsView, ModelsView, ReplayView
from core.desk import DoctorLine, Tap, VersionView
from core.errors import NotAllowed
from core.ports import Clock
from core.trade import Trade
from core.trading.kernel import Kernel


@dataclass(frozen=True, slots=True)
class Reach:
    """What the desk calls that is not the trading core."""

    reports: Reports
    board: StatusBoard
    book: SettingsBook
    doctor: Callable[[], Awaitable[tuple[DoctorLine, ...]]]
    version: Callable[[], VersionView]
    wake: Callable[[str], None]
    """Lets a loop (`guard`, `outbox`) run now."""
    steering: Steering
    risk: RiskReport
    readiness: ReadinessDesk
    account: AccountDesk
    mend_account: Callable[[str], Awaitable[Tap]]
    forgive: Callable[[], Awaitable[None]]
    """A person has seen that the bot crashed in a loop."""
    models: Callable[[], Awaitable[ModelsView]]
    costs: Callable[[], Awaitable[CostsView]]
    replay: Callable[[str], Awaitable[ReplayView | None]]
    backtests: BacktestDesk
    profiles: ProfileDesk


class DeskPart:
    """The desk's constructor, and what more than one part of it asks."""

    def __init__(
        self, kernel: Kernel, journal: ReportJournal, clock: Clock, reach: Reach, account: str
    ) -> None:
        self._kernel = kernel
        self._journal = journal
        self._clock = clock
        self._reach = reach
        self._account = account

    def _refuse_more_risk(self) -> None:
        """Raises `NotAllowed` while somebody else may be giving or reading the owner's commands."""
        if why := self._kernel.gate.reason(TOKEN_GATE):
            raise NotAllowed(f"Not now: {why}. Until it is gone for 5 minutes only less risk is taken on.")

    async def _open_trades(self) -> list[Trade]:
        return list(await self._kernel.keeper.open_trades())
