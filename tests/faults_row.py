"""One row of the list of faults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    id: str
    words: str
    """What goes wrong."""
    tests: tuple[str, ...] = ()
    """`path::name` of tests that show how the bot comes out of it; without brackets where parametrised."""
    absent: str = ""
    """Where no test can show it: why, in a sentence."""
    lacks: str = ""
    """What the tests do not show because the bot does not do it."""
