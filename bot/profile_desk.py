"""Profiles of a parameter search in the chat: shown with their evidence, adopted whole, taken back.

Laws:
- What is adopted is what was shown, all of it in one transaction or nothing.
- A profile goes through the same rules as a change typed in the chat: what can't be changed there (paper
  trading, the mode, keys, files of one's own) can't come in by a profile, and the stricter of environment and
  chat holds.
- Going back restores what the chat said before, of settings that were not changed since.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bot.book import SettingsBook
from bot.setting_changes import STRATEGIES, Proposals
from bot.settings import Settings
from bot.settings_strategies import write_parts
from bot.tuned_profile import PROFILES_DIR, BadProfile, TunedProfile, profile_names, read_profile
from core.desk import Tap
from core.market import SCAN_TIMEFRAMES, coin
from core.money import ONE
from core.ports import Blobs
from core.profile_views import Evidence, ProfileRow, ProfileView
from core.strategy_use import SUFFIX, StrategyPart

log = logging.getLogger("perpilot.profiles")

HOLDS: Final = "holds"
"""`holding` in the evidence of a search whose choice was confirmed by what followed."""
BACK: Final = "back"
MOST_LISTED: Final = 20
MOST_FIGURES: Final = 12
FIGURES: Final = {
    "trades": ("trades", ",.0f"),
    "days": ("days", ",.0f"),
    "monthly": ("30 days", "+,.2%"),
    "return_share": ("in all", "+,.2%"),
    "net": ("net USDT", "+,.2f"),
    "drawdown": ("drawdown", ".2%"),
    "expectancy_r": ("mean R", "+,.2f"),
    "profit_factor": ("profit factor", ",.2f"),
    "sharpe": ("Sharpe", "+,.2f"),
    "sortino": ("Sortino", "+,.2f"),
    "calmar": ("Calmar", "+,.2f"),
}
"""Of a profile: its words and shape, in the order of the card; another figure stands under its own name."""
MARK_DIGITS: Final = 16
NA: Final = "n/a"


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a profile, or the way back, asks for."""

    name: str
    changes: Mapping[str, str | None]
    refusals: tuple[str, ...]
    evidence: Evidence | None
    notes: tuple[str, ...] = ()


class ProfileDesk:
    def __init__(self, book: SettingsBook, blobs: Blobs, account: str, folder: Path = PROFILES_DIR) -> None:
        self._book = book
        self._blobs = blobs
        self._memory = f"profile:{account}"
        """Name of the text that says how to go back."""
        self._folder = folder

    async def rows(self) -> tuple[ProfileRow, ...]:
        """Those in the folder; a file that can't be used says why."""
        names = await asyncio.to_thread(profile_names, self._folder)
        return tuple([await self._row(name) for name in names[:MOST_LISTED]])

    async def _row(self, name: str) -> ProfileRow:
        try:
            profile = await self._read(name)
        except BadProfile as error:
            return ProfileRow(name, str(error), is_usable=False)
        words = f"{profile.strategy} {profile.timeframe}, {profile.made_at[:10]}: {_verdict(profile)}"
        return ProfileRow(name, words, is_usable=True)

    async def view(self, name: str, equity: Decimal | None) -> ProfileView:
        """`back`: the way back. Raises `BadProfile` where there is no such profile."""
        wish = await self._wish(name)
        return _view(wish, self._book.propose_all(wish.changes, equity))

    async def adopt(self, name: str, mark: str, by: str) -> Tap:
        """`mark`: of the view that was confirmed."""
        wish = await self._wish(name)
        if wish.refusals:
            return Tap(False, wish.refusals[0])
        before = self._book.settings

        def kept(found: Proposals) -> tuple[str, str]:
            return self._memory, "" if name == BACK else _memory_of(wish, found, before)

        def is_as_shown(found: Proposals) -> bool:
            return bool(found.changes) and _mark(wish, found) == mark

        found = await self._book.change_all(wish.changes, is_as_shown, by, kept)
        if found.refusals:
            return Tap(False, "; ".join(found.refusals))
        if self._book.settings is before:
            return Tap(False, "What it would change is no longer what was shown: look at it again.")
        told = ", ".join(f"{one.name} {one.old} → {one.new}" for one in found.changes)
        log.info("profile adopted: name=%s by=%s changes=%s", name, by, told)
        return Tap(True, f"{_title(name)}: {told}.")

    async def _wish(self, name: str) -> _Wish:
        if name == BACK:
            return await self._way_back()
        profile = await self._read(name)
        changes: dict[str, str | None] = {key.strip().upper(): text for key, text in profile.settings.items()}
        text, refusal = strategy_text(profile, self._book.settings)
        if STRATEGIES in changes:
            refusal = refusal or f"its settings name {STRATEGIES}, which its strategy decides"
        notes = _symbol_notes(profile, self._book.settings)
        if text and text == self._book.settings.shown(STRATEGIES):
            notes += (f"{STRATEGIES} is {text} already",)
        elif text:
            changes[STRATEGIES] = text
        return _Wish(name, changes, (refusal,) if refusal else (), _evidence(profile), notes)

    async def _read(self, name: str) -> TunedProfile:
        if name == BACK:
            raise BadProfile(f"a profile can't be named {BACK}: that is the way back; rename its file")
        return await asyncio.to_thread(read_profile, name, self._folder)

    async def _way_back(self) -> _Wish:
        kept = json.loads(await self._blobs.load(self._memory) or "{}")
        if not kept:
            raise BadProfile("no profile was adopted, so there is nothing to go back to")
        chat, was, then = self._book.settings.chat, kept["was"], kept["set"]
        since = [name for name in was if chat.get(name) != then[name]]
        changes = {name: text for name, text in was.items() if name not in since}
        notes = tuple(f"{name} was changed since and stays as it is" for name in since)
        return _Wish(BACK, changes, (), None, (f"Before the profile {kept['profile']}.", *notes))


def strategy_text(profile: TunedProfile, settings: Settings) -> tuple[str, str]:
    """What STRATEGIES becomes, or else why the profile's strategy can't be taken over."""
    if SUFFIX in profile.strategy:
        return "", (
            f"it is of {profile.strategy}, your own code: only STRATEGIES in the environment may name a file"
        )
    if profile.timeframe not in SCAN_TIMEFRAMES:
        frames = ", ".join(SCAN_TIMEFRAMES)
        return "", f"it is of {profile.timeframe} bars, and strategies in live use read {frames}"
    given = tuple((name, number_text(value)) for name, value in sorted(profile.parameters.items()))
    tuned = StrategyPart("", profile.strategy, given, profile.timeframe, ONE)
    parts = list(settings.strategies)
    alike = [n for n, part in enumerate(parts) if _kind(part) == _kind(tuned)]
    if len(alike) > 1:
        return (
            "",
            f"STRATEGIES runs {profile.strategy}@{profile.timeframe} {len(alike)} times: which is meant?",
        )
    if parts and not alike:
        return "", (
            f"STRATEGIES runs {settings.shown(STRATEGIES)}, and the profile is of {profile.strategy}"
            f"@{profile.timeframe}: name that one in STRATEGIES first"
        )
    if alike:
        tuned = StrategyPart("", tuned.strategy, given, tuned.timeframe, parts[alike[0]].share)
        parts[alike[0]] = tuned
    return write_parts(tuple(parts) if alike else (tuned,)), ""


def _kind(part: StrategyPart) -> tuple[str, str]:
    return part.strategy, part.timeframe


def number_text(value: float) -> str:
    """As a setting takes it; a whole number without a point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _view(wish: _Wish, found: Proposals) -> ProfileView:
    return ProfileView(
        name=wish.name,
        evidence=wish.evidence,
        changes=found.changes,
        notes=(*wish.notes, *found.notes),
        refusals=(*wish.refusals, *found.refusals),
        effect=found.effect,
        raises_risk=found.raises_risk,
        mark=_mark(wish, found),
    )


def _mark(wish: _Wish, found: Proposals) -> str:
    """Of the profile and of what it changes; the money of the moment plays no part."""
    rows = [(one.name, one.old, one.new) for one in found.changes]
    text = json.dumps([wish.name, dict(wish.changes), rows], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:MARK_DIGITS]


def _memory_of(wish: _Wish, found: Proposals, before: Settings) -> str:
    """How to go back: what the chat said before, by setting that changes; null where it said nothing."""
    names = [one.name for one in found.changes]
    was = {name: before.chat.get(name) for name in names}
    now = {name: (wish.changes[name] or "").strip() for name in names}
    return json.dumps({"profile": wish.name, "was": was, "set": now}, sort_keys=True)


def _title(name: str) -> str:
    return "Back to what was before" if name == BACK else f"Profile {name} adopted"


def _evidence(profile: TunedProfile) -> Evidence:
    inside, outside = (_table(profile.evidence.get(key)) for key in ("in_sample", "out_of_sample"))
    named = {*inside, *outside}
    names = [*(name for name in FIGURES if name in named), *sorted(named - FIGURES.keys())][:MOST_FIGURES]
    tried = profile.evidence.get("tried")
    given = ", ".join(f"{name}={value:g}" for name, value in sorted(profile.parameters.items()))
    return Evidence(
        made_at=profile.made_at,
        strategy=f"{profile.strategy}({given})",
        timeframe=profile.timeframe,
        symbols=profile.symbols,
        tried=f"{tried:,}" if isinstance(tried, int) else "unknown",
        verdict=_verdict(profile),
        holds=profile.evidence.get("holding") == HOLDS,
        figures=tuple(_figures_of(name, inside.get(name), outside.get(name)) for name in names),
    )


def _verdict(profile: TunedProfile) -> str:
    return str(profile.evidence["verdict"])


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _figures_of(name: str, inside: object, outside: object) -> tuple[str, str, str]:
    words, shape = FIGURES.get(name, (name, ",.4g"))
    return words, _figure(inside, shape), _figure(outside, shape)


def _figure(value: object, shape: str) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format(value, shape) if is_number else NA


def _symbol_notes(profile: TunedProfile, settings: Settings) -> tuple[str, ...]:
    """Where it was not searched on what is traded."""
    traded = settings.symbols.listed
    strange = [coin(symbol) for symbol in traded if symbol not in profile.symbols]
    if not strange:
        return ()
    searched = ", ".join(coin(symbol) for symbol in profile.symbols)
    return (f"Searched on {searched}; nothing is known of {', '.join(strange)}, which SYMBOLS trades.",)
