"""What a key may do, and whether it may trade live.

Laws:
- A key that can take money out is refused: whoever steals it, or this machine, could.
- A look that failed proves nothing: UNKNOWN, never allowed.
- What the venue did not say is not read as "no".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from core.adapters.exchange.dialects import Raw
from core.adapters.exchange.venue import CcxtVenue, readable
from core.errors import NotAllowed, Throttled, Unknown
from core.market import from_ms

EXPIRES_SOON: Final = timedelta(days=14)


class KeyVerdict(StrEnum):
    FINE = "fine"
    WARN = "warn"
    REFUSE = "refuse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KeyReport:
    verdict: KeyVerdict
    reasons: tuple[str, ...]
    """Why, the gravest first; each a sentence with what to do."""
    expires_at: datetime | None = None
    """None: never, or not told."""
    owner_id: str = ""
    """The account's id as the venue tells it with the key; empty: it tells none (Binance), or not now."""


@dataclass(slots=True)
class _Findings:
    refuse: list[str]
    unknown: list[str]
    warn: list[str]
    expires_at: datetime | None = None
    owner_id: str = ""


async def look_at_key(venue: CcxtVenue) -> KeyReport:
    """Never raises for what the venue answered; `NotAllowed` by the venue is a refusal."""
    try:
        facts = await readable("key", venue.dialect.key_facts(venue.urgency))
    except NotAllowed as error:
        mend = "check the key, its secret, its rights and the addresses it is bound to"
        return KeyReport(KeyVerdict.REFUSE, (f"the exchange refuses this key: {mend} ({error})",))
    except (Unknown, Throttled) as error:
        return KeyReport(KeyVerdict.UNKNOWN, (f"the key's permissions could not be read: {error}",))
    return judge_key(venue.exchange_id, facts, venue.line.clock.now())


def judge_key(exchange_id: str, facts: Raw, now: datetime) -> KeyReport:
    """`facts` are the venue's own row about the key."""
    found = _Findings([], [], [])
    try:
        _JUDGES[exchange_id](facts, found)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        found.unknown.append("the key's permissions came in a shape that can't be read")
    if found.expires_at is not None and found.expires_at <= now + EXPIRES_SOON:
        found.warn.append(f"the key ends on {found.expires_at:%Y-%m-%d}: make a new one before that day")
    verdict = (
        KeyVerdict.REFUSE
        if found.refuse
        else KeyVerdict.UNKNOWN
        if found.unknown
        else KeyVerdict.WARN
        if found.warn
        else KeyVerdict.FINE
    )
    return KeyReport(verdict, (*found.refuse, *found.unknown, *found.warn), found.expires_at, found.owner_id)


def _binance(facts: Raw, found: _Findings) -> None:
    for key, words in (
        ("enableWithdrawals", "withdraw: switch withdrawals off for it"),
        ("enableInternalTransfer", "send money to other users: switch internal transfer off for it"),
    ):
        _forbidden(facts, key, f"the key may {words}", found)
    futures = _flag(facts, "enableFutures", found)
    if futures is False:
        found.refuse.append("the key may not trade futures: switch futures on for it")
    if _flag(facts, "ipRestrict", found) is False:
        found.warn.append("the key works from every address: restrict it to this machine's IP")
    if facts.get("permitsUniversalTransfer") is True:
        found.warn.append(
            "the key may move money between the account's wallets: switch universal transfer off"
        )
    ends = facts.get("tradingAuthorityExpirationTime")
    if ends not in (None, "", 0, "0"):
        found.expires_at = from_ms(int(ends))


def _bybit(facts: Raw, found: _Findings) -> None:
    found.owner_id = str(facts.get("userID") or "")
    permissions = facts["permissions"]
    wallet = permissions["Wallet"]
    for right, words in (("Withdraw", "withdraw"), ("SubMemberTransfer", "send money to sub-accounts")):
        if right in wallet:
            found.refuse.append(f"the key may {words}: make one without the wallet right {right}")
    if str(facts["readOnly"]) not in ("0", "1"):
        raise ValueError("readOnly")
    if str(facts["readOnly"]) == "1":
        found.refuse.append("the key is read-only: make one that may trade contracts")
    elif not {"Order", "Position"} <= set(permissions["ContractTrade"]):
        found.refuse.append("the key may not trade contracts: give it orders and positions")
    if "AccountTransfer" in wallet:
        found.warn.append("the key may move money between the account's wallets: take AccountTransfer off")
    if not [each for each in facts.get("ips") or [] if each != "*"]:
        found.warn.append("the key works from every address and ends after 90 days: restrict it to an IP")
    if facts.get("expiredAt"):
        found.expires_at = datetime.fromisoformat(str(facts["expiredAt"]).replace("Z", "+00:00"))


def _okx(facts: Raw, found: _Findings) -> None:
    found.owner_id = str(facts.get("uid") or "")
    rights = {right.strip() for right in str(facts["perm"]).split(",") if right.strip()}
    if not rights:
        raise ValueError("perm")
    if "withdraw" in rights:
        found.refuse.append("the key may withdraw: make one with the rights read and trade only")
    if "trade" not in rights:
        found.refuse.append("the key may not trade: make one with the rights read and trade")
    if not str(facts.get("ip") or ""):
        found.warn.append("the key works from every address and ends after 14 idle days: bind it to an IP")


_JUDGES: Final[Mapping[str, Callable[[Any, _Findings], None]]] = {
    "binanceusdm": _binance,
    "bybit": _bybit,
    "okx": _okx,
}


def _flag(facts: Raw, key: str, found: _Findings) -> bool | None:
    value = facts.get(key)
    if isinstance(value, bool):
        return value
    found.unknown.append(f"the exchange did not say {key} of the key")
    return None


def _forbidden(facts: Raw, key: str, words: str, found: _Findings) -> None:
    if _flag(facts, key, found) is True:
        found.refuse.append(words)
