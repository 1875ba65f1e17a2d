"""A tuned profile's file: what is written is read again, and what is not understood is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.tuned_profile import BadProfile, TunedProfile, profile_names, read_profile, write_profile

PROFILE = TunedProfile(
    name="summer",
    made_at="2026-11-01T00:00:00+00:00",
    strategy="trend",
    timeframe="1h",
    symbols=("BTC/USDT:USDT", "ETH/USDT:USDT"),
    parameters={"fast": 12, "least_adx": 22.5},
    settings={"TRAIL_ATR": "2.0"},
    evidence={
        "in_sample": {"net": 12.5},
        "out_of_sample": {"net": -1.0},
        "tried": 200,
        "verdict": "Does not hold.",
    },
)


def test_a_profile_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_profile(PROFILE, tmp_path)

    assert read_profile("summer", tmp_path) == PROFILE
    assert profile_names(tmp_path) == ("summer",)


@pytest.mark.parametrize("name", ["", "../up", "Summer", "a/b", "a" * 41, "-x", "a.json"])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadProfile):
        write_profile(replace(PROFILE, name=name), tmp_path)
    with pytest.raises(BadProfile):
        read_profile(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="no profile winter"):
        read_profile("winter", tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 2),
        ("name", "winter"),
        ("symbols", "BTC"),
        ("symbols", [1]),
        ("parameters", {"fast": "12"}),
        ("parameters", {"fast": True}),
        ("settings", {"TRAIL_ATR": 2.0}),
        ("evidence", {}),
        ("evidence", {"verdict": 1}),
        ("strategy", None),
        ("surprise", 1),
    ],
)
def test_a_field_that_is_not_understood_is_refused(field: str, value: Any, tmp_path: Path) -> None:
    path = write_profile(PROFILE, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))

    with pytest.raises(BadProfile, match=r"summer\.json"):
        read_profile("summer", tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', "\x00", " " * 300_000])
def test_a_file_that_is_no_profile_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "summer.json").write_text(text)

    with pytest.raises(BadProfile, match=r"summer\.json"):
        read_profile("summer", tmp_path)


def test_a_number_that_json_has_not_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BadProfile, match="number"):
        write_profile(replace(PROFILE, parameters={"fast": float("nan")}), tmp_path)

    assert list(tmp_path.iterdir()) == []
