"""A live account beside the trading core: its connection, its key and its modes.

Laws:
- Its signed requests have a client and connections of their own; scanning never stands before guarding. The
  request budget is one.
- A key that may take money out, or an account that forbids isolated margin, closes entries, and no sentence
  opens them. A key whose rights are unknown closes them unless the owner's recorded sentence went past it.
- What was armed was one account: a key that may open another closes entries until /golive is confirmed for
  it. Keys are told apart by the account's id where the exchange tells it, else by themselves.
- What was learned of a key holds for two days when it cannot be looked at again; before the first look
  nothing is known, which refuses.
- What closes entries here is told once, and once more when it is over. Nothing here stops guarding.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta

from bot.assembly_streams import LiveStreams
from bot.settings import Settings
from core.adapters.exchange.accounts import AccountReport, look_at_account, mend
from core.adapters.exchange.calls import GUARDING, Calls
from core.adapters.exchange.client import Access, close_client, open_client
from core.adapters.exchange.market import CcxtMarket
from core.adapters.exchange.permissions import KeyReport, KeyVerdict, look_at_key
from core.adapters.exchange.venue import CcxtVenue
from core.desk import DoctorLine, Tap
from core.errors import NotAllowed, PerpilotError
from core.ports import Clock, ComponentHealth
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.live")

KEY_GATE, ACCOUNT_GATE, BAN_GATE, OWNER_GATE = "key", "account", "ban", "key's account"
ANOTHER = (
    "the key may open another account than the one that was armed; put the old key back, or confirm this one "
    "with /golive"
)
KEY_EVERY = timedelta(days=1)
ACCOUNT_EVERY = timedelta(hours=1)
AGAIN_AFTER = timedelta(minutes=5)
"""A look that failed is tried again."""
KEY_HOLDS = timedelta(days=2)
"""How long what was learned of the key is believed while it cannot be looked at."""
WITH_PASSWORD = frozenset({"okx"})
"""Exchanges whose keys have a passphrase."""
Teller = Callable[[str, str], Awaitable[None]]
"""(key, text) to the owner; may raise `JournalError`."""


def access_of(settings: Settings) -> Access:
    """Raises `NotAllowed` where the keys of a live account are missing."""
    missing = [
        name
        for name, value in (
            ("EXCHANGE_API_KEY", settings.exchange_api_key),
            ("EXCHANGE_SECRET", settings.exchange_secret),
            ("EXCHANGE_PASSWORD", settings.exchange_password or settings.exchange not in WITH_PASSWORD),
        )
        if not value
    ]
    if missing:
        raise NotAllowed(f"live trading needs {' and '.join(missing)}; or set USE_PAPER_TRADING=true")
    return Access(
        settings.exchange,
        settings.exchange_url,
        settings.exchange_ws_url,
        settings.exchange_testnet,
        settings.exchange_api_key or "",
        settings.exchange_secret or "",
        settings.exchange_password or "",
    )


class LiveSide:
    """`open` before use, `close` after; `keep_watch` is one round of a loop."""

    def __init__(self, settings: Settings, market: CcxtMarket, clock: Clock) -> None:
        self.access = access_of(settings)
        self._is_testnet = settings.exchange_testnet
        self._market = market
        self._clock = clock
        self._venue: CcxtVenue | None = None
        self._client: object = None
        self._gate: EntryGate | None = None
        self._is_overridden: Callable[[], bool] = lambda: False
        self._is_for_another: Callable[[], bool] = lambda: False
        self.key: KeyReport | None = None
        self.account: AccountReport | None = None
        self._key_at: datetime | None = None
        self._key_due: datetime | None = None
        self._account_due: datetime | None = None
        self._owner_id = ""
        """The account's id, as the newest readable look at the key told it."""
        self._told: dict[str, str] = {}
        """Gate → why it is closed, as the owner was told."""
        self._tell: Teller | None = None

    async def open(self) -> None:
        """Asks nothing of the exchange. Raises `NotAllowed` for one that cannot trade live here."""
        client = await open_client(self.access)
        calls = Calls(client, self._market.budget, self._clock)
        try:
            self._venue = CcxtVenue(client, calls, self._market.budget, self._clock, GUARDING)
        except NotAllowed:
            await close_client(client)
            raise
        self._client = client

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await close_client(client)

    @property
    def venue(self) -> CcxtVenue:
        assert self._venue is not None, "opened before it is used"
        return self._venue

    def watch_over(
        self,
        gate: EntryGate,
        is_overridden: Callable[[], bool],
        is_for_another: Callable[[], bool],
        tell: Teller,
    ) -> None:
        """`gate` is closed until key and account were looked at; `is_overridden`: the newest arming went
        past a key whose rights are unknown; `is_for_another`: none of `marks` is kept with it."""
        self._gate, self._is_overridden, self._tell = gate, is_overridden, tell
        self._is_for_another = is_for_another
        for name in (KEY_GATE, ACCOUNT_GATE, OWNER_GATE):
            gate.close(name, f"the {name} was not looked at yet")

    def marks(self) -> frozenset[str]:
        """What is known of the account that the key opens; never the key itself."""
        access = self.access
        name = hashlib.sha256(f"{access.exchange_id}\x1f{access.api_key}".encode()).hexdigest()[:24]
        return frozenset({f"key:{name}", *([f"id:{self._owner_id}"] if self._owner_id else [])})

    async def keep_watch(self) -> None:
        """Looks at whatever is due, sets the gate by what is known and tells what changed. Raises
        `JournalError`."""
        now = self._clock.now()
        if self._key_due is None or now >= self._key_due:
            await self.look_at_key()
        if self._account_due is None or now >= self._account_due:
            await self.look_at_account()
        self.judge()
        await self._tell_changes()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not stop trading and should be mended: an end of the key, a missing list of addresses."""
        return self.key.reasons if self.key is not None and self.key.verdict is KeyVerdict.WARN else ()

    def _troubles(self) -> dict[str, str]:
        return {
            KEY_GATE: self._against_key(),
            ACCOUNT_GATE: self._against_account(),
            OWNER_GATE: ANOTHER if self._is_for_another() else "",
        }

    async def _tell_changes(self) -> None:
        if self._tell is None:
            return
        for name, trouble in self._troubles().items():
            if trouble == self._told.get(name, ""):
                continue
            text = f"Entries are stopped: {trouble}." if trouble else f"The {name} is as it must be again."
            await self._tell(f"live:{name}:{self._clock.now().isoformat()}", text)
            self._told[name] = trouble

    def judge(self) -> None:
        """Sets the gate by what is known now."""
        if self._gate is None:
            return
        until = self.venue.silent_until
        ban = f"the exchange asked for silence until {until:%H:%M:%S} UTC" if until is not None else ""
        for name, trouble in {**self._troubles(), BAN_GATE: ban}.items():
            if trouble:
                self._gate.close(name, trouble)
            else:
                self._gate.open(name)

    def never(self) -> tuple[str, ...]:
        """What no typed sentence goes past."""
        found: list[str] = []
        if self.key is not None and self.key.verdict is KeyVerdict.REFUSE:
            found += self.key.reasons
        if self.account is not None:
            found += self.account.obstacles
        return tuple(found)

    async def look_at_key(self) -> KeyReport:
        now = self._clock.now()
        seen = await look_at_key(self.venue)
        is_unknown = seen.verdict is KeyVerdict.UNKNOWN
        if is_unknown and self._is_testnet:  # play money; and testnets cannot tell
            seen = KeyReport(KeyVerdict.WARN, seen.reasons, seen.expires_at, seen.owner_id)
        self._owner_id = seen.owner_id or self._owner_id
        is_well = seen.verdict in (KeyVerdict.FINE, KeyVerdict.WARN) and not is_unknown
        self._key_due = now + (KEY_EVERY if is_well else AGAIN_AFTER)
        if not is_unknown or self.key is None or self._is_old(now):
            self.key = seen
            self._key_at = now
        if seen.verdict is not KeyVerdict.FINE:
            log.warning("key: verdict=%s why=%s", seen.verdict.value, "; ".join(seen.reasons))
        return seen

    async def look_at_account(self) -> AccountReport | None:
        """None when it could not be read; what is known of it stays then."""
        now = self._clock.now()
        try:
            self.account = await look_at_account(self.venue)
        except PerpilotError as error:
            log.warning("account modes unknown: error=%s", error)
            self._account_due = now + AGAIN_AFTER
            return None
        self._account_due = now + (AGAIN_AFTER if self.account.obstacles else ACCOUNT_EVERY)
        return self.account

    async def mend_account(self, by: str) -> Tap:
        """Sets the modes that the bot needs; only while flat, after a person said so."""
        try:
            self.account = await mend(self.venue)
        except PerpilotError as error:
            return Tap(False, f"Nothing was changed: {error}.")
        log.warning("account modes set: by=%s", by)
        self.judge()
        return Tap(True, "The account is set to one-way mode and isolated margin, and was read back.")

    async def doctor_lines(self) -> list[DoctorLine]:
        """Looks afresh; the gate follows what is seen."""
        key, account = await self.look_at_key(), await self.look_at_account()
        self.judge()
        return [*key_lines(key), *account_lines(account)]

    def health(self) -> ComponentHealth:
        return self.venue.health()

    def _is_old(self, now: datetime) -> bool:
        return self._key_at is None or now - self._key_at > KEY_HOLDS

    def _against_key(self) -> str:
        if self.key is None:
            return "the exchange key was not looked at yet"
        why = "; ".join(self.key.reasons)
        match self.key.verdict:
            case KeyVerdict.REFUSE:
                return f"the exchange key is refused: {why}"
            case KeyVerdict.UNKNOWN if not self._is_overridden():
                return f"what the exchange key may do is unknown: {why}"
            case _:
                return ""

    def _against_account(self) -> str:
        if self.account is None:
            return "how the account is set is not known yet"
        return "; ".join(self.account.obstacles)


def key_lines(key: KeyReport) -> Iterator[DoctorLine]:
    """What the key may do: a refusal and an unknown are needed for live, a warning is not."""
    if key.verdict is KeyVerdict.FINE:
        yield DoctorLine(True, True, "key", "may trade contracts and cannot take money out")
        return
    is_needed = key.verdict in (KeyVerdict.REFUSE, KeyVerdict.UNKNOWN)
    for reason in key.reasons:
        text, _, mend_words = reason.partition(": ")
        yield DoctorLine(False, is_needed, "key", text, mend_words)


def account_lines(account: AccountReport | None) -> Iterator[DoctorLine]:
    if account is None:
        mend_words = "check the key and the network"
        yield DoctorLine(False, True, "account", "how it is set could not be read", mend_words)
        return
    for obstacle in account.obstacles:
        text, _, mend_words = obstacle.partition("; ")
        yield DoctorLine(False, True, "account", text, mend_words, account.can_be_mended)
    if not account.obstacles:
        yield DoctorLine(True, True, "account", "one-way mode, isolated margin can be set")


def exchange_health(
    market: CcxtMarket, live: LiveSide | None, streams: LiveStreams | None
) -> ComponentHealth:
    """The market's, and of a live account the worst of that, its own connection and its streams."""
    shown = market.health()
    if live is None or streams is None:
        return shown
    account, hints = live.health(), streams.health()
    parts = (("", shown), ("account: ", account), ("streams: ", hints))
    worst = max((each.state for _, each in parts), key=_badness)
    told = "; ".join(f"{name}{each.detail}" for name, each in parts if _badness(each.state) and each.detail)
    more = {**shown.more, "account": account.state, "streams": {"state": hints.state, **hints.more}}
    return ComponentHealth("ok" if worst == "unused" else worst, told, shown.age_s, more)


def _badness(state: str) -> int:
    return {"degraded": 1, "down": 2}.get(state, 0)
