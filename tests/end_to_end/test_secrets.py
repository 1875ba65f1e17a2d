"""A canary in every secret setting, errors in every layer, and no canary anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.ai import AiFault
from bot.demo.exchange_faults import Failure
from tests.end_to_end.theatre import Theatre, theatre

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "cAnArY"
SECRETS = {
    "EXCHANGE_API_KEY": f"{CANARY}-exchange-key-0001",
    "EXCHANGE_SECRET": f"{CANARY}-exchange-secret-0002",
    "EXCHANGE_PASSWORD": f"{CANARY}-exchange-password-0003",
    "ANTHROPIC_API_KEY": f"{CANARY}-anthropic-0004",
    "OPENAI_API_KEY": f"{CANARY}-openai-0005",
    "XAI_API_KEY": f"{CANARY}-xai-0006",
    "DEEPSEEK_API_KEY": f"{CANARY}-deepseek-0007",
    "HTTP_TOKEN": f"{CANARY}-http-token-0008",
    "TELEGRAM_WEBHOOK_SECRET": f"{CANARY}-webhook-secret-0009",
    "REDIS_URL": f"redis://user:{CANARY}-redis-0010@127.0.0.1:9/0",
}


async def test_no_secret_is_in_any_log_reply_answer_or_row(tmp_path: Path) -> None:
    settings = SECRETS | {
        "SYMBOLS": "SOL,ETH",
        "LOG_LEVEL": "DEBUG",
        "AI_TIMEOUT_SECONDS": "1",
        "AI_MAX_RETRIES": "1",
        "AI_CACHE_SECONDS": "0",
    }
    async with theatre(tmp_path, **settings) as stage:
        await stage.start()
        await trouble_everywhere(stage)
        answers = [await stage.get(path) for path in ("/health", "/status", "/metrics", "/nowhere")]
        answers += [
            await stage.get(path, Authorization=f"Bearer {SECRETS['HTTP_TOKEN']}")
            for path in ("/health", "/status", "/metrics", "/metrics?format=prometheus", "/")
        ]
        await stage.bot.terminate()
        said = [m.body for m in stage.chat.messages] + [
            r.body for m in stage.chat.messages for r in m.history
        ]

        places = {
            "the chat": "\n".join(said),
            "HTTP": "\n".join(text for _, text in answers),
            "standard output": stage.bot.stdout,
            "the log": stage.bot.log,
            "the database": b"".join(p.read_bytes() for p in tmp_path.rglob("*.db*")).decode("latin-1"),
        }
        assert "Traceback" in places["the log"] or "error" in places["the log"], "there was trouble to log"
        secrets = [CANARY, stage.token, stage.token.partition(":")[2]]
        assert {name: s for name, text in places.items() for s in secrets if s in text} == {}


async def trouble_everywhere(stage: Theatre) -> None:
    """Advisers that refuse keys, an exchange that fails, Telegram that fails, settings asked for by name."""
    for coin, fault in (("SOL", AiFault.BAD_KEY), ("ETH", AiFault.RESET)):
        for name in ("claude", "gpt", "grok", "deepseek"):
            stage.ai.break_next(name, fault)
        await stage.ask(f"/analyze {coin}", "Advisers:", 20)
    stage.ai.mend()
    for name in (*SECRETS, "TELEGRAM_BOT_TOKEN"):
        await stage.ask(f"/config {name}", name)
        await stage.ask(f"/config {name} {CANARY[::-1]}-typed-value", name)
    for group in ("Telegram", "Exchange", "AI advisers", "Storage and logs", "HTTP: health, status, metrics"):
        groups = await stage.ask("/config", "Tap a group")
        await stage.tap(groups, group)
    await stage.ask("/doctor", "Doctor", 20)
    stage.exchange.faults.fail_next(10**6, Failure.UNAVAILABLE)
    await stage.chat.say("/chart ETH 4h")
    await stage.ask("/scan", "symbols", 40)
    stage.exchange.faults.heal()
    stage.chat.refuse("sendMessage", 500, "Internal Server Error")
    await stage.chat.say("/help")
    await stage.chat.outage(0.5)
    await stage.ask("/version", "Started", 40)
