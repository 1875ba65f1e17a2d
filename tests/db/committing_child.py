"""Run by the kill test: records decisions one by one and says which are acknowledged."""

from __future__ import annotations

import asyncio
import sys

from db.journal import SqlJournal
from db.session import open_database
from db.setup import prepare
from tests.db.samples import NOW, a_decision, a_notice

LIMIT = 100_000


async def main(url: str, first: int) -> None:
    database = open_database(url)
    await prepare(database)
    journal = SqlJournal(database, lambda: NOW)
    for number in range(first, first + LIMIT):
        await journal.record_decisions([a_decision(id=f"d{number}")], None)
        await journal.tell([a_notice(f"n{number}")])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
