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
from core.errors import AlreadyRunning, PerpilotError
from core.journal import HouseJournal
from core.ports import Clock

LOCK_NAME = "perpilot.lock"


class LockFile:
    """Held until the process ends, however it ends; its text names the holder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def take(self, owner: str) -> None:
        """Raises `AlreadyRunning`, naming the holder, or `PerpilotError` where no file can be."""
        import fcntl

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = self._path.open("a+", encoding="utf-8")
        except OSError as error:
            why = error.strerror or type(error).__name__
            text = f"The lock file {self._path} can't be written ({why}): make its folder writable."
            raise PerpilotError(text) from None
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

    @property
    def is_held(self) -> bool:
        """Whether a process holds it now; an unreadable file is held by nobody we could ask."""
        import fcntl

        try:
            with self._path.open(encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def place_name() -> str:
    """The lease's holder: where a restart would come from."""
    return f"the bot on {socket.gethostname()} in {Path.cwd()}"


def process_name() -> str:
    """The lock file's holder."""
    return f"process {os.getpid()} on {socket.gethostname()} in {Path.cwd()}"


def token_lock(token: str, api_url: str, directory: Path) -> LockFile:
    """The lock of one bot (a token at its server) on this machine; the token itself is not in the name."""
    digest = hashlib.sha256(f"{token} {api_url}".encode()).hexdigest()[:16]
    return LockFile(directory / f"perpilot-{os.getuid()}-{digest}.lock")


async def take_lease(journal: HouseJournal, owner: str, clock: Clock) -> int:
    """The fencing number. Raises `AlreadyRunning` while another place holds the database."""
    try:
        return await journal.acquire_lease(LEASE, owner, clock.now(), LEASE_TTL_S)
    except AlreadyRunning as error:
        text = f"{error} If it died, its lease runs out within {LEASE_TTL_S:.0f} s."
        raise AlreadyRunning(text) from None
