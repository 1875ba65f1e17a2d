"""A server that answers each path as it is told to and keeps what was asked: for shapes of venues that have
no stand-in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class ScriptedVenue:
    """`answers` by method and path: a list is used up from the front and its last element stays."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, where: str, *answers: Any) -> None:
        self.answers[where] = list(answers)

    def to(self, where: str) -> list[Asked]:
        """Everything that was asked of `POST /path`."""
        return [each for each in self.asked if f"{each.method} {each.path}" == where]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text.startswith(("{", "[")) else text
        asked = Asked(request.method, request.path, dict(request.query), body, dict(request.headers))
        self.asked.append(asked)
        waiting = self.answers.get(f"{request.method} {request.path}")
        if not waiting:
            return web.Response(text=f"no answer to {request.method} {request.path}", status=404)
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(answer):
            answer = answer(asked)
        if isinstance(answer, str):
            return web.Response(text=answer, content_type="text/html")
        return web.Response(text=json.dumps(answer), content_type="application/json")
