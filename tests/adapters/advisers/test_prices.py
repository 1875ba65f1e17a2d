"""What a call cost: from its usage, or from the provider's own bill, or unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.adapters.advisers.prices import PriceBook, Usage, cost_usd
from core.spending import Price

QUIET = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PEAK = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)


def test_cached_fresh_and_output_tokens_have_their_own_price() -> None:
    usage = Usage(tokens_in=4000, tokens_out=700, tokens_cached=2500)

    assert cost_usd("claude-sonnet-5-5", usage, QUIET) == Decimal("0.01025")


def test_writing_to_the_cache_costs_twice_the_input() -> None:
    usage = Usage(tokens_in=1000, tokens_out=0, tokens_cached=0, tokens_written=1000)

    assert cost_usd("claude-haiku-5-5", usage, QUIET) == Decimal("0.0002")


def test_a_dated_id_has_its_models_price() -> None:
    usage = Usage(tokens_in=1_000_000, tokens_out=0)

    assert cost_usd("gpt-6-luna-2026-10-01", usage, QUIET) == Decimal("0.10")


def test_deepseek_costs_double_at_peak_hours() -> None:
    usage = Usage(tokens_in=1_000_000, tokens_out=0)

    assert cost_usd("deepseek-flash", usage, QUIET) == Decimal("0.15")
    assert cost_usd("deepseek-flash", usage, PEAK) == Decimal("0.30")


def test_the_providers_own_bill_wins() -> None:
    usage = Usage(tokens_in=10, tokens_out=10, billed_usd=Decimal("0.0041"))

    assert cost_usd("grok-9", usage, QUIET) == Decimal("0.0041")


@pytest.mark.parametrize("model", ["gpt-6-luna-fast", "my-own", ""])
def test_an_unknown_model_costs_an_unknown_amount(model: str) -> None:
    assert cost_usd(model, Usage(tokens_in=10, tokens_out=10), QUIET) is None


def test_without_usage_the_cost_is_unknown() -> None:
    assert cost_usd("gpt-6-luna", Usage(), QUIET) is None


def test_what_a_person_states_wins_over_the_table_and_has_no_peak() -> None:
    book = PriceBook({"deepseek-flash": Price(Decimal(1), Decimal(2), Decimal(0))})
    usage = Usage(tokens_in=1_000_000, tokens_out=1_000_000)

    assert book.cost("deepseek-flash", usage, datetime(2026, 3, 2, 2, tzinfo=UTC)) == 3


def test_the_worst_case_of_an_unknown_model_is_unknown() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)

    assert PriceBook().worst("nobody-knows", "{}", 4_000, at) is None
    assert not PriceBook().is_cheap("nobody-knows")


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "gpt-6-luna", "deepseek-flash", "grok-4.3"])
def test_no_answer_within_its_bounds_costs_more_than_the_worst_case(model: str) -> None:
    request, most, peak = "0.125," * 1_000, 4_000, datetime(2026, 3, 2, 2, tzinfo=UTC)
    tokens = int(len(request) / 1.6)
    dearest = Usage(tokens_in=tokens, tokens_out=most, tokens_written=tokens)

    worst, cost = PriceBook().worst(model, request, most, peak), PriceBook().cost(model, dearest, peak)

    assert worst is not None
    assert cost is not None
    assert cost <= worst
