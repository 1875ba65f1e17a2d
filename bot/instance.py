"""One bot per database and per machine's token: a lock file here, a lease in the database.

The lease belongs to a place (machine and folder), the lock file to a process in it: whoever restarts in the
same place goes on at once, and everybody else is refused until the lease runs out.
"""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path
from typing import TextIO

from bot.house import LEASE, LEASE_TTL_S
from core.errors import AlreadyRunning
from core.journal import HouseJournal
from core.ports import Clock


class LockFile:
    """Held until the process ends, however it ends; its text names the holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def take(self, owner: str) -> None:
        """Raises `AlreadyRunning`, naming the holder."""
        import fcntl

        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read(200).strip() or "another process"
            file.close()
            raise AlreadyRunning(f"Perpilot is running already: {holder}. Stop it first.") from None
        file.truncate(0)
        file.write(owner)
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def place_name() -> str:
    """The lease's holder: where a restart would come from."""
    return f"the bot on {socket.gethostname()} in {Path.cwd()}"


def process_name() -> str:
    """The lock file's holder."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def token_lock(token: str, directory: Path) -> LockFile:
    """The lock of one Telegram token on this machine; the token itself is not in the name."""
    digest = hashlib.sha256(token.encode()).hexdigest()[:16]
    return LockFile(directory / f"perpilot-{os.getuid()}-{digest}.lock")


async def take_lease(journal: HouseJournal, owner: str, clock: Clock) -> int:
    """The fencing number. Raises `AlreadyRunning` while another place holds the database."""
    try:
        return await journal.acquire_lease(LEASE, owner, clock.now(), LEASE_TTL_S)
    except AlreadyRunning as error:
        text = f"{error} If it died, its lease runs out within {LEASE_TTL_S:.0f} s."
        raise AlreadyRunning(text) from None
