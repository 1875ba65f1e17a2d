"""The one table of commands: from it come help, the menu in Telegram and what a viewer may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiogram.filters import Command


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    usage: str
    """Arguments as help shows them; empty for none."""
    words: str
    section: str
    viewer_args: int | None = None
    """How many arguments a viewer may give: None forbids the command, 0 allows it bare."""
    in_menu: bool = True
    alias_of: str = ""

    @property
    def line(self) -> str:
        return f"{self.name} {self.usage}".strip()


LOOKING, IDEAS, TRADING, RESULTS, MACHINE = "Looking", "Ideas", "Trading", "Results", "The machine"

COMMANDS: tuple[Entry, ...] = (
    Entry("start", "", "what this is and the risks", LOOKING, 9),
    Entry("help", "", "every command", LOOKING, 9),
    Entry("status", "", "mode, equity, positions, health", LOOKING, 9),
    Entry("positions", "", "open positions with buttons", LOOKING, 9),
    Entry("chart", "SYMBOL [TIMEFRAME]", "candles as a picture", LOOKING, 9),
    Entry("risk", "", "exposure now, and what could be lost", LOOKING, 9),
    Entry("breakers", "[ack NAME REASON]", "circuit breakers", LOOKING, 0),
    Entry("orders", "", "open orders of both kinds", LOOKING, 9),
    Entry("balance", "", "wallet, margin and what sizing counts on", LOOKING, 9),
    Entry("scan", "", "scan the market now", IDEAS),
    Entry("analyze", "SYMBOL", "ask the advisers about one symbol; never trades", IDEAS),
    Entry("why", "[SYMBOL]", "why the last scan ended as it did", IDEAS, 9),
    Entry("long", "SYMBOL [1%] [3x] [stop PRICE] [target PRICE]", "propose your own long", IDEAS),
    Entry("short", "SYMBOL [1%] [3x] [stop PRICE] [target PRICE]", "propose your own short", IDEAS),
    Entry("close", "SYMBOL [25|50|100]", "close a position or a part of it", TRADING),
    Entry("stop", "SYMBOL PRICE", "move the stop of a position; adding risk asks twice", TRADING),
    Entry("closeall", "", "close every position", TRADING),
    Entry("pause", "", "no new entries; positions stay guarded", TRADING),
    Entry("resume", "", "allow entries again", TRADING),
    Entry("panic", "", "pause and close everything, two taps", TRADING),
    Entry("mode", "[watch|semi_auto|auto]", "how much I may do alone", TRADING, 0),
    Entry("golive", "[SENTENCE [CAP]]", "checklist and typed sentence before real money", TRADING),
    Entry("metrics", "", "results, net of every cost", RESULTS, 9),
    Entry("readiness", "", "checklist before real money, week by week", RESULTS, 9),
    Entry("daily", "", "today", RESULTS, 9),
    Entry("weekly", "", "this week, from Monday 00:00 UTC", RESULTS, 9),
    Entry("monthly", "", "this month", RESULTS, 9),
    Entry("models", "", "each adviser's record, with how sure it is", RESULTS, 9),
    Entry("costs", "", "what the advisers cost", RESULTS, 9),
    Entry("replay", "ID", "derive a decision again from the journal", RESULTS, 9),
    Entry("backtest", "SYMBOL [DAYS] [STRATEGY]", "play a strategy over past candles", RESULTS),
    Entry("history", "[COUNT]", "closed trades", RESULTS, 9),
    Entry("export", "", "every closed trade as CSV", RESULTS, 9),
    Entry("note", "ID TEXT", "add a line to a trade", RESULTS),
    Entry("config", "[NAME [VALUE]|profile [NAME|back]]", "settings, tuned profiles", MACHINE, 1),
    Entry("sync", "", "compare the journal with the exchange now", MACHINE),
    Entry("doctor", "", "check everything", MACHINE),
    Entry("version", "", "version and uptime", MACHINE, 9),
    Entry("stopbot", "", "same as /pause", TRADING, in_menu=False, alias_of="pause"),
    Entry("startbot", "", "same as /resume", TRADING, in_menu=False, alias_of="resume"),
)

BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in COMMANDS}


def named(*names: str) -> Command:
    """Matches these commands; phones like to capitalise the first letter."""
    return Command(*names, ignore_case=True)


def viewer_may(text: str) -> bool:
    """Whether somebody who may only look may send this; plain words are harmless."""
    words = text.split()
    if not words or not words[0].startswith("/"):
        return True
    name = words[0][1:].partition("@")[0].lower()
    entry = BY_NAME.get(name)
    if entry is None:
        return True  # an unknown command changes nothing and is answered so
    return entry.viewer_args is not None and len(words) - 1 <= entry.viewer_args


def sections(for_owner: bool) -> dict[str, list[tuple[str, str]]]:
    """Help: section → (usage, words)."""
    found: dict[str, list[tuple[str, str]]] = {}
    for entry in COMMANDS:
        if for_owner or entry.viewer_args is not None:
            found.setdefault(entry.section, []).append((entry.line, entry.words))
    return found


def menu(for_owner: bool) -> Sequence[tuple[str, str]]:
    """(command, description) for Telegram's menu."""
    return [
        (entry.name, entry.words)
        for entry in COMMANDS
        if entry.in_menu and (for_owner or entry.viewer_args is not None)
    ]
