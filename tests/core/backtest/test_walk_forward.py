"""A search weighed by what it did not see: luck is called luck, and what is there is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.backtest.judgement import Judged
from core.backtest.search_play import Play
from core.backtest.search_space import BadSearch
from core.backtest.search_spans import Fold, folds_of
from core.backtest.verdict_words import Ruling
from core.backtest.walk_forward import Choice, Weighed, choose, weigh
from core.backtest.walk_words import Holding, walk_verdict
from tests.core.backtest.searches import a_follower, a_play, after_jumps, noise, tried
from tests.core.backtest.worlds import HOUR_MS

FOLDS = 3


def walked(play: Play, sets: int, folds: int = FOLDS, seed: int = 0, runs: int = 60) -> Weighed:
    """Sets drawn at random, everything as a search does it but in a few lines."""
    return weigh(play, _choices(play, sets, folds, seed), seed=seed, runs=runs)


def _folds(play: Play, count: int = FOLDS) -> tuple[Fold, ...]:
    whole = play.ground.whole
    return folds_of(whole.start_ms, whole.end_ms, HOUR_MS, count, 24)


def _choices(play: Play, sets: int, folds: int = FOLDS, seed: int = 0) -> list[Choice]:
    dice = np.random.default_rng(seed)
    drawn = {
        play.space.nearest(one.low + dice.random() * (one.high - one.low) for one in play.space.dimensions)
        for _ in range(sets)
    }
    known = sorted(values for values in drawn if not play.refusal(values))
    return [
        choose(
            play.space,
            play.wanted,
            fold,
            [
                play.evaluate(at, values, fold.searched, np.nan, early=False)
                for at, values in enumerate(known)
            ],
        )
        for fold in _folds(play, folds)
    ]


def test_a_search_whose_folds_nothing_judges_is_refused() -> None:
    play = a_play("random", given={"every": "20"})
    newest = _choices(play, 4)[-1]

    with pytest.raises(BadSearch, match="could judge it"):
        weigh(play, [newest])


def test_where_no_set_has_a_value_nothing_is_traded_and_that_is_said() -> None:
    play = a_play(min_trades=100_000)

    found = walked(play, 6)

    assert all(part.choice.chosen is None and part.outside is None for part in found.parts)
    assert found.outside.trades == 0 and found.outside.return_share == 0
    assert walk_verdict(found).holding is Holding.NOTHING and "Nothing was found" in walk_verdict(found).text


def test_the_joined_parts_are_the_parts_one_after_another() -> None:
    play = a_play("random", noise(1), noise(2)[1500:], given={"every": "20"})

    found = walked(play, 10)

    net = sum(part.outside.net for part in found.parts if part.outside is not None)
    trades = found.judged.run.trades
    assert found.outside.net == pytest.approx(net) and len(trades) == found.outside.trades > 50
    assert found.judged.run.final == pytest.approx(1000.0 + net)
    for place, part in enumerate(found.judged.past.parts):
        own = trades[trades["symbol"] == place]
        opens = part.bars[own["exit_bar"], 0]
        assert ((own["exit_ms"] >= opens) & (own["exit_ms"] <= opens + HOUR_MS)).all() and len(own)


def test_no_trade_is_held_across_a_seam() -> None:
    play = a_play("random", given={"every": "20"})

    found = walked(play, 10)

    seams = [part.choice.fold.judged.start_ms for part in found.parts[1:] if part.choice.fold.judged]
    bars = found.judged.past.parts[0].bars
    trades = found.judged.run.trades
    entered, left = bars[trades["entry_bar"], 0], trades["exit_ms"]
    assert not any(((entered < seam) & (left > seam)).any() for seam in seams)


def test_the_sets_that_were_tried_count_against_the_result() -> None:
    play = a_play("random", given={"every": "20"})

    found = walked(play, 25)

    assert found.search.tried == sum(len(part.choice.tried) for part in found.parts) + 25
    assert found.judged.evidence.tried == 1 and len(found.search.sharpes) > 50
    assert found.deflated is not None and found.judged.chance.deflated is not None
    assert found.deflated < found.judged.chance.deflated
    assert all(part.deflated is not None for part in found.parts)


def test_the_strategy_as_it_comes_is_played_over_the_same_parts() -> None:
    play = a_play("random", given={"every": "20"})

    found = walked(play, 10)

    assert found.defaults is not None and all(part.defaults is not None for part in found.parts)
    assert 1 + found.defaults == pytest.approx(
        np.prod([1 + part.defaults.return_share for part in found.parts if part.defaults])
    )


def test_what_dice_won_in_sample_is_never_said_to_hold() -> None:
    verdicts = [walk_verdict(walked(_dice(seed), 40, seed=seed)) for seed in range(8)]

    assert not [found.headline for found in verdicts if found.is_good]


def test_dice_lose_out_of_sample_what_they_seemed_to_earn_in_sample() -> None:
    found = [walked(_dice(seed), 40, seed=seed) for seed in range(8)]

    inside = np.mean([one.inside_monthly for one in found if one.inside_monthly is not None])
    outside = np.mean([one.outside.monthly for one in found])
    assert inside > 0.01 and outside < 0.5 * inside


@pytest.mark.parametrize("seed", [1, 2])
def test_an_edge_that_is_there_holds_out_of_sample(tmp_path: Path, seed: int) -> None:
    play = a_follower(tmp_path, after_jumps(seed))

    found = walked(play, 40, runs=200)

    verdict = walk_verdict(found)
    chosen = [part.choice.chosen.values[0] for part in found.parts if part.choice.chosen is not None]
    assert len(chosen) == FOLDS and max(chosen) < 0.05
    assert verdict.is_good and verdict.headline.startswith("What was found in sample holds"), verdict.text


def test_of_no_sets_nothing_is_chosen() -> None:
    play = a_play("random", objectives=("net", "drawdown"), given={"every": "20"})

    found = choose(play.space, play.wanted, _folds(play)[0], [])

    assert found.chosen is None and found.front == () and found.tried == ()


def test_the_choice_is_the_plateau_and_the_peak_is_named_beside_it() -> None:
    play = a_play("random", given={"every": "20"})
    fold = _folds(play)[0]
    values = [0.0] * 40
    values[3], values[20:31] = 9.0, [3.0] * 11
    sets = [tried(at, (at * 1000.0,), value) for at, value in enumerate(values)]

    found = choose(play.space, play.wanted, fold, sets[::-1])

    assert found.peak is sets[3] and found.chosen in sets[20:31] and found.score == 3.0


@pytest.mark.parametrize(
    ("holding", "inside", "outside", "trades", "ruling"),
    [
        (Holding.TOO_FEW, 0.05, 0.05, 29, Ruling.BEATS_LUCK),
        (Holding.LOSES, -0.01, 0.05, 90, Ruling.BEATS_LUCK),
        (Holding.FADES, 0.05, -0.01, 90, Ruling.BEATS_LUCK),
        (Holding.FADES, 0.05, 0.0, 90, Ruling.BEATS_LUCK),
        (Holding.LUCK, 0.05, 0.05, 90, Ruling.CHOSEN),
        (Holding.PARTLY, 0.05, 0.02, 90, Ruling.BEATS_LUCK),
        (Holding.HOLDS, 0.05, 0.04, 90, Ruling.BEATS_LUCK),
    ],
)
def test_each_ruling_has_its_sentence(
    weighed: Weighed, holding: Holding, inside: float, outside: float, trades: int, ruling: Ruling
) -> None:
    found = replace(
        weighed,
        parts=tuple(
            replace(part, inside=replace(part.inside, return_share=inside, days=30.0))  # type: ignore[type-var]
            for part in weighed.parts
        ),
        outside=replace(weighed.outside, return_share=outside, days=30.0, trades=trades),
        judged=_ruled(weighed.judged, ruling),
    )

    verdict = walk_verdict(found)

    assert verdict.holding is holding and verdict.is_good is (holding in (Holding.PARTLY, Holding.HOLDS))
    assert verdict.headline and len(verdict.because) >= 2


def _ruled(judged: Judged, ruling: Ruling) -> Judged:
    return replace(judged, verdict=replace(judged.verdict, ruling=ruling))


@pytest.fixture(scope="module")
def weighed() -> Weighed:
    return walked(a_play("random", given={"every": "20"}), 10)


def _dice(seed: int) -> Play:
    return a_play("random", noise(20 + seed), given={"every": "25"}, objectives=("net",))
