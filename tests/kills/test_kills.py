"""The running program is killed and told to end while money is under way: nothing doubled, bare or lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.kills.campaign import EXIT_S, Series, Sign, mixed, play

pytestmark = pytest.mark.timeout(420)

SEEDS = (21, 22)
EACH = 3
"""Of both signals, in each of the worlds that run side by side; all hundred are `make storm`'s."""


@pytest.fixture(scope="module")
def games(tmp_path_factory: pytest.TempPathFactory) -> list[Series]:
    home: Path = tmp_path_factory.mktemp("kills")

    async def both() -> list[Series]:
        return list(
            await asyncio.gather(*(play(home / str(seed), seed, mixed(EACH, EACH, seed)) for seed in SEEDS))
        )

    return asyncio.run(both())


def told(game: Series) -> str:
    again = f"python -m tests.kills --kills {EACH} --terms {EACH} --seed {game.seed} --worlds 1"
    rows = "\n".join(row.words() for row in game.kills)
    return f"{again}\nlogs and database: {game.home}\n{rows}\n{game.violations}"


def test_after_every_kill_journal_and_exchange_agree_and_nothing_is_doubled_bare_or_lost(
    games: list[Series],
) -> None:
    wrong = [told(game) for game in games if game.all_violations()]

    assert not wrong, "\n".join(wrong)


def test_as_many_of_each_signal_hit_a_program_that_trades(games: list[Series]) -> None:
    rows = [row for game in games for row in game.kills]
    counts = {sign: sum(row.sign is sign for row in rows) for sign in Sign}

    assert counts == {Sign.KILL: len(SEEDS) * EACH, Sign.TERM: len(SEEDS) * EACH}
    assert sum(row.is_aimed for row in rows) >= len(rows) / 2
    assert sum(game.entries for game in games) >= 2 and all(game.booked for game in games)


def test_told_to_end_it_ends_in_eight_seconds_whatever_is_under_way(games: list[Series]) -> None:
    ended = [row.exit_s for game in games for row in game.kills if row.exit_s is not None]

    assert len(ended) == len(SEEDS) * EACH and max(ended) <= EXIT_S
