"""What leaves for a provider: the rubric and the facts, and nothing that a stranger wrote."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bot.demo.ai import AiStandIn
from core.adapters.advisers import Provider
from core.advice.brief import write_brief
from core.mood import Mood, NewsEvent
from core.opinion import Opinion
from tests.adapters.advisers.worlds import DEADLINE_S, MemoryJournal, NeverWaits, advisers
from tests.core.advice.hostile import COMMANDS, OTHERS
from tests.core.advice.pictures import TERMS, candles, features

SAMPLE = {f"command-{name}": text for name, text in COMMANDS.items()} | {
    name: OTHERS[name] for name in ("chinese", "sql", "null", "tool_call", "xml", "twice")
}


@pytest.mark.parametrize("provider", list(Provider))
async def test_no_request_holds_a_hostile_symbol_or_source(stand_in: AiStandIn, provider: Provider) -> None:
    (adviser,) = advisers(stand_in, MemoryJournal(), NeverWaits(), providers=[provider])
    for text in SAMPLE.values():
        mood = Mood(NewsEvent.OTHER, items=(text,), missing=(text,))
        brief = write_brief(replace(features(), symbol=text), candles(), TERMS, mood)
        assert isinstance(await adviser.ask(brief, DEADLINE_S), Opinion)
    await adviser.close()

    kept = [json.dumps(body, ensure_ascii=False) for body in stand_in.bodies[adviser.name]]
    assert len(kept) >= 1
    assert len(set(kept)) == 1
    assert not [text for text in SAMPLE.values() for body in kept if json.dumps(text)[1:-1] in body]
