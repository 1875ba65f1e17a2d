"""What happens between the entry's answer and the request for its stop, counted: each costs bare time.

How long it takes is measured by `tests/benchmarks/bench_entry_to_stop.py`.
"""

from __future__ import annotations

from collections import Counter

import pytest

from db.session import InlineDatabase
from tests.live.faces import BINANCE, BYBIT, Face
from tests.live.stage import on_stage
from tests.live.watched import Watch, WatchedDatabase, within

ASKED = {
    BINANCE: Counter[str](),
    BYBIT: Counter(
        {
            "GET /v5/position/list": 1,
            "GET /v5/order/realtime": 3,  # the list to its last page, and the entry by its id
            "GET /v5/execution/list": 2,
        }
    ),
}
"""Where the entry brought a stop along there is time for a look; else nothing is asked before the stop."""
MOST_COMMITS = {BINANCE: 2, BYBIT: 3}
"""The entry's outcome beside the stop's intention; with a look, what it adds to the trade."""
IN_THE_MEANTIME = {"GET /fapi/v1/time", "GET /v5/market/time"}
"""The clock is measured by a loop of its own."""


@pytest.mark.parametrize("face", [BINANCE, BYBIT], ids=lambda face: face.exchange_id)
async def test_nothing_but_two_commits_comes_between_the_entrys_answer_and_a_bare_positions_stop(
    face: Face,
) -> None:
    watch = Watch()
    database = WatchedDatabase(InlineDatabase(), watch)
    async with on_stage(face, database=database) as bot:
        bot.is_watching = False
        watch.client(bot.client)
        await bot.enter()
        entry, stop = watch.between(f"POST {face.entry_path}", f"POST {face.stop_path}")
        asked = Counter(span.name for span in within(watch.requests, entry.ended, stop.begun))
        commits = within(watch.writes, entry.ended, stop.begun)

    assert Counter({name: n for name, n in asked.items() if name not in IN_THE_MEANTIME}) <= ASKED[face]
    assert len(commits) <= MOST_COMMITS[face]
