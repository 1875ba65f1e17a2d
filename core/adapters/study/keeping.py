"""Where a search is kept: what a keeper must do, how a record looks, and one that forgets everything.

Laws:
- A set is evaluated once: whoever claims it first does it, and what was finished is never claimed again.
- What has been put is kept, whatever happens to the process afterwards.
- A search is continued only with what it was begun with; anything else is refused, naming what differs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from core.backtest.search_play import State, Tried
from core.backtest.search_space import BadSearch, ValueSet

FORMAT: Final = 1
TOLD_DIFFERENCES: Final = 4
POSTGRESQL: Final = re.compile(r"postgres(ql)?(\+\w+)?://")
Fingerprint = Mapping[str, Any]
"""What a search was begun with; plain JSON."""


def is_shared_address(text: str) -> bool:
    """Whether it names a PostgreSQL, in any of the ways that libraries write it."""
    return POSTGRESQL.match(text) is not None


class Claim(NamedTuple):
    """A set that is now this process's to evaluate."""

    number: int
    values: ValueSet


class Claims(NamedTuple):
    """Of what was proposed. `is_full`: the fold takes no more sets, finished and begun ones counted."""

    granted: list[Claim]
    is_full: bool


class Keeper(Protocol):
    """Of one study. Folds count from 1."""

    is_shared: bool
    """Other processes may work on the same study at the same time."""

    def news(self, fold: int) -> list[Tried]:
        """What was finished by others since it was asked before; at first everything from earlier."""

    def claim(self, fold: int, proposed: Sequence[ValueSet], most: int) -> Claims:
        """`most`: sets that the fold may have in all."""

    def orphans(self, fold: int) -> list[Claim]:
        """Sets that somebody began who is no more; now this process's."""

    def put(self, fold: int, found: Sequence[Tried]) -> list[Tried]:
        """Those of them that are recorded; what somebody else had taken over in the meantime is not."""

    def is_busy(self, fold: int) -> bool:
        """Somebody else is still evaluating sets of it."""

    def close(self) -> None: ...


class Forgetful:
    """In memory: for a search that nobody will continue."""

    is_shared = False

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def news(self, fold: int) -> list[Tried]:
        return []

    def claim(self, fold: int, proposed: Sequence[ValueSet], most: int) -> Claims:
        first = self._counts.get(fold, 0)
        granted = [Claim(first + place, values) for place, values in enumerate(proposed[: most - first])]
        self._counts[fold] = first + len(granted)
        return Claims(granted, self._counts[fold] >= most)

    def orphans(self, fold: int) -> list[Claim]:
        return []

    def put(self, fold: int, found: Sequence[Tried]) -> list[Tried]:
        return list(found)

    def is_busy(self, fold: int) -> bool:
        return False

    def close(self) -> None:
        return


def record_text(fold: int, tried: Tried) -> str:
    """One line of JSON."""
    row = [
        fold,
        tried.number,
        tried.values,
        tried.state.value,
        tried.results,
        _plain(tried.sharpe),
        tried.trades,
        _plain(tried.early),
        tried.is_early_loss,
    ]
    return json.dumps(row, separators=(",", ":"), allow_nan=False)


def record_of(text: str) -> tuple[int, Tried]:
    """Fold and set. Raises `ValueError` for what `record_text` did not write."""
    try:
        fold, number, values, state, results, sharpe, trades, early, is_loss = json.loads(text)
        return int(fold), Tried(
            int(number),
            tuple(map(float, values)),
            State(state),
            tuple(map(float, results)),
            math.nan if sharpe is None else float(sharpe),
            int(trades),
            math.nan if early is None else float(early),
            bool(is_loss),
        )
    except TypeError as error:
        raise ValueError(str(error)) from error


def require_same(study: str, begun: Fingerprint, now: Fingerprint) -> None:
    """Raises `BadSearch` that names what differs."""
    differing = [name for name in sorted(set(begun) | set(now)) if begun.get(name) != now.get(name)]
    if not differing:
        return
    told = [_difference(name, begun.get(name), now.get(name)) for name in differing[:TOLD_DIFFERENCES]]
    more = f" and {len(differing) - len(told)} more" if len(differing) > len(told) else ""
    raise BadSearch(
        f"the study {study} was begun with something else: {'; '.join(told)}{more}. Give those again, or "
        "another --study; a file given by --storage holds one study alone"
    )


def _difference(name: str, begun: object, now: object) -> str:
    if isinstance(begun, dict) and isinstance(now, dict):
        keys = [key for key in sorted(set(begun) | set(now)) if begun.get(key) != now.get(key)]
        key = keys[0]
        return f"{name} {key} was {_shown(begun.get(key))}, is {_shown(now.get(key))}"
    return f"{name} was {_shown(begun)}, is {_shown(now)}"


def _shown(value: object) -> str:
    text = "nothing" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
