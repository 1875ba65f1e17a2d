"""/costs over the real dispatcher."""

from __future__ import annotations

from tests.handlers.conftest import Chat


async def test_costs_are_told_of_the_day_per_decision_and_against_the_capital(chat: Chat) -> None:
    answer = await chat.telegram.ask("/costs")

    for words in (
        "Today $0.0240 of $0.5000 (5%)",
        "44 calls · cache hits 66.7% (n=132)",
        "claude: $0.0219 in 41 requests",
        "open trades: $0.0021 in 3 requests",
        "A decision costs $0.0011 on average (n=21)",
        "The dearest: $0.0044, d-7",
        "30 days at this pace: $12.5000, 12.5% of the capital 100.00 USDT",
        "More than 10%",
    ):
        assert words in answer.text, words


async def test_a_viewer_may_look_at_the_costs(chat: Chat) -> None:
    answer = await chat.telegram.ask("/costs", user=chat.viewer)

    assert "Costs of the advisers" in answer.text
