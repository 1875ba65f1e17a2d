"""The advisers' models, looked up at their providers: told at the start, and to the doctor when asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.assembly_core import access_of
from bot.settings import Settings
from core.adapters.advisers.asking import ModelAdviser
from core.adapters.advisers.build import build_advisers
from core.adapters.advisers.line import Around
from core.adapters.advisers.probing import Finding, LookingOnly, notices_of, probe
from core.desk import DoctorLine
from core.ports import Clock
from db.journal import SqlJournal


async def tell_of_models(models: Sequence[ModelAdviser], journal: SqlJournal, clock: Clock) -> None:
    """Each retired, unknown or ending model is told once. Raises what the journal raises."""
    found = notices_of(await probe(models, clock.now().date()))
    if found:
        await journal.tell(found)


async def model_lines(models: Sequence[ModelAdviser], now: datetime) -> list[DoctorLine]:
    """Of a running bot's advisers."""
    return [_line(found) for found in await probe(models, now.astimezone(UTC).date())]


async def lines_without_bot(settings: Settings, clock: Clock) -> list[DoctorLine]:
    """The same with advisers made for the occasion."""
    shut = LookingOnly()
    models = build_advisers(
        [access_of(settings, name) for name in settings.advisers], Around(shut, clock, shut)
    )
    try:
        return await model_lines(models, clock.now())
    finally:
        for model in models:
            await model.close()


def _line(found: Finding) -> DoctorLine:
    return DoctorLine(found.is_fine, False, "models", found.text, found.mend)
