"""What a parameter search found, as a file that `/config` can adopt.

Laws:
- A profile names a shipped or own strategy, its parameters and settings by their names; it changes nothing.
- It carries what speaks for and against it, and is never written without that.
- A file that is not wholly understood is refused, with the file and the field.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from core.errors import PerpilotError

PROFILES_DIR: Final = Path("data/profiles")
FORMAT: Final = 1
MOST_BYTES: Final = 262_144
"""A profile is a few kilobytes; what is larger was not written here."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class BadProfile(PerpilotError):
    """The profile can't be read or written; the text says which and why."""


@dataclass(frozen=True, slots=True)
class TunedProfile:
    """Parameters and settings that a search chose, and on what evidence."""

    name: str
    made_at: str
    """ISO 8601, UTC."""
    strategy: str
    """As `--strategy` takes it."""
    timeframe: str
    symbols: tuple[str, ...]
    parameters: Mapping[str, float]
    """Of the strategy."""
    settings: Mapping[str, str]
    """Environment name → value, as one would write it in `.env`."""
    evidence: Mapping[str, Any]
    """`in_sample` and `out_of_sample` (figure → number), `tried` (sets), `verdict` (a sentence)."""


def write_profile(profile: TunedProfile, folder: Path = PROFILES_DIR) -> Path:
    """Over one of the same name. Raises `BadProfile`."""
    if not NAME.fullmatch(profile.name):
        raise BadProfile(f"{profile.name[:40]!r} is no name: small letters, digits, - and _, at most 40")
    path = folder / f"{profile.name}.json"
    table = {"format": FORMAT} | asdict(profile)
    try:
        text = json.dumps(table, indent=1, sort_keys=True, allow_nan=False)
    except ValueError as error:
        raise BadProfile(f"{profile.name} holds a number that is none: {error}") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(text + "\n", encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise BadProfile(f"{path} can't be written: {error.strerror}") from error
    return path


def profile_names(folder: Path = PROFILES_DIR) -> tuple[str, ...]:
    """Sorted; those with a name that a profile can have."""
    return tuple(sorted(path.stem for path in folder.glob("*.json") if NAME.fullmatch(path.stem)))


def read_profile(name: str, folder: Path = PROFILES_DIR) -> TunedProfile:
    """Raises `BadProfile`."""
    if not NAME.fullmatch(name):
        raise BadProfile(f"{name[:40]!r} is no name of a profile")
    path = folder / f"{name}.json"
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadProfile(f"{path} is too large for a profile")
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadProfile(f"there is no profile {name} in {folder}") from error
    except OSError as error:
        raise BadProfile(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise BadProfile(f"{path} is no JSON: {error}") from error
    return _understood(table, name, path)


def _understood(table: object, name: str, path: Path) -> TunedProfile:
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise BadProfile(f"{path}: format {FORMAT} is needed")
    wanted = {field.name for field in fields(TunedProfile)}
    if set(table) != wanted | {"format"}:
        odd = sorted(set(table) ^ (wanted | {"format"}))
        raise BadProfile(f"{path}: missing or unknown fields: {', '.join(map(str, odd))[:200]}")
    _require(table["name"] == name, path, "name")
    for field in ("made_at", "strategy", "timeframe"):
        _require(isinstance(table[field], str), path, field)
    symbols, parameters, settings = table["symbols"], table["parameters"], table["settings"]
    _require(isinstance(symbols, list) and all(isinstance(one, str) for one in symbols), path, "symbols")
    _require(isinstance(parameters, dict) and all(map(_is_number, parameters.values())), path, "parameters")
    _require(
        isinstance(settings, dict) and all(isinstance(one, str) for one in settings.values()),
        path,
        "settings",
    )
    evidence = table["evidence"]
    _require(isinstance(evidence, dict) and isinstance(evidence.get("verdict"), str), path, "evidence")
    told = {field: table[field] for field in wanted}
    return TunedProfile(**told | {"symbols": tuple(symbols)})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(is_right: bool, path: Path, field: str) -> None:
    if not is_right:
        raise BadProfile(f"{path}: {field} is not what a profile has there")
