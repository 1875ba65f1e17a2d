"""Creates or migrates the database named by DATABASE_URL. Rows that are there stay as they are."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from bot.settings import environment, load_settings
from core.errors import PerpilotError
from db.setup import run_setup


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="setup_database.py", description=__doc__)
    parser.add_argument(
        "--url",
        help="another database than DATABASE_URL of the environment or .env, for example"
        " sqlite+aiosqlite:///data/perpilot.db or postgresql://user:password@host/name",
    )
    given = parser.parse_args(arguments)
    try:
        environ = environment() | ({"DATABASE_URL": given.url} if given.url is not None else {})
        url = load_settings(environ, uses={"storage"}).database_url
    except PerpilotError as error:
        print(f"❌ settings: {error}")
        return 1
    return 0 if asyncio.run(run_setup(url, print)) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our lines, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
