"""The demo's four AI stand-ins as a panel in this process; read as a model's answer is."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from bot.demo.ai_temper import CLAUDE, DEEPSEEK, GPT, GROK, judge
from core.advice.answer import BadAnswer, Source, opinion_of, read_vote
from core.opinion import Abstention, Brief, Opinion, Silence

JUDGES = {"claude": CLAUDE, "gpt": GPT, "grok": GROK, "deepseek": DEEPSEEK}


class StandIns:
    names = tuple(JUDGES)

    async def ask(
        self, brief: Brief, heard: Callable[[Opinion | Abstention], Awaitable[None]] | None = None
    ) -> tuple[tuple[Opinion, ...], tuple[Abstention, ...]]:
        opinions, silent = [], []
        for name, temperament in JUDGES.items():
            try:
                vote = read_vote(json.dumps(judge(brief.question, temperament)), brief.question)
            except BadAnswer as error:
                silent.append(Abstention(name, Silence.INVALID, str(error)))
                continue
            opinions.append(opinion_of(vote, Source(adviser=name, model=temperament.model, call_id="")))
        return tuple(opinions), tuple(silent)
