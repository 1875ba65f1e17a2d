"""The fast import of aiogram, before anything else imports it."""

from __future__ import annotations

from bot import aiogram_fast

aiogram_fast.load()
