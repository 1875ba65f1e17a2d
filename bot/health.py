"""`/health` from memory: what each part last said of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.supervisor import Supervisor
from core.ports import ComponentHealth

LOOPS = {"scanner": "scanner", "monitor": "guard"}
"""Component → task."""


class HealthBoard:
    def __init__(self, supervisor: Supervisor, parts: Mapping[str, Callable[[], ComponentHealth]]) -> None:
        """`parts`: database, exchange, telegram, ai_models."""
        self._supervisor = supervisor
        self._parts = parts

    def health(self) -> Mapping[str, ComponentHealth]:
        components = {name: look() for name, look in self._parts.items()}
        loops = {view.name: view for view in self._supervisor.views()}
        for component, task in LOOPS.items():
            view = loops[task]
            if view.age_s is None:
                state = "degraded" if not view.detail else "down"
                components[component] = ComponentHealth(state, view.detail or "no pass yet")
            else:
                is_ok = view.is_healthy
                components[component] = ComponentHealth("ok" if is_ok else "down", view.detail, view.age_s)
        return components
