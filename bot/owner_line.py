"""Whether the owner can be reached, and whether we are alone with the bot's token. Both hold entries.

Laws:
- A short outage changes nothing. Nothing is opened while the owner could not hear of it; guarding never asks.
- With somebody else on the token only what lowers risk is taken, until they have been gone for a while.
- What opens again opens at once, by the answer that proves it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from core.trading.entries import EntryGate

log = logging.getLogger(__name__)

SILENCE_GATE, TOKEN_GATE = "telegram", "token"
SILENCE_S = 1800.0
"""Without any answer of Telegram for this long nothing is opened."""
CONFLICTS, CONFLICTS_WITHIN_S = 3, 60.0
"""So many within so long are no hiccup of a restart."""
GONE_S = 300.0
"""So long without a conflict, and the other program counts as gone."""
PROOF_EVERY_S = 60.0
"""Between two calls that are made only to learn whether the owner can be reached again."""
INTRUDER = "another program uses the bot's Telegram token"


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class OwnerLine:
    """Told by polling and outbox what Telegram answers; holds a gate once it was given one."""

    def __init__(self, silence_s: float = SILENCE_S, now: Callable[[], float] = _loop_time) -> None:
        """`silence_s` 0: an outage of Telegram never closes entries. `now`: seconds of a steady clock."""
        self._silence_s = silence_s
        self._now = now
        self._answered_at: float | None = None
        self._proof_asked_at: float | None = None
        self._refusal = ""
        self._conflicts: deque[float] = deque(maxlen=CONFLICTS)
        self._is_shared = False
        self._gate: EntryGate | None = None
        self._told: dict[str, str] = {}

    def hold(self, gate: EntryGate) -> None:
        """From now on, and once for the time that has passed."""
        self._gate = gate
        if self._answered_at is None:
            self._answered_at = self._now()
        self._set()

    # what is heard

    def answered(self) -> None:
        """Telegram did what it was asked. It says nothing of the chat: one who blocked us is polled all the
        same."""
        self._answered_at = self._now()
        self._set()

    def delivered(self) -> None:
        """Something arrived in the owner's chat."""
        self._refusal = ""
        self.answered()

    def refused(self, why: str) -> None:
        """The owner's chat can't be written to, and waiting will not help."""
        self._refusal = why
        self._set()

    def conflict(self) -> bool:
        """One 409. True when it is the one that makes it certain."""
        self._forget()
        self._conflicts.append(self._now())
        span_s = self._conflicts[-1] - self._conflicts[0]
        return len(self._conflicts) == CONFLICTS and span_s <= CONFLICTS_WITHIN_S and self.shared()

    def shared(self) -> bool:
        """Somebody else surely uses the token. True when that is news."""
        is_news = not self.is_shared
        self._conflicts.append(self._now())
        self._is_shared = True
        self._set()
        return is_news

    # what follows

    @property
    def is_shared(self) -> bool:
        self._forget()
        return self._is_shared

    def _forget(self) -> None:
        if self._is_shared and self._now() - self._conflicts[-1] > GONE_S:
            self._is_shared = False
            self._conflicts.clear()

    @property
    def unreachable(self) -> str:
        """Why the owner can't hear of what would be opened; empty when they can, and for a short outage."""
        if self._refusal:
            return f"the owner can't be told of anything: {self._refusal}"
        silent_s = 0.0 if self._answered_at is None else self._now() - self._answered_at
        if self._silence_s <= 0 or silent_s < self._silence_s:
            return ""
        limit = f"TELEGRAM_SILENCE_MINUTES {self._silence_s / 60:.0f}"
        return f"Telegram has not answered for {silent_s / 60:.0f} min, {limit}"

    def wants_proof(self, is_hearing: bool) -> bool:
        """Whether a call should be made only to see if it is answered; at most one in `PROOF_EVERY_S`.

        `is_hearing`: Telegram is asked all the time anyway, so that only a refusal needs one.
        """
        now = self._now()
        if is_hearing and not self._refusal:
            return False
        if self._proof_asked_at is not None and now - self._proof_asked_at < PROOF_EVERY_S:
            return False
        self._proof_asked_at = now
        return True

    def _set(self) -> None:
        self._hold(SILENCE_GATE, self.unreachable)
        self._hold(TOKEN_GATE, INTRUDER if self.is_shared else "")

    def _hold(self, name: str, why: str) -> None:
        if bool(why) != bool(self._told.get(name)):
            log.log(logging.ERROR if why else logging.INFO, "entries held: by=%s why=%s", name, why or "over")
        self._told[name] = why
        if self._gate is None:
            return
        if why:
            self._gate.close(name, why)
        else:
            self._gate.open(name)
