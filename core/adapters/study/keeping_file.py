"""A study as a file: one line for what it was begun with, then one for each finished set, only ever appended.

Laws:
- A line is handed to the system as soon as its set is finished and forced to the disk every second: a killed
  process loses nothing, a power cut at most a second.
- The last line may be torn and is cut off then; any other line that can't be read stops everything.
- One process at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from core.adapters.study.keeping import (
    FORMAT,
    Claim,
    Claims,
    Fingerprint,
    record_of,
    record_text,
    require_same,
)
from core.backtest.search_play import Tried
from core.backtest.search_space import BadSearch, ValueSet

FORCED_EVERY_S: Final = 1.0
PATIENCE_S: Final = 3.0
"""For the workers of a killed search to notice and let go of the file."""


class FileKeeper:
    """Raises `BadSearch` when the file is another study's, in use, or can't be read or written."""

    is_shared = False

    def __init__(
        self, path: Path, study: str, fingerprint: Fingerprint, *, patience_s: float = PATIENCE_S
    ) -> None:
        self.path, self._patience_s = path, patience_s
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise BadSearch(f"the study {path} can't be opened: {error.strerror}") from error
        self._forced_s = time.monotonic()
        try:
            self._lock()
            self._known = self._load(study, fingerprint)
        except (BadSearch, OSError) as error:
            os.close(self._file)
            if isinstance(error, OSError):
                raise BadSearch(f"the study {path} can't be read: {error.strerror}") from error
            raise
        self._next = {
            fold: max(one.number for one in found) + 1 for fold, found in self._known.items() if found
        }
        self._counts = {fold: len(found) for fold, found in self._known.items()}

    def _lock(self) -> None:
        until = time.monotonic() + self._patience_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if time.monotonic() >= until:
                    raise BadSearch(
                        f"the study {self.path} is being searched by another process: wait for it, give "
                        "another --study, or share one through --storage postgresql://…"
                    ) from None
            time.sleep(0.05)

    def _load(self, study: str, fingerprint: Fingerprint) -> dict[int, list[Tried]]:
        """What is there, after a torn end was cut off; nothing of another's file is touched."""
        head = json.dumps(
            {"perpilot_study": FORMAT, "name": study, "begun_with": fingerprint},
            sort_keys=True,
            allow_nan=False,
        )
        written = self.path.read_bytes()
        whole, _, torn = written.rpartition(b"\n")
        if not whole and head.encode().startswith(torn):
            os.ftruncate(self._file, 0)
            self._write(head)
            return {}
        lines = (whole or torn).decode("utf-8", errors="replace").split("\n")
        require_same(study, self._begun_with(lines[0]), json.loads(json.dumps(fingerprint)))
        found = self._records(lines)
        os.ftruncate(self._file, len(written) - len(torn))
        return found

    def _records(self, lines: Sequence[str]) -> dict[int, list[Tried]]:
        found: dict[int, list[Tried]] = {}
        for row, line in enumerate(lines[1:], start=2):
            try:
                fold, tried = record_of(line)
            except ValueError:
                raise BadSearch(
                    f"{self.path} line {row} is no record of a search: move the file away, or give another "
                    "--study"
                ) from None
            found.setdefault(fold, []).append(tried)
        return found

    def _begun_with(self, line: str) -> Fingerprint:
        try:
            head = json.loads(line)
        except ValueError:
            head = None
        if not isinstance(head, dict) or head.get("perpilot_study") != FORMAT:
            raise BadSearch(f"{self.path} is no study of this program: give another --storage or --study")
        begun: Fingerprint = head["begun_with"]
        return begun

    def news(self, fold: int) -> list[Tried]:
        return self._known.pop(fold, [])

    def claim(self, fold: int, proposed: Sequence[ValueSet], most: int) -> Claims:
        room = max(most - self._counts.get(fold, 0), 0)
        first = self._next.get(fold, 0)
        granted = [Claim(first + place, values) for place, values in enumerate(proposed[:room])]
        self._next[fold] = first + len(granted)
        self._counts[fold] = self._counts.get(fold, 0) + len(granted)
        return Claims(granted, self._counts[fold] >= most)

    def orphans(self, fold: int) -> list[Claim]:
        return []

    def put(self, fold: int, found: Sequence[Tried]) -> list[Tried]:
        if found:
            self._write("\n".join(record_text(fold, one) for one in found))
        return list(found)

    def is_busy(self, fold: int) -> bool:
        return False

    def close(self) -> None:
        os.fsync(self._file)
        os.close(self._file)

    def _write(self, text: str) -> None:
        rest = f"{text}\n".encode()
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            if time.monotonic() - self._forced_s >= FORCED_EVERY_S:
                os.fsync(self._file)
                self._forced_s = time.monotonic()
        except OSError as error:
            raise BadSearch(f"the study {self.path} can't be written: {error.strerror}") from error
