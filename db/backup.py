"""Copies of a live SQLite file by its online backup API: whole, consistent, for this user alone."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from core.errors import JournalError

KEPT = 7


def back_up(source: Path, folder: Path, day: date, kept: int = KEPT) -> Path:
    """The day's copy in `folder`; an earlier one of the same day is replaced, and the newest `kept` stay.

    Blocks for as long as the disk needs, so it is run in a thread. Writers of the source don't wait for it.
    Raises `JournalError`.
    """
    copy = folder / f"{source.stem}-{day.isoformat()}.db"
    copy_sqlite(source, copy)
    for old in sorted(folder.glob(f"{source.stem}-????-??-??.db"))[:-kept]:
        old.unlink(missing_ok=True)
    return copy


def copy_sqlite(source: Path, copy: Path) -> None:
    """`copy` appears complete and checked, or stays as it was. Raises `JournalError`."""
    draft = copy.with_name(copy.name + ".part")
    try:
        if not source.is_file():
            raise JournalError(f"there is no database {source} to copy")
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        _copy_into(source, draft)
        draft.replace(copy)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(
            f"the backup {copy} could not be made ({type(error).__name__});"
            " check that its folder may be written and its disk has room"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _copy_into(source: Path, draft: Path) -> None:
    original = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
    with closing(original), closing(sqlite3.connect(draft)) as target:
        original.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, readable anywhere
        if target.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise JournalError(f"the database {source} is damaged; its copy was not kept")
    with draft.open("rb") as written:
        os.fsync(written.fileno())
