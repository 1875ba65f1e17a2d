"""Whether live trading is armed and how much it may count on, as the journal has it; it holds the entry gate.

Laws:
- A live start is disarmed: the gate is closed before anything runs, and opens only for an arming that was
  read from the journal or just written to it.
- What could not be read, or may not have been written, is unknown: closed, and the cap counts as 0, until it
  was read again.
- The newest arming holds at once, a lowered cap like a raised one.
- It holds for the account that was armed, not for whichever the key opens: kept with it are marks of that
  account, and one of them must be the present key's. They are kept after the arming: a crash in between
  leaves it to be confirmed again.
- Only entries are closed by it. Guarding never asks.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from core.errors import JournalError
from core.journal import Arming, ReadinessJournal
from core.money import ZERO
from core.ports import Blobs
from core.risk import arming
from core.trading.entries import EntryGate

log = logging.getLogger("perpilot.arming")

GATE = "disarmed"
DISARMED = "live trading is not armed: /golive"
UNREAD = "whether live trading is armed could not be read"


class ArmingJournal(ReadinessJournal, Blobs, Protocol):
    """The parts of the journal that an arming and its marks are kept in."""


class LiveArming:
    """One live account's. Made before the trading core, whose sizes ask `capital`; then `hold` its gate and
    `read`."""

    def __init__(
        self,
        journal: ArmingJournal,
        account: str,
        start_cap: Callable[[], Decimal],
        marks: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        """`start_cap`: LIVE_CAPITAL_CAP, with which an unarmed account would begin. `marks`: what is known
        of the account that the key opens; None where accounts are not told apart."""
        self._journal = journal
        self._account = account
        self._start_cap = start_cap
        self._marks = marks
        self._bound: frozenset[str] = frozenset()
        """Marks of the account that was armed; empty: never kept."""
        self._gate: EntryGate | None = None
        self._latest: Arming | None = None
        self._is_known = False
        self._turn = 0
        """Counts what was learned: a slow read is not believed over a later writing."""

    @property
    def latest(self) -> Arming | None:
        """None: not armed, or unknown."""
        return self._latest

    @property
    def is_known(self) -> bool:
        return self._is_known

    def capital(self) -> Decimal:
        """USDT that trading may count on. Unarmed, what it would begin with: nothing is entered then, and
        what is shown is how it would be. 0 while unknown."""
        if not self._is_known:
            return ZERO
        return self._latest.cap if self._latest is not None else self._start_cap()

    def overrides_unknown_key(self) -> bool:
        """The newest arming went past a key whose rights are unknown."""
        return arming.overrides_unknown_key(self._latest)

    @property
    def is_for_another(self) -> bool:
        """It is armed, and nothing shows that the key opens the account that was armed."""
        if self._latest is None or self._marks is None:
            return False
        return not self._bound & self._marks()

    async def bind(self) -> None:
        """What was armed just now is the account of the present key. Raises `JournalError`."""
        if self._marks is not None:
            marks = self._marks()
            await self._journal.save(self._name, json.dumps(sorted(marks)))
            self._bound = marks

    @property
    def _name(self) -> str:
        return f"armed:{self._account}"

    async def _kept(self) -> frozenset[str]:
        """Raises `JournalError`. What cannot be understood proves nothing."""
        text = await self._journal.load(self._name) if self._marks is not None else None
        try:
            found = json.loads(text) if text is not None else []
        except ValueError:
            found = []
        return (
            frozenset(each for each in found if isinstance(each, str))
            if isinstance(found, list)
            else frozenset()
        )

    def hold(self, gate: EntryGate) -> None:
        """Closes it at once where nothing is armed."""
        self._gate = gate
        self._set_gate()

    async def read(self) -> None:
        """Raises nothing: what cannot be read keeps entries closed."""
        turn = self._turn
        try:
            bound = await self._kept()
            found = await self._journal.armings(self._account)
        except JournalError as error:
            log.warning("arming unknown: account=%s error=%s", self._account, error)
            if turn == self._turn:
                self.doubt()
            return
        if turn == self._turn:
            self._bound = bound
            self.note(found[-1] if found else None)

    async def settle(self) -> None:
        """Reads again while it is unknown."""
        if not self._is_known:
            await self.read()

    def note(self, latest: Arming | None) -> None:
        """As it was just read, or written."""
        self._latest, self._is_known, self._turn = latest, True, self._turn + 1
        self._set_gate()

    def doubt(self) -> None:
        """It could not be read, or it is unknown whether it was written."""
        self._latest, self._is_known, self._turn = None, False, self._turn + 1
        self._set_gate()

    def closed_words(self) -> str:
        """Why entries are closed now; empty when they are open."""
        return self._gate.text if self._gate is not None else DISARMED

    def _set_gate(self) -> None:
        if self._gate is None:
            return
        if self._latest is not None:
            self._gate.open(GATE)
        else:
            self._gate.close(GATE, DISARMED if self._is_known else UNREAD)
